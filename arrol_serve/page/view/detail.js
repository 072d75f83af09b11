/** A candidate in full: its scores, what was read from it and why, its text. */

import { count, percent, probability } from "../model/format.js";
import { calibrated, lanesOf, savedBy, winner } from "../model/race.js";
import { FATES, scoreInWords } from "../model/words.js";
import { byId, el } from "./dom.js";
import { answer, prose } from "./math.js";

/** Open candidate `index` of `race`; keys and buttons go to its neighbours. */
export function openDetail(race, index) {
  const dialog = byId("detail");
  fill(dialog, race, index);
  if (!dialog.open) dialog.showModal();
}

/** Say anew what is open, if one of the lanes `changed` is. */
export function refreshDetail(race, changed) {
  const dialog = byId("detail");
  const index = Number(dialog.dataset.index);
  if (dialog.open && changed.includes(index)) fill(dialog, race, index);
}

function fill(dialog, race, index) {
  const lane = race.lanes[index];
  const focused = dialog.contains(document.activeElement) ? document.activeElement.textContent : null;
  dialog.dataset.index = index;
  const all = lanesOf(race).map((other) => other.index);
  const at = all.indexOf(index);
  const go = (step) => {
    const next = all[at + step];
    if (next !== undefined) fill(dialog, race, next);
  };
  dialog.onkeydown = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) go(step);
  };
  const neighbour = (step, words) => el("button", { type: "button", class: "quiet", disabled: all[at + step] === undefined,
    onclick: () => go(step) }, words);
  dialog.replaceChildren(
    el("header", {}, el("h2", { id: "detail-title" }, `Candidate ${index}`),
      neighbour(-1, "Previous"), neighbour(1, "Next"),
      el("button", { type: "button", onclick: () => dialog.close() }, "Close")),
    el("dl", { class: "facts" }, ...facts(race, lane).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    ...scores(race, lane),
    el("h3", {}, "Text"),
    lane.text === undefined ? el("p", { class: "none" }, textMissing(race)) : prose(lane.text || "(empty)"),
  );
  const buttons = [...dialog.querySelectorAll("button:enabled")];
  if (focused !== null) (buttons.find((button) => button.textContent === focused) ?? buttons.at(-1)).focus();
}

function facts(race, lane) {
  const saved = savedBy(race, lane);
  const fate = FATES[lane.fate] + (lane.index === winner(race) ? ": this is the answer" : "");
  const rows = [["Fate", fate], ["Tokens", count(lane.tokens, "token") + (saved ? `, about ${count(saved, "token")} saved` : "")]];
  if (lane.answer != null) rows.push(["Answer", answer(lane.answer)]);
  if (lane.answer === null && lane.read !== undefined) rows.push(["Answer", "none was read"]);
  if (lane.kind) rows.push(["Read as", `${lane.kind}, compared as ${lane.canonical}`]);
  if (lane.read) rows.push(["Because of", el("code", {}, lane.read)]);
  if (lane.quality != null) rows.push(["At its end", `P(right) ${probability(lane.quality)}`]);
  if (lane.confidence != null) rows.push(["Confidence", `${lane.confidence} (mean −log p of the top tokens)`]);
  return rows;
}

function scores(race, lane) {
  if (!lane.probes.length) return [];
  const head = el("tr", {}, ...["Probe", calibrated(race) ? "Score" : "Signal", "Let live with"].map((name) =>
    el("th", { scope: "col" }, name)));
  const rows = lane.probes.map((probe) => el("tr", {},
    el("td", {}, count(probe.tokens, "token")),
    el("td", {}, probe.score === null ? "none" : scoreInWords(race, probe.score)),
    el("td", {}, fateAt(lane, probe))));
  return [el("h3", {}, "Probes"), el("table", { class: "probes" }, el("thead", {}, head), el("tbody", {}, ...rows))];
}

function fateAt(lane, probe) {
  if (lane.fate === "pruned" && probe === lane.probes.at(-1)) return "pruned here";
  return probe.survival === null ? "–" : `probability ${percent(probe.survival)}`;
}

function textMissing(race) {
  return race.complete ? "The server did not send it." : "It comes when the candidate has ended.";
}
