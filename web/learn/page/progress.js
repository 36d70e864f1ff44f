// The view of a training: its step, its losses as a chart, and a sample of the network.

import { number, t } from "../../document/words.js";
import { colourOf } from "../../lenses/surprise_colours.js";
import { html } from "../../vendor/preact.js";
import { button } from "./elements.js";
import { bits, byHeart, chartOf } from "./losses.js";
import { isTraining, state } from "./state.js";
import { pause, stop } from "./training.js";

const NO_CURVE = { training: [], heldOut: [] };

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
    <p>${t("train.scales")}</p>
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
