/** What went wrong, and the way on. No DOM. */

/**
 * A problem: `kind` decides the way on, `title` and `message` are for people, `field` names the
 * part of the request that the server refused, `waitS` the seconds that it asked to wait.
 */
function problem(kind, title, message, more = {}) {
  return { kind, title, message, field: null, waitS: null, ...more };
}

const TITLES = {
  400: ["refused", "The server did not take the question"],
  401: ["key", "This server asks for a key"],
  404: ["refused", "The server does not know what was asked for"],
  408: ["again", "The question took too long to arrive"],
  413: ["refused", "The question is too long for this server"],
  429: ["wait", "The server is busy"],
  503: ["down", "The server cannot answer now"],
  504: ["again", "The time was up before any candidate had ended"],
};

/** Of an HTTP response that is none: its status, its body as text, its Retry-After. */
export function ofResponse(status, text, retryAfter) {
  const said = errorOf(text);
  const [kind, title] = TITLES[status] ?? ["again", `The server answered with status ${status}`];
  const waitS = Number.parseInt(retryAfter ?? "", 10);
  return problem(kind, said.code === "rate_limited" ? "This key has used up what it may" : title, said.message, {
    field: said.param,
    waitS: Number.isFinite(waitS) ? Math.max(1, waitS) : kind === "wait" ? 5 : null,
  });
}

function errorOf(text) {
  try {
    const { message, param, code } = JSON.parse(text).error;
    return { message: String(message), param: param ?? null, code: code ?? null };
  } catch {
    return { message: "It did not say why. A proxy in between may have answered instead.", param: null, code: null };
  }
}

/** Of an error event inside a stream. */
export function ofEvent(error) {
  const code = error.code ?? "";
  const message = error.message ?? "It did not say why.";
  if (code === "overloaded") return problem("wait", TITLES[429][1], message, { waitS: 5 });
  if (code === "engine_unavailable" || code === "shutting_down") return problem("down", TITLES[503][1], message);
  return problem("again", "The server gave up on this search", message);
}

/** The server could not be reached at all. */
export function unreachable() {
  return problem("down", "The server does not answer",
    "It may have stopped, or the network between here and there is broken.");
}

/** The stream ended before the search did. */
export function brokenOff(heard) {
  const found = heard ? ` Below is what had come until then.` : "";
  return problem("again", "The connection broke in the middle of the search",
    `The server may have stopped or been restarted.${found}`);
}

/** A file that could not be opened. */
export function badFile(name, message) {
  return problem("file", `${name} could not be opened`, message);
}
