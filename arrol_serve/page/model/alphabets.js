/** Letters of formulas in other alphabets: bold, script, fraktur, double-struck. No DOM. */

/** LaTeX command -> alphabet, null: as it is. */
export const STYLES = { mathbb: "double-struck", mathbf: "bold", mathcal: "script", mathfrak: "fraktur", boldsymbol: "bold",
  mathit: null, mathsf: null, mathtt: null };

/** Letters in another alphabet: those of the mathematical block that fonts have. */
export function styled(tree, style) {
  if (style === null) return tree;
  if (tree.text !== undefined) return { ...tree, text: [...tree.text].map((char) => inStyle(char, style)).join("") };
  return { ...tree, children: tree.children.map((child) => styled(child, style)) };
}

const STARTS = { bold: [0x1d400, 0x1d41a, 0x1d7ce], script: [0x1d49c, 0x1d4b6], fraktur: [0x1d504, 0x1d51e],
  "double-struck": [0x1d538, 0x1d552, 0x1d7d8] };
const ELSEWHERE = { "double-struck": { C: "ℂ", H: "ℍ", N: "ℕ", P: "ℙ", Q: "ℚ", R: "ℝ", Z: "ℤ" },
  script: { B: "ℬ", E: "ℰ", F: "ℱ", H: "ℋ", I: "ℐ", L: "ℒ", M: "ℳ", R: "ℛ", e: "ℯ", g: "ℊ", o: "ℴ" },
  fraktur: { C: "ℭ", H: "ℌ", I: "ℑ", R: "ℜ", Z: "ℨ" } };

function inStyle(char, style) {
  const moved = ELSEWHERE[style]?.[char];
  if (moved) return moved;
  const [upper, lower, digit] = STARTS[style];
  const code = char.codePointAt(0);
  if (char >= "A" && char <= "Z") return String.fromCodePoint(upper + code - 65);
  if (char >= "a" && char <= "z") return String.fromCodePoint(lower + code - 97);
  return digit && char >= "0" && char <= "9" ? String.fromCodePoint(digit + code - 48) : char;
}
