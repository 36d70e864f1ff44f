// Plays the samples of a model's training one after another, from random weights to the last step.

import { addButton, create, setText, prefersReducedMotion } from "../document/dom.js";
import { t } from "../document/words.js";

const WHOLE_MS = 10_000; // for all samples together
const MOST = 16; // samples: more of them would be too fast to read

/** @typedef {[step: number, text: string][]} Samples */

export class Learning {
  /**
   * @param {HTMLElement} body
   * @param {Samples} samples  at least two
   * @param {() => void} ended  called when the last one is shown for the first time
   */
  constructor(body, samples, ended) {
    this.samples = chosen(samples);
    this.ended = ended;
    this.timer = 0;
    body.classList.add("learning");
    this.text = create("div", "text", body);
    Object.assign(this.text, { lang: "", tabIndex: 0, role: "group", ariaLabel: t("timeline.text") });
    const player = create("div", "player", body);
    this.play = addButton(player, "", "", () => (this.timer ? this.stop() : this.run()));
    this.slider = create("input", "", player);
    Object.assign(this.slider, { type: "range", min: "0", max: String(this.samples.length - 1), step: "1", value: "0", ariaLabel: t("timeline.slider") });
    this.slider.addEventListener("input", () => {
      this.stop();
      this.show();
    });
    this.now = create("p", "now", body);
    this.stop();
    this.show();
    if (!prefersReducedMotion()) this.run();
  }

  get at() {
    return Number(this.slider.value);
  }

  show() {
    const [step, text] = this.samples[this.at];
    const [last] = this.samples.at(-1);
    const label = t(this.at ? "demo.learn.step" : "demo.learn.start", { step, last });
    setText(this.text, text);
    setText(this.now, label);
    this.slider.ariaValueText = label;
    if (this.at === this.samples.length - 1) this.ended();
  }

  run() {
    const last = this.samples.length - 1;
    if (this.at === last) this.slider.value = "0";
    this.show();
    setText(this.play, t("timeline.pause"));
    clearInterval(this.timer);
    this.timer = setInterval(() => {
      this.slider.value = String(this.at + 1);
      this.show();
      if (this.at === last) this.stop();
    }, WHOLE_MS / last);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    setText(this.play, t("timeline.play"));
  }
}

/** Returns at most `MOST` samples, evenly spaced, with the first and the last. @param {Samples} samples */
function chosen(samples) {
  if (samples.length <= MOST) return samples;
  return Array.from({ length: MOST }, (_, at) => samples[Math.round((at * (samples.length - 1)) / (MOST - 1))]);
}
