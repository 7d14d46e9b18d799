// Clients that may be one: side by side with what would win, tried, and merged.

import { count, h, monogram, toast, when, words } from "./elements.js";
import { at, groups, shownValue } from "./client.js";
import { differences, undoable } from "./history.js";
import { call, tell } from "./service.js";

const BY = { "": "All", vat: "VAT number", name: "Name", phone: "Phone", domain: "Domain" };
const MOST = 11; // one stays, and takes in as many as one call can
const address = (clients) => `#/duplicates/${clients.map(({ id }) => id)}`;

let list = "#/duplicates"; // as it was last seen

export const duplicates = (query, ids) => (ids ? compare(ids.split(",")) : found(query.get("by") ?? ""));

async function found(by) {
  list = `#/duplicates?by=${by}`;
  const rows = h("ul.card.lines.rows");
  const more = h("button.quiet", { click: read }, "More");
  let cursor;
  async function read() {
    const { data, meta } = await call("GET", "/clients/duplicates", { query: { by: by || null, limit: 30, cursor } });
    rows.append(...data.map(line), rows.firstChild || data[0] ? "" : h("li.line.soft", "No two clients seem to be one."));
    cursor = meta.next_cursor;
    more.hidden = !cursor;
  }
  await read();
  return h("section.page", h("header.top", h("h1", "Duplicates")), h("div.filters", Object.entries(BY).map(([kind, text]) =>
    h(`a.button${kind === by ? ".set" : ""}`, { href: `#/duplicates?by=${kind}`, "aria-current": kind === by && "true" }, text))), rows, more);
}

function line({ by, value, strength, count: n, clients }) {
  const some = clients.slice(0, MOST);
  return h("li", h("a.line", { href: address(some) }, monogram(some[0].company_name, some[0].id),
    h("div", h("strong", some.map((one) => one.company_name).join(" · ")), h("p.soft", `${BY[by]}: ${value}`)),
    h("span.soft", count(n, "client")), h(`span.pill.${strength}`, strength)));
}

/** What is shown of a client. Of a list nothing is lost: the one that stays has all of them then. */
async function members() {
  const key = (text) => text.toLowerCase();
  const fields = (await groups()).flatMap(([, list]) => list).map(({ label, path }) =>
    ({ label: /^(bill|ship)ing/.test(path) ? words(path) : label, value: (one) => at(one, path), show: (one) => shownValue(one, path) }));
  return [...fields, { label: "Status", value: (one) => one.status }, { label: "Owner", value: (one) => at(one, "owner.name") },
    { label: "Tags", value: (one) => one.tags, key }, { label: "Contacts", value: (one) => one.contacts.map(({ email }) => email), key }];
}

async function compare(ids) {
  const [rows, ...answers] = await Promise.all([members(), ...ids.map((id) => call("GET", `/clients/${id}`, { query: { include: "contacts" } }))]);
  const clients = answers.map(({ data, etag }) => ({ ...data, etag }));
  const [body, result] = [h("tbody"), h("div", { role: "status" })];
  let order; // the one that stays, then the others
  const choose = (kept) => {
    order = [kept, ...clients.filter((one) => one !== kept)];
    result.replaceChildren();
    body.replaceChildren(...rows.map((row) => compared(row, clients, order)));
  };
  const merge = async ({ target }, query) => {
    const [kept, ...others] = order;
    target.disabled = true;
    try {
      const answer = await call("POST", `/clients/${kept.id}/merge`, { query, match: kept.etag, body: { from: others.map(({ id }) => id) } });
      if (query) return kept === order[0] && result.replaceChildren(tried(answer, rows, kept));
      tell("changed");
      toast("Merged.", undoable(answer.event));
      location.hash = list;
    } catch ({ message, errors = {} }) {
      result.replaceChildren(h("p.card.error", [message, ...Object.values(errors).flat()].join(" ")));
    } finally {
      target.disabled = false;
      target.focus(); // which a button loses that is disabled
    }
  };
  choose(clients[0]);
  const head = (one, index) => h("th", { scope: "col" }, h("p", monogram(one.company_name, one.id), h("a", { href: `#/clients/${one.id}` }, one.company_name)),
    h("p.soft", `#${one.id}, since `, when(one.dates.created)), h("div", h("label.switch", h("input", { type: "radio", name: "stays", checked: !index,
      "aria-label": `Stays: ${one.company_name}`, change: () => choose(one) }), "Stays"),
    clients[2] && h("button.quiet", { click: () => (location.hash = address(order.filter((other) => other !== one))), "aria-label": `Leave out: ${one.company_name}` }, "Leave out")));
  return h("section", h("header.top", h("a.back", { href: list, icon: "back", "aria-label": "All duplicates" }),
    h("div.title", h("h1", "Merge clients"), h("p.soft", "One stays, and the others go into it. What it will have is marked.")),
    h("div.tools", h("button", { click: (event) => merge(event, { dry_run: "yes" }) }, "Try"), h("button.primary", { click: (event) => merge(event) }, "Merge"))),
  result, h("div.card.compare", h("table", h("thead", h("tr", h("td"), clients.map(head))), body)));
}

/** Make a row of what each has, marking what wins: the first that there is, or of a list all that is new. */
function compared({ label, value, show = (_, part) => part, key = () => label }, clients, order) {
  const seen = new Set();
  const cells = new Map(order.map((one) => [one, [value(one)].flat().map((part) =>
    part !== null && h(seen.size < seen.add(key(part)).size ? "mark" : "span", show(one, part)))]));
  return seen.size ? h("tr", h("th", { scope: "row" }, label), clients.map((one) => h("td", { "data-of": `#${one.id}` }, cells.get(one)))) : "";
}

function tried({ data, meta }, rows, kept) {
  const parts = Object.entries(meta.affected).filter(([, n]) => n).map(([what, n]) => count(n, what.slice(0, -1)));
  const changes = rows.map(({ label, value }) => [label, [kept, data].map((one) => value(one))]).filter(([, [before, after]]) => String(before) !== String(after));
  return h("section.card", h("h2", "Tried, and nothing kept"), h("p", `Affected: ${parts.join(", ")}.`), Object.assign(differences(Object.fromEntries(changes)), { open: true }));
}
