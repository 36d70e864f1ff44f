// Draws losses by step: steps to the right, losses upwards, in hundredths of the box.

import { find, svg } from "./dom.js";

const LEAST = 0.001; // the lowest loss that a logarithmic axis distinguishes from zero
const SPAN = 1.1; // a logarithmic axis shows at least this ratio: the first steps of a training differ by less than 1 %

/** @typedef {[step: number, loss: number][]} Losses */

/**
 * Draws lines into an element with an svg. On logarithmic axes, the fast first part and the slow rest are both seen.
 * @param {HTMLElement} box
 * @param {Record<string, Losses>} lines by the classes of the lines
 * @param {number} lastStep the step at the right edge
 * @param {boolean} [isLogarithmic] whether both axes are logarithmic, from step 1 on
 * @returns {{x: (step: number) => number, y: (loss: number) => number, least: number, most: number}} the places of a step
 *   and a loss, and the lowest and the highest loss of the axis
 */
export function drawLosses(box, lines, lastStep, isLogarithmic = false) {
  const losses = Object.values(lines).flatMap((line) => line.map(([, loss]) => loss));
  const least = Math.min(...losses);
  const most = Math.max(...losses, isLogarithmic && losses.length ? SPAN * least : -Infinity);
  const scale = (/** @type {number} */ value, /** @type {number} */ smallest) => (isLogarithmic ? Math.log(Math.max(value, smallest)) : value);
  const height = (/** @type {number} */ loss) => scale(loss, LEAST) - scale(least, LEAST);
  const x = (/** @type {number} */ step) => (100 * scale(step, 1)) / (scale(lastStep, 1) || 1);
  const y = (/** @type {number} */ loss) => 95 - (90 * height(loss)) / (height(most) || 1);
  const picture = find(box, "svg", SVGElement);
  picture.replaceChildren();
  for (const [name, line] of Object.entries(lines)) {
    svg("polyline", picture, { class: name, points: line.map(([step, loss]) => `${x(step)},${y(loss)}`).join(" ") });
  }
  return { x, y, least, most };
}
