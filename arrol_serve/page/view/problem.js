/** What went wrong, in words, with the way on. */

import { byId, el } from "./dom.js";
import { blame } from "./settings.js";

let clock = null;

export function clearProblem() {
  clearInterval(clock);
  byId("problem").replaceChildren();
}

/** Show `problem`. `again()` repeats what failed, `useKey(key)` does so with a key, `openFile()` asks for another. */
export function showProblem(problem, ways) {
  clearProblem();
  const card = el("div", { class: `card problem ${problem.kind}`, role: "alert" },
    el("h2", {}, problem.title), el("p", {}, problem.message));
  card.append(el("div", { class: "ways-on" }, ...waysOn(problem, ways), el("button", { type: "button", class: "quiet",
    onclick: clearProblem }, "Dismiss")));
  byId("problem").append(card);
  const blamed = problem.field && blame(problem.field);
  if (!blamed) card.querySelector("input, button")?.focus();
}

function waysOn(problem, { again, useKey, openFile }) {
  switch (problem.kind) {
    case "key": return [keyForm(useKey)];
    case "wait": return [waiting(problem.waitS, again)];
    case "down": case "again": return [el("button", { type: "button", class: "primary", onclick: again }, "Ask again")];
    case "file": return [el("button", { type: "button", class: "primary", onclick: openFile }, "Open another")];
    default: return [];
  }
}

/** A button that may be pressed once the server's wait is over. */
function waiting(seconds, again) {
  const button = el("button", { type: "button", class: "primary", disabled: true, onclick: again });
  const until = performance.now() + 1000 * seconds;
  const tick = () => {
    const rest = Math.ceil((until - performance.now()) / 1000);
    button.disabled = rest > 0;
    button.textContent = rest > 0 ? `Ask again in ${rest} s` : "Ask again";
    if (rest <= 0) clearInterval(clock);
  };
  tick();
  clock = setInterval(tick, 250);
  return button;
}

function keyForm(useKey) {
  const input = el("input", { type: "password", id: "key-input", autocomplete: "off", spellcheck: false });
  return el("form", { class: "key-form", onsubmit: (event) => {
    event.preventDefault();
    if (input.value.trim()) useKey(input.value.trim());
  } },
  el("label", { for: "key-input" }, "API key"), input,
  el("button", { type: "submit", class: "primary" }, "Use it in this tab"));
}
