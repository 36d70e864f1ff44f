// The cells that are clamped from now on, under whatever lens, each with a button that releases it.

import { create } from "../document/dom.js";
import { clampName } from "./conversation_view.js";
import { t } from "../document/words.js";

/**
 * @param {Element} box
 * @param {import("../conversation/log.js").Clamp[]} cells
 * @param {(cells: import("../conversation/log.js").Clamp[]) => void} hold
 */
export function showHeldCells(box, cells, hold) {
  box.hidden = !cells.length;
  const shown = JSON.stringify([cells, t("hold.bar")]);
  if (box.shown === shown) return;
  box.shown = shown;
  const list = box.querySelector("ul");
  list.replaceChildren();
  for (const cell of cells) {
    const button = create("button", "", create("li", "", list));
    [button.type, button.textContent, button.ariaLabel] = ["button", clampName(cell), t("hold.release", { cell: clampName(cell) })];
    button.addEventListener("click", () => hold(cells.filter((each) => each !== cell)));
  }
}
