// Draws the losses of a training: steps to the right, losses upwards.

import { drawLosses } from "../../document/curve.js";
import { find } from "../../document/dom.js";
import { number, t } from "../../document/words.js";

/**
 * Draws the losses, given in nats per character, with the highest and the lowest in bits.
 * @param {HTMLElement} box .curve
 * @param {import("../run.js").Curve} curve
 * @param {number} steps of the whole training
 */
export function drawCurve(box, { training, heldOut }, steps) {
  const { least, most } = drawLosses(box, { training, "held-out": heldOut }, steps);
  const isEmpty = least > most;
  find(box, ".highest").textContent = isEmpty ? "" : t("train.bits", { loss: bits(most) });
  find(box, ".lowest").textContent = isEmpty ? "" : bits(least);
  const [first, last] = [heldOut[0]?.[1], heldOut.at(-1)?.[1]];
  const values = () => ({ first: bits(first), last: bits(last) });
  box.ariaLabel = heldOut.length ? t("train.curve", values()) : t("train.no_curve");
}

/** Returns a loss in bits per character, the unit of the lenses, as text. @param {number | null | undefined} nats */
export function bits(nats) {
  return nats === null || nats === undefined ? "–" : number(nats / Math.LN2, 2);
}
