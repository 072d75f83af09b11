/** The page: what happens when something is asked, stopped, opened or saved. */

import { ask, BASE, key, models, Trouble } from "./client.js";
import { clip } from "./model/format.js";
import { badFile, ofEvent } from "./model/problems.js";
import { breakOff, newRace, take } from "./model/race.js";
import { bodyOf, questionOf, streamed, waysOf } from "./model/request.js";
import { curl, python } from "./model/snippets.js";
import { headline, outcomeInWords } from "./model/words.js";
import { busy, offer, presetsOf, setQuestion, setUpAsk } from "./view/ask.js";
import { Comparison } from "./view/compare.js";
import { openDetail, refreshDetail } from "./view/detail.js";
import { byId, say } from "./view/dom.js";
import { Lanes } from "./view/lanes.js";
import { buildLegend } from "./view/legend.js";
import { showOutcome } from "./view/outcome.js";
import { clearProblem, showProblem } from "./view/problem.js";
import { open, save, showCode } from "./view/share.js";
import { setUpTheme } from "./view/theme.js";

const LONGEST_REPLAY_MS = 20_000;
const NO_KEY = "It stays in this tab, and goes into no address and no file.";
const WRONG_KEY = "It does not know the key that was given.";
const lanes = new Lanes(byId("lanes"), byId("axis"), (index) => openDetail(shown, index));
/** The race on the page, and what ends what is running. */
let shown = null;
let running = null;

/** Show a race from its beginning. */
function begin(race) {
  shown = race;
  clearProblem();
  byId("hint").hidden = true;
  byId("actions").hidden = true;
  say(byId("spoken"), "");
  lanes.clear();
  paint(race, []);
}

function paint(race, changed = null) {
  lanes.show(race, changed);
  refreshDetail(race, changed ?? race.lanes.map((lane) => lane.index));
  showOutcome(race);
  say(byId("headline"), headline(race));
}

/** What is there once nothing more comes. */
function finish(race) {
  if (!race.complete && !race.brokenOff) breakOff(race, "it");
  paint(race);
  byId("actions").hidden = race.events.length === 0;
  byId("replay").hidden = race.events.length < 3;
  for (const id of ["as-curl", "as-python"]) byId(id).hidden = !race.asked;
  say(byId("spoken"), outcomeInWords(race));
}

/** In the next frame, or in a tenth of a second where frames are late: hidden tabs, a machine with much else to do. */
function soon(work) {
  let done = false;
  const once = () => {
    if (!done) {
      done = true;
      work();
    }
  };
  requestAnimationFrame(once);
  setTimeout(once, 100);
}

/** Changes are drawn once a frame, however many chunks came. */
function painter(race, ondraw) {
  let waiting = null;
  return (changed) => {
    if (waiting) return waiting.push(...changed);
    waiting = [...changed];
    soon(() => {
      const all = waiting;
      waiting = null;
      if (shown === race) paint(race, all);
      ondraw(race);
    });
    return null;
  };
}

/** Do `work(signal)` while the Stop button is there; tell people what went wrong. `again`: the way to repeat it. */
async function whileBusy(work, again) {
  running?.abort();
  const control = (running = new AbortController());
  busy(true);
  try {
    await work(control.signal);
  } catch (error) {
    if (error.name !== "AbortError") tell(error, again);
  } finally {
    if (running === control) {
      running = null;
      busy(false);
    }
  }
}

function tell(error, again) {
  if (!(error instanceof Trouble)) console.error(error);
  const problem = error.problem ?? { kind: "again", title: "This page failed", message: String(error.message), field: null };
  if (problem.kind === "key") problem.message = key.get() ? WRONG_KEY : NO_KEY;
  showProblem(problem, { again, useKey: (value) => (key.set(value), showKey(), clearProblem(), again()), openFile: chooseFile });
}

function search(form) {
  return whileBusy((signal) => {
    byId("comparison").hidden = true;
    return run(bodyOf(form), signal);
  }, () => search(form));
}

/**
 * Ask for `body` and show the race; `ondraw(race)` with each frame of it; `palette`: that of races beside it. What
 * was shown stays if nothing comes.
 */
async function run(body, signal, ondraw = () => {}, palette = undefined) {
  const race = newRace(body, palette), before = shown;
  begin(race);
  const later = painter(race, ondraw);
  try {
    await ask(streamed(body), signal, (chunk, at) => later(take(race, chunk, at)));
    if (race.error) throw new Trouble(ofEvent(race.error));
  } catch (error) {
    if (error.name === "AbortError") breakOff(race, "you");
    throw error;
  } finally {
    if (!race.events.length) restore(before);
    else if (shown === race) finish(race);
    ondraw(race);
  }
}

function restore(race) {
  shown = race;
  lanes.clear();
  byId("hint").hidden = race !== null;
  if (race) show(race);
  else blank();
}

/** Before the first race. */
function blank() {
  showOutcome(newRace(null));
  say(byId("headline"), "");
}

/** Show a race that is over, as it ended. */
function show(race) {
  begin(race);
  finish(race);
  lanes.settle();
}

function compare(form) {
  const ways = waysOf(presetsOf(form.model), form.samples || "16");
  const plain = bodyOf({ ...form, preset: "", samples: "", confidence: "", keep: "", probes: "", vote: "" });
  return whileBusy(async (signal) => {
    clearProblem();
    const comparison = new Comparison(ways, form.question, show);
    byId("comparison").scrollIntoView({ block: "nearest" });
    await comparison.run((way, ondraw) => run({ ...plain, arrol: way.options }, signal, ondraw, comparison.palette));
    say(byId("spoken"), "The comparison is complete.");
  }, () => compare(form));
}

/** Show a recorded race again, at its own pace. */
function replay(recorded) {
  const { events, asked } = recorded;
  const pace = Math.max(1, events.at(-1)[0] / LONGEST_REPLAY_MS);
  return whileBusy(async (signal) => {
    const race = newRace(asked);
    begin(race);
    const began = performance.now();
    for (const [at, chunk] of events) {
      const rest = at / pace - (performance.now() - began);
      if (rest > 0 && !signal.aborted) await Promise.race([pause(rest), aborted(signal)]);
      const changed = take(race, chunk, at);
      if (!signal.aborted) paint(race, changed);
    }
    finish(race);
  }, () => replay(recorded));
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const aborted = (signal) => new Promise((done) => signal.addEventListener("abort", done, { once: true }));

function chooseFile() {
  byId("file").click();
}

async function openFile(file) {
  running?.abort();
  try {
    const { race } = await open(file);
    byId("comparison").hidden = true;
    if (race.asked) setQuestion(questionOf(race.asked), false);
    show(race);
  } catch (error) {
    showProblem(badFile(clip(file.name, 60), error.message), { openFile: chooseFile });
  }
}

async function loadModels() {
  try {
    const cards = await models();
    offer(cards);
    say(byId("where"), `${cards.find((card) => !card.arrol)?.id ?? ""} on ${location.host}`);
    clearProblem();
  } catch (error) {
    tell(error, loadModels);
  }
}

function showKey() {
  byId("key").hidden = key.get() === "";
}

function showSnippet(title, write) {
  const withKey = key.get() !== "";
  const note = withKey ? "The key is not in it: put it into the environment as ARROL_KEY." : null;
  showCode(title, write(shown.asked, BASE.href, withKey), note);
}

setUpTheme();
buildLegend();
blank();
setUpAsk({ onask: search, oncompare: compare });
byId("stop").addEventListener("click", () => running?.abort());
byId("open").addEventListener("click", chooseFile);
byId("file").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  target.value = ""; // the same one may be opened again
  if (file) openFile(file);
});
byId("save").addEventListener("click", () => save(shown));
byId("replay").addEventListener("click", () => replay(shown));
byId("as-curl").addEventListener("click", () => showSnippet("As curl", curl));
byId("as-python").addEventListener("click", () => showSnippet("As Python", python));
byId("key").addEventListener("click", () => {
  key.set("");
  showKey();
  loadModels();
});
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files[0]) openFile(event.dataTransfer.files[0]);
});
showKey();
loadModels();
