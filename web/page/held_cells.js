// The cells that are clamped from now on, under whatever lens, each with a button that releases it.

import { addButton, create, find, isOutdated } from "../document/dom.js";
import { clampName } from "./conversation_view.js";
import { t } from "../document/words.js";

/** @import { Clamp } from "../engines/engine.js" */

/**
 * @param {HTMLElement} box
 * @param {Clamp[]} cells
 * @param {(cells: Clamp[]) => void} hold
 */
export function showHeldCells(box, cells, hold) {
  box.hidden = !cells.length;
  if (!isOutdated(box, [cells, t("hold.bar")])) return;
  const list = find(box, "ul");
  list.replaceChildren();
  for (const cell of cells) {
    const button = addButton(create("li", "", list), "", clampName(cell), () => hold(cells.filter((each) => each !== cell)));
    button.ariaLabel = t("hold.release", { cell: clampName(cell) });
  }
}
