// The cells that are clamped from now on, under whatever lens, each with a button that releases it.

import { addButton, create, find } from "../document/dom.js";
import { clampName } from "./conversation_view.js";
import { t } from "../document/words.js";

/** @import { Clamp } from "../engines/engine.js" */

/** @type {WeakMap<Element, string>} what is shown in a box */
const drawn = new WeakMap();

/**
 * @param {HTMLElement} box
 * @param {Clamp[]} cells
 * @param {(cells: Clamp[]) => void} hold
 */
export function showHeldCells(box, cells, hold) {
  box.hidden = !cells.length;
  const shown = JSON.stringify([cells, t("hold.bar")]);
  if (drawn.get(box) === shown) return;
  drawn.set(box, shown);
  const list = find(box, "ul");
  list.replaceChildren();
  for (const cell of cells) {
    const button = addButton(create("li", "", list), "", clampName(cell), () => hold(cells.filter((each) => each !== cell)));
    button.ariaLabel = t("hold.release", { cell: clampName(cell) });
  }
}
