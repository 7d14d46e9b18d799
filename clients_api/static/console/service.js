// Every call of the service: with the key, again where the connection is lost, and in words where
// it is refused.

export const page = document.documentElement.dataset;
const KEY = `key of ${page.base}`; // other services of this origin have others
const SCOPES = ["read", "write", "admin"];
const PATIENCE = 5; // times that a busy server is asked again

export const isKey = (text) => /^[\x21-\x7e]+$/.test(text);
let key = sessionStorage[KEY] ?? page.key;
let scope;

export const has = (feature) => page.features.split(" ").includes(feature);
export const may = (needed) => SCOPES.indexOf(scope) >= SCOPES.indexOf(needed);
export const isKnown = () => Boolean(scope);
export const hasKey = () => isKey(key);
export const tell = (what, detail) => dispatchEvent(new CustomEvent(what, { detail }));

/** What the service refused: a sentence, and sentences by field. */
export class Refused extends Error {
  constructor(status, { message, errors = {} }) {
    super(message);
    Object.assign(this, { status, errors });
  }
}

/** Call the service; returns what it answers. Throws Refused. */
export async function call(method, path, { query = {}, body, file, type, match, signal } = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) if (one != null) search.append(name, one);
  }
  // What it does not know, such as dry_run, must not pass in silence.
  const headers = { Prefer: "handling=strict" };
  if (hasKey()) headers.Authorization = `Bearer ${key}`;
  if (match) headers["If-Match"] = match;
  if (body || file) headers["Content-Type"] = type ?? "application/json";
  // Tried again, it is the same change, not another one.
  if (method === "POST" && body) headers["Idempotency-Key"] = crypto.getRandomValues(new Uint32Array(4)).join();
  const response = await ask(`${page.base}${path}${search.size ? `?${search}` : ""}`, { method, headers, signal, cache: "no-store",
    body: file ?? (body && JSON.stringify(body)), credentials: hasKey() ? "omit" : "same-origin" });
  const header = (name) => response.headers.get(name);
  const isJSON = header("Content-Type")?.endsWith("json");
  if (response.ok && !isJSON) return { file: response };
  const answer = isJSON ? await response.json() : { message: `The server says ${response.status}.` };
  if (response.status === 401) tell("stranger", answer.message);
  if (!response.ok) throw new Refused(response.status, answer);
  return { ...answer, etag: header("ETag"), allow: header("Allow"), event: parseInt(header("Event-Position"), 10) };
}

async function ask(url, options) {
  for (let tries = 0; ; tries++) {
    let response;
    try {
      response = await fetch(url, options);
    } catch (error) {
      if (options.signal?.aborted) throw error;
    }
    tell("connection", Boolean(response));
    const wait = response?.headers.get("Retry-After");
    if (response && !(wait && tries < PATIENCE && [429, 503].includes(response.status))) return response;
    await new Promise((go) => {
      setTimeout(go, 1000 * (wait ?? Math.min(2 ** tries, 10)));
      addEventListener("online", go, { once: true });
    });
  }
}

/** Find out what may be done here: OPTIONS names the methods that this caller may use. */
export async function identify() {
  const can = async (path) => (await call("OPTIONS", path)).allow.includes("POST");
  scope = (await can("/clients")) ? ((await can("/keys")) ? "admin" : "write") : "read";
}

/** Take a key, for as long as this tab is open; an empty one is none. */
export function take(given) {
  sessionStorage[KEY] = key = given;
  scope = null;
}

export async function all(path) {
  const records = [];
  for (let cursor = ""; cursor !== null; ) {
    const { data, meta } = await call("GET", path, { query: { limit: 100, cursor } });
    records.push(...data);
    cursor = meta.next_cursor;
  }
  return records;
}

const kept = new Map();
export const forget = () => kept.clear();
/** Read all records of a list, or take those that were read since something changed. */
export function known(path) {
  if (!kept.has(path)) kept.set(path, all(path));
  kept.get(path).catch(forget);
  return kept.get(path);
}
