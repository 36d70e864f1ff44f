// The row of demonstrations: one button each, and one that begins the tour.

import { randomSeed } from "../conversation/links.js";
import { findModel } from "../conversation/models.js";
import { create, find, findAll, setText } from "../document/dom.js";
import { t } from "../document/words.js";
import { DEMONSTRATIONS } from "./shown.js";
import { Stage } from "./stage.js";
import { Tour } from "./tour.js";

const FIRST_SEED = 7; // "Again" takes another one

export class Demonstrations {
  /** @param {import("../page/main.js").Page} page */
  constructor(page) {
    this.page = page;
    this.row = find(page.root, "#demonstrations");
    this.stage = new Stage(page.root, () => this.close());
    this.tour = new Tour(page, () => this.close());
    this.running = /** @type {AbortController | null} */ (null);
    this.buttons = Object.keys(DEMONSTRATIONS).map((name) => {
      const button = create("button", "", this.row);
      button.type = "button";
      button.dataset.demonstration = name;
      button.addEventListener("click", () => this.#isFree() && this.show(name));
      return button;
    });
    const tour = create("button", "tour", this.row);
    tour.type = "button";
    tour.addEventListener("click", () => this.#isFree() && this.tour.open(1));
    this.translate();
  }

  translate() {
    for (const button of this.buttons) setText(button, t(`demo.${button.dataset.demonstration}`));
    setText(find(this.row, ".tour"), t("tour.begin"));
    this.close(); // its texts are in another language
    this.tour.translate();
  }

  #isFree() {
    return !this.page.busy && this.#model() !== null;
  }

  #model() {
    return findModel(this.page.site(), this.page.controls.modelName);
  }

  /** Offers what the chosen model has. */
  update() {
    const [model, free] = [this.#model(), this.#isFree()];
    this.row.hidden = !this.page.site().models.length;
    for (const button of this.buttons) button.hidden = !model || !DEMONSTRATIONS[button.dataset.demonstration].isOffered(model);
    for (const button of findAll(this.row, "button", HTMLButtonElement)) button.disabled = !free;
    this.tour.update();
  }

  /** @param {string} name */
  async show(name, seed = FIRST_SEED) {
    const { stage, page } = this;
    const model = this.#model();
    if (!model) return;
    this.running?.abort();
    this.running = new AbortController();
    const { signal } = this.running;
    this.tour.close();
    const { run, tour } = DEMONSTRATIONS[name];
    stage.open(t(`demo.${name}`), { id: `demo.${name}.lead`, values: { seed } });
    page.changed();
    if (tour) stage.action("demo.again", () => this.show(name, randomSeed()));
    if (tour) stage.action("demo.try", () => this.tour.open(tour));
    await run({ stage, engine: page.engine, model, seed, signal });
  }

  /** Shows the conversation again. */
  close() {
    if (!this.stage.isOpen) return;
    this.running?.abort();
    this.stage.hide();
    this.page.changed();
  }
}
