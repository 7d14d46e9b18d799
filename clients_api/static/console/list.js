// The list of clients: found as one types, sorted, without an end.

import { count, h, icon, monogram, toast, when, words } from "./elements.js";
import { call, known, may } from "./service.js";

const FIRST = 40; // rows that are asked for at first, and then
const MORE = 100;
const PAUSE = 250; // ms after which somebody has typed all
const CHUNK = 20; // that are laid out at once, when they come near
const COLUMNS = { Company: "client_company_name", Owner: null, Category: null, Tags: null,
  Status: "client_status", Changed: "client_updated" };
const FILTERS = ["status", "category_id", "tag"];

let view = null; // the list as it was left, to come back to
let params = new URLSearchParams();
let asked = new AbortController();
let cursor = null;
let isReading = false;
let isQuick = false; // whether names alone are looked at
let timer;

const address = (query) => `#/clients${query.size ? `?${query}` : ""}`;
export const lastList = () => address(params);
/** Note where the list is, before another view takes its place. */
export const leaveList = () => view?.element.isConnected && (view.scroll = scrollY);
/** Let the list be read anew when it is shown next: something has changed. */
export const spoil = () => (view = null);

/** Show the list that an address asks for; as it was left, if it is that one. */
export function list(query) {
  if (view && query.toString() === params.toString()) {
    requestAnimationFrame(() => scrollTo(0, view?.scroll));
    return view.element;
  }
  params = query;
  if (!view) build();
  follow();
  read();
  return view.element;
}

/** Go to the list with other parameters; while one types, the address is the same one. */
function change(values, isTyping) {
  const next = new URLSearchParams(params);
  for (const [name, value] of Object.entries(values)) {
    next.delete(name);
    for (const one of [value].flat()) if (one) next.append(name, one);
  }
  if (!isTyping) return void (location.hash = address(next));
  history.replaceState(null, "", address(next));
  params = next;
  follow();
  read(false, true);
}

function build() {
  const search = h("input", { id: "search", type: "search", placeholder: "Search clients", "aria-label": "Search clients",
    autocomplete: "off", spellcheck: "false", "aria-keyshortcuts": "/", input: () => change({ q: search.value.trim() }, true) });
  const pick = (name) => h("select", { name, "aria-label": words(name.split("_")[0]), change: ({ target: { value } }) =>
    change({ [name]: name === "tag" ? [...new Set([...params.getAll(name), value])] : value }) });
  const head = ([text, sort]) => h("div", { role: "columnheader", "data-sort": sort },
    sort ? h("button", { click: () => sortBy(sort) }, text) : text);
  const part = { search, rows: h("div.rows", { role: "rowgroup" }), total: h("span.total"), found: h("p.found", { role: "status" }), chips: h("ul.chips"),
    picks: FILTERS.map(pick), scroll: 0 };
  const end = h("div");
  const near = new IntersectionObserver(([seen]) => seen.isIntersecting && read(true), { rootMargin: "1500px" });
  // It tells of a change alone: on a large screen the end may be near before and after.
  part.look = () => (near.disconnect(), near.observe(end));
  view = part;
  part.element = h("section.list",
    h("header.top", h("h1", "Clients", part.total), h("div.tools", may("write") && h("a.button.primary", { href: "#/new", icon: "plus", "aria-keyshortcuts": "n" }, "New client"))),
    h("div.search", icon("search"), search, h("kbd", "/")),
    h("div.filters", part.picks, h("button", { icon: "export", click: save }, "Export"), part.found),
    part.chips,
    h("div.table", { role: "table", "aria-label": "Clients" }, h("div.head", { role: "rowgroup" },
      h("div.row", { role: "row" }, Object.entries(COLUMNS).map(head))), part.rows), end);
  fill(0, "Any status", [["active", "Active"], ["suspended", "Suspended"]]);
  fill(1, "Any category", known("/categories"), ({ id, name }) => [id, name]);
  fill(2, "Any tags", known("/tags"), ({ title }) => [title, title]);
}

async function fill(place, none, options, pair = (both) => both) {
  const found = (await options).map(pair);
  view?.picks[place].replaceChildren(...[["", none], ...found].map(([value, text]) => h("option", { value }, text)));
  if (view) follow();
}

const sorted = () => [params.get("sort") ?? "client_created", params.get("order") ?? "desc"];

function sortBy(sort) {
  const [now, order] = sorted();
  const first = sort === "client_updated" ? "desc" : "asc";
  change({ sort, order: now !== sort ? first : order === "asc" ? "desc" : "asc" });
}

function follow() {
  const { element, search, picks, chips } = view;
  const q = params.get("q") ?? "";
  if (search.value.trim() !== q) search.value = q;
  for (const pick of picks) {
    pick.value = pick.name === "tag" ? "" : (params.get(pick.name) ?? "");
    pick.classList.toggle("set", pick.value);
  }
  const [sort, order] = sorted();
  for (const head of element.querySelectorAll("[data-sort]")) {
    head.ariaSort = head.dataset.sort === sort ? `${order}ending` : "none";
  }
  const others = [...params].filter(([name]) => !["q", "sort", "order", "status", "category_id"].includes(name));
  chips.replaceChildren(...others.map(([name, value]) => h("li", name === "tag" ? value : `${words(name)}: ${value}`,
    h("button", { icon: "close", "aria-label": `Without ${value}`, click: () => change({ [name]: params.getAll(name).filter((one) => one !== value) }) }))));
}

function query() {
  const { q, ...rest } = Object.fromEntries([...params.keys()].map((name) => [name, params.getAll(name)]));
  return { ...rest, [isQuick ? "search" : "q"]: q };
}

/** Read the first rows, or those behind the ones that are there. */
async function read(next, isTyping) {
  if (!view || (next && (isReading || !cursor))) return;
  if (!next) {
    // While one types, names are shown at once; all that is known of clients when that is done, but
    // for one or two letters, which stand everywhere.
    const isShort = !/[^\s]{3}/u.test(params.get("q") ?? "");
    isQuick = isTyping || isShort;
    clearTimeout(timer);
    if (isTyping && !isShort) timer = setTimeout(read, PAUSE);
    asked.abort();
    asked = new AbortController();
    cursor = "";
  }
  const { signal } = asked;
  const part = view;
  const started = performance.now();
  isReading = true;
  try {
    const { data, meta } = await call("GET", "/clients", { query: { ...query(), limit: next ? MORE : FIRST, cursor }, signal });
    if (signal.aborted) return;
    if (isTyping && !data.length) return read();
    if (!next) part.rows.replaceChildren(data.length ? "" : empty());
    for (let at = 0; at < data.length; at += CHUNK) {
      part.rows.append(h("div.chunk", { role: "presentation" }, data.slice(at, at + CHUNK).map(row)));
    }
    cursor = meta.next_cursor;
    isReading = false;
    part.look();
    if (!next) tally(part, signal, Math.ceil(performance.now() - started));
  } catch (refused) {
    if (signal.aborted) return;
    isReading = false;
    part.rows.replaceChildren(note(h("p.error", { role: "alert" }, Object.values(refused.errors ?? {}).flat().join(" ") || refused.message)));
  }
}

/** Count what was found: after it is seen, for to count takes longer than to find the first. */
async function tally(part, signal, ms) {
  await new Promise((go) => requestAnimationFrame(() => setTimeout(go)));
  if (signal.aborted) return;
  const answer = await call("GET", "/clients", { query: { ...query(), limit: 1 }, signal }).catch(() => null);
  if (!answer) return;
  const { total } = answer.meta;
  part.total.textContent = total.toLocaleString("en");
  part.found.textContent = `${count(total, "client")} in ${ms} ms`;
}

const note = (...content) => h("div", { role: "row" }, h("div.empty", { role: "cell" }, content));
const empty = () => note(h("p", params.size ? "No client is like this." : "There are no clients yet."),
  params.size ? h("a.button", { href: "#/clients" }, "Show all") : may("write") && h("a.button", { href: "#/import" }, "Import a file"));

function row({ id, company_name: name, owner, category, tags, status, dates }) {
  const cell = (kind, ...content) => h(`div.${kind}`, { role: "cell" }, content);
  return h("div.row", { role: "row" }, cell("name", monogram(name, id), h("a", { href: `#/clients/${id}` }, name)),
    cell("owner", owner?.name), cell("category", category.name),
    cell("tags", tags.slice(0, 2).map((tag) => h("span", tag)), tags.length > 2 && `+${tags.length - 2}`),
    cell("state", h(`span.pill.${status}`, status)), cell("date", when(dates.updated)));
}

async function save() {
  toast("The file is being made…");
  const { sort, order, ...filters } = query();
  const { file } = await call("GET", "/clients/export", { query: { ...filters, format: "csv", bom: "yes" } });
  const href = URL.createObjectURL(await file.blob());
  h("a", { href, download: "clients.csv" }).click();
  URL.revokeObjectURL(href);
  toast("The file is saved.");
}
