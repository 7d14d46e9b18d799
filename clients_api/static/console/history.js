// What has happened: who, when, before and after; each change can be taken back.

import { dialog, h, toast, when, words } from "./elements.js";
import { call, has, may, tell } from "./service.js";

/** Return what undoes an event; nothing where that can't be. */
export const undoable = (event) => event && has("undo") && may("write") && (() => undo(event));

async function undo(event, without = []) {
  try {
    const answer = await call("POST", `/events/${event}/undo`, { query: { without } });
    tell("changed");
    tell("again");
    toast(answer.message, undoable(answer.event));
  } catch ({ message, errors = {} }) {
    // An address that somebody else has by now: the rest can come back without that user.
    const users = Object.keys(errors).flatMap((name) => /^contacts\.(\d+)$/.exec(name)?.[1] ?? []);
    const again = () => (box.close(), undo(event, [...without, ...users]));
    const box = dialog("This can't be undone", [message, ...Object.values(errors).flat()].map((text) => h("p", text)),
      users[0] && h("div.actions", h("button.primary", { click: again }, "Undo without these users")));
  }
}

/** Events, the latest first; earlier ones on demand. */
export function timeline(query) {
  const list = h("ol.events");
  const more = h("button.quiet", { click: read }, "Earlier");
  let before;
  async function read() {
    const { data, meta } = await call("GET", "/events", { query: { ...query, order: "desc", limit: 30, before } });
    list.append(...data.map((event) => line(event, query.client_id)), data[0] || before ? "" : h("li.soft", "Nothing yet."));
    before = meta.next;
    more.hidden = !meta.more;
  }
  read();
  return [list, more];
}

function line({ id, type, object, object_id, time, actor, changes, clients, undoes, erased }, client) {
  const name = ["company_name", "name", "title", "url"].flatMap((member) => changes?.[member] ?? []).findLast(Boolean) ?? `#${object_id}`;
  const can = !erased && object !== "key" && (undoes || !type.endsWith("created")) && undoable(id);
  return h("li", h("div", h("p", h("strong", words(type)), " ",
    object !== "client" ? h("span", name) : object_id !== client && h("a", { href: `#/clients/${object_id}` }, name)),
  h("p.soft", when(time), " by ", h("span", actor.name ?? actor.type), clients > 1 && `, ${clients} clients`, undoes && ", undoing a change"),
  erased ? h("p.soft", "What it was is erased.") : differences(changes)),
  can && h("button.quiet", { icon: "history", click: can, "aria-label": `Undo: ${words(type)}` }, "Undo"));
}

/** List what has become of values, by their names. */
export function differences(changes) {
  const pairs = Object.entries(changes).filter(([name, pair]) => !/(^|\.)id$|^dates/.test(name) && [pair].flat().some((value) => value !== null));
  const list = h("dl.diff", pairs.map(([name, [before, after]]) => h("div", h("dt", words(name)), h("dd", side("del", before), " ", side("ins", after)))));
  return pairs.length > 4 ? h("details", h("summary", `${pairs.length} values`), list) : list;
}

const side = (tag, value) => value !== null && h(tag, typeof value === "object" ? Object.values(value).join(", ") : String(value));

const view = (title, query, ...text) => h("section.page", h("header.top", h("h1", title)), text, h("div.card", timeline(query)));
export const historyPage = () => view("History", {});
export const trashPage = () => view("Trash", { type: "*.deleted", undo: "yes" }, h("p.soft", "What was deleted, and can be brought back."));
