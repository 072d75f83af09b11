/** The same question asked in several ways, one after another. */

import { colourOf, newPalette } from "../model/colours.js";
import { clip, integer, probability, seconds } from "../model/format.js";
import { isEnded, lanesOf, reach, standings } from "../model/race.js";
import { byId, el, say, svg } from "./dom.js";
import { answer } from "./math.js";

const COLUMNS = ["", "Race", "Answer", "P(right)", "Tokens", "Time"];

/** The table of `ways` (of `model/request.js`), still empty. `onpick(race)`: a row's race is to be shown. */
export class Comparison {
  constructor(ways, question, onpick) {
    this.onpick = onpick;
    this.palette = newPalette();
    this.rows = ways.map((way) => {
      const row = { way, race: null };
      row.cells = cells(way, () => this.pick(row));
      return row;
    });
    const head = el("tr", {}, ...COLUMNS.map((name) => el("th", { scope: "col" }, name || el("span", { class: "unseen" }, "Way"))));
    byId("ways").replaceChildren(el("table", { class: "compared" }, el("thead", {}, head),
      el("tbody", {}, ...this.rows.map((row) => row.cells.line))));
    say(byId("comparison-line"), `“${clip(question, 80)}”, one way after another, so that times compare`);
    byId("comparison").hidden = false;
  }

  /** Run every row. `search(way, ondraw)` asks and returns the race, and throws what ends the comparison. */
  async run(search) {
    for (const row of this.rows) {
      row.cells.line.classList.add("on");
      this.press(row);
      try {
        await search(row.way, (race) => {
          row.race = race;
          this.drawAll(row);
        });
      } finally {
        row.cells.line.classList.remove("on");
      }
      row.cells.pick.disabled = false;
    }
  }

  pick(row) {
    this.press(row);
    this.onpick(row.race);
  }

  press(row) {
    for (const other of this.rows) other.cells.pick.setAttribute("aria-pressed", String(other === row));
  }

  /** `row`, and the others where answers have other colours now. */
  drawAll(row) {
    const colours = JSON.stringify([...this.palette.colours]);
    const rows = colours === this.colours ? [row] : this.rows.filter((other) => other.race);
    this.colours = colours;
    for (const other of rows) this.draw(other);
  }

  draw(row) {
    const { race, cells } = row;
    const { now } = race;
    const leader = standings(race)[0];
    drawSwarm(cells.swarm, race);
    cells.answer.replaceChildren(leader ? el("span", { class: colourOf(race, leader.cluster) }, el("i", { class: "dot" }),
      answer(clip(leader.answer, 24))) : "–");
    say(cells.sure, probability(leader?.probability));
    say(cells.time, seconds(now.elapsed_ms));
    say(cells.tokens, integer(now.tokens));
    const most = Math.max(1, ...this.rows.map((other) => other.race?.now.tokens ?? 0));
    for (const other of this.rows) {
      other.cells.level.setAttribute("width", `${(100 * (other.race?.now.tokens ?? 0)) / most}%`);
    }
  }
}

function cells(way, onpick) {
  const swarm = svg("svg", { class: "swarm", "aria-hidden": "true" });
  const level = svg("rect", { class: "level", width: 0, height: "100%", rx: 3 });
  const pick = el("button", { type: "button", disabled: true, "aria-pressed": "false", onclick: onpick }, way.name);
  const found = { swarm, level, pick, answer: el("td", { "data-name": "Answer" }, "–"), sure: el("td", { "data-name": "P(right)", class: "figure" }, "–"),
    tokens: el("span", {}, "–"), time: el("td", { "data-name": "Time", class: "figure" }, "–") };
  const spent = el("td", { "data-name": "Tokens", class: "figure" }, found.tokens, svg("svg", { class: "meter", "aria-hidden": "true" }, level));
  found.line = el("tr", { "data-way": way.id }, el("th", { scope: "row" }, pick), el("td", { class: "swarm-cell" }, swarm),
    found.answer, found.sure, spent, found.time);
  return found;
}

/** A race as a small picture: a thin bar for each candidate. */
function drawSwarm(box, race) {
  const lanes = lanesOf(race), most = reach(race);
  const step = 100 / Math.max(1, lanes.length);
  while (box.children.length > lanes.length) box.lastChild.remove();
  lanes.forEach((lane, i) => {
    const bar = box.children[i] ?? box.appendChild(svg("rect"));
    bar.setAttribute("class", `bar ${lane.fate} ${isEnded(lane) ? "" : colourOf(race, lane.cluster)}`);
    bar.setAttribute("y", `${i * step}%`);
    bar.setAttribute("height", `${step * 0.72}%`);
    bar.setAttribute("width", `${(100 * lane.tokens) / most}%`);
  });
}
