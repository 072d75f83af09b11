/** Searches as files and as commands. */

import { fileName, fromFile, LARGEST, toFile } from "../model/saved.js";
import { questionOf } from "../model/request.js";
import { byId, el } from "./dom.js";

/** Hand the search to the browser as a file. */
export function save(race) {
  const blob = new Blob([toFile(race)], { type: "application/json" });
  const url = URL.createObjectURL(blob);
  const link = el("a", { href: url, download: fileName(questionOf(race.asked)) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** The race in a file. Throws an Error that says what is wrong with it. */
export async function open(file) {
  if (file.size > LARGEST) throw new Error("It is larger than 64 MiB: no search of this page is.");
  return fromFile(await file.text());
}

/** Show `code` with a button that copies it. */
export function showCode(title, code, note) {
  const dialog = byId("code");
  const text = el("pre", { tabIndex: 0, "aria-label": title }, el("code", {}, code));
  const copy = el("button", { type: "button", class: "primary" }, "Copy");
  copy.addEventListener("click", async () => {
    copy.textContent = (await copied(code, text)) ? "Copied" : "Press Ctrl+C";
  });
  dialog.replaceChildren(
    el("header", {}, el("h2", { id: "code-title" }, title), copy,
      el("button", { type: "button", onclick: () => dialog.close() }, "Close")),
    text, note ? el("p", { class: "note" }, note) : "");
  dialog.showModal();
  copy.focus();
}

/** Browsers give the clipboard to secure pages only; elsewhere the text is selected, to be copied by hand. */
async function copied(code, element) {
  try {
    await navigator.clipboard.writeText(code);
    return true;
  } catch {
    getSelection().selectAllChildren(element);
    return false;
  }
}
