/** Server-sent events out of a byte stream's text. No DOM. */

/**
 * A decoder: feed it text as it comes, it returns the payloads of the `data:` lines completed by it.
 * Comments (keep-alives), other fields and blank lines are skipped.
 */
export function createDecoder() {
  let rest = "";
  return (text) => {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    return lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart());
  };
}

export const DONE = "[DONE]";
