// The start: who is there, which part is shown, and what the keys of a keyboard do.

import { dialog, form, h, toast, undoLast, words } from "./elements.js";
import { leaveList, list, spoil } from "./list.js";
import { forget, has, hasKey, identify, isKey, isKnown, may, page, Refused, take } from "./service.js";

const [main, nav, menu, banner] = ["main", "nav", "menu", "banner"].map((id) => document.getElementById(id));

// The parts, with the scope that each needs, and the feature.
const PARTS = [["clients"], ["categories"], ["tags"], ["team"], ["duplicates", "write", "duplicates"], ["history", "read", "events"], ["trash", "write", "undo"], ["import", "write"],
  ["custom-fields", "admin"], ["keys", "admin"], ["webhooks", "admin", "webhooks"]];

const parts = () => PARTS.filter(([, scope = "read", feature]) => may(scope) && (!feature || has(feature))).map(([name]) => name);

// The rarer ones are fetched when they are opened.
const VIEWS = {
  clients: async (query, id) => (id ? (await import("./client.js")).client(id) : list(query)),
  new: async () => (await import("./client.js")).newClient(),
  duplicates: async (query, ids) => (await import("./duplicates.js")).duplicates(query, ids),
  history: async () => (await import("./history.js")).historyPage(),
  trash: async () => (await import("./history.js")).trashPage(),
  import: async () => (await import("./files.js")).importPage(),
};

let turn = 0;
let shown;
async function show() {
  if (!isKnown()) return signIn();
  const [path, query] = location.hash.slice(2).split("?");
  const [part, id] = path.split("/");
  const mine = ++turn;
  leaveList();
  closeAll();
  if (part !== "new" && !parts().includes(part)) return location.replace("#/clients");
  const view = VIEWS[part] ?? (async () => (await import("./records.js")).records(part, words(part)));
  let element;
  try {
    element = await view(new URLSearchParams(query), id);
  } catch ({ message }) {
    element = h("section.empty", { role: "alert" }, h("h1", "That did not work"), h("p", message), h("button", { click: show }, "Try again"));
  }
  if (mine !== turn || !isKnown()) return;
  for (const link of document.querySelectorAll("#parts a")) link.ariaCurrent = link.hash === `#/${part}` ? "page" : null;
  if (main.firstChild === element) return;
  const isFirst = !main.firstChild;
  if (shown !== path) closeAll(); // what was opened of the former view while this one was fetched
  shown = path;
  main.replaceChildren(element);
  document.title = `${main.querySelector("h1").firstChild.textContent} · Clients API`;
  if (element.className !== "list") scrollTo(0, 0);
  if (!isFirst) main.focus({ preventScroll: true });
}

function closeAll() {
  for (const open of document.querySelectorAll("dialog")) open.close();
  setMenu(false);
}

/** Ask for a key; with a sentence, if one was given that is none. */
function signIn(sentence = "") {
  closeAll();
  nav.hidden = menu.hidden = true;
  const save = async (_, element) => {
    const key = element.elements.key.value.trim();
    if (!isKey(key)) throw new Error("A key is made of letters, digits and signs.");
    take(key);
    await enter();
  };
  const box = form([{ name: "key", label: "API key", kind: "password", required: true }], { label: "Open", save });
  box.querySelector(".whole").textContent = sentence;
  main.replaceChildren(h("section.welcome", h("h1", "Your clients"),
    page.login === "yes" && h("p", "Log in to the application that this page is part of."),
    page.keys === "yes" && [h("p", "Use an API key: the one that the first start has printed, or another."),
      box, h("p.hint", "It is sent to this server only, and forgotten when this tab is closed.")],
    has("docs") && h("a", { href: `${page.base}/docs` }, "API documentation")));
  main.querySelector("[name=key]")?.focus();
}

/** Find out what may be done here, and begin. */
async function enter() {
  await identify();
  const link = (name) => h("li", h("a", { href: `#/${name}`, icon: name }, words(name)));
  document.getElementById("parts").replaceChildren(h("ul", parts().map(link)), h("ul",
    has("docs") && h("li", h("a", { href: `${page.base}/docs`, icon: "docs" }, "API documentation")),
    h("li", h("button", { icon: "help", click: help }, "Keyboard")),
    hasKey() && h("li", h("button", { icon: "leave", click: out }, "Leave"))));
  nav.hidden = menu.hidden = false;
  main.replaceChildren();
  await show();
}

function out(event, sentence) {
  take("");
  forget();
  spoil();
  signIn(sentence);
}

function setMenu(isOpen) {
  menu.ariaExpanded = isOpen;
  document.body.classList.toggle("open", isOpen);
}

const KEYS = { "/": "Search", "j k": "Next, previous", Enter: "Open", e: "Edit", n: "New", u: "Undo the last change", Esc: "Cancel, close", "?": "This help" };
const OFF = "no keys of one letter";

function help() {
  const check = h("input", { type: "checkbox", checked: !localStorage[OFF], change: () => (localStorage[OFF] = check.checked ? "" : "yes") });
  dialog("Keyboard", h("dl.keys", Object.entries(KEYS).map(([keys, text]) => h("div", h("dt", text), h("dd", keys.split(" ").map((key) => h("kbd", key)))))),
    h("label.switch", check, "Use keys of one letter"));
}

function move(step) {
  const rows = [...main.querySelectorAll(".rows a, .lines .quick button:first-child")];
  const at = rows.indexOf(document.activeElement);
  rows[at < 0 ? 0 : at + step]?.focus();
}

const press = (key) => document.querySelector(`[aria-keyshortcuts="${key}"]`);
const PRESS = {
  "/": () => document.getElementById("search")?.select(),
  j: () => move(1),
  k: () => move(-1),
  e: () => press("e")?.click(),
  n: () => press("n")?.click(),
  u: undoLast,
  "?": help,
};

addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || nav.hidden || document.querySelector("dialog[open]")) return;
  if (key === "Escape") {
    main.querySelector("[data-escape]")?.click();
    setMenu(false);
  }
  if (target.id === "search" && ["Enter", "ArrowDown"].includes(key)) return move(1);
  if (localStorage[OFF] || target.matches("input:not([type=checkbox]), textarea, select") || !Object.hasOwn(PRESS, key)) return;
  event.preventDefault();
  PRESS[key]();
});
menu.addEventListener("click", () => setMenu(menu.ariaExpanded !== "true"));
addEventListener("hashchange", show);
addEventListener("again", show);
addEventListener("changed", () => (forget(), spoil()));
addEventListener("stranger", ({ detail }) => out(null, detail));
addEventListener("connection", ({ detail: isThere }) => {
  banner.textContent = isThere ? "" : "The service can't be reached. Trying again…";
});
// What nobody else has told.
addEventListener("unhandledrejection", (event) => {
  if (!(event.reason instanceof Refused)) return;
  event.preventDefault();
  toast(event.reason.message);
});

history.scrollRestoration = "manual"; // the list knows where it was
if (hasKey() || page.login === "yes") enter().catch(() => isKnown() || signIn());
else signIn();
