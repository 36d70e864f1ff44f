// Draws losses by step: steps to the right, losses upwards, in hundredths of the box.

import { find, svg } from "./dom.js";

/** @typedef {[step: number, loss: number][]} Losses */

/**
 * Draws lines into an element with an svg.
 * @param {HTMLElement} box
 * @param {Record<string, Losses>} lines by the classes of the lines
 * @param {number} lastStep the step at the right edge
 * @returns {{x: (step: number) => number, y: (loss: number) => number, least: number, most: number}} the places of a step
 *   and a loss, and the lowest and the highest loss
 */
export function drawLosses(box, lines, lastStep) {
  const losses = Object.values(lines).flatMap((line) => line.map(([, loss]) => loss));
  const [least, most] = [Math.min(...losses), Math.max(...losses)];
  const x = (/** @type {number} */ step) => (100 * step) / (lastStep || 1);
  const y = (/** @type {number} */ loss) => 95 - (90 * (loss - least)) / (most - least || 1);
  const picture = find(box, "svg", SVGElement);
  picture.replaceChildren();
  for (const [name, line] of Object.entries(lines)) {
    svg("polyline", picture, { class: name, points: line.map(([step, loss]) => `${x(step)},${y(loss)}`).join(" ") });
  }
  return { x, y, least, most };
}
