/** The public API, as the page uses it. The key stays in this tab. */

import { brokenOff, ofResponse, unreachable } from "./model/problems.js";
import { createDecoder, DONE } from "./model/sse.js";

export const BASE = new URL("../v1/", import.meta.url);
const KEY = "arrol-key";

/** A failure that people are told about; `problem` says how. */
export class Trouble extends Error {
  constructor(problem) {
    super(problem.message);
    this.problem = problem;
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

async function call(path, options = {}) {
  const headers = { ...options.headers };
  if (key.get()) headers.Authorization = `Bearer ${key.get()}`;
  let response;
  try {
    response = await fetch(new URL(path, BASE), { ...options, headers, credentials: "omit", cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble(unreachable());
  }
  if (response.ok) return response;
  throw new Trouble(ofResponse(response.status, await response.text().catch(() => ""), response.headers.get("retry-after")));
}

/** The served models and aliases: `[{id, parent?, arrol?}]`. */
export async function models() {
  return (await (await call("models")).json()).data;
}

/**
 * Ask, and hand each chunk of the stream to `onchunk(chunk, ms since asking)`.
 * Throws `Trouble`, and the AbortError of `signal`.
 */
export async function ask(body, signal, onchunk) {
  const began = performance.now();
  const headers = { "Content-Type": "application/json" };
  const response = await call("chat/completions", { method: "POST", headers, body: JSON.stringify(body), signal });
  const decode = createDecoder(), text = new TextDecoder();
  const reader = response.body.getReader();
  let heard = false;
  for (;;) {
    const { done, value } = await reader.read().catch((error) => {
      if (error.name === "AbortError") throw error;
      throw new Trouble(brokenOff(heard));
    });
    if (done) throw new Trouble(brokenOff(heard));
    for (const payload of decode(text.decode(value, { stream: true }))) {
      if (payload === DONE) return;
      const chunk = JSON.parse(payload);
      heard = true;
      onchunk(chunk, performance.now() - began);
      if (chunk.error) return;
    }
  }
}
