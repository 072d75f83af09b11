/** Formulas and prose of models, on the page. */

import { looksLikeFormula, pieces } from "../model/prose.js";
import { parse } from "../model/tex.js";
import { el } from "./dom.js";

const MATHML = "http://www.w3.org/1998/Math/MathML";

/** A formula as MathML, or its source where it does not parse. */
export function formula(source, display = false) {
  let tree;
  try {
    tree = parse(source);
  } catch {
    return el("code", { class: "tex" }, source);
  }
  const math = document.createElementNS(MATHML, "math");
  if (display) math.setAttribute("display", "block");
  math.setAttribute("aria-label", source);
  math.append(build(tree));
  return math;
}

function build(tree) {
  const made = document.createElementNS(MATHML, tree.tag);
  for (const [name, value] of Object.entries(tree.attrs)) made.setAttribute(name, value);
  if (tree.text !== undefined) made.textContent = tree.text;
  else made.append(...tree.children.map(build));
  return made;
}

/** An answer, as a formula if it looks like one. */
export function answer(text) {
  return looksLikeFormula(text) ? formula(text) : document.createTextNode(text);
}

/** A reply, its formulas set. */
export function prose(text) {
  const whole = el("div", { class: "prose" });
  for (const piece of pieces(text)) {
    whole.append(piece.math === undefined ? piece.text : formula(piece.math, piece.display));
  }
  return whole;
}
