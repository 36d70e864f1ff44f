// Draws the losses of a training on logarithmic axes: steps to the right, losses upwards.

import { drawLosses } from "../../document/curve.js";
import { create, find, findAll } from "../../document/dom.js";
import { number, t } from "../../document/words.js";

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
  const { least, most, x, y } = drawLosses(box, { training, "held-out": heldOut }, steps, true);
  const isEmpty = least > most;
  for (const tick of findAll(box, ".tick")) tick.remove();
  for (let step = 1; x(step) < LAST_TICK; step *= 10) {
    const tick = create("small", "tick", box);
    [tick.textContent, tick.style.left, tick.ariaHidden] = [number(step), `${x(step)}%`, "true"];
  }
  find(box, ".last").textContent = t("timeline.last_step", { step: steps });
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

/** Returns a loss in bits per character, the unit of the lenses, as text. @param {number | null | undefined} nats */
export function bits(nats) {
  if (nats === null || nats === undefined) return "–";
  const value = nats / Math.LN2;
  return number(value, value < SMALL ? 3 : 2);
}
