// The cells that are clamped from now on, each with a button that releases it. Every lens shows them.

import { addButton, create, find, findAll, hasTouch, isOutdated, keepAtEnd } from "../document/dom.js";
import { clampName } from "./conversation_view.js";
import { t } from "../document/words.js";

/** @import { Clamp } from "../engines/engine.js" */

/**
 * @param {HTMLElement} box
 * @param {Clamp[]} cells
 * @param {(cells: Clamp[]) => void} clamp
 * @param {HTMLElement} prompt gets the focus after the last cell was released, but not on a touch screen, whose keyboard it would open
 */
export function showClampedCells(box, cells, clamp, prompt) {
  if (!isOutdated(box, [cells, t("hold.group")])) return;
  const log = box.closest(".frame")?.querySelector(".log") || null;
  keepAtEnd(log, () => drawCells(box, cells, clamp, prompt)); // the row makes the text's box shorter
}

/** @type {typeof showClampedCells} */
function drawCells(box, cells, clamp, prompt) {
  const list = find(box, "ul");
  const focused = findAll(list, "button").findIndex((button) => button === document.activeElement);
  list.replaceChildren();
  for (const cell of cells) {
    const button = addButton(create("li", "", list), "", clampName(cell), () =>
      clamp(cells.filter((each) => each !== cell)),
    );
    button.ariaLabel = t("hold.release", { cell: clampName(cell) });
  }
  box.hidden = !cells.length;
  if (focused < 0) return;
  const next = findAll(list, "button")[Math.min(focused, cells.length - 1)] ?? (hasTouch() ? null : prompt);
  next?.focus({ preventScroll: true });
}
