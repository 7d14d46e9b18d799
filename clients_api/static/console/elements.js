// Elements of the page, made one by one, so that text is only ever text; dialogs and forms.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: `h("a.big", { href, click }, "text", child)`; null and false are left out. */
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

export function monogram(name, id) {
  const [letter = "·"] = (name ?? "").match(/[\p{L}\p{N}]/u) ?? [];
  const square = h("span.monogram", { "aria-hidden": "true" }, letter.toUpperCase());
  square.style.setProperty("--hue", (id * 67) % 360);
  return square;
}

const [DAY, HOUR] = [{ dateStyle: "medium" }, { timeStyle: "short" }].map((style) => new Intl.DateTimeFormat(undefined, style));

/** A time: the hour of today, or else the day. */
export function when(time) {
  const date = new Date(time);
  const isToday = date.toDateString() === new Date().toDateString();
  return h("time", { datetime: time, title: date.toLocaleString() }, (isToday ? HOUR : DAY).format(date));
}

export const count = (number, one, many = `${one}s`) =>
  `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

export const words = (name) => name.replace(/[._-]/g, " ").replace(/^./, (first) => first.toUpperCase());

export function dialog(title, ...content) {
  const close = () => box.close();
  const box = h("dialog", { "aria-label": title, close: () => box.remove() },
    h("header", h("h2", title), h("button.icon", { icon: "close", "aria-label": "Close", click: close })), content);
  document.body.append(box);
  box.showModal();
  box.querySelector("form :is(input, textarea, select, .primary), .primary")?.focus();
  return box;
}

export function ask(title, content, save, label, kind) {
  const cancel = () => box.close();
  const box = dialog(title, form(content, { label, kind, cancel, save: async (values) => {
    await save(values);
    box.close();
  } }));
}

let timer;
let last;
/** Undo what was done last. */
export const undoLast = () => last?.();

/** Say what was done, and offer to undo it. */
export function toast(text, undo) {
  last = undo || last;
  const place = document.getElementById("toast");
  place.replaceChildren(h("p", text), undo ? h("button", { click: undo, "aria-keyshortcuts": "u" }, "Undo") : "");
  clearTimeout(timer);
  timer = setTimeout(() => place.replaceChildren(), 9000);
}

let numbers = 0;

/** A field. `kind` is a type of custom fields, password, or a mode of keyboards; `split` parts lists. */
export function field({ name, label = words(name), kind = "text", value, options, required, hint, placeholder, list, split }) {
  const id = `f${++numbers}`;
  const common = { id, name, required, placeholder, list, "data-split": split, "aria-describedby": `${id}e` };
  const input = kind === "paragraph" ? h("textarea", { rows: 3, ...common }, value)
    : kind === "dropdown" ? h("select", common, (!required || value == null) && h("option", { value: "" }, placeholder ?? "–"),
      options.map(([one, text = one]) => h("option", { value: one, selected: String(one) === String(value) }, text)))
    : h("input", { ...common, type: ["checkbox", "date", "password"].includes(kind) ? kind : "text", autocomplete: "off",
      inputmode: kind === "number" ? "numeric" : kind, value, checked: kind === "checkbox" && value === "yes" });
  return h(`div.field.${kind}`, h("label", { for: id }, label, required && h("i", { "aria-hidden": "true" }, "*")),
    input, hint && h("p.hint", hint), h("p.error", { id: `${id}e` }));
}

const named = (form) => [...form.elements].filter((control) => control.name && control.type !== "radio");

function valueOf({ type, value, checked, dataset: { split } }) {
  if (type === "checkbox") return checked ? "yes" : "no";
  return split ? value.split(split).filter((one) => one.trim()) : value || null;
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

/** A form of fields and elements. `save` takes what was changed, and throws what is refused. */
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
    content.flat().map((one) => (one.name ? field(one) : one)),
    h("div.actions", cancel && h("button", { click: cancel, "data-escape": "" }, "Cancel"), go));
  return element;
}
