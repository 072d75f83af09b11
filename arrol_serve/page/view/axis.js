/** The scale above the lanes: tokens, and where candidates are judged. */

import { integer } from "../model/format.js";
import { el, svg } from "./dom.js";

const CLOSEST = [9, 15]; // percent between two labels, in one column and in two

/** The scale's rows, one for each column of lanes. */
export function axis(reach, probes, columns) {
  return Array.from({ length: columns }, () => row(reach, probes, CLOSEST[columns - 1]));
}

function row(reach, probes, closest) {
  const track = svg("svg", { class: "track" });
  const percent = (tokens) => (100 * tokens) / reach;
  let last = -Infinity;
  for (const probe of probes) {
    const at = percent(probe);
    track.append(svg("line", { class: "probe", x1: `${at}%`, x2: `${at}%`, y1: 15, y2: 34 }));
    if (at - last < closest) continue;
    const first = probe === probes[0], alone = probes.length === 1;
    track.append(text("probe-label", at, 11, first ? `probe ${integer(probe)}` : integer(probe), first && !alone ? "end" : "middle"));
    last = at;
  }
  const step = roundStep(reach);
  for (let tokens = 0; tokens <= 0.97 * reach; tokens += step) {
    track.append(text("tick", percent(tokens), 31, integer(tokens), tokens === 0 ? "start" : "middle"));
  }
  return el("div", { class: "axis-row" }, el("span"), track, el("span", { class: "tokens" }, "tokens"), el("span", { class: "chip" }, "answer"));
}

/** A round number of tokens between two ticks, of which there are four to eight. */
function roundStep(reach) {
  return 2 ** Math.ceil(Math.log2(reach / 8));
}

function text(kind, at, y, words, anchor = "middle") {
  const made = svg("text", { class: kind, x: `${at}%`, y, "text-anchor": anchor });
  made.textContent = words;
  return made;
}
