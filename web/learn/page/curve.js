// Draws the losses of a training on logarithmic axes: steps to the right, losses upwards.

import { create, find, findAll, svg } from "../../document/dom.js";
import { number, t } from "../../document/words.js";

const LEAST = 0.001; // nats; the lowest loss that the axis distinguishes from zero
const SPAN = 1.1; // the axis of losses shows at least this ratio: the first steps of a training differ by less than 1 %
const SMALL = 0.095; // bits; smaller losses have three decimals, so that none is shown as 0.00
const LAST_TICK = 80; // hundredths of the width: to its right is the label of the last step

/**
 * Draws the losses, given in nats per character, with the highest, the lowest and the one halfway up in bits, and a dot at the
 * step whose weights are kept: that of the lowest loss on the held-out text.
 * @param {HTMLElement} box .curve
 * @param {import("../run.js").Curve} curve
 * @param {number} steps of the whole training
 */
export function drawCurve(box, { training, heldOut }, steps) {
  const { least, most, x, y } = drawLines(box, { training, "held-out": heldOut }, steps);
  const isEmpty = least > most;
  for (const tick of findAll(box, ".tick")) tick.remove();
  for (let step = 1; x(step) < LAST_TICK; step *= 10) {
    const tick = create("small", "tick", box);
    [tick.textContent, tick.style.left, tick.ariaHidden] = [number(step), `${x(step)}%`, "true"];
  }
  find(box, ".last").textContent = t("train.last_step", { step: steps });
  find(box, ".middle").textContent = isEmpty || least === most ? "" : bits(Math.sqrt(least * most));
  find(box, ".highest").textContent = isEmpty ? "" : t("train.bits", { loss: bits(most) });
  find(box, ".lowest").textContent = isEmpty ? "" : bits(least);
  const lowest = Math.min(...heldOut.map(([, loss]) => loss));
  const best = heldOut.findLast(([, loss]) => loss === lowest);
  const dot = find(box, ".best");
  dot.hidden = !best;
  if (best) [dot.style.left, dot.style.top] = [`${x(best[0])}%`, `${y(lowest)}%`];
  const [first, last] = [heldOut[0]?.[1], heldOut.at(-1)?.[1]];
  const values = () => ({ first: bits(first), last: bits(last) });
  box.ariaLabel = heldOut.length ? t("train.curve", values()) : t("train.no_curve");
}

/**
 * Draws lines into the svg of an element. Axes are logarithmic, so that the fast first part and the slow rest are both seen.
 * @param {HTMLElement} box
 * @param {Record<string, [step: number, loss: number][]>} lines by the classes of the lines
 * @param {number} lastStep the step at the right edge
 * @returns the places of a step and a loss in hundredths of the box, and the lowest and the highest loss of the axis
 */
function drawLines(box, lines, lastStep) {
  const losses = Object.values(lines).flatMap((line) => line.map(([, loss]) => loss));
  const least = Math.min(...losses);
  const most = Math.max(...losses, losses.length ? SPAN * least : -Infinity);
  const height = (/** @type {number} */ loss) => Math.log(Math.max(loss, LEAST) / Math.max(least, LEAST));
  const x = (/** @type {number} */ step) => (100 * Math.log(Math.max(step, 1))) / (Math.log(lastStep) || 1);
  const y = (/** @type {number} */ loss) => 95 - (90 * height(loss)) / (height(most) || 1);
  const picture = find(box, "svg", SVGElement);
  picture.replaceChildren();
  for (const [name, line] of Object.entries(lines)) {
    svg("polyline", picture, { class: name, points: line.map(([step, loss]) => `${x(step)},${y(loss)}`).join(" ") });
  }
  return { x, y, least, most };
}

/** Returns a loss in bits per character, the unit of the lenses, as text. @param {number | null | undefined} nats */
export function bits(nats) {
  if (nats === null || nats === undefined) return "–";
  const value = nats / Math.LN2;
  return number(value, value < SMALL ? 3 : 2);
}
