// The cells that are clamped from now on, under whatever lens, each with a button that releases it.

import { addButton, create, find, findAll, isOutdated } from "../document/dom.js";
import { clampName } from "./conversation_view.js";
import { t } from "../document/words.js";

/** @import { Clamp } from "../engines/engine.js" */

/**
 * @param {HTMLElement} box
 * @param {Clamp[]} cells
 * @param {(cells: Clamp[]) => void} hold
 * @param {HTMLElement} prompt gets the focus after the last cell was released
 */
export function showHeldCells(box, cells, hold, prompt) {
  if (!isOutdated(box, [cells, t("hold.bar")])) {
    box.hidden = !cells.length;
    return;
  }
  const list = find(box, "ul");
  const focused = findAll(list, "button").findIndex((button) => button === document.activeElement);
  list.replaceChildren();
  for (const cell of cells) {
    const button = addButton(create("li", "", list), "", clampName(cell), () => hold(cells.filter((each) => each !== cell)));
    button.ariaLabel = t("hold.release", { cell: clampName(cell) });
  }
  box.hidden = !cells.length;
  if (focused >= 0) (findAll(list, "button")[Math.min(focused, cells.length - 1)] ?? prompt).focus({ preventScroll: true });
}
