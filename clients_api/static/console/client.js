// One client: all that is known of it, edited in place, and what belongs to it.

import { ask, count, field, form, h, icon, monogram, toast, when, words } from "./elements.js";
import { timeline, undoable } from "./history.js";
import { lastList } from "./list.js";
import { call, has, known, may, tell } from "./service.js";

const LABELS = { zip: "Postal code", vat: "VAT number" };
const MORE = { company_name: { required: true }, phone: { kind: "tel" }, website: { kind: "url" }, description: { kind: "paragraph" },
  invoice_due_days: { kind: "number" } };

/** Define fields by their names; `path` is where the value stands in a client. */
const fieldsOf = (names, group) => names.split(" ").map((name) => ({ name: `client_${group ? `${group}_` : ""}${name}`,
  label: LABELS[name] ?? words(name), path: group ? `${group}.${name}` : name, ...MORE[name] }));

export async function groups() {
  const [categories, customs] = await Promise.all([known("/categories"), known("/custom-fields")]);
  const [name, ...others] = fieldsOf("company_name phone website vat description");
  const category = { name: "client_categoryid", label: "Category", path: "category.id", kind: "dropdown", required: true,
    options: categories.map((one) => [one.id, one.name]) };
  const custom = customs.map(({ name, title: label, type: kind, required, options }) => ({ name, label, path: `custom_fields.${name}`,
    kind, required: required === "yes", options: options.map((one) => [one]) }));
  return [["About", [name, category, ...others]], ["Billing", fieldsOf("street zip city state country invoice_due_days", "billing")],
    ["Shipping", fieldsOf("street zip city state country", "shipping")], ["More", custom]].filter(([, list]) => list.length);
}

export const at = (record, path) => path.split(".").reduce((value, name) => value?.[name], record) ?? null;

export async function client(id) {
  const state = { path: `/clients/${id}`, page: h("section.client"), groups: await groups() };
  known("/tags").then(suggest);
  await again(state);
  return state.page;
}

async function again(state) {
  const { data, etag } = await call("GET", state.path, { query: { include: "contacts" } });
  draw(Object.assign(state, { client: data, etag }));
}

const back = () => h("a.back", { href: lastList(), icon: "back", "aria-label": "All clients" });

function draw(state) {
  const { company_name: name, status, id, dates } = state.client;
  const to = status === "active" ? "suspended" : "active";
  state.page.replaceChildren(
    h("header.top", back(), monogram(name, id),
      h("div.title", h("h1", name), h("p.soft", h(`span.pill.${status}`, status), " since ", when(dates.created), ", changed ", when(dates.updated))),
      may("write") && h("div.tools",
        h("button.primary", { icon: "edit", "aria-keyshortcuts": "e", click: () => edit(state) }, "Edit"),
        h("button", { click: () => act(state, "PUT", "/status", { status: to }) }, to === "active" ? "Activate" : "Suspend"),
        h("button.danger", { icon: "trash", click: () => remove(state) }, "Delete"))),
    h("div.columns", h("div.facts", state.groups.map((group) => facts(state, group))),
      h("div.side", tags(state), contacts(state),
        has("events") && h("section.card", h("h2", "History"), timeline({ client_id: id })))));
}

/** Change something by a call of its own, say so, and show what is now. */
async function act(state, method, path, body, whole = state.path + path) {
  done(await call(method, whole, { body }));
  await again(state);
}

function done({ message, event }) {
  tell("changed");
  toast(message, undoable(event));
}

function facts(state, [title, fields]) {
  const shown = fields.filter(({ path }) => title === "About" || at(state.client, path) !== null);
  const start = (name) => may("write") && { click: ({ target }) => target.closest("a") || edit(state, name) };
  return h("section.card", h("h2", title), shown.length
    ? h("dl", shown.map(({ name, label, path, kind = "text" }) => h(`div.${kind}`, start(name), h("dt", label), h("dd", shownValue(state.client, path)))))
    : h("p.soft", start(fields[0].name), "Nothing is known yet."));
}

export function shownValue(client, path) {
  const value = at(client, path);
  if (value === null) return "–";
  if (path === "category.id") return h("a", { href: `#/clients?category_id=${value}` }, client.category.name);
  if (path === "phone") return h("a", { href: `tel:${value.replace(/[^\d+]/g, "")}` }, value);
  // Whatever somebody has written there: only an address of the web is one to follow.
  const [, site] = (path === "website" && /^https?:\/\/(.+?)\/?$/i.exec(value)) || [];
  return site ? h("a", { href: value, rel: "noreferrer", target: "_blank" }, site) : String(value);
}

const fieldset = ([title, fields], client) => h("fieldset.card", h("legend", title),
  h("div.fields", fields.map((one) => field({ ...one, value: at(client, one.path) ?? one.value }))));

/** Put fields in the place of what they show. */
function edit(state, name = "client_company_name") {
  let { client: base, etag } = state;
  const fields = state.groups.flatMap(([, list]) => list);
  const element = form(state.groups.map((group) => fieldset(group, base)), {
    cancel: () => draw(state),
    save: async (values) => {
      // A call names what is required always.
      const same = fields.filter((one) => one.required).map((one) => [one.name, at(base, one.path)]);
      try {
        done(await call("PATCH", state.path, { body: { ...Object.fromEntries(same), ...values }, match: etag }));
      } catch (refused) {
        if (refused.status !== 412) throw refused;
        const now = await call("GET", state.path);
        sideBySide(element, fields, base, now.data, values);
        ({ data: base, etag } = now);
        throw new Error("It is not saved yet.");
      }
      await again(state);
    },
  });
  element.classList.add("facts");
  state.page.querySelector(".facts").replaceWith(element);
  element.elements[name].focus();
}

/** Show both versions of what two have changed, to choose from. */
function sideBySide(form, fields, then, now, values) {
  const rows = fields.flatMap(({ name, label, path, options }) => {
    const theirs = at(now, path);
    const isMine = name in values;
    const mine = isMine ? values[name] : at(then, path);
    if (String(mine ?? "") === String(theirs ?? "")) return [];
    const control = form.elements[name];
    const give = (value) => Object.assign(control, control.type === "checkbox" ? { checked: value === "yes" } : { value: value ?? "" });
    if (!isMine) give(theirs); // what only the other one has changed stays so
    const shown = (value) => options?.find(([one]) => String(one) === String(value))?.[1] ?? value ?? "–";
    const choice = (value, checked) => h("td", h("label",
      h("input", { type: "radio", name: `keep-${name}`, checked, change: () => give(value) }), shown(value)));
    return [h("tr", h("th", { scope: "row" }, label), choice(mine, isMine), choice(theirs, !isMine))];
  });
  form.querySelector(".conflict")?.remove();
  form.prepend(h("section.card.conflict", h("h2", "Somebody else has changed this client"), h("p", "Choose what is right, then save again."),
    h("table", h("thead", h("tr", ["Field", "Yours", "Now"].map((text) => h("th", { scope: "col" }, text)))), h("tbody", rows))));
  scrollTo(0, 0);
}

/** Offer the tags that there are, wherever one is typed. */
function suggest(tags) {
  document.getElementById("known-tags")?.remove();
  document.body.append(h("datalist", { id: "known-tags" }, tags.map(({ title }) => h("option", { value: title }))));
}

function tags(state) {
  const can = may("write");
  const chip = (title) => h("li", h("a", { href: `#/clients?${new URLSearchParams({ tag: title })}` }, title),
    can && h("button", { icon: "close", "aria-label": `Remove ${title}`, click: () => act(state, "DELETE", `/tags/${encodeURIComponent(title)}`) }));
  const add = async ({ tags }) => tags && act(state, "POST", "/tags", { tags });
  return h("section.card.labels", h("h2", "Tags"), h("ul.chips", state.client.tags.map(chip)),
    can && form([{ name: "tags", label: "New tags", split: ",", list: "known-tags", placeholder: "Add a tag" }], { label: "Add", save: add }));
}

function contacts(state) {
  const { contacts } = state.client;
  return h("section.card", h("h2", "Contacts", may("write") && h("button.quiet", { icon: "plus", click: () => contact(state) }, "Add")),
    contacts.length ? h("ul.people", contacts.map((one) => person(state, one))) : h("p.soft", "Nobody yet."));
}

function person(state, one) {
  const isOwner = one.account_owner === "yes";
  const path = `/contacts/${one.id}`;
  const tool = (label, click) => h("button", { click, "aria-label": `${label}: ${one.name}` }, label);
  return h("li", monogram(one.name, one.id), h("div",
    h("p", h("strong", one.name), isOwner && h("span.pill", "Owner")), h("p", one.job_position),
    h("a", { href: `mailto:${encodeURIComponent(one.email)}` }, one.email), h("p", one.phone),
    may("write") && h("div.quick", tool("Edit", () => contact(state, one)),
      !isOwner && tool("Make owner", () => act(state, "PUT", "", undefined, `${path}/account-owner`)),
      tool("Delete", () => ask(`Delete ${one.name}?`, [h("p", isOwner ? "The client has no owner then." : "The address is free again.")],
        () => act(state, "DELETE", "", undefined, path), "Delete", ".danger")))));
}

const PERSON = ["first_name", "last_name", "email"];
/** The fields of a person, with what is known of one. */
export const personal = (one) => PERSON.map((name) =>
  ({ name, required: true, value: one?.[name], kind: name === "email" ? name : "text" }));
/** What a call that changes a person names always. */
export const same = (one) => Object.fromEntries(PERSON.map((name) => [name, one[name]]));
export const reach = (one) => [{ name: "phone", kind: "tel", value: one?.phone },
  { name: "position", value: one?.job_position }];

const contact = (state, one) => ask(one ? "Edit contact" : "New contact", [personal(one), reach(one)], (values) => one
  ? act(state, "PATCH", "", { ...same(one), ...values }, `/contacts/${one.id}`)
  : act(state, "POST", "", { ...values, clientid: state.client.id }, "/contacts"));

/** Delete the client, after saying what goes with it. */
async function remove({ path, etag, client: { company_name: name, contacts, tags } }) {
  let gone = { contacts: contacts.length, tags: tags.length };
  if (has("undo")) gone = (await call("DELETE", path, { query: { dry_run: "yes" } })).meta.affected;
  const parts = Object.entries(gone).filter(([what, n]) => n && what !== "clients").map(([what, n]) => count(n, what.slice(0, -1)));
  const text = parts.length ? `With it go: ${parts.join(", ")}.` : "Nothing else goes with it.";
  ask(`Delete ${name}?`, [h("p", text, has("undo") ? " It can be brought back from the trash." : " It can't be brought back.")], async () => {
    done(await call("DELETE", path, { match: etag }));
    location.hash = lastList();
  }, "Delete", ".danger");
}

export async function newClient() {
  known("/tags").then(suggest);
  const [[title, [name, category, ...others]], ...rest] = await groups();
  const about = [title, [{ ...name, required: false, placeholder: "The owner’s, if left empty" },
    { ...category, required: false, placeholder: "Default" }, ...others, { name: "tags", path: "tags", split: ",", list: "known-tags", hint: "Separated by commas." }]];
  const owner = [...personal(), { name: "send_email", label: "Send the welcome e-mail", kind: "checkbox" }].map((one) => ({ ...one, path: one.name }));
  const save = async (body) => {
    const answer = await call("POST", "/clients", { body });
    done(answer);
    location.replace(`#/clients/${answer.data.id}`);
  };
  return h("section.page", h("header.top", back(), h("h1", "New client")),
    form([["Account owner", owner], about, ...rest].map((group) => fieldset(group)), { label: "Create client", save, cancel: () => history.back() }));
}
