// The losses of a training as a picture: steps to the right, losses upwards.

import { find, svg } from "../../document/dom.js";
import { number, t } from "../../document/words.js";

/**
 * Draws the losses, in nats per character, and says the highest and the lowest in bits.
 * @param {HTMLElement} box .curve
 * @param {import("../run.js").Curve} curve
 * @param {number} steps of the whole training
 */
export function drawCurve(box, { training, heldOut }, steps) {
  const picture = find(box, "svg", SVGElement);
  picture.replaceChildren();
  const losses = [...training, ...heldOut].map(([, loss]) => loss);
  const [least, most] = [Math.min(...losses), Math.max(...losses)];
  const place = ([step, loss]) => `${(100 * step) / steps},${95 - (90 * (loss - least)) / (most - least || 1)}`;
  svg("polyline", picture, { class: "training", points: training.map(place).join(" ") });
  svg("polyline", picture, { class: "held-out", points: heldOut.map(place).join(" ") });
  find(box, ".highest").textContent = losses.length ? t("train.bits", { loss: bits(most) }) : "";
  find(box, ".lowest").textContent = losses.length ? bits(least) : "";
  const [first, last] = [heldOut[0]?.[1], heldOut.at(-1)?.[1]];
  const values = () => ({ first: bits(first), last: bits(last) });
  box.ariaLabel = heldOut.length ? t("train.curve", values()) : t("train.no_curve");
}

/** A loss in bits per character, the unit of the lenses. @param {number | null | undefined} nats */
export function bits(nats) {
  return nats === null || nats === undefined ? "–" : number(nats / Math.LN2, 2);
}
