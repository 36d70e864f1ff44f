// What the panel shows of the losses of a training: as numbers, and as places on a chart with logarithmic axes.

import { number } from "../../document/words.js";

const LEAST = 0.001; // nats; the lowest loss that the axis distinguishes from zero
const SPAN = 1.1; // the axis of losses shows at least this ratio: the first steps of a training differ by less than 1 %
const SMALL = 0.095; // bits; smaller losses have three decimals, so that none is shown as 0.00
const LAST_TICK = 80; // hundredths of the width: to its right is the label of the last step
const RISE = 0.02; // the part by which a held-out loss that has clearly risen is above the lowest
const TIMES = 2; // measured so often in a row: one measurement may be an exception

/** @import { Curve } from "../run.js" */

/** Returns a loss in bits per character, the unit of the lenses, as text. @param {number | null | undefined} nats */
export function bits(nats) {
  if (nats === null || nats === undefined) return "–";
  const value = nats / Math.LN2;
  return number(value, value < SMALL ? 3 : 2);
}

/**
 * Returns the step with the lowest held-out loss, whose weights are kept; of several, the last one. Null before the first.
 * @param {Curve} curve
 * @returns {[step: number, loss: number] | null}
 */
export function bestOf({ heldOut }) {
  const lowest = Math.min(...heldOut.map(([, loss]) => loss));
  return heldOut.findLast(([, loss]) => loss === lowest) ?? null;
}

/**
 * Returns where the losses are drawn: steps to the right and losses upwards, in hundredths of the chart. Both axes are
 * logarithmic, so that the fast first part and the slow rest are both seen.
 * @param {Curve} curve in nats per character
 * @param {number} steps of the whole training
 */
export function chartOf({ training, heldOut }, steps) {
  const losses = [...training, ...heldOut].map(([, loss]) => loss);
  const least = Math.min(...losses);
  const most = Math.max(...losses, losses.length ? SPAN * least : -Infinity);
  const height = (/** @type {number} */ loss) => Math.log(Math.max(loss, LEAST) / Math.max(least, LEAST));
  const x = (/** @type {number} */ step) => (100 * Math.log(Math.max(step, 1))) / (Math.log(steps) || 1);
  const y = (/** @type {number} */ loss) => 95 - (90 * height(loss)) / (height(most) || 1);
  const points = (/** @type {Curve["training"]} */ line) =>
    line.map(([step, loss]) => `${x(step)},${y(loss)}`).join(" ");
  const ticks = /** @type {{step: number, left: number}[]} */ ([]);
  for (let step = 1; x(step) < LAST_TICK; step *= 10) ticks.push({ step, left: x(step) });
  const best = bestOf({ training, heldOut });
  return {
    lines: { training: points(training), heldOut: points(heldOut) },
    ticks,
    best: best && { left: x(best[0]), top: y(best[1]) },
    labels: losses.length
      ? { highest: most, middle: least === most ? null : Math.sqrt(least * most), lowest: least }
      : null,
  };
}

/**
 * Returns whether a network begins to learn its text by heart: the step with the lowest held-out loss, that loss and the last
 * one; null unless the last one has clearly risen. The training loss must have fallen since: while both rise, as after the
 * first steps of fine-tuning, the network still adapts.
 * @param {Curve} curve
 */
export function byHeart({ training, heldOut }) {
  const [step, lowest] = bestOf({ training, heldOut }) ?? [0, 0];
  const recent = heldOut.slice(-TIMES);
  if (recent.length < TIMES || !recent.every(([, loss]) => loss > (1 + RISE) * lowest)) return null;
  const [before, now] = [training.findLast(([each]) => each <= step), training.at(-1)];
  return before && now[1] < before[1] ? { step, lowest, last: recent.at(-1)[1] } : null;
}
