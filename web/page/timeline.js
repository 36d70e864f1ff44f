/** The training timeline: what a model writes at each step of its training, with the losses as a curve. */

import { drawLosses } from "../document/curve.js";
import { find, pause } from "../document/dom.js";
import { number, onLanguage, render, t } from "../document/words.js";
import { faultOf } from "./refusals.js";

const SHOWN_MS = 900; // a step while it plays
const REST_MS = 120; // after the last movement of the slider
const BUSY_MS = 1500;
const ATTEMPTS = 5; // while the engine is busy

/**
 * @typedef {import("../engines/engine.js").TimelineAnswer & {busy?: boolean}} Answer
 * @typedef {{timeline?: boolean, step?: number, prompt?: string, seed?: number}} Question about the model
 */

export class Timeline {
  /**
   * @param {HTMLDetailsElement} box #timeline
   * @param {Pick<import("../engines/engine.js").TextEngine, "timeline">} engine
   */
  constructor(box, engine) {
    this.box = box;
    this.engine = engine;
    this.prompt = find(box, ".timeline-prompt", HTMLInputElement);
    this.seed = find(box, ".timeline-seed", HTMLInputElement);
    this.slider = find(box, 'input[type="range"]', HTMLInputElement);
    this.play = find(box, ".player button");
    this.curve = find(box, ".curve");
    this.dot = find(box, ".dot");
    this.now = find(box, ".now");
    this.text = find(box, ".text");
    this.fault = find(box, ".fault");
    /** @type {import("../engines/engine.js").ModelRef | null} */
    this.model = null;
    /** @type {[step: number, loss: number | null][]} losses in bits per character, the unit of the lenses */
    this.frames = [];
    /** @type {[step: number, loss: number][]} */
    this.losses = [];
    /** @type {number | null} the index of the frame with the lowest loss */
    this.best = null;
    /** @type {ReturnType<typeof drawLosses> | null} where steps and losses are on the curve */
    this.scale = null;
    /** @type {Map<string, Promise<Answer>>} */
    this.texts = new Map();
    this.isOpened = this.isPlaying = false;
    this.playing = this.asked = 0; // count up, so that outdated answers are noticed
    this.listen();
  }

  /**
   * Offers the timeline of a model, if there is one. Another commit may have other steps.
   * @param {import("../engines/engine.js").ModelRef | null} model
   */
  async offer(model) {
    if (model && this.model && model.name === this.model.name && model.commit === this.model.commit) return;
    this.stop();
    [this.model, this.isOpened, this.frames] = [model, false, []];
    const answer = model ? await this.ask({}) : /** @type {Answer} */ ({});
    if (model !== this.model) return;
    this.box.hidden = !answer.timeline;
    if (answer.timeline && this.box.open) this.open();
  }

  /** @param {Question} question @returns {Promise<Answer>} */
  ask(question) {
    return this.engine.timeline({ model: this.model?.name ?? "", ...question });
  }

  async open() {
    if (this.isOpened) return;
    this.isOpened = true;
    const model = this.model;
    const answer = await this.ask({ timeline: true });
    if (model !== this.model) return;
    this.fault.textContent = render(answer.refusal);
    if (answer.refusal) {
      this.isOpened = false;
      return;
    }
    const { frames = [], curve = [], best = null, prompt = "", seed = 0 } = answer;
    this.frames = frames.map(([step, nats]) => [step, nats === null ? null : nats / Math.LN2]);
    this.losses = curve.map(([step, nats]) => [step, nats / Math.LN2]);
    this.best = best;
    this.texts.clear();
    [this.prompt.value, this.seed.value] = [prompt, String(seed)];
    [this.slider.max, this.slider.value] = [String(frames.length - 1), "0"];
    this.drawCurve();
    this.show();
  }

  drawCurve() {
    const steps = Math.max(...[...this.frames, ...this.losses].map(([step]) => step));
    const losses = this.losses.map(([, loss]) => loss);
    this.scale = drawLosses(this.curve, { losses: this.losses }, steps);
    const { least, most } = this.scale;
    const write = (/** @type {string} */ name, /** @type {string} */ text) => (find(this.curve, name).textContent = text);
    write(".highest", losses.length ? t("train.bits", { loss: number(most, 2) }) : "");
    write(".lowest", losses.length ? number(least, 2) : "");
    write(".last", t("timeline.last_step", { step: steps }));
    const facts = () => ({ steps, first: number(losses[0], 2), best: number(least, 2) });
    this.curve.ariaLabel = losses.length ? t("timeline.curve", facts()) : t("timeline.no_losses");
  }

  // Shows the step that the slider is at; resolves to whether there is a text.
  show() {
    this.showStep();
    return this.showText();
  }

  showStep() {
    const at = Number(this.slider.value);
    const [step, loss] = this.frames[at];
    // A step without a loss is drawn at the last one before it.
    const height = loss ?? this.losses.filter(([each]) => each <= step).at(-1)?.[1] ?? null;
    this.dot.hidden = height === null;
    if (height !== null) [this.dot.style.left, this.dot.style.top] = [`${this.scale.x(step)}%`, `${this.scale.y(height)}%`];
    const facts = [t("timeline.step", { step })];
    if (loss !== null) facts.push(t("timeline.loss", { loss: number(loss, 3) }));
    if (at === this.best) facts.push(t("timeline.best"));
    this.now.textContent = facts.join(" · ");
    this.slider.ariaValueText = facts.join(" · ");
  }

  async showText() {
    const asked = ++this.asked;
    const prompt = this.prompt.value;
    this.text.ariaBusy = "true";
    const answer = await this.textAt(Number(this.slider.value));
    if (asked !== this.asked) return false;
    this.text.ariaBusy = "false";
    this.fault.textContent = render(answer.refusal);
    const [before, after] = this.text.children;
    before.textContent = answer.refusal ? "" : prompt;
    after.textContent = answer.text || "";
    return !answer.refusal;
  }

  /** @param {number} at the index of a frame */
  textAt(at) {
    const refusal = faultOf("seed", this.seed);
    if (refusal) return Promise.resolve(/** @type {Answer} */ ({ refusal }));
    const question = { step: this.frames[at][0], prompt: this.prompt.value, seed: Number(this.seed.value) };
    const key = JSON.stringify([this.model, question]);
    const known = this.texts.get(key);
    if (known) return known;
    const answer = this.askPatiently(question);
    this.texts.set(key, answer);
    answer.then(({ refusal }) => refusal && this.texts.delete(key));
    return answer;
  }

  /** @param {Question} question */
  async askPatiently(question) {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.ask(question);
      if (!answer.busy || attempt === ATTEMPTS) return answer;
      await pause(BUSY_MS);
    }
  }

  async run() {
    const playing = ++this.playing;
    [this.isPlaying, this.play.textContent] = [true, t("timeline.pause")];
    const last = this.frames.length - 1;
    if (Number(this.slider.value) === last) this.slider.value = "0";
    for (;;) {
      const at = Number(this.slider.value);
      const next = at < last ? this.textAt(at + 1) : null; // is generated while this one is shown
      const [isShown] = await Promise.all([this.show(), pause(SHOWN_MS)]);
      if (playing !== this.playing) return;
      if (!isShown || at >= last) return void this.stop();
      await next;
      if (playing !== this.playing) return;
      if (Number(this.slider.value) === at) this.slider.value = String(at + 1); // unless the visitor has moved it
    }
  }

  stop() {
    this.playing++;
    [this.isPlaying, this.play.textContent] = [false, t("timeline.play")];
  }

  listen() {
    this.play.addEventListener("click", () => {
      if (this.isPlaying) this.stop();
      else if (this.frames.length) this.run();
    });
    let timer = 0;
    this.slider.addEventListener("input", () => {
      this.stop();
      clearTimeout(timer);
      if (!this.frames.length) return;
      this.asked++;
      this.showStep();
      timer = setTimeout(() => this.show(), REST_MS);
    });
    for (const input of [this.prompt, this.seed]) {
      input.addEventListener("change", () => this.frames.length && this.show());
    }
    this.curve.addEventListener("click", (event) => this.goTo(event));
    this.box.addEventListener("toggle", () => (this.box.open ? this.open() : this.stop()));
    onLanguage(() => {
      this.stop();
      if (!this.frames.length) return;
      this.drawCurve();
      this.show();
    });
  }

  /**
   * Shows the step nearest to a click on the curve.
   * @param {MouseEvent} event
   */
  goTo(event) {
    if (!this.frames.length) return;
    const { left, width } = this.curve.getBoundingClientRect();
    const at = (100 * (event.clientX - left)) / width;
    const distances = this.frames.map(([step]) => Math.abs(this.scale.x(step) - at));
    this.stop();
    this.slider.value = String(distances.indexOf(Math.min(...distances)));
    this.show();
  }
}
