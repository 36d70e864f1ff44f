// Plays the samples of a model's training one after another, from random weights to the last step.

import { html, useEffect } from "../vendor/preact.js";
import { Button } from "../document/views.js";
import { t } from "../document/words.js";

const WHOLE_MS = 10_000; // for all samples together
const MOST = 16; // samples: more of them would be too fast to read

/**
 * The sample at a position, and the player. A sample is shown longer the earlier its step is: a network learns most then.
 * @param {ReturnType<typeof chosen> & {at: {value: number}, isPlaying: {value: boolean}, onEnd: () => void, train: any}} properties
 */
export function Learning({ samples, places, at, isPlaying, onEnd, train }) {
  const last = samples.length - 1;
  const [step, text] = samples[at.value];
  useEffect(() => {
    if (at.value === last) {
      isPlaying.value = false;
      onEnd();
    }
    if (!isPlaying.value) return;
    const timer = setTimeout(() => at.value++, WHOLE_MS * (places[at.value + 1] - places[at.value]));
    return () => clearTimeout(timer);
  }, [samples, at.value, isPlaying.value]);
  const press = () => {
    if (at.value === last) at.value = 0;
    isPlaying.value = !isPlaying.value;
  };
  const slide = (event) => {
    isPlaying.value = false;
    at.value = Number(event.target.value);
  };
  const label = t(at.value ? "demo.learn.step" : "demo.learn.start", { step, last: samples[last][0] });
  return html`
    <div class="body learning">
      <div class="text" lang="" tabindex="0" role="group" aria-label=${t("demo.learn.text")}>${text}</div>
      <div class="player">
        <${Button} onPress=${press}>${t(isPlaying.value ? "demo.learn.pause" : "demo.learn.play")}<//>
        <input type="range" min="0" max=${last} step="1" value=${at.value} onInput=${slide}
          aria-label=${t("demo.learn.slider")} aria-valuetext=${label} />
      </div>
      <div class="footer"><p class="now">${label}</p>${train}</div>
      <p class="scale">${t("demo.learn.scale")}</p>
    </div>`;
}

/**
 * Returns at most `MOST` samples with the first and the last, and the place of each, from 0 to 1. Places grow with the
 * logarithm of the step: a network learns more in its first ten steps than in its last hundred.
 * @param {[step: number, text: string][]} samples
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
