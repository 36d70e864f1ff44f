// The view of a training: its step, its losses as numbers and on a chart with logarithmic axes, and a sample of the network.

import { number, t } from "../../document/words.js";
import { colourOf } from "../../lenses/state.js";
import { html } from "../../vendor/preact.js";
import { button } from "./elements.js";
import { isTraining, state } from "./state.js";
import { pause, stop } from "./training.js";

const NO_CURVE = { training: [], heldOut: [] };
const LEAST = 0.001; // nats; the lowest loss that the axis distinguishes from zero
const SPAN = 1.1; // the axis of losses shows at least this ratio: the first steps of a training differ by less than 1 %
const SMALL = 0.095; // bits; smaller losses have three decimals, so that none is shown as 0.00
const LAST_TICK = 80; // hundredths of the width: to its right is the label of the last step
const RISE = 0.02; // the part by which a held-out loss that has clearly risen is above the lowest
const TIMES = 2; // measured so often in a row: one measurement may be an exception

/** @import { Curve, Progress } from "../run.js" */

/** The training that runs, or has ended. */
export function ProgressView() {
  const shown = state.progress.value;
  if (!isTraining.value && !shown) return null;
  const { step = 0, steps = 1, curve = NO_CURVE, sample } = shown ?? {};
  const isEnded = !isTraining.value;
  const isComplete = step >= steps;
  const ended = t(isComplete ? "train.figures_complete" : "train.figures_stopped", { step, steps });
  const risen = isEnded ? null : byHeart(curve);
  const values = risen && { step: risen.step, lowest: bits(risen.lowest), last: bits(risen.last) };
  return html`<div class=${isEnded ? "running ended" : "running"}>
    <progress max="1" value=${step / steps} aria-label=${isEnded ? ended : t("train.progress")}></progress>
    <p class="figures">${isEnded ? ended : shown && figuresOf(shown)}</p>
    <${Controls} />
    <${Sample} sample=${sample} />
    <${Chart} curve=${curve} steps=${steps} />
    <p class="legend">
      <span class="line training"></span> ${t("train.training_loss")} <span class="line held-out"></span>${" "}
      ${t("train.held_out_loss")} <span class="best"></span> ${t("train.best")}
    </p>
    <p class="losses">${shown && lossesOf(shown)}</p>
    <div class="explained">
      <p>${t("train.bits_help")}</p>
      <p class="by-heart" role="status">${risen && t("train.by_heart", values)}</p>
    </div>
  </div>`;
}

function Controls() {
  const phase = state.phase.value;
  if (phase === "none") return null;
  const [isPaused, disabled] = [phase === "paused", phase === "starts"];
  return html`<div class="row controls">
    ${button("pause", t(isPaused ? "train.resume" : "train.pause"), () => pause(!isPaused), { disabled })}
    ${button("stop", t("train.stop"), stop, { disabled })}
  </div>`;
}

function Sample({ sample }) {
  if (!sample) return null;
  const letters = sample.map(([character, surprise]) => html`<i class=${colourOf(surprise)}>${character}</i>`);
  return html`<div class="written">
    <p>${t("train.sample")}</p>
    <div class="text" role="region" aria-label=${t("train.sample_name")} tabindex="0">${letters}</div>
  </div>`;
}

/** @param {{curve: Curve, steps: number}} props */
function Chart({ curve, steps }) {
  const { lines, ticks, best, labels } = chartOf(curve, steps);
  const { heldOut } = curve;
  const [first, last] = [heldOut[0]?.[1], heldOut.at(-1)?.[1]];
  const label = heldOut.length ? t("train.curve", { first: bits(first), last: bits(last) }) : t("train.no_curve");
  const texts = {
    highest: labels && t("train.bits", { loss: bits(labels.highest) }),
    middle: labels?.middle && bits(labels.middle),
    lowest: labels && bits(labels.lowest),
    last: t("train.last_step", { step: steps }),
  };
  const small = (name, text, style = {}) =>
    html`<small class=${name} style=${style} aria-hidden="true">${text}</small>`;
  const dot = best ? { left: percents(best.left), top: percents(best.top) } : {};
  return html`<div class="curve" role="img" aria-label=${label}>
    <svg preserveAspectRatio="none" viewBox="0 0 100 100" aria-hidden="true">
      <polyline class="training" points=${lines.training} />
      <polyline class="held-out" points=${lines.heldOut} />
    </svg>
    <span class="best" aria-hidden="true" hidden=${!best} style=${dot}></span>
    ${Object.entries(texts).map(([name, text]) => small(name, text))}
    ${ticks.map(({ step, left }) => small("tick", number(step), { left: percents(left) }))}
  </div>`;
}

const percents = (share) => `${share}%`;

/** @param {Progress} shown */
function figuresOf({ step, steps, seconds, speed, about }) {
  // The first steps are slow. Where the whole would take longer than was chosen, the training leaves steps out soon.
  const left = step ? clock(Math.min(60 * about.minutes, (steps - step) * (seconds / step))) : "–";
  return t("train.figures", { step, steps, left, speed: speed === null ? "–" : number(Math.round(speed)) });
}

/** @param {Progress} shown */
function lossesOf({ loss, curve }) {
  const [measured, heldOut] = curve.heldOut.at(-1) ?? [0, null]; // it may be many steps old
  const mean = curve.training.at(-1)?.[1] ?? loss; // of the last steps, as on the curve
  const losses = { training: bits(mean), held_out: bits(heldOut), step: measured };
  return t(measured ? "train.losses" : "train.loss", losses);
}

function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${`${whole % 60}`.padStart(2, "0")}`;
}

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
  const lines = { training: points(training), heldOut: points(heldOut) };
  const [best, middle] = [bestOf({ training, heldOut }), least === most ? null : Math.sqrt(least * most)];
  const labels = losses.length ? { highest: most, middle, lowest: least } : null;
  return { lines, ticks, best: best && { left: x(best[0]), top: y(best[1]) }, labels };
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
