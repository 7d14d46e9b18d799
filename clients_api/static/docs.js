"use strict";

const place = document.getElementById("docs");
const { base } = place.dataset;
const KEY = `key of ${base}`; // where the console of this tab keeps it
document.getElementById("console").hidden = !place.dataset.features.split(" ").includes("console");

// Swagger UI has dark colours, but leaves it to the page when to show them.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const followColours = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", followColours);
followColours();

// Swagger UI fills examples into its forms: with those of filters each list would be empty.
const withoutExamplesOfFilters = (spec) => {
  for (const operation of Object.values(spec.paths).flatMap(Object.values)) {
    for (const parameter of operation.parameters ?? []) {
      if (parameter.in === "query") {
        delete parameter.schema.example;
      }
    }
  }
  return spec;
};

/** Show a call in the languages that there are samples of, one at a time. */
function Samples({ React, method, url, body }) {
  const [language, choose] = React.useState("curl");
  const tab = (name) => React.createElement("button",
    { key: name, type: "button", "aria-pressed": name === language, onClick: () => choose(name) }, name);
  return React.createElement("section", { className: "samples", "aria-label": "Samples" },
    React.createElement("div", { className: "languages" }, Object.keys(SAMPLES).map(tab)),
    React.createElement("pre", { tabIndex: 0 }, SAMPLES[language](method, url, body)));
}

/** Fold the errors that a call may answer: they say much the same everywhere. */
function Errors({ React, errors }) {
  const line = ([code, response]) => React.createElement("li", { key: code },
    React.createElement("strong", null, code), ` ${response.get("description") ?? ""}`);
  return React.createElement("details", { className: "errors" },
    React.createElement("summary", null, "Errors: ", errors.map(([code]) => code).join(", ")),
    React.createElement("ul", null, errors.map(line)));
}

const isError = (code) => /^[45]/.test(code);
const responses = (Original, { React, specSelectors }) => (props) => {
  const { path, method, responses: all } = props;
  const operation = specSelectors.specJson().getIn(["paths", path, method]);
  const body = operation?.getIn(["requestBody", "content", "application/json", "example"])?.toJS();
  const url = location.origin + path.replace("{id}", "12").replace("{title}", "priority");
  const errors = [...all.filter((_, code) => isError(code)).entries()];
  return React.createElement("div", null,
    React.createElement(Samples, { React, method, url, body }),
    React.createElement(Original, { ...props, responses: all.filter((_, code) => !isError(code)) }),
    errors.length > 0 && React.createElement(Errors, { React, errors }));
};

const ours = {
  wrapComponents: { responses },
  statePlugins: {
    spec: {
      wrapActions: { updateJsonSpec: (go) => (spec) => go(withoutExamplesOfFilters(spec)) },
    },
    auth: {
      wrapActions: {
        authorize: (go) => (given) => {
          sessionStorage.setItem(KEY, Object.values(given)[0].value);
          return go(given);
        },
        logout: (go) => (names) => {
          sessionStorage.removeItem(KEY);
          return go(names);
        },
      },
    },
  },
};

/** Lead whoever is refused to where a key is taken. */
function notice(response) {
  const box = document.getElementById("notice");
  box.replaceChildren();
  if (response.status === 401) {
    const button = document.createElement("button");
    button.textContent = "Authorize";
    button.addEventListener("click", () => {
      box.replaceChildren();
      document.querySelector(".btn.authorize").click();
    });
    box.append("This call needs a valid API key.", button);
  }
  return response;
}

const ui = SwaggerUIBundle({
  domNode: place,
  url: `${base}/openapi.json`,
  deepLinking: true,
  defaultModelsExpandDepth: -1,
  displayRequestDuration: true,
  docExpansion: "list",
  filter: true,
  onComplete: () => {
    const key = sessionStorage.getItem(KEY);
    if (key) {
      ui.preauthorizeApiKey(Object.keys(ui.specSelectors.securityDefinitions().toJS())[0], key);
    }
  },
  persistAuthorization: false,
  plugins: [ours],
  responseInterceptor: notice,
  tryItOutEnabled: true,
  validatorUrl: null, // the default would send this document to a server of theirs
});
