"use strict";

// Makes one call with the key that was typed in, and shows what came back.
const form = document.getElementById("try");
const button = form.querySelector("button");
const answer = document.getElementById("answer");
const status = document.getElementById("status");
const body = document.getElementById("body");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  const started = performance.now();
  try {
    const response = await fetch(form.dataset.path, {
      headers: { Authorization: `Bearer ${form.elements.key.value.trim()}` },
      credentials: "omit",
      cache: "no-store",
    });
    const text = await response.text();
    const ms = Math.round(performance.now() - started);
    show(response.ok, `${response.status} in ${ms} ms: GET ${form.dataset.path}`, pretty(text));
  } catch (error) {
    show(false, "No answer.", String(error.message));
  } finally {
    button.disabled = false;
  }
});

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // something in between, such as a proxy, has answered
  }
}

function show(ok, line, text) {
  answer.className = ok ? "good" : "bad";
  status.textContent = line;
  body.textContent = text;
  answer.hidden = false;
}
