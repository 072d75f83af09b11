/** The question box: model, preset, settings, examples. */

import { byId, el } from "./dom.js";
import { buildSettings, idOf, readSettings } from "./settings.js";

const BUNDLED = {
  model: /^arrol-tiny/,
  temperature: "1.75",
  questions: ["What is 815*29-14+77+60?", "What is 62*47+18-9+33?", "Compute 4138*52+19-67+80-33."],
};
const QUESTIONS = [
  "How many integers from 1 to 1000 are divisible by 6 or 10?",
  "What is the remainder of 7^100 divided by 13?",
  "Two dice are rolled. What is the probability that the product is even?",
  "Find the sum of all primes below 60.",
];

/** Wire the form. `onask`, `oncompare`: called with the form's values. */
export function setUpAsk({ onask, oncompare }) {
  buildSettings(byId("settings"));
  const question = byId("question");
  byId("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    if (ready()) onask(readForm());
  });
  byId("compare").addEventListener("click", () => ready() && oncompare(readForm()));
  question.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    byId("ask").requestSubmit();
  });
  question.addEventListener("input", () => grow(question));
  byId("more").addEventListener("click", toggleSettings);
  byId("model").addEventListener("change", suit);
}

function ready() {
  const question = byId("question");
  const asked = question.value.trim() !== "" && byId("model").value !== "";
  if (!asked) question.focus();
  return asked;
}

function grow(area) {
  area.style.height = "auto";
  area.style.height = `${Math.min(area.scrollHeight + 2, 240)}px`;
}

function toggleSettings() {
  const open = byId("settings").hidden;
  byId("settings").hidden = !open;
  byId("more").setAttribute("aria-expanded", String(open));
}

/** Offer the models, and the presets of the first. `cards`: of `GET /v1/models`. */
export function offer(cards) {
  const plain = cards.filter((card) => !card.arrol);
  const others = cards.filter((card) => card.arrol && !card.arrol.preset);
  const option = (card) => el("option", { value: card.id }, card.id);
  const groups = [el("optgroup", { label: "models" }, ...plain.map(option))];
  if (others.length) groups.push(el("optgroup", { label: "aliases" }, ...others.map(option)));
  byId("model").replaceChildren(...groups);
  byId("model").cards = cards;
  suit();
}

/** What fits the chosen model: its presets, examples, and a temperature for the bundled one. */
function suit() {
  const model = byId("model").value;
  const names = presetsOf(model);
  const chosen = byId("presets").querySelector("input:checked")?.value;
  const first = names.includes(chosen) ? chosen : names.includes("balanced") ? "balanced" : names[0] ?? "";
  byId("presets").replaceChildren(byId("presets").querySelector("legend"),
    ...[...names, ""].map((name) => segment(name, name === first)));
  const bundled = BUNDLED.model.test(model);
  const temperature = byId(idOf("temperature"));
  if (bundled && !temperature.value) temperature.value = BUNDLED.temperature;
  if (!bundled && temperature.value === BUNDLED.temperature) temperature.value = "";
  byId("examples").replaceChildren(...(bundled ? BUNDLED.questions : QUESTIONS).map(example));
  if (!byId("question").value) byId("question").placeholder = bundled
    ? "Ask for arithmetic such as (12*3+5)-7: the bundled model knows nothing else"
    : "Ask a question whose answers can be compared: a number, a formula, a choice";
}

/** The preset names of a model. */
export function presetsOf(model) {
  const cards = byId("model").cards ?? [];
  return [...new Set(cards.filter((card) => card.parent === model && card.arrol?.preset).map((card) => card.arrol.preset))];
}

function segment(name, checked) {
  return el("label", {}, el("input", { type: "radio", name: "preset", value: name, checked }),
    el("span", {}, name || "no preset"));
}

function example(question) {
  return el("button", { type: "button", class: "example", onclick: () => setQuestion(question) },
    question.replace(/^(What is|Compute) ([\d*+()-]+)[.?]$/, "$2"));
}

export function setQuestion(text, focus = true) {
  byId("question").value = text;
  grow(byId("question"));
  if (focus) byId("question").focus();
}

function readForm() {
  return {
    ...readSettings(),
    model: byId("model").value,
    question: byId("question").value.trim(),
    preset: byId("presets").querySelector("input:checked")?.value ?? "",
  };
}

/** While a search runs there is something to stop, and nothing to send. */
export function busy(is) {
  const [gone, come] = is ? ["send", "stop"] : ["stop", "send"];
  const moves = document.activeElement === byId(gone) || document.activeElement === byId("compare");
  byId("compare").disabled = is;
  byId(come).hidden = false;
  if (moves) byId(come).focus();
  byId(gone).hidden = true;
}
