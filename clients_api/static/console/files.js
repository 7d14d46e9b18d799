// Clients from a file: a trial first, which says what is wrong with which row.

import { count, field, form, h, icon, words } from "./elements.js";
import { call, tell } from "./service.js";

const SHOWN = 200; // reasons
const CONFLICTS = [["fail", "It is a wrong row"], ["skip", "Leave the client as it is"], ["update", "Update the client"]];

export function importPage() {
  const result = h("div", { role: "status" });
  const name = h("strong", "Choose a file");
  const input = h("input", { type: "file", accept: ".csv,.tsv,.txt,.ndjson,.jsonl", change: () => {
    name.textContent = input.files[0]?.name ?? "Choose a file";
    result.replaceChildren();
  } });
  const drop = (event) => {
    event.preventDefault();
    if (event.type !== "drop") return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change"));
  };
  const options = form([h("label.drop", { dragover: drop, drop }, icon("import"), name, h("span.soft", "CSV or NDJSON"), input),
    { name: "on_conflict", label: "Where a client is there already", kind: "dropdown", value: "fail", required: true, options: CONFLICTS }],
  { label: "Try it", save: () => run("yes") });

  async function run(dry_run) {
    const [file] = input.files;
    if (!file) throw new Error("Choose a file first.");
    const type = /\.(ndjson|jsonl)$/i.test(file.name) ? "application/x-ndjson" : "text/csv";
    const query = { on_conflict: options.elements.on_conflict.value, partial: "yes", dry_run };
    result.replaceChildren(h("p.soft", "Reading the file…"));
    try {
      const { data, message } = await call("POST", "/clients/import", { query, file, type });
      if (!dry_run) tell("changed");
      result.replaceChildren(report(data, dry_run ? "What would happen" : message, dry_run && run));
    } catch (refused) {
      result.replaceChildren();
      throw refused;
    }
  }
  return h("section.page", h("header.top", h("h1", "Import")), h("div.card", options), result);
}

/** Say what an import did, or would do; `go` does it. */
function report(data, title, go) {
  const { created, updated, failed, errors, new_categories, new_tags } = data;
  const counts = ["created", "updated", "skipped", "failed"].map((name) => h("div", h("dt", words(name)), h("dd", data[name])));
  const good = count(created + updated, "row");
  return h("section.card", h("h2", title), h("dl.counts", counts),
    new_categories.length > 0 && h("p", "New categories: ", new_categories.join(", ")),
    new_tags.length > 0 && h("p", "New tags: ", new_tags.join(", ")),
    errors.length > 0 && wrong(failed, errors),
    go && created + updated > 0 && form([], { label: failed ? `Import ${good}, without the wrong` : `Import ${good}`, save: () => go() }),
    !go && h("a.button.primary", { href: "#/clients" }, "See the clients"));
}

const wrong = (failed, errors) => h("div.scroll", { tabindex: 0, role: "group", "aria-label": "Wrong rows" }, h("table",
  h("caption", count(failed, "row is wrong", "rows are wrong"), errors.length > SHOWN && `; the first ${SHOWN} reasons:`),
  h("thead", h("tr", ["Line", "Column", "Reason"].map((text) => h("th", { scope: "col" }, text)))),
  h("tbody", errors.slice(0, SHOWN).map(({ line, column, message }) => h("tr", h("td", line), h("td", h("code", column)), h("td", message))))));
