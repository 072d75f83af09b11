/** Searches as files: what "Save" writes, and what "Open" takes. No DOM. */

import { newRace, take } from "./race.js";

const KIND = "arrol-search";
export const LARGEST = 64 * 2 ** 20;

/** A search with everything that the server said, and when. */
export function toFile(race) {
  return JSON.stringify({ kind: KIND, version: 1, request: race.asked, events: race.events }, null, 1);
}

/** A file name that says what was asked. */
export function fileName(question) {
  const words = question.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "");
  return `arrol-${words.slice(0, 40).replace(/-+$/, "") || "search"}.json`;
}

/**
 * The race in a file of ours, or in a saved reply with `"return": "candidates"`.
 * Throws an Error whose message says what the file is instead.
 */
export function fromFile(text) {
  let file;
  try {
    file = JSON.parse(text);
  } catch {
    throw new Error("It is not JSON. Open a file that this page saved, or a reply of the server.");
  }
  if (file?.kind === KIND) return ours(file);
  if (file?.arrol?.applied) return reply(file);
  if (file?.error?.message) throw new Error(`It holds an error instead of a search: ${file.error.message}`);
  throw new Error('It holds no search: a file saved here, or a reply to a request with an "arrol" object.');
}

function ours(file) {
  if (file.version !== 1) {
    throw new Error(`It was saved by another version of this page (${file.version}); this one reads version 1.`);
  }
  const { events, request } = file;
  if (!Array.isArray(events) || events.some((event) => !Array.isArray(event) || typeof event[1] !== "object")) {
    throw new Error("It was saved by this page, but its events are damaged.");
  }
  return { race: replayed(request, events), events };
}

/** The race that `events` make. Throws an Error where they are none. */
export function replayed(request, events) {
  const race = newRace(request ?? null);
  try {
    for (const [at, chunk] of events) take(race, chunk, Number(at) || 0);
  } catch {
    throw new Error("It was saved by this page, but its events are damaged.");
  }
  return race;
}

function reply(file) {
  if (!Array.isArray(file.arrol.candidates)) {
    throw new Error('It holds an answer but no candidates: ask with "return": "candidates" in the arrol object.');
  }
  const content = file.choices?.[0]?.message?.content ?? file.choices?.[0]?.text ?? "";
  const race = newRace(null);
  try {
    take(race, { arrol: file.arrol, usage: file.usage, choices: [{ delta: { content: String(content) } }] }, 0);
  } catch {
    throw new Error("Its arrol object is damaged: votes, samples or tokens are missing.");
  }
  return { race, events: [] };
}
