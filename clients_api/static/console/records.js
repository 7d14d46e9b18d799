// The short lists around the clients: categories, tags, team, custom fields, keys, webhooks.

import { ask, count, dialog, h, icon, toast, when } from "./elements.js";
import { personal, reach, same } from "./client.js";
import { undoable } from "./history.js";
import { all, call, known, may, tell } from "./service.js";

const TYPES = ["text", "paragraph", "number", "decimal", "date", "checkbox", "dropdown"];
const pill = (text, kind = text) => h(`span.pill.${kind}`, text);
const listed = (one, query) => h("a", { href: `#/clients?${new URLSearchParams(query)}` }, count(one.count, "client"));

// Of each kind: who may change it, what a line shows, and the fields of one, or of a new one. A
// change names `always`, a new one has `base` besides what was filled in.
const KINDS = {
  categories: {
    noun: "category", scope: "write", base: { category_type: "client" },
    show: (one) => [one.description, listed(one, { category_id: one.id }), one.system_default === "yes" && pill("default")],
    fields: (one) => [{ name: "category_name", label: "Name", value: one?.name, required: true },
      { name: "category_description", label: "Description", value: one?.description, kind: "paragraph" }],
    always: ({ name }) => ({ category_name: name }),
    tools: (one) => one.count > 0 && { "Move clients": () => migrate(one) },
    stays: (one) => one.system_default === "yes",
  },
  tags: {
    noun: "tag", scope: "write", isMade: false,
    show: (one) => [listed(one, { tag: one.title })],
    fields: (one) => [{ name: "title", value: one?.title, required: true, hint: "With another tag's title, the two become one." }],
    loss: (one) => `It is taken off ${count(one.count, "client")}.`,
  },
  team: {
    noun: "team member", scope: "write", base: { role_id: 3 },
    show: (one) => [one.email, one.job_position, pill(one.role.name)],
    fields: (one) => [...personal(one), { name: "role_id", label: "Role", value: one?.role.id ?? 3, kind: "dropdown", required: true,
      options: [[3, "Staff"], [1, "Administrator"]] }, ...reach(one)],
    always: (one) => ({ ...same(one), role_id: one.role.id }),
  },
  "custom-fields": {
    noun: "custom field", scope: "admin",
    show: (one) => [h("code", one.name), one.type, one.required === "yes" && pill("required"), one.options.join(", ")],
    fields: (one) => [{ name: "title", value: one?.title, required: true },
      ...(one ? [] : [{ name: "type", kind: "dropdown", options: TYPES.map((type) => [type]), required: true },
      { name: "name", label: "Name in the API", hint: "Letters, digits and _; it never changes." }]),
      { name: "required", value: one?.required, kind: "checkbox" },
      { name: "options", label: "Options of a dropdown", value: one?.options.join("\n"), kind: "paragraph", split: "\n", hint: "One a line." },
      { name: "position", value: one?.position, kind: "number" }],
    always: ({ title }) => ({ title }),
    loss: () => "Its values go with it, at all clients.",
  },
  keys: {
    noun: "key", scope: "admin", base: { scope: "write" }, end: "Revoke",
    show: (one) => [h("code", `${one.prefix}…`), pill(one.scope), one.last_used ? h("span", "used ", when(one.last_used)) : "never used", one.expires && h("span", "ends ", when(one.expires))],
    fields: (one) => !one && [{ name: "name", label: "What it is for", required: true },
      { name: "scope", label: "It may", kind: "dropdown", value: "write", required: true,
        options: [["read", "read"], ["write", "read and write"], ["admin", "do everything"]] },
      { name: "expires", label: "Ends", kind: "date", hint: "Never, if left empty." }],
    loss: () => "Whoever uses it is refused from then on.",
  },
  webhooks: {
    noun: "webhook", scope: "admin",
    show: ({ status, types, last, behind }) => [pill(status), types?.join(", "),
      last ? h("span", last.error ?? `answered ${last.status}`, " ", when(last.time)) : "nothing sent yet", behind > 0 && `${behind} behind`],
    fields: (one) => [{ name: "url", label: "Address", value: one?.url, kind: "url", required: true },
      { name: "types", label: "Events", value: one?.types?.join("\n"), kind: "paragraph", split: "\n", hint: "One a line, such as client.*; all, if left empty." }],
    tools: (one) => ({ Test: () => test(one), "New secret": () => change("webhooks", "POST", `/${one.id}/rotate`).then(reveal),
      ...(one.status !== "active" && { Activate: () => change("webhooks", "PATCH", `/${one.id}`, { status: "active" }) }) }),
  },
};

const nameOf = (one) => one.title ?? one.name ?? one.url;

export async function records(kind, title) {
  const { noun, scope, isMade, show } = KINDS[kind];
  const found = await all(`/${kind}`);
  const lines = found.map((one) => h("li.line", h("div", h("strong", nameOf(one)), h("p.soft", show(one).map((part) => typeof part === "string" ? h("span", part) : part))),
    may(scope) && h("div.quick", tools(kind, one))));
  const label = `Search ${title.toLowerCase()}`;
  const search = h("input", { type: "search", id: "search", placeholder: label, "aria-label": label, input: () => {
    const part = search.value.trim().toLowerCase();
    for (const line of lines) line.hidden = !line.textContent.toLowerCase().includes(part);
  } });
  return h("section.page", h("header.top", h("h1", title, h("span.total", found.length)),
    may(scope) && isMade !== false && h("div.tools", h("button.primary", { icon: "plus", "aria-keyshortcuts": "n", click: () => edit(kind) }, "New"))),
  found.length > 7 && h("div.search", icon("search"), search, h("kbd", "/")),
  found.length ? h("ul.card.lines", lines) : h("div.empty", h("p", `There is no ${noun} yet.`)));
}

function tools(kind, one) {
  const { noun, fields, tools: more, stays, loss, end = "Delete" } = KINDS[kind];
  const remove = () => ask(`${end} ${nameOf(one)}?`, [h("p", loss?.(one) ?? `The ${noun} is gone then.`)],
    () => change(kind, "DELETE", `/${one.id}`), end, ".danger");
  const all = { ...more?.(one), ...(fields(one) && { Edit: () => edit(kind, one) }), ...(!stays?.(one) && { [end]: remove }) };
  return Object.entries(all).map(([label, click]) => h("button", { click, "aria-label": `${label}: ${nameOf(one)}` }, label));
}

/** Make a change, say so, and show the list as it is now. Returns the record. */
async function change(kind, method, path, body) {
  const { data, message, event } = await call(method, `/${kind}${path}`, { body });
  tell("changed");
  tell("again");
  toast(message, undoable(event));
  return data;
}

function edit(kind, one) {
  const { noun, fields, always, base } = KINDS[kind];
  ask(`${one ? "Edit" : "New"} ${noun}`, fields(one), (values) => one
    ? change(kind, "PATCH", `/${one.id}`, { ...always?.(one), ...values })
    : change(kind, "POST", "", { ...base, ...values }).then(reveal));
}

/** Show a secret, if the record has one: this once. */
function reveal({ key, secret = key }) {
  if (!secret) return;
  const place = h("input", { readonly: true, value: secret, "aria-label": "Secret" });
  const copy = async () => {
    place.select();
    // The clipboard is there on https alone; what is selected can be copied everywhere.
    await navigator.clipboard?.writeText(secret);
    box.querySelector("p").textContent = navigator.clipboard ? "Copied." : "Press Ctrl+C to copy it.";
  };
  const box = dialog("Keep this now", h("p", { role: "status" }, "It is shown this once."),
    h("div.secret", place, h("button.primary", { click: copy }, "Copy")));
}

async function migrate(one) {
  const others = (await known("/categories")).filter(({ id }) => id !== one.id).map(({ id, name }) => [id, name]);
  ask(`Move ${count(one.count, "client")}`, [{ name: "target_id", label: "To the category", kind: "dropdown", required: true, options: others }],
    (values) => change("categories", "PUT", `/${one.id}/migrate`, values), "Move");
}

async function test(one) {
  const { status, ms, error } = (await call("POST", `/webhooks/${one.id}/test`)).data;
  toast(error ?? `It answered ${status} in ${ms} ms.`);
}
