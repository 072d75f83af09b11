/** One candidate's lane: a bar of tokens, its scores as a line, what became of it. */

import { colourOf } from "../model/colours.js";
import { clip, integer, probability } from "../model/format.js";
import { calibrated, isAlive, isEnded, meanLength, savedBy, scorePoints, sigmoid } from "../model/race.js";
import { laneInWords } from "../model/words.js";
import { el, say, set, svg } from "./dom.js";
import { answer } from "./math.js";

const LONGEST_CHIP = 16;

/** A lane's elements. `onopen` is called when it is asked for. */
export class LaneView {
  constructor(index, onopen) {
    this.shown = 0;
    this.bar = svg("rect", { class: "bar", x: 0, y: "20%", height: "60%", rx: 2 });
    this.ghost = svg("rect", { class: "ghost", y: "20%", height: "60%", rx: 2 });
    this.cut = svg("line", { class: "cut", y1: "6%", y2: "94%" });
    this.probes = svg("g", { class: "probes" });
    this.scores = svg("g", { class: "scores" });
    this.track = svg("svg", { class: "track", "aria-hidden": "true", focusable: "false" },
      this.probes, this.ghost, this.bar, this.cut, this.scores);
    this.tokens = el("span", { class: "tokens" });
    this.chip = el("span", { class: "chip" });
    const number = el("span", { class: "number" }, String(index));
    this.button = el("button", { type: "button", class: "lane", "data-index": index, tabIndex: -1,
      onclick: () => onopen(index) }, number, this.track, this.tokens, this.chip);
    this.item = el("li", {}, this.button);
  }

  /** What changes with events: its state and words. */
  update(race, lane, won) {
    this.lane = lane;
    this.points = scorePoints(race, lane);
    this.until = isEnded(lane) ? Math.max(lane.tokens, Math.round(meanLength(race) ?? 0)) : 0;
    const leads = lane.answer != null && lane.answer === race.now.leader;
    const classes = ["lane", lane.fate, colourOf(race, isAlive(lane) ? null : lane.cluster)];
    if (leads) classes.push("leads");
    if (won) classes.push("won");
    set(this.button, { class: classes.filter(Boolean).join(" "), "aria-label": laneInWords(race, lane) + (won ? ", the answer" : "") });
    say(this.tokens, lane.fate === "queued" ? "" : integer(lane.tokens));
    this.sayChip(race, lane);
  }

  sayChip(race, lane) {
    const saved = savedBy(race, lane);
    const words = chipWords(race, lane, saved);
    const key = `${lane.fate} ${words} ${lane.cluster}`;
    if (key === this.chipKey) return;
    this.chipKey = key;
    const shown = lane.answer != null && lane.fate === "finished" ? answer(clip(lane.answer, LONGEST_CHIP)) : words;
    const mark = lane.cluster != null && lane.fate === "finished" ? el("i", { class: "dot" }) : null;
    this.chip.replaceChildren(...[mark, shown].filter((part) => part !== null));
  }

  /** What changes with every frame: places on the scale of `reach` tokens. */
  place(reach, probes) {
    const at = (tokens) => `${((100 * tokens) / reach).toFixed(2)}%`;
    const { lane, shown } = this;
    set(this.bar, { width: at(shown) });
    const rest = this.until > lane.tokens && shown >= lane.tokens - 0.5;
    set(this.ghost, rest ? { x: at(lane.tokens), width: at(this.until - lane.tokens), visibility: null } : { visibility: "hidden" });
    const cut = lane.fate === "pruned" && shown >= lane.tokens - 0.5;
    set(this.cut, cut ? { x1: at(lane.tokens), x2: at(lane.tokens), visibility: null } : { visibility: "hidden" });
    fill(this.probes, "line", probes.map((probe) => ({ x1: at(probe), x2: at(probe), y1: 0, y2: "100%" })));
    const dots = this.points.filter((point) => point.tokens <= shown + 0.5)
      .map((point) => ({ x: at(point.tokens), y: `${(84 - 68 * point.height).toFixed(1)}%` }));
    const lines = dots.slice(1).map((dot, i) => ({ x1: dots[i].x, y1: dots[i].y, x2: dot.x, y2: dot.y }));
    fill(this.scores, "line", lines);
    fill(this.scores, "circle", dots.map((dot) => ({ cx: dot.x, cy: dot.y, r: 2.4 })));
  }
}

/** Make the children of `group` that are `tag`s have exactly these attributes. */
function fill(group, tag, all) {
  const there = [...group.children].filter((child) => child.tagName === tag);
  all.forEach((attributes, i) => {
    if (!there[i]) group.append(svg(tag, attributes));
    else set(there[i], attributes);
  });
  there.slice(all.length).forEach((child) => child.remove());
}

function chipWords(race, lane, saved) {
  const minus = saved ? ` −${integer(saved)}` : "";
  switch (lane.fate) {
    case "queued": return "waiting";
    case "pruned": return `pruned${minus}`;
    case "cancelled": return `not needed${minus}`;
    case "truncated": return "cut off";
    case "lost": return "broken off";
    case "finished": return lane.answer === undefined ? "reading…" : lane.answer === null ? "no answer" : lane.answer;
    default: return soFar(race, lane);
  }
}

/** A running lane's last score, where it is a probability. */
function soFar(race, lane) {
  const score = lane.probes.at(-1)?.score;
  return score == null || !calibrated(race) ? "" : probability(sigmoid(score));
}
