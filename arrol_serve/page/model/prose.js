/** Text of a model as pieces: plain text, and formulas between their marks. No DOM. */

const MARKS = [["$$", "$$"], ["\\[", "\\]"], ["\\(", "\\)"]];

/** `[{text}, {math, source, display}, ...]`; joined sources are the text. */
export function pieces(text) {
  const found = [];
  let plain = "", at = 0;
  const put = (piece) => {
    if (plain) found.push({ text: plain });
    plain = "";
    found.push(piece);
  };
  while (at < text.length) {
    const piece = formulaAt(text, at);
    if (piece) {
      put(piece);
      at += piece.source.length;
    } else {
      const step = /^[^$\\]+/.exec(text.slice(at, at + 4096))?.[0].length ?? 1;
      plain += text.slice(at, at + step);
      at += step;
    }
  }
  if (plain) found.push({ text: plain });
  return found;
}

function formulaAt(text, at) {
  for (const [open, close] of MARKS) {
    if (!text.startsWith(open, at)) continue;
    const end = text.indexOf(close, at + 2);
    if (end < 0) return null;
    const display = open !== "\\(";
    return { math: text.slice(at + 2, end), source: text.slice(at, end + 2), display };
  }
  if (text[at] === "$" && text[at - 1] !== "\\") return dollars(text, at);
  return text.startsWith("\\boxed{", at) ? boxed(text, at) : null;
}

/** `$x$`, unless the dollars are money: no space inside the marks, no digit after the second. */
function dollars(text, at) {
  const line = text.slice(at, at + 600).split("\n", 1)[0];
  const found = /^\$(?!\s)((?:\\.|[^$\\])*?)(?<!\s)\$(?!\d)/.exec(line);
  return found && found[1] ? { math: found[1], source: found[0], display: false } : null;
}

function boxed(text, at) {
  let depth = 0;
  for (let i = at + "\\boxed".length; i < text.length && i < at + 2000; i++) {
    if (text[i] === "{") depth++;
    else if (text[i] === "}" && --depth === 0) {
      const source = text.slice(at, i + 1);
      return { math: source, source, display: false };
    }
  }
  return null;
}

/** Whether an answer is a formula rather than words. */
export function looksLikeFormula(answer) {
  return /\\[a-zA-Z({[]|[\^_]\{|\w[\^_]\w/.test(answer) && !/\s\w+\s\w+\s/.test(answer.replace(/\\text\{[^}]*\}/g, ""));
}
