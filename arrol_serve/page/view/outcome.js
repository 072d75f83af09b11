/** The right-hand side: the answer, how sure it is, its votes, what it cost. */

import { colourOf } from "../model/colours.js";
import { beside, clip, count, integer, percent, probability, seconds } from "../model/format.js";
import { calibrated, plainTokens, standings } from "../model/race.js";
import { whyStopped } from "../model/words.js";
import { byId, el, say, svg } from "./dom.js";
import { answer, prose } from "./math.js";

const MOST_VOTES = 8;
const LONGEST_ANSWER = 120;

/** Show where `race` stands. */
export function showOutcome(race) {
  showAnswer(race);
  showBelief(race);
  say(byId("why"), whyStopped(race));
  byId("votes").replaceChildren(...votes(race));
  byId("cost").replaceChildren(...cost(race));
  const note = race.report?.note ? [el("p", { class: "note" }, race.report.note)] : [];
  byId("reply").replaceChildren(...note, ...(race.text ? [el("h2", {}, "Reply"), prose(race.text)] : []));
  byId("outcome").classList.toggle("settled", race.complete);
}

function showAnswer(race) {
  const { leader } = race.now;
  const first = standings(race).find((vote) => vote.answer === leader);
  const shown = leader === null
    ? el("span", { class: "none" }, race.complete ? "none to vote on" : "–")
    : el("span", { class: colourOf(race, first?.cluster) }, answer(clip(leader, LONGEST_ANSWER)));
  byId("answer").replaceChildren(shown);
}

/** P(right) as a bar, with a mark where the search stops. */
function showBelief(race) {
  const { confidence } = race.now;
  const asked = race.plan?.early_stop?.confidence;
  const box = byId("belief");
  box.hidden = confidence === null;
  box.className = `belief ${colourOf(race, standings(race)[0]?.cluster)}`;
  if (box.hidden) return;
  const head = calibrated(race);
  const meter = svg("svg", { class: "meter", "aria-hidden": "true" },
    svg("rect", { class: "rail", width: "100%", height: "100%", rx: 3 }),
    svg("rect", { class: "level", width: `${100 * confidence}%`, height: "100%", rx: 3 }));
  if (asked) meter.append(svg("line", { class: "goal", x1: `${100 * asked}%`, x2: `${100 * asked}%`, y1: 0, y2: "100%" }));
  const name = head ? "P(right)" : "share of the weight";
  const goal = asked ? el("span", { class: "goal-words" }, `stops at ${percent(asked)}`) : null;
  box.replaceChildren(el("div", { class: "belief-words" }, el("span", {}, name), el("strong", {}, head ? probability(confidence) : percent(confidence)), goal ?? ""), meter);
}

function votes(race) {
  const all = standings(race);
  if (!all.length) return [el("li", { class: "none" }, race.complete ? "No candidate holds an answer." : "None yet.")];
  const total = all.reduce((sum, vote) => sum + (vote.weight ?? vote.count), 0) || 1;
  const rows = all.slice(0, MOST_VOTES).map((vote) => voteRow(race, vote, (vote.weight ?? vote.count) / total));
  const more = all.length - MOST_VOTES;
  return more > 0 ? [...rows, el("li", { class: "none" }, `and ${count(more, "other answer")}`)] : rows;
}

function voteRow(race, vote, share) {
  const sure = vote.probability ?? null;
  const bar = svg("svg", { class: "meter", "aria-hidden": "true" },
    svg("rect", { class: "rail", width: "100%", height: "100%", rx: 3 }),
    svg("rect", { class: "level", width: `${100 * (sure ?? share)}%`, height: "100%", rx: 3 }));
  return el("li", { class: `vote ${colourOf(race, vote.cluster)}` },
    el("i", { class: "dot" }),
    el("span", { class: "vote-answer" }, answer(clip(vote.answer, 40))),
    el("span", { class: "vote-count", "aria-label": count(vote.count, "candidate") }, `×${vote.count}`),
    el("span", { class: "vote-sure", "aria-label": sure === null ? "share of the votes" : "P(right)" }, sure === null ? percent(share) : probability(sure)),
    bar);
}

/** Tokens beside those of plain sampling, and the time. */
function cost(race) {
  const { tokens, elapsed_ms: ms } = race.now;
  if (!tokens) return [el("p", { class: "none" }, "Nothing yet.")];
  const plain = plainTokens(race);
  const most = Math.max(tokens, plain ?? 0) || 1;
  const rows = [costRow("this search", integer(tokens), tokens / most, "ours")];
  if (plain !== null) rows.push(costRow("plain sampling", `≈ ${integer(plain)}`, plain / most, "plain"));
  const saved = plain === null ? "" : `${beside(tokens, plain)} tokens, `;
  return [...rows, el("p", { class: "cost-line" }, `${saved}${seconds(ms)}`)];
}

function costRow(name, value, share, kind) {
  const bar = svg("svg", { class: `meter ${kind}`, "aria-hidden": "true" },
    svg("rect", { class: "level", width: `${100 * share}%`, height: "100%", rx: 3 }));
  return el("div", { class: "cost-row" }, el("span", {}, name), el("span", { class: "cost-value" }, value), bar);
}
