"use strict";

// The same call in three languages. In: the method, the address, and the body's example, if any.
const SAMPLES = {
  curl: (method, url, body) =>
    [`curl -X ${method.toUpperCase()} "${url}"`, '-H "Authorization: Bearer $KEY"']
      .concat(body ? ['-H "Content-Type: application/json"', `-d '${json(body).replaceAll("'", "'\\''")}'`] : [])
      .join(" \\\n  "),
  Python: (method, url, body) =>
    ["import requests", "", `answer = requests.${method}(`, `    "${url}",`, '    headers={"Authorization": f"Bearer {KEY}"},']
      .concat(body ? [`    json=${python(body, "    ")},`] : [], ")", "print(answer.json())")
      .join("\n"),
  JavaScript: (method, url, body) =>
    [`const answer = await fetch("${url}", {`, `  method: "${method.toUpperCase()}",`]
      .concat(body
        ? ["  headers: {", "    Authorization: `Bearer ${KEY}`,", '    "Content-Type": "application/json",', "  },", `  body: JSON.stringify(${json(body).replaceAll("\n", "\n  ")}),`]
        : ["  headers: { Authorization: `Bearer ${KEY}` },"])
      .concat("});", "console.log(await answer.json());")
      .join("\n"),
};

const json = (value) => JSON.stringify(value, null, 2);

/** Write a value as Python does. */
function python(value, margin) {
  const inner = `${margin}    `;
  const lines = (open, items, close) => items.length
    ? `${open}\n${items.map((item) => `${inner}${item},\n`).join("")}${margin}${close}` : open + close;
  if (Array.isArray(value)) return lines("[", value.map((one) => python(one, inner)), "]");
  if (value !== null && typeof value === "object") {
    return lines("{", Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${python(one, inner)}`), "}");
  }
  return { null: "None", true: "True", false: "False" }[value] ?? JSON.stringify(value);
}
