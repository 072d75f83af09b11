/** How to read a lane. */

import { byId, el, svg } from "./dom.js";

const SIGNS = [
  ["tokens so far", () => [svg("rect", { class: "bar", x: 0, y: 4, width: 26, height: 8, rx: 2 })]],
  ["score at each probe, up is better", () => [
    svg("line", { x1: 3, y1: 12, x2: 14, y2: 5 }), svg("line", { x1: 14, y1: 5, x2: 25, y2: 8 }),
    svg("circle", { cx: 3, cy: 12, r: 2.2 }), svg("circle", { cx: 14, cy: 5, r: 2.2 }), svg("circle", { cx: 25, cy: 8, r: 2.2 })], "scores"],
  ["pruned", () => [svg("rect", { class: "bar faded", x: 0, y: 4, width: 18, height: 8, rx: 2 }),
    svg("line", { class: "cut", x1: 18, x2: 18, y1: 1, y2: 15 })]],
  ["about what that saved", () => [svg("rect", { class: "ghost", x: 1, y: 4, width: 25, height: 8, rx: 2 })]],
  ["same colour, same answer", () => [svg("circle", { class: "first", cx: 6, cy: 8, r: 4 }),
    svg("circle", { class: "second", cx: 19, cy: 8, r: 4 })]],
];

export function buildLegend() {
  byId("legend").replaceChildren(...SIGNS.map(([words, draw, kind = ""]) => el("li", {},
    svg("svg", { class: kind, width: 28, height: 16, "aria-hidden": "true" }, ...draw()), words)));
}
