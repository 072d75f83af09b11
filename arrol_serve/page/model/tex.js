/**
 * LaTeX formulas as a tree for MathML: `{tag, attrs, children}` or `{tag, attrs, text}`. No DOM.
 * What it does not know it shows as text; what does not fit together throws an Error, and the caller
 * shows the source. Models write it, so depth and length are bounded.
 */

import { STYLES, styled } from "./alphabets.js";
import { ACCENTS, FUNCTIONS, LARGE, LETTERS, OPERATORS, SILENT, SPACES } from "./symbols.js";

const LONGEST = 2000;
const DEEPEST = 40;
const TOKEN = /\\([a-zA-Z]+)\*?\s*|\\(.)|(\s+)|(\d+(?:[.,]\d+)*)|([\s\S])/gu;
const TEXTS = new Set(["text", "textrm", "textbf", "textit", "mathrm", "operatorname", "mbox", "texttt", "textsf"]);
const FENCES = { matrix: ["", ""], pmatrix: ["(", ")"], bmatrix: ["[", "]"], Bmatrix: ["{", "}"], vmatrix: ["|", "|"],
  cases: ["{", ""], array: ["", ""], aligned: ["", ""], "align*": ["", ""], align: ["", ""] };

/** The tree of a formula, an `mrow`. */
export function parse(source) {
  if (source.length > LONGEST) throw new Error("too long");
  const parser = new Parser(source);
  const children = parser.row(() => parser.peek() === undefined, 0);
  return node("mrow", children);
}

function node(tag, children, attrs = {}) {
  return { tag, attrs, children };
}

function leaf(tag, text, attrs = {}) {
  return { tag, attrs, text };
}

class Parser {
  constructor(source) {
    this.tokens = [...source.matchAll(TOKEN)].map(([all, command, escaped, space, number, other]) => {
      if (command !== undefined) return { kind: "command", name: command, all };
      if (escaped !== undefined) return { kind: "command", name: escaped, all };
      if (space !== undefined) return { kind: "space", all };
      return number !== undefined ? { kind: "number", all } : { kind: "char", name: other, all };
    });
    this.at = 0;
  }

  peek() {
    return this.tokens[this.at];
  }

  next() {
    const token = this.tokens[this.at++];
    if (!token) throw new Error("it ends too early");
    return token;
  }

  isChar(name) {
    const token = this.peek();
    return token?.kind === "char" && token.name === name;
  }

  isCommand(name) {
    const token = this.peek();
    return token?.kind === "command" && token.name === name;
  }

  skipSpace() {
    while (this.peek()?.kind === "space") this.at++;
  }

  /** Items until `ends` holds, which is not consumed. */
  row(ends, depth) {
    if (depth > DEEPEST) throw new Error("too deep");
    const items = [];
    for (;;) {
      this.skipSpace();
      if (ends()) return items;
      const item = this.scripted(depth);
      if (item) items.push(item);
    }
  }

  /** An item with the subscript and superscript that follow it. */
  scripted(depth) {
    const base = this.isChar("_") || this.isChar("^") ? node("mrow", []) : this.item(depth);
    let sub = null, sup = null;
    for (;;) {
      this.skipSpace();
      if (this.isChar("_") && !sub) sub = (this.at++, this.argument(depth));
      else if (this.isChar("^") && !sup) sup = (this.at++, this.argument(depth));
      else if (this.isChar("'") && !sup) sup = (this.at++, leaf("mo", "′"));
      else if (this.isChar("_") || this.isChar("^")) throw new Error("two scripts of a kind");
      else break;
    }
    if (!sub && !sup) return base;
    const around = base?.around === true;
    const tags = around ? ["munder", "mover", "munderover"] : ["msub", "msup", "msubsup"];
    const whole = base ?? node("mrow", []);
    if (sub && sup) return node(tags[2], [whole, sub, sup]);
    return sub ? node(tags[0], [whole, sub]) : node(tags[1], [whole, sup]);
  }

  /** What a command or a script applies to: a group in braces, or one item. */
  argument(depth) {
    this.skipSpace();
    return this.isChar("{") ? this.group(depth) : this.item(depth + 1) ?? node("mrow", []);
  }

  group(depth) {
    this.at++;
    const items = this.row(() => this.isChar("}"), depth + 1);
    this.at++;
    return items.length === 1 ? items[0] : node("mrow", items);
  }

  item(depth) {
    if (depth > DEEPEST) throw new Error("too deep");
    const token = this.next();
    if (token.kind === "number") return leaf("mn", token.all);
    if (token.kind === "command") return this.command(token.name, depth);
    if (token.name === "{") return (this.at--, this.group(depth));
    if (token.name === "}") throw new Error("a brace too many");
    if (token.name === "&") return null;
    if (token.name === "~") return leaf("mspace", "", { width: "0.33em" });
    if (/\p{L}/u.test(token.name)) return leaf("mi", token.name);
    if (token.name === "-") return leaf("mo", "−");
    return leaf("mo", token.name, /[()[\]|]/.test(token.name) ? { stretchy: "false" } : {});
  }

  command(name, depth) {
    if (Object.hasOwn(LETTERS, name)) return leaf("mi", LETTERS[name]);
    if (Object.hasOwn(OPERATORS, name)) return leaf("mo", OPERATORS[name], { stretchy: "false" });
    if (Object.hasOwn(LARGE, name)) return { ...leaf("mo", LARGE[name]), around: !name.endsWith("int") };
    if (FUNCTIONS.has(name)) return { ...leaf("mi", name), around: /^(lim|max|min|sup|inf)/.test(name) };
    if (Object.hasOwn(SPACES, name)) return leaf("mspace", "", { width: SPACES[name] });
    if (SILENT.has(name)) return null;
    if (TEXTS.has(name)) return leaf("mtext", this.raw());
    if (Object.hasOwn(STYLES, name)) return styled(this.argument(depth), STYLES[name]);
    if (Object.hasOwn(ACCENTS, name)) return accented(this.argument(depth), ACCENTS[name]);
    return this.structure(name, depth);
  }

  structure(name, depth) {
    switch (name) {
      case "frac": case "dfrac": case "tfrac": case "cfrac":
        return node("mfrac", [this.digitOrArgument(depth), this.digitOrArgument(depth)]);
      case "binom": case "dbinom": case "tbinom":
        return fenced("(", node("mfrac", [this.argument(depth), this.argument(depth)], { linethickness: "0" }), ")");
      case "sqrt": return this.root(depth);
      case "boxed": case "fbox": return node("mrow", [this.argument(depth)], { class: "boxed" });
      case "left": return this.delimited(depth);
      case "begin": return this.environment(depth);
      case "overset": case "stackrel": return swapped("mover", this.argument(depth), this.argument(depth));
      case "underset": return swapped("munder", this.argument(depth), this.argument(depth));
      case "pmod": return fenced("(", node("mrow", [leaf("mi", "mod"), leaf("mspace", "", { width: "0.3em" }),
        this.argument(depth)]), ")");
      case "\\": return leaf("mspace", "", { width: "1em" });
      case "right": case "end": throw new Error(`\\${name} without its beginning`);
      default: return /^[a-zA-Z]/.test(name) ? leaf("mtext", name) : leaf("mo", name);
    }
  }

  /** `\frac12` is one half: digits count one by one there. (Of x^12 people mean the twelfth power.) */
  digitOrArgument(depth) {
    this.skipSpace();
    const token = this.peek();
    if (token?.kind !== "number" || token.all.length === 1) return this.argument(depth);
    this.tokens.splice(this.at, 1, { kind: "number", all: token.all[0] }, { kind: "number", all: token.all.slice(1) });
    return leaf("mn", this.next().all);
  }

  root(depth) {
    this.skipSpace();
    if (!this.isChar("[")) return node("msqrt", [this.argument(depth)]);
    this.at++;
    const degree = node("mrow", this.row(() => this.isChar("]"), depth + 1));
    this.at++;
    return node("mroot", [this.argument(depth), degree]);
  }

  delimited(depth) {
    const open = this.delimiter();
    const inner = this.row(() => this.isCommand("right"), depth + 1);
    this.at++;
    return fenced(open, node("mrow", inner), this.delimiter());
  }

  delimiter() {
    this.skipSpace();
    const token = this.next();
    if (token.kind === "char") return token.name === "." ? "" : token.name;
    return OPERATORS[token.name] ?? token.name;
  }

  environment(depth) {
    const name = this.raw();
    const fences = FENCES[name];
    if (!fences) throw new Error(`unknown environment ${name}`);
    this.skipSpace();
    if (name === "array" && this.isChar("{")) this.raw();
    const rows = [[]];
    for (;;) {
      const cell = this.row(() => this.isChar("&") || this.isCommand("\\") || this.isCommand("end"), depth + 1);
      rows.at(-1).push(node("mtd", cell));
      const token = this.next();
      if (token.name === "end") break;
      if (token.name === "\\") rows.push([]);
    }
    this.raw();
    const full = rows.filter((row) => row.some((cell) => cell.children.length));
    return fenced(fences[0], node("mtable", full.map((row) => node("mtr", row))), fences[1]);
  }

  /** The source of a group in braces, or of one token. */
  raw() {
    this.skipSpace();
    if (!this.isChar("{")) return this.next().all;
    let text = "", depth = 0;
    do {
      const token = this.next();
      if (token.kind === "char" && token.name === "{") depth++;
      if (token.kind === "char" && token.name === "}") depth--;
      text += token.kind === "command" && /\W/.test(token.name) ? token.name : token.all;
    } while (depth > 0);
    return text.slice(1, -1);
  }
}

function fenced(open, inner, close) {
  const fence = (text) => (text ? [leaf("mo", text, { fence: "true" })] : []);
  return node("mrow", [...fence(open), inner, ...fence(close)]);
}

function swapped(tag, script, base) {
  return node(tag, [base, script]);
}

function accented(base, mark) {
  return node("mover", [base, leaf("mo", mark, { stretchy: mark === "¯" || mark === "→" ? "true" : "false" })],
    { accent: "true" });
}
