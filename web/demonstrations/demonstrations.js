// The row of buttons: one for each demonstration, and one for the tour. Their modules are imported when one is pressed.

import { randomSeed } from "../settings.js";
import { find, findAll, setText } from "../document/dom.js";
import { render, t } from "../document/words.js";
import { corpusOf } from "../page/intro.js";
import { lineCounter } from "./line_counter.js";

const FIRST_SEED = 7; // "Again" uses a random one
const TOUR = /^#tour-[1-6]$/; // the address of a step

/** @type {Record<string, (model: import("../engines/engine.js").Model) => boolean>} whether a demonstration is offered, by name */
const OFFERED = { lines: (model) => lineCounter(model) !== null, learn: (model) => model.samples };

export class Demonstrations {
  #loading = /** @type {Promise<void> | null} */ (null);
  #shown = /** @type {typeof import("./shown.js") | null} */ (null);
  stage = /** @type {import("./stage.js").Stage | null} */ (null);
  tour = /** @type {import("./tour.js").Tour | null} */ (null);

  /** @param {import("../page/main.js").Page} page */
  constructor(page) {
    this.page = page;
    this.row = find(page.root, "#demonstrations");
    this.running = /** @type {AbortController | null} */ (null);
    this.name = ""; // of the demonstration that was shown last
    this.tried = /** @type {{before: Record<string, string>, after: Record<string, string>} | null} */ (null); // by the last "Try it yourself"
    this.buttons = findAll(this.row, "[data-demonstration]", HTMLButtonElement);
    for (const button of this.buttons)
      button.addEventListener("click", () => this.#isFree() && this.show(button.dataset.demonstration));
    find(this.row, ".tour").addEventListener("click", async () => {
      await this.load();
      if (this.#isFree()) this.tour.open(1);
    });
    const follow = () => TOUR.test(location.hash) && this.load();
    addEventListener("hashchange", follow);
    follow();
  }

  load() {
    this.#loading ??= this.#load();
    this.#loading.catch(() => (this.#loading = null)); // without a network: the next click tries again
    return this.#loading;
  }

  async #load() {
    const [shown, { Stage }, { Tour }] = await Promise.all([
      import("./shown.js"),
      import("./stage.js"),
      import("./tour.js"),
    ]);
    this.#shown = shown;
    this.stage = new Stage(this.page.root, () => this.close());
    this.tour = new Tour(this.page, () => this.close());
    this.tour.translate();
  }

  translate() {
    this.close(); // its texts are in another language
    this.tour?.translate();
  }

  #isFree() {
    return !this.page.busy && this.page.source.about() !== null;
  }

  /** Shows the buttons that the chosen model offers, enables them while no reply is written, and marks the one that is shown. */
  update() {
    const [model, free] = [this.page.source.about(), this.#isFree()];
    find(this.row, ".tour").hidden = this.page.started && !this.page.site().models.length;
    for (const button of this.buttons)
      button.hidden = this.page.started && !(model && (OFFERED[button.dataset.demonstration]?.(model) ?? true));
    for (const button of this.buttons)
      button.ariaPressed = String(this.isShown && button.dataset.demonstration === this.name);
    for (const button of findAll(this.row, "button", HTMLButtonElement)) button.disabled = !free;
    this.tour?.update();
  }

  /** @param {string} name */
  async show(name, seed = FIRST_SEED) {
    await this.load();
    const { stage, page } = this;
    const model = page.source.about();
    if (!model || page.busy) return;
    this.running?.abort();
    [this.running, this.name] = [new AbortController(), name];
    const { signal } = this.running;
    this.tour.close();
    setText(find(page.root, "#message"), ""); // it may be about the demonstration before
    const { run, prepare } = this.#shown.DEMONSTRATIONS[name];
    stage.open(t(`demo.${name}`), { id: `demo.${name}.lead`, values: { seed } });
    page.changed();
    if (prepare) stage.action("demo.again", () => this.show(name, randomSeed()));
    if (prepare) stage.action("demo.try", () => this.#tryIt(() => prepare(page, model, seed), model.examples[0]));
    const training = { corpus: corpusOf(page.site(), model.name), link: find(this.row, ".train") };
    await run({ stage, engine: page.engine, model, training, seed, signal });
  }

  // Leaves the visitor at the prompt, with the control set and one sentence about what to do.
  /** @param {() => import("../engines/engine.js").Message} prepare @param {string} [example] */
  #tryIt(prepare, example = "") {
    const { prompt, root, busy } = this.page;
    if (busy) return;
    this.close();
    const before = this.#forgetLastTry();
    const message = find(root, "#message");
    setText(message, render(prepare()));
    this.tried = { before, after: this.#tryable() };
    prompt.value ||= example;
    this.page.actions.focusPrompt();
    message.scrollIntoView({ block: "nearest" });
  }

  // The controls that a try may set, with their values. The visitor's own values come back before the next try.
  #tryable() {
    const { controls, source } = this.page;
    return {
      temperature: controls.inputs.temperature.field.value,
      seed: controls.seed.value,
      cells: JSON.stringify(source.clampedCells() ?? []),
    };
  }

  #forgetLastTry() {
    const now = this.#tryable();
    for (const name of Object.keys(now)) if (this.tried?.after[name] === now[name]) now[name] = this.tried.before[name];
    const { cells, ...values } = now;
    this.page.controls.restore(values);
    this.page.source.clamp(JSON.parse(cells));
    return now;
  }

  /** Whether one is shown instead of the conversation. */
  get isShown() {
    return Boolean(this.stage?.isOpen);
  }

  /** Shows the conversation again. */
  close() {
    if (!this.isShown) return;
    this.running?.abort();
    this.stage.hide();
    this.page.changed();
  }
}
