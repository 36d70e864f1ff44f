// The losses of a training as a picture: steps to the right, losses upwards.

import { find, svg } from "../../document/dom.js";
import { number, t } from "../../document/words.js";

/**
 * Draws the losses.
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
  find(box, ".highest").textContent = losses.length ? t("timeline.nats", { loss: number(most, 2) }) : "";
  find(box, ".lowest").textContent = losses.length ? number(least, 2) : "";
  const [first, last] = [heldOut[0]?.[1], heldOut.at(-1)?.[1]];
  const values = () => ({ first: number(first, 2), last: number(last, 2) });
  box.ariaLabel = heldOut.length ? t("train.curve", values()) : t("train.no_curve");
}
