/** The state of one search, built from what the server says. No DOM. */

import { joinPalette, newPalette, paint } from "./colours.js";

/** Fates of candidates that are still being generated. */
const ALIVE = new Set(["queued", "running"]);

/** A race that has not begun. `asked`: the request's body; `palette`: that of races beside it. */
export function newRace(asked, palette = newPalette()) {
  return {
    asked,
    plan: null,
    lanes: [],
    votes: new Map(),
    palette,
    place: joinPalette(palette),
    now: { elapsed_ms: 0, tokens: 0, saved_estimate: 0, running: 0, finished: 0, pruned: 0, waves: 0,
      leader: null, agreement: null, confidence: null },
    stop: null,
    text: "",
    report: null,
    usage: null,
    error: null,
    complete: false,
    brokenOff: null,
    events: [],
  };
}

/**
 * Take in one chunk of the stream, which arrived `atMs` after the question was sent.
 * Returns the indexes of the lanes that changed.
 */
export function take(race, chunk, atMs) {
  if (chunk.arrol?.applied && race.report) chunk = { ...chunk, arrol: undefined }; // beside the usage, again
  race.events.push([Math.round(atMs), kept(chunk)]);
  if (chunk.error) {
    race.error = chunk.error;
    return [];
  }
  const delta = chunk.choices?.[0]?.delta;
  if (typeof delta?.content === "string") race.text += delta.content;
  if (chunk.usage) race.usage = chunk.usage;
  const said = chunk.arrol ?? {};
  if (said.progress) return progress(race, said.progress);
  return said.applied ? report(race, said) : [];
}

/** Of a chunk, what opening it again needs. */
function kept(chunk) {
  const { arrol, usage, error } = chunk;
  const content = chunk.choices?.[0]?.delta?.content;
  const choices = content ? [{ delta: { content } }] : undefined;
  return JSON.parse(JSON.stringify({ arrol, usage, error, choices }));
}

function progress(race, said) {
  const { plan, candidates = [], votes = [], stop, ...now } = said;
  Object.assign(race.now, now);
  if (plan) race.plan = plan;
  if (stop) race.stop = stop;
  for (const row of candidates) Object.assign((race.lanes[row.index] ??= newLane(row.index)), row);
  for (const row of votes) {
    if (row.count === 0) race.votes.delete(row.cluster);
    else race.votes.set(row.cluster, { ...race.votes.get(row.cluster), ...row });
  }
  paint(race);
  return candidates.map((row) => row.index);
}

function newLane(index) {
  return { index, wave: 0, fate: "queued", tokens: 0, probes: [] };
}

/** The final object: it settles every lane, also of a reply that was never streamed. */
function report(race, said) {
  race.report = said;
  race.stop = said.stop;
  race.complete = true;
  const clusters = new Map([...race.votes.values()].map((vote) => [vote.answer, vote.cluster]));
  race.votes = new Map();
  said.votes.forEach((vote) => {
    const cluster = clusters.get(vote.answer) ?? free(clusters);
    clusters.set(vote.answer, cluster);
    race.votes.set(cluster, { ...vote, cluster });
  });
  for (const row of said.candidates ?? []) {
    const cluster = row.answer == null ? null : clusters.get(row.answer);
    Object.assign((race.lanes[row.index] ??= newLane(row.index)), row, { cluster: cluster ?? null });
  }
  Object.assign(race.now, {
    elapsed_ms: said.latency_ms, tokens: said.tokens.generated, saved_estimate: said.tokens.saved_estimate,
    running: 0, finished: said.samples.finished, pruned: said.samples.pruned, waves: said.waves,
    leader: said.answer, agreement: said.agreement, confidence: said.confidence,
  });
  paint(race);
  return race.lanes.map((lane) => lane.index);
}

function free(clusters) {
  return Math.max(-1, ...clusters.values()) + 1;
}

/** It ended before its end: `who` is "you" or "it". What was still running is lost. */
export function breakOff(race, who) {
  race.brokenOff = who;
  race.now.running = 0;
  for (const lane of lanesOf(race).filter(isAlive)) lane.fate = "lost";
}

/** The lanes that there are, by index. */
export function lanesOf(race) {
  return race.lanes.filter(Boolean);
}

export function isAlive(lane) {
  return ALIVE.has(lane.fate);
}

/** Whether it was ended before its own end. */
export function isEnded(lane) {
  return lane.fate === "pruned" || lane.fate === "cancelled";
}

/** The votes, the leading one first: by weight, then count, then first come. */
export function standings(race) {
  const votes = [...race.votes.values()];
  const leader = race.now.leader;
  return votes.sort((a, b) =>
    (b.answer === leader) - (a.answer === leader) || (b.weight ?? 0) - (a.weight ?? 0) ||
    b.count - a.count || a.cluster - b.cluster);
}

/** Mean tokens of the candidates that ended by themselves, null before the first. */
export function meanLength(race) {
  const done = lanesOf(race).filter((lane) => lane.fate === "finished");
  return done.length ? done.reduce((sum, lane) => sum + lane.tokens, 0) / done.length : null;
}

/** About how many tokens an ended lane did not cost. */
export function savedBy(race, lane) {
  const mean = meanLength(race);
  return mean === null || !isEnded(lane) ? 0 : Math.max(0, Math.round(mean - lane.tokens));
}

/**
 * About what all candidates that the request allows would have cost, none ended and none left out:
 * what was generated, what ended ones would have cost on top, and those that were never started.
 */
export function plainTokens(race) {
  const mean = meanLength(race);
  if (mean === null) return null;
  const most = race.report?.samples.requested ?? race.plan?.samples ?? lanesOf(race).length;
  const unstarted = Math.max(0, most - lanesOf(race).length);
  return Math.round(race.now.tokens + race.now.saved_estimate + unstarted * mean);
}

/** Whether the race's scores are calibrated probabilities. */
export function calibrated(race) {
  return (race.report?.scorer ?? race.plan?.scorer) === "head";
}

/**
 * The scores of a lane as points to draw: tokens, and a height in 0..1. With a head that is the
 * probability of being right; without one, where the score lies between the race's worst and best.
 */
export function scorePoints(race, lane) {
  const probes = lane.probes.filter((probe) => probe.score !== null);
  if (calibrated(race)) {
    const points = probes.map((probe) => ({ tokens: probe.tokens, height: sigmoid(probe.score) }));
    const last = points.at(-1);
    const ended = lane.fate === "finished" && lane.quality != null && (!last || last.tokens < lane.tokens);
    return ended ? [...points, { tokens: lane.tokens, height: lane.quality }] : points;
  }
  const all = lanesOf(race).flatMap((other) => other.probes.map((probe) => probe.score ?? 0));
  const least = Math.min(...all), most = Math.max(...all);
  const height = (score) => (most > least ? (score - least) / (most - least) : 0.5);
  return probes.map((probe) => ({ tokens: probe.tokens, height: height(probe.score) }));
}

export function sigmoid(logit) {
  return 1 / (1 + Math.exp(-logit));
}

/** The probes at which lanes are judged: what the plan says, else where lanes were scored. */
export function probesOf(race) {
  if (race.plan) return race.plan.prune ? race.plan.probes : [];
  const seen = lanesOf(race).flatMap((lane) => lane.probes.map((probe) => probe.tokens));
  return [...new Set(seen)].sort((a, b) => a - b);
}

/** The largest count of tokens that the drawing must hold: a round number with some room. */
export function reach(race) {
  const longest = Math.max(0, ...lanesOf(race).map((lane) => lane.tokens), meanLength(race) ?? 0);
  const wanted = Math.max(longest * 1.04, 2 * Math.max(0, ...probesOf(race)), 32);
  const step = 2 ** Math.max(3, Math.floor(Math.log2(wanted)) - 3);
  return Math.ceil(wanted / step) * step;
}

/** Index of the candidate whose text is the answer, null before the end. */
export function winner(race) {
  if (!race.complete || !race.text) return null;
  const same = lanesOf(race).filter((lane) => lane.fate === "finished" && lane.text === race.text);
  return same[0]?.index ?? null;
}
