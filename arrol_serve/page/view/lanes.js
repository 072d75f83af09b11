/** All lanes of a race: waves, keys, and the frames in which bars grow. */

import { count } from "../model/format.js";
import { lanesOf, meanLength, probesOf, reach, winner } from "../model/race.js";
import { axis } from "./axis.js";
import { calm, el, say } from "./dom.js";
import { LaneView } from "./lane.js";

const CATCH_UP_MS = 110;
/** Above so many lanes they stand in two columns, where there is room. */
const ONE_COLUMN = 32;
const WIDE = matchMedia("(min-width: 1100px)");

export class Lanes {
  /** `onopen(index)`: a lane was asked for. */
  constructor(box, axisBox, onopen) {
    this.box = box;
    this.axisBox = axisBox;
    this.onopen = onopen;
    box.addEventListener("keydown", (event) => this.move(event));
    box.addEventListener("focusin", (event) => this.current(event.target.closest(".lane")));
    WIDE.addEventListener("change", () => this.race && this.layOut());
    this.clear();
  }

  clear() {
    this.race = null;
    this.views = new Map();
    this.waves = new Map();
    this.scale = 0;
    this.box.replaceChildren();
    this.axisBox.replaceChildren();
  }

  /** Show a race; `changed`: indexes of the lanes to look at, all by default. */
  show(race, changed = null) {
    if (race !== this.race) {
      this.clear();
      this.race = race;
    }
    const won = winner(race);
    const shared = JSON.stringify([meanLength(race), race.now.leader, [...race.palette.colours]]);
    const all = changed === null || race.complete || shared !== this.shared;
    this.shared = shared;
    for (const lane of all ? lanesOf(race) : changed.map((index) => race.lanes[index])) {
      this.viewOf(lane).update(race, lane, lane.index === won);
    }
    if (this.views.size && !this.box.querySelector('[tabindex="0"]')) this.current(this.box.querySelector(".lane"));
    this.layOut();
    this.run();
  }

  /** Without growth: bars stand where they are. */
  settle() {
    for (const view of this.views.values()) view.shown = view.lane.tokens;
    this.scale = reach(this.race);
    this.draw();
  }

  viewOf(lane) {
    let view = this.views.get(lane.index);
    if (!view) {
      view = new LaneView(lane.index, this.onopen);
      this.views.set(lane.index, view);
      this.listOf(lane.wave ?? 0).append(view.item);
    }
    return view;
  }

  listOf(wave) {
    if (!this.waves.has(wave)) {
      const list = el("ol", { class: "lane-list" });
      const title = el("h3", { class: "wave" });
      this.waves.set(wave, { list, title });
      this.box.append(el("section", {}, title, list));
    }
    return this.waves.get(wave).list;
  }

  layOut() {
    for (const [wave, { list, title }] of this.waves) {
      title.hidden = this.waves.size < 2;
      say(title, `Wave ${wave + 1}: ${count(list.children.length, "candidate")}`);
      list.setAttribute("aria-label", `Candidates of wave ${wave + 1}`);
    }
    const size = this.race.plan?.samples ?? this.views.size;
    const columns = size > ONE_COLUMN && WIDE.matches ? 2 : 1;
    this.box.dataset.columns = this.axisBox.dataset.columns = columns;
    this.box.dataset.size = this.axisBox.dataset.size = size > ONE_COLUMN ? "many" : size > 16 ? "some" : "few";
  }

  run() {
    if (calm()) return this.settle();
    if (this.frame) return;
    let last = performance.now();
    const step = (now) => {
      this.frame = this.race && this.grow(Math.max(0, now - last)) ? requestAnimationFrame(step) : null;
      last = now;
    };
    this.frame = requestAnimationFrame(step);
  }

  /** One frame, `ms` after the last. Whether there is more to come. */
  grow(ms) {
    const share = 1 - Math.exp(-ms / CATCH_UP_MS);
    const wanted = reach(this.race);
    this.scale ||= wanted;
    let moving = Math.abs(wanted - this.scale) > wanted / 1000;
    this.scale = moving ? this.scale + (wanted - this.scale) * share : wanted;
    for (const view of this.views.values()) {
      const rest = view.lane.tokens - view.shown;
      view.shown = Math.abs(rest) < 0.3 ? view.lane.tokens : view.shown + rest * share;
      moving ||= view.shown !== view.lane.tokens;
    }
    this.draw();
    return moving;
  }

  draw() {
    const probes = probesOf(this.race);
    const key = `${this.scale.toFixed(1)} ${probes} ${this.box.dataset.columns}`;
    if (key !== this.axisKey || !this.axisBox.firstChild) {
      this.axisKey = key;
      if (this.views.size) this.axisBox.replaceChildren(...axis(this.scale, probes, Number(this.box.dataset.columns)));
    }
    for (const view of this.views.values()) view.place(this.scale, probes);
  }

  /** Make `lane` the one that Tab reaches. */
  current(lane) {
    if (!lane) return;
    this.box.querySelector('[tabindex="0"]')?.setAttribute("tabindex", "-1");
    lane.setAttribute("tabindex", "0");
  }

  move(event) {
    const steps = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    const lanes = [...this.box.querySelectorAll(".lane")];
    const here = lanes.indexOf(event.target.closest(".lane"));
    if (step === undefined || here < 0) return;
    event.preventDefault();
    lanes[Math.min(lanes.length - 1, Math.max(0, here + step))].focus();
  }
}
