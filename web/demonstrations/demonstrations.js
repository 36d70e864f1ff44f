// The row of buttons: one for each demonstration, and one for the tour. Their modules are imported when one is pressed.

import { effect } from "../vendor/preact.js";
import { find, findAll } from "../document/dom.js";
import { t } from "../document/words.js";
import { clamp, engine, restore } from "../page/actions.js";
import { corpusOf } from "../page/names.js";
import { focusPrompt } from "../page/prompt.js";
import * as state from "../page/state.js";
import { randomSeed } from "../settings.js";
import { lineCounter } from "./line_counter.js";

const FIRST_SEED = 7; // "Again" uses a random one

/** @type {Record<string, (model: import("../engines/engine.js").Model) => boolean>} whether a demonstration is offered, by name */
const OFFERED = { lines: (model) => lineCounter(model) !== null, learn: (model) => model.samples };

export class Demonstrations {
  #loading = /** @type {Promise<void> | null} */ (null);
  #shown = /** @type {typeof import("./shown.js") | null} */ (null);
  stage = /** @type {import("./stage.js").Stage | null} */ (null);

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.row = find(root, "#demonstrations");
    this.running = /** @type {AbortController | null} */ (null);
    this.tried = /** @type {{before: Record<string, string>, after: Record<string, string>} | null} */ (null); // by the last "Try it yourself"
    this.buttons = findAll(this.row, "[data-demonstration]", HTMLButtonElement);
    for (const button of this.buttons)
      button.addEventListener("click", () => this.#isFree() && this.show(button.dataset.demonstration));
    find(this.row, ".tour").addEventListener("click", () => (state.tourStep.value = 1));
    this.load = this.load.bind(this);
    effect(() => {
      if (state.demonstration.value || !this.stage?.isOpen) return;
      this.running?.abort();
      this.stage.hide();
    });
  }

  load() {
    this.#loading ??= this.#load();
    this.#loading.catch(() => (this.#loading = null)); // without a network: the next click tries again
    return this.#loading;
  }

  async #load() {
    const [shown, { Stage }] = await Promise.all([import("./shown.js"), import("./stage.js")]);
    this.#shown = shown;
    this.stage = new Stage(this.root, () => (state.demonstration.value = ""));
  }

  #isFree() {
    return !state.busy.value && state.model.value !== null;
  }

  /** Shows the buttons that the chosen model offers, enables them while no reply is written, and marks the one that is shown. */
  update() {
    const [model, free] = [state.model.value, this.#isFree()];
    find(this.row, ".tour").hidden = state.isStarted.value && !state.site.value.models.length;
    for (const button of this.buttons) {
      const name = button.dataset.demonstration;
      button.hidden = state.isStarted.value && !(model && (OFFERED[name]?.(model) ?? true));
      button.ariaPressed = String(state.demonstration.value === name);
    }
    for (const button of findAll(this.row, "button", HTMLButtonElement)) button.disabled = !free;
  }

  /** @param {string} name */
  async show(name, seed = FIRST_SEED) {
    await this.load();
    const { stage } = this;
    const model = state.model.value;
    if (!model || state.busy.value) return;
    this.running?.abort();
    this.running = new AbortController();
    const { signal } = this.running;
    state.message.value = null; // it may be about the demonstration before
    const { run, prepare } = this.#shown.DEMONSTRATIONS[name];
    state.demonstration.value = name;
    stage.open(t(`demo.${name}`), { id: `demo.${name}.lead`, values: { seed } });
    if (prepare) stage.action("demo.again", () => this.show(name, randomSeed()));
    if (prepare) stage.action("demo.try", () => this.#tryIt(() => prepare(model, seed), model.examples[0]));
    const training = { corpus: corpusOf(state.site.value, model.name), link: find(this.row, ".train") };
    await run({ stage, engine, model, training, seed, signal });
  }

  // Leaves the visitor at the prompt, with the control set and one sentence about what to do.
  /** @param {() => import("../engines/engine.js").Message} prepare @param {string} [example] */
  #tryIt(prepare, example = "") {
    if (state.busy.value) return;
    state.demonstration.value = "";
    const before = this.#forgetLastTry();
    state.message.value = prepare();
    this.tried = { before, after: this.#tryable() };
    state.draft.value ||= example;
    focusPrompt();
    find(this.root, "#message").scrollIntoView({ block: "nearest" });
  }

  // The controls that a try may set, with their values. The visitor's own values come back before the next try.
  #tryable() {
    const { temperature, seed } = state.controls();
    return { temperature, seed, cells: JSON.stringify(state.clampedCells.value ?? []) };
  }

  #forgetLastTry() {
    const now = this.#tryable();
    for (const name of Object.keys(now)) if (this.tried?.after[name] === now[name]) now[name] = this.tried.before[name];
    const { cells, ...values } = now;
    restore(values);
    clamp(JSON.parse(cells));
    return now;
  }
}
