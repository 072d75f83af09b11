/** What happened, in words. No DOM. */

import { count, percent, probability, seconds } from "./format.js";
import { calibrated, lanesOf, savedBy, sigmoid } from "./race.js";

/** Why a search stopped. `race.plan` says what confidence or agreement was asked for, where it is known. */
export function whyStopped(race) {
  if (race.brokenOff === "you") return "You stopped it. This is what had come until then.";
  if (race.brokenOff) return "It broke off. This is what had come until then.";
  if (!race.stop) return race.now.leader === null ? "" : "So far: the race is still on.";
  const { confidence, agreement } = race.plan?.early_stop ?? {};
  const sure = confidence ? `P(right) ${percent(confidence)}` : "the P(right) that was asked for";
  const ahead = agreement ? `probability ${percent(agreement)}` : "the probability that was asked for";
  const reasons = {
    confidence: `The leading answer reached ${sure}: no more was needed.`,
    agreement: `The leader stays ahead with ${ahead}: no more was needed.`,
    all_done: "Every candidate has ended.",
    deadline: "The time that the request allows was up: this is the best vote so far.",
    budget: "The tokens that the request allows were spent: this is the best vote so far.",
    aborted: "Candidates were called off on the server: this is the best vote so far.",
  };
  return reasons[race.stop] ?? `The server stopped it: ${race.stop}.`;
}

export const FATES = {
  queued: "waiting",
  running: "running",
  finished: "finished",
  truncated: "cut off",
  pruned: "pruned",
  cancelled: "not needed",
  lost: "broken off",
};

/** What a lane is, for those who hear it. */
export function laneInWords(race, lane) {
  const parts = [`Candidate ${lane.index}`, `${FATES[lane.fate] ?? lane.fate}`];
  if (lane.fate !== "queued") parts[1] += ` at ${count(lane.tokens, "token")}`;
  const last = lane.probes.at(-1);
  if (last && last.score !== null) parts.push(scoreInWords(race, last.score));
  const saved = savedBy(race, lane);
  if (saved) parts.push(`about ${count(saved, "token")} saved`);
  if (lane.answer != null) parts.push(`answer ${lane.answer}`);
  return parts.join(", ");
}

/** A score at a probe: a probability with a head, else a mean log-probability. */
export function scoreInWords(race, score) {
  return calibrated(race) ? `P(right) ${probability(sigmoid(score))}` : `mean log-probability ${score.toFixed(2)}`;
}

/** The line above the lanes. */
export function headline(race) {
  const lanes = lanesOf(race), { now } = race;
  if (!lanes.length) return race.complete || race.brokenOff ? "" : "The question waits for its turn.";
  const tally = new Map();
  for (const lane of lanes) tally.set(lane.fate, (tally.get(lane.fate) ?? 0) + 1);
  const order = ["queued", "running", "finished", "truncated", "pruned", "cancelled", "lost"];
  const fates = order.filter((fate) => tally.has(fate)).map((fate) => `${tally.get(fate)} ${FATES[fate]}`);
  const most = race.plan?.samples ?? race.report?.samples.requested ?? lanes.length;
  const started = lanes.length < most ? `${lanes.length} of at most ${most} candidates` : count(lanes.length, "candidate");
  const waves = now.waves > 1 ? `, ${now.waves} waves` : "";
  return `${started}${waves}: ${fates.join(", ")}`;
}

/** The outcome in one sentence, for screen readers. */
export function outcomeInWords(race) {
  const { now, report } = race;
  if (!report) return "";
  const sureness = calibrated(race) ? `P(right) ${probability(now.confidence)}` : `${percent(now.confidence)} of the weight`;
  const sure = now.confidence === null ? "" : `, ${sureness}`;
  const answer = now.leader === null ? "No answer to vote on" : `Answer ${now.leader}${sure}`;
  return `${answer}. ${whyStopped(race)} ${count(now.tokens, "token")} in ${seconds(now.elapsed_ms)}.`;
}
