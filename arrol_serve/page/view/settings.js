/** The settings of a search: one control each, empty where the preset decides. */

import { byId, el } from "./dom.js";

const VOTES = ["quality", "evidence", "uniform", "rank", "confidence", "best"];

/** `[name, label, hint, kind or choices, parameter of the API]` */
const SETTINGS = [
  ["samples", "Candidates", "at most", { min: 1, step: 1 }, "arrol.samples"],
  ["confidence", "Stop at P(right)", "no more candidates then",
    [["never", "never"], ["0.8", "80 %"], ["0.9", "90 %"], ["0.95", "95 %"], ["0.99", "99 %"]], "arrol.early_stop.confidence"],
  ["keep", "Keep at probes", "the others are ended",
    [["all", "all"], ["0.75", "75 %"], ["0.5", "50 %"], ["0.25", "25 %"], ["0.1", "10 %"]], "arrol.prune.keep"],
  ["probes", "Probes", "such as 24, 48 tokens", {}, "arrol.prune.probes"],
  ["vote", "Vote", "how answers are weighed", VOTES.map((name) => [name, name]), "arrol.vote"],
  ["temperature", "Temperature", "more: they differ more", { min: 0, step: "any" }, "temperature"],
  ["seed", "Seed", "the same again", { min: 0, step: 1 }, "seed"],
  ["max_tokens", "Most tokens", "of one candidate", { min: 1, step: 1 }, "max_tokens"],
];

export const idOf = (name) => `set-${name}`;

/** Put the controls into `box`. */
export function buildSettings(box) {
  box.replaceChildren(...SETTINGS.map(([name, label, hint, kind]) => {
    const control = Array.isArray(kind)
      ? el("select", { id: idOf(name) }, el("option", { value: "" }, "default"),
        ...kind.map(([value, words]) => el("option", { value }, words)))
      : el("input", { id: idOf(name), type: "min" in kind ? "number" : "text", ...text(kind),
        placeholder: "default", inputMode: "decimal" });
    control.addEventListener("input", () => control.removeAttribute("aria-invalid"));
    const described = `${idOf(name)}-hint`;
    control.setAttribute("aria-describedby", described);
    return el("div", { class: "setting" }, el("label", { for: idOf(name) }, label), control,
      el("small", { id: described }, hint));
  }));
}

function text(numbers) {
  return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, String(value)]));
}

/** What the controls say, strings by name. */
export function readSettings() {
  return Object.fromEntries(SETTINGS.map(([name]) => [name, byId(idOf(name)).value]));
}

/** Show which control the server refused, by its parameter. Whether there is one. */
export function blame(parameter) {
  const found = SETTINGS.find(([, , , , path]) => parameter === path || path.startsWith(`${parameter}.`));
  if (!found) return false;
  byId("settings").hidden = false;
  byId("more").setAttribute("aria-expanded", "true");
  const control = byId(idOf(found[0]));
  control.setAttribute("aria-invalid", "true");
  control.focus();
  return true;
}
