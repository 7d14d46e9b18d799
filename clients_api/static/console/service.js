// Every call of the service: with the key, once more where the connection is lost, in words where
// it is refused.

export const page = document.documentElement.dataset;
const FEATURES = new Set(page.features.split(" "));
const SCOPES = ["read", "write", "admin"];
const KEY = `key of ${page.base}`; // other services of this origin have others
const PATIENCE = 5; // times that a busy server is asked again

let key = sessionStorage.getItem(KEY) ?? page.key;
let scope = null;

export const has = (feature) => FEATURES.has(feature);
export const may = (needed) => SCOPES.indexOf(scope) >= SCOPES.indexOf(needed);
export const isKnown = () => scope !== null;
export const hasKey = () => key !== "";
/** Whether there is somebody to ask the service as. */
export const canCall = () => hasKey() || page.login === "host";

/** What the service refused: `status`, the sentence as `message`, and sentences by field. */
export class Refused extends Error {
  constructor(status, body) {
    super(body.message);
    this.status = status;
    this.errors = body.errors ?? {};
  }
}

/** Call the service. Returns its answer: data, meta, message, etag, event, file. Throws Refused. */
export async function call(method, path, { query, body, file, type, match, signal } = {}) {
  const url = `${page.base}${path}${search(query)}`;
  const headers = { Prefer: "handling=strict" }; // what it does not know must not pass in silence
  if (key) headers.Authorization = `Bearer ${key}`;
  if (match) headers["If-Match"] = match;
  if (body) headers["Content-Type"] = "application/json";
  if (type) headers["Content-Type"] = type;
  // Tried again, it is the same change, not another one.
  if (method === "POST" && !file) headers["Idempotency-Key"] = random();
  const options = { method, headers, signal, cache: "no-store" };
  options.body = file ?? (body && JSON.stringify(body));
  options.credentials = key ? "omit" : "same-origin";
  return read(await ask(url, options));
}

async function ask(url, options) {
  for (let tries = 0; ; tries++) {
    let response = null;
    try {
      response = await fetch(url, options);
    } catch (error) {
      if (options.signal?.aborted) throw error;
    }
    tell("connection", response !== null);
    const wait = response?.headers.get("Retry-After");
    if (response && !(wait && tries < PATIENCE && [429, 503].includes(response.status))) {
      return response;
    }
    await pause(wait ?? Math.min(2 ** tries, 10));
  }
}

const pause = (seconds) =>
  new Promise((go) => {
    setTimeout(go, seconds * 1000);
    addEventListener("online", go, { once: true });
  });

async function read(response) {
  const isJSON = /\bjson$/.test(response.headers.get("Content-Type") ?? "");
  if (response.ok && !isJSON) return { file: response };
  const body = isJSON ? await response.json() : { message: `The server says ${response.status}.` };
  if (response.status === 401) tell("stranger", body.message);
  if (!response.ok) throw new Refused(response.status, body);
  return {
    ...body,
    etag: response.headers.get("ETag"),
    allow: response.headers.get("Allow"),
    event: parseInt(response.headers.get("Event-Position"), 10) || null,
  };
}

function search(query = {}) {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value].flat().filter((one) => one != null).map((one) => [name, one]),
  );
  return pairs.length ? `?${new URLSearchParams(pairs)}` : "";
}

/** Find out what this key, or the host's login, may do. Throws Refused. */
export async function identify() {
  // OPTIONS names the methods that this caller may use.
  const asked = ["/clients", "/keys"].map((path) => call("OPTIONS", path));
  const [clients, keys] = await Promise.all(asked);
  const can = (answer) => answer.allow.includes("POST");
  scope = can(keys) ? "admin" : can(clients) ? "write" : "read";
}

/** Take a key, for as long as this tab is open. */
export function take(given) {
  key = given;
  sessionStorage.setItem(KEY, key);
}

/** Forget the key. */
export function leave() {
  take("");
  scope = null;
}

/** Read all records of a short list. */
export async function all(path, query = {}) {
  const records = [];
  for (let cursor = ""; cursor !== null; ) {
    const { data, meta } = await call("GET", path, { query: { limit: 100, ...query, cursor } });
    records.push(...data);
    cursor = meta.next_cursor;
  }
  return records;
}

const kept = new Map();
/** Read all records of a list, or take what was read before, until something there changes. */
export function known(path) {
  if (!kept.has(path)) {
    const reading = all(path);
    reading.catch(() => kept.delete(path));
    kept.set(path, reading);
  }
  return kept.get(path);
}
export const forget = () => kept.clear();

export const tell = (what, detail) => dispatchEvent(new CustomEvent(what, { detail }));

// crypto.randomUUID is there on https alone.
const random = () => [...crypto.getRandomValues(new Uint32Array(4))].map((n) => n.toString(36)).join("");
