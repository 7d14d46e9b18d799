// What has happened: who, when, before and after; each change can be taken back.

import { dialog, h, toast, when, words } from "./elements.js";
import { call, has, may, tell } from "./service.js";

const LIMIT = 30;

/** Return what undoes an event; nothing where that can't be. */
export const undoable = (event) => event && has("undo") && may("write") && (() => undo(event));

async function undo(event, without = []) {
  try {
    const answer = await call("POST", `/events/${event}/undo`, { query: { without } });
    tell("changed");
    toast(answer.message, undoable(answer.event));
    tell("again");
  } catch ({ message, errors = {} }) {
    // An address that somebody else has by now: the rest can come back without that user.
    const users = Object.keys(errors).flatMap((name) => /^contacts\.(\d+)$/.exec(name)?.[1] ?? []);
    const again = () => (box.close(), undo(event, [...without, ...users]));
    const box = dialog("This can't be undone", h("p", message), Object.values(errors).flat().map((text) => h("p", text)),
      users.length > 0 && h("div.actions", h("button.primary", { click: again }, "Undo without these users")));
  }
}

/** Events, the latest first; more of them on demand. */
export function timeline(query) {
  const list = h("ol.events");
  const more = h("button.quiet", { click: read }, "Earlier");
  const place = h("div", list, more);
  let before;
  async function read() {
    const { data, meta } = await call("GET", "/events", { query: { ...query, order: "desc", limit: LIMIT, before } });
    list.append(...data.map(line));
    before = meta.next;
    more.hidden = !meta.more;
    if (!list.firstChild) place.replaceChildren(h("p.soft", "Nothing yet."));
  }
  read();
  return place;
}

function line({ id, type, object, object_id, time, actor, changes, clients, undoes, erased }) {
  const name = ["company_name", "name", "title", "url"].flatMap((member) => changes?.[member] ?? []).reverse().find(Boolean);
  const title = name ?? `#${object_id}`;
  const what = words(type);
  const can = undoable(id) && !erased && object !== "key" && !type.endsWith(".created");
  return h("li", h("div", h("p", h("strong", what), " ", object === "client" ? h("a", { href: `#/clients/${object_id}` }, title) : h("span", title)),
    h("p.soft", when(time), " by ", h("span", actor?.name ?? actor?.type), clients > 1 && `, ${clients} clients`, undoes && ", undoing what was done"),
    erased ? h("p.soft", "What it was is erased.") : differences(changes)),
  can && h("button.quiet", { icon: "history", click: can, "aria-label": `Undo: ${what}` }, "Undo"));
}

function differences(changes) {
  const pairs = Object.entries(changes ?? {}).filter(([name, pair]) => !/^(id|dates\..*)$/.test(name) && pair.some?.((value) => value !== null));
  const list = h("dl.diff", pairs.map(([member, pair]) => h("div", h("dt", words(member)), h("dd",
    text(pair[0]) && h("del", text(pair[0])), " ", text(pair[1]) && h("ins", text(pair[1]))))));
  return pairs.length > 4 ? h("details", h("summary", `${pairs.length} values`), list) : list;
}

const text = (value) => value !== null && typeof value === "object" ? Object.values(value).join(", ") : value;

export const historyPage = () => h("section.page", h("header.top", h("h1", "History")), h("div.card", timeline({})));

export const trashPage = () => h("section.page", h("header.top", h("h1", "Trash")),
  h("p.soft", "What was deleted, and can still be brought back."), h("div.card", timeline({ type: "*.deleted", undo: "yes" })));
