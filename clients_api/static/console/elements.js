// Elements of the page, made one by one, so that text is only ever text; dialogs and forms of them.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element: `h("a.big", { href, icon: "edit" }, "text", child)`. Functions are listeners;
 * null and false are left out; lists are laid flat.
 */
export function h(name, ...parts) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (tag === "button") element.type = "button";
  if (classes[0]) element.className = classes.join(" ");
  for (const part of parts.flat(9)) {
    if (part == null || part === false) continue;
    if (part instanceof Node || typeof part !== "object") element.append(part);
    else for (const [key, value] of Object.entries(part)) set(element, key, value);
  }
  return element;
}

function set(element, key, value) {
  if (value == null || value === false) return;
  if (key === "icon") element.append(icon(value));
  else if (typeof value === "function") element.addEventListener(key, value);
  else element.setAttribute(key, value === true ? "" : value);
}

export function icon(name) {
  const [svg, use] = ["svg", "use"].map((tag) => document.createElementNS(SVG, tag));
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A square with the first letter of a name, in one of six colours. */
export function monogram(name, id) {
  const [letter = "·"] = (name ?? "").match(/[\p{L}\p{N}]/u) ?? [];
  return h(`span.monogram.c${id % 6}`, { "aria-hidden": "true" }, letter.toUpperCase());
}

const [DAY, HOUR, EXACT] = [{ dateStyle: "medium" }, { timeStyle: "short" }, { dateStyle: "full", timeStyle: "medium" }]
  .map((style) => new Intl.DateTimeFormat(undefined, style));

/** A time: the hour of today, or else the day. */
export function when(time) {
  if (!time) return "never";
  const date = new Date(time);
  const isToday = date.toDateString() === new Date().toDateString();
  return h("time", { datetime: time, title: EXACT.format(date) }, (isToday ? HOUR : DAY).format(date));
}

export const count = (number, one, many = `${one}s`) =>
  `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

/** A name of the API in words. */
export const words = (name) =>
  name.replace(/^custom_fields\./, "").replace(/[._-]/g, " ").replace(/^./, (first) => first.toUpperCase());

/** Open a dialog. Returns it; `close()` takes it away. */
export function dialog(title, ...content) {
  const close = () => box.close();
  const box = h("dialog", { "aria-label": title, close: () => box.remove() },
    h("header", h("h2", title), h("button.icon", { icon: "close", "aria-label": "Close", click: close })), content);
  document.body.append(box);
  box.showModal();
  box.querySelector("form :is(input, textarea, select, .primary), .primary")?.focus();
  return box;
}

/** Ask in a dialog for values, or only whether to go on; `save` takes what was changed. */
export function ask(title, content, save, label, kind) {
  const cancel = () => box.close();
  const box = dialog(title, form(content, { label, kind, cancel, save: async (values) => {
    await save(values);
    box.close();
  } }));
}

let timer;
/** Say what was done, and offer to undo it. */
export function toast(text, undo) {
  const place = document.getElementById("toast");
  place.replaceChildren(h("p", text), undo ? h("button", { click: undo, "aria-keyshortcuts": "u" }, "Undo") : "");
  clearTimeout(timer);
  timer = setTimeout(() => place.replaceChildren(), 9000);
}

let numbers = 0;
const TYPES = { check: "checkbox", date: "date", password: "password", file: "file" };
const MODES = { number: "numeric", decimal: "decimal", tel: "tel", url: "url", email: "email" };

/** A field by its definition. `kind` is text, area, choice, check, tags, or what is named above. */
export function field({ name, label, kind, value, options, required, hint, placeholder, list }) {
  const id = `f${++numbers}`;
  const common = { id, name, required, placeholder, list, "aria-describedby": `${id}e` };
  let input;
  if (kind === "area") input = h("textarea", { rows: 3, ...common }, value);
  else if (kind === "choice") input = h("select", common, (!required || value == null) && h("option", { value: "" }, placeholder ?? "–"),
    options.map(([one, text]) => h("option", { value: one, selected: String(one) === String(value) }, text)));
  else input = h("input", { ...common, type: TYPES[kind] ?? "text", inputmode: MODES[kind], autocomplete: "off",
    value, checked: kind === "check" && value === "yes" });
  return h(`div.field.${kind ?? "text"}`, h("label", { for: id }, label, required && h("i", { "aria-hidden": "true" }, "*")),
    input, hint && h("p.hint", hint), h("p.error", { id: `${id}e` }));
}

const named = (form) => [...form.elements].filter((control) => control.name && control.type !== "radio");
const list = (text, sign) => text.split(sign).map((one) => one.trim()).filter(Boolean);

function valueOf({ type, value, checked, parentNode: { classList } }) {
  if (type === "checkbox") return checked ? "yes" : "no";
  if (classList.contains("tags")) return list(value, ",");
  if (classList.contains("lines")) return list(value, "\n");
  return value.trim() === "" ? null : value;
}

function isChanged({ checked, defaultChecked, value, defaultValue, options }) {
  if (options) return value !== ([...options].find((one) => one.defaultSelected) ?? options[0])?.value;
  return checked !== defaultChecked || value !== defaultValue;
}

/** Put the service's sentences beside the fields, and those of no field at the top. */
function showErrors(form, { message, errors = {} }) {
  const others = new Set(Object.keys(errors));
  for (const control of named(form)) {
    const mine = Object.keys(errors).filter((name) => name.split(".")[0] === control.name);
    control.setAttribute("aria-invalid", mine.length > 0);
    document.getElementById(`${control.id}e`).textContent = mine.flatMap((name) => errors[name]).join(" ");
    mine.forEach((name) => others.delete(name));
  }
  const rest = [...others].flatMap((name) => errors[name]);
  form.querySelector(".whole").textContent = (Object.keys(errors).length ? rest : [message]).join(" ");
  form.querySelector("[aria-invalid=true]")?.focus();
}

/**
 * A form of definitions and elements. `save` takes the values that were changed, by name, and
 * throws what the service has refused.
 */
export function form(content, { label = "Save", kind = "", save, cancel }) {
  const go = h(`button.primary${kind}`, label);
  go.type = "submit";
  const submit = async (event) => {
    event.preventDefault();
    if (go.disabled) return;
    go.disabled = true;
    try {
      const values = named(element).filter(isChanged).map((control) => [control.name, valueOf(control)]);
      await save(Object.fromEntries(values), element);
    } catch (refused) {
      if (element.isConnected) showErrors(element, refused);
    }
    go.disabled = false;
  };
  const element = h("form", { novalidate: true, submit }, h("p.whole.error", { role: "alert" }),
    content.flat().filter(Boolean).map((one) => (one.name ? field(one) : one)),
    h("div.actions", cancel && h("button", { click: cancel, "data-escape": "" }, "Cancel"), go));
  return element;
}
