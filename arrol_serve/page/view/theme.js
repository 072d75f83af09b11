/** Dark or light: as the system says, until someone chooses. */

import { byId } from "./dom.js";

const NAMES = ["auto", "light", "dark"];
const PLACE = "arrol-theme";

export function setUpTheme() {
  show(localStorage.getItem(PLACE) ?? "auto");
  byId("theme").addEventListener("click", () => {
    const now = document.documentElement.dataset.theme;
    const next = NAMES[(NAMES.indexOf(now) + 1) % NAMES.length];
    localStorage.setItem(PLACE, next);
    show(next);
  });
}

function show(name) {
  document.documentElement.dataset.theme = NAMES.includes(name) ? name : "auto";
  byId("theme").textContent = `Theme: ${document.documentElement.dataset.theme}`;
}
