"use strict";

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
const emptyFilters = {
  statePlugins: {
    spec: {
      wrapActions: { updateJsonSpec: (go) => (spec) => go(withoutExamplesOfFilters(spec)) },
    },
  },
};

const place = document.getElementById("docs");

SwaggerUIBundle({
  domNode: place,
  url: place.dataset.spec,
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  docExpansion: "list",
  filter: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  plugins: [emptyFilters],
  validatorUrl: null, // the default would send this document to a server of theirs
});
