// Shows the progress of a training: its step, its losses, and a sample of the network.

import { create, find, setText } from "../../document/dom.js";
import { number, t } from "../../document/words.js";
import { colourOf } from "../../lenses/surprise_colours.js";
import { byHeart } from "./by_heart.js";
import { bits, drawCurve } from "./curve.js";

const SHOWN_MS = 250; // between two changes of the figures
const SPEED_MS = 3000; // over which the speed is measured

/** @import { Curve, Started } from "../run.js" */

export class Progress {
  #run = /** @type {Started | null} */ (null);
  #recent = /** @type {{at: number, characters: number}[]} */ ([]); // characters read at times of the last seconds
  #shownAt = 0;
  #step = 0;

  /** @param {HTMLElement} box .running, of the panel */
  constructor(box) {
    this.box = box;
    this.bar = find(box, "progress", HTMLProgressElement);
  }

  /** Empties the elements, before a training starts. */
  clear() {
    this.#run = null;
    for (const name of [".figures", ".losses"]) setText(find(this.box, name), "");
    this.bar.value = 0;
    this.#mark("train.progress");
    find(this.box, ".written").hidden = true;
  }

  /** @param {Started} run */
  start(run) {
    this.#run = run;
    this.resetSpeed();
    this.draw(run.curve);
    this.step({
      step: run.step,
      steps: run.steps,
      loss: null,
      seconds: run.seconds,
      characters: run.step * run.characters,
    });
  }

  /** Starts to measure the speed again, as after a pause. */
  resetSpeed() {
    this.#recent = [];
  }

  /** @param {Curve} curve */
  draw(curve) {
    if (!this.#run) return;
    this.#run.curve = curve;
    drawCurve(find(this.box, ".curve"), curve, this.#run.steps);
    const risen = byHeart(curve);
    const values = risen && { step: risen.step, lowest: bits(risen.lowest), last: bits(risen.last) };
    setText(find(this.box, ".by-heart"), risen ? t("train.by_heart", values) : "");
  }

  /** @param {{step: number, steps: number, loss: number | null, seconds: number, characters: number}} at the loss is in nats per character */
  step({ step, steps, loss, seconds, characters }) {
    const now = performance.now();
    this.#step = step;
    this.#run.steps = steps;
    if (now - this.#shownAt < SHOWN_MS && loss !== null && step < steps) return;
    this.#shownAt = now;
    this.#recent = [...this.#recent.filter(({ at }) => now - at < SPEED_MS), { at: now, characters }];
    const [first, last] = [this.#recent[0], this.#recent.at(-1)];
    const speed = last.at > first.at ? (1000 * (last.characters - first.characters)) / (last.at - first.at) : null;
    const { about, curve } = this.#run;
    // The first steps are slow. Where the whole would take longer than was chosen, the training leaves steps out soon.
    const left = step ? clock(Math.min(60 * about.minutes, (steps - step) * (seconds / step))) : "–";
    const values = { step, steps, left, speed: speed === null ? "–" : number(Math.round(speed)) };
    setText(find(this.box, ".figures"), t("train.figures", values));
    const [measured, heldOut] = curve.heldOut.at(-1) ?? [0, null]; // it may be many steps old
    const mean = curve.training.at(-1)?.[1] ?? loss; // of the last steps, as on the curve
    const losses = { training: bits(mean), held_out: bits(heldOut), step: measured };
    setText(find(this.box, ".losses"), t(measured ? "train.losses" : "train.loss", losses));
    this.bar.value = step / steps;
  }

  /** @param {[character: string, bits: number][]} sample */
  sample(sample) {
    find(this.box, ".written").hidden = false;
    const parts = document.createDocumentFragment();
    for (const [character, bits] of sample)
      create("i", colourOf(bits), /** @type {any} */ (parts)).textContent = character;
    find(this.box, ".written .text").replaceChildren(parts);
  }

  /** Shows that the training has ended; without steps the elements stay empty. */
  end() {
    if (!this.#run) return;
    const [step, { steps }] = [this.#step, this.#run];
    const id = step < steps ? "train.figures_stopped" : "train.figures_complete";
    setText(find(this.box, ".figures"), t(id, { step, steps }));
    this.bar.value = step / steps;
    this.#mark(id, { step, steps });
    this.#run = null;
  }

  #mark(id, values = {}) {
    this.bar.ariaLabel = t(id, values);
    this.box.classList.toggle("ended", id !== "train.progress");
    setText(find(this.box, ".by-heart"), "");
  }
}

function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${`${whole % 60}`.padStart(2, "0")}`;
}
