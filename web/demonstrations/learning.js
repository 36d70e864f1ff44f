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
   * @param {HTMLElement} link  to what the visitor can do next; a copy of it is shown
   * @param {() => void} ended  called when the last one is shown for the first time
   */
  constructor(body, samples, link, ended) {
    const { samples: shown, places } = chosen(samples);
    this.samples = shown;
    this.places = places; // from 0 to 1, when each is shown
    this.ended = ended;
    this.timer = 0;
    body.classList.add("learning");
    this.text = create("div", "text", body);
    Object.assign(this.text, { lang: "", tabIndex: 0, role: "group", ariaLabel: t("demo.learn.text") });
    const player = create("div", "player", body);
    this.play = addButton(player, "", "", () => (this.timer ? this.stop() : this.run()));
    this.slider = create("input", "", player);
    Object.assign(this.slider, {
      type: "range",
      min: "0",
      max: String(this.samples.length - 1),
      step: "1",
      value: "0",
      ariaLabel: t("demo.learn.slider"),
    });
    this.slider.addEventListener("input", () => {
      this.stop();
      this.show();
    });
    const footer = create("div", "footer", body);
    this.now = create("p", "now", footer);
    footer.append(link.cloneNode(true));
    create("p", "scale", body).textContent = t("demo.learn.scale");
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
    setText(this.play, t("demo.learn.pause"));
    this.#showNext();
  }

  // Shows a sample, and the next one after a time that is longer between the first steps, in which a network learns most.
  #showNext() {
    this.show();
    const last = this.samples.length - 1;
    if (this.at === last) return this.stop();
    clearTimeout(this.timer);
    this.timer = setTimeout(
      () => {
        this.slider.value = String(this.at + 1);
        this.#showNext();
      },
      WHOLE_MS * (this.places[this.at + 1] - this.places[this.at]),
    );
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = 0;
    setText(this.play, t("demo.learn.play"));
  }
}

/**
 * Returns at most `MOST` samples with the first and the last, and the place of each, from 0 to 1. Places grow with the
 * logarithm of the step: a network learns more in its first ten steps than in its last hundred.
 * @param {Samples} samples
 */
export function chosen(samples) {
  const [first, second, last] = [samples[0][0], samples[1][0], samples.at(-1)[0]];
  const gap = Math.max(1, second - first); // a checkpoint may have two samples of one step
  const logarithm = (/** @type {number} */ step) => Math.log1p(Math.max(0, step - first) / gap);
  const places = samples.map(([step]) => logarithm(step) / (logarithm(last) || 1));
  const wanted = Array.from({ length: MOST }, (_, n) => n / (MOST - 1));
  const nearest = wanted.map((place) => places.findLastIndex((each) => each <= place + 1e-9));
  const at = [...new Set(nearest)];
  return { samples: at.map((n) => samples[n]), places: at.map((n) => places[n]) };
}
