// The settings column: models, sliders, seed. Reads what the visitor chose, and shows what a link or a stored
// conversation says.

import { Refusal } from "../engines/refusal.js";
import { authorOf, findModel } from "../conversation/models.js";
import { SETTINGS, isAllowed, randomSeed } from "../settings.js";
import { create, fill, fillValue, find, paragraph, setText } from "../document/dom.js";
import { number, render, t } from "../document/words.js";
import { corpusOf, nameOf } from "./intro.js";
import { faultOf } from "./refusals.js";

const CHANGED_MS = 150; // after the last movement of a slider, a reply that is being written gets the new setting
const FIRST = new Set(["temperature", "length", "speed"]); // the sliders that are shown without a click
const OTHER = "other"; // the choice to name another model of the Hub
const BLENDED = "blended "; // before the name of a second model, which may be ""

/**
 * @import { Model, Settings, Site } from "../engines/engine.js"
 * @import { Setting } from "../settings.js"
 */

/** @type {Site} the site before the engine has described it */
export const NO_SITE = { version: "", again_s: null, title: "", welcome: "", notices: [], models: [], address: "" };

export class Controls {
  /**
   * @param {HTMLElement} root
   * @param {object} page
   * @param {(name: string) => void} page.changed
   * @param {() => void} page.modelChanged
   * @param {(name: string) => Promise<Model | undefined>} [page.add]  loads another model of the Hub, where the engine can
   */
  constructor(root, page) {
    this.root = root;
    this.page = page;
    this.site = NO_SITE;
    this.ownModels = /** @type {string[]} */ ([]); // models of this browser, which are loaded when they are chosen
    this.allowed = Object.fromEntries(Object.entries(SETTINGS).map(([name, each]) => [name, each.default])); // the last allowed values of the sliders
    this.seed = find(root, "#seed", HTMLInputElement);
    this.model = find(root, "#model", HTMLSelectElement);
    this.second = find(root, "#second-model", HTMLSelectElement);
    const [box, more, pair, sliders] = [
      find(root, "#sliders"),
      find(root, "#more-sliders"),
      find(root, "#second-choice"),
      Object.entries(SETTINGS).filter(([, setting]) => setting.slider),
    ];
    this.inputs = Object.fromEntries(
      sliders.map(([name, setting]) => [
        name,
        this.#addSlider(FIRST.has(name) ? box : name === "share" ? pair : more, name, setting),
      ]),
    );
    this.#toggleShare();
    this.model.addEventListener("change", () => this.#chose());
    this.second.addEventListener("change", () => this.#chose());
    this.other = create("input", "other-model");
    [this.other.type, this.other.hidden, this.other.placeholder] = ["text", true, "user/name"];
    this.second.after(this.other);
    this.other.addEventListener("change", () => this.#addOther(this.other.value.trim()));
    this.seed.addEventListener("change", () => (this.#validate("seed"), page.changed("seed")));
    this.seed.addEventListener("input", () => this.seed.ariaInvalid && this.#validate("seed"));
    this.seed.addEventListener("blur", () => this.#validate("seed")); // letters in an empty field do not change its value
  }

  /**
   * @param {HTMLElement} box
   * @param {string} name
   * @param {Setting} setting
   */
  #addSlider(box, name, { slider, default: value, minimum, maximum }) {
    const line = create("div", "setting", box);
    line.dataset.setting = name;
    const head = create("div", "head", line);
    const [label, field, range, help] = [
      create("label", "", head),
      create("input", "", head),
      create("input", "", line),
      create("small", "help", line),
    ];
    Object.assign(range, {
      id: name,
      type: "range",
      min: slider?.minimum,
      max: slider?.maximum,
      step: slider?.step,
      value,
    });
    Object.assign(field, { type: "number", min: minimum, max: maximum ?? "", step: "any", value });
    [label.htmlFor, help.id] = [name, `${name}-help`];
    range.setAttribute("aria-describedby", help.id);
    let timer = 0;
    const changed = () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.page.changed(name), CHANGED_MS);
    };
    range.addEventListener("input", () => ((field.value = range.value), this.#describe(name), changed()));
    field.addEventListener("input", () => (this.#show(name, field.value, field), changed()));
    field.addEventListener("change", () => this.#validate(name));
    return { line, label, field, range, help };
  }

  /**
   * Shows a value; a link or the number field may go beyond the slider.
   * @param {string} name
   * @param {string} value
   * @param {?HTMLInputElement} from
   */
  #show(name, value, from = null) {
    const { range, field } = this.inputs[name];
    const { slider, whole } = SETTINGS[name];
    const given = Number(value);
    if (slider && value !== "" && isAllowed(SETTINGS[name], given)) {
      [range.min, range.max] = [String(Math.min(slider.minimum, given)), String(Math.max(slider.maximum, given))];
      if (!whole) range.step = "any";
      range.value = value;
      if (!whole) range.addEventListener("pointerdown", () => (range.step = String(slider.step)), { once: true });
    }
    if (from !== field) field.value = value;
    if (!from) this.#validate(name);
    this.#describe(name);
  }

  /** Marks a field whose value would be refused, and says below it which values are allowed. @param {string} name */
  #validate(name) {
    const field = name === "seed" ? this.seed : this.inputs[name].field;
    const fault = name === "seed" && this.#isRandomSeed ? "" : render(faultOf(name, field));
    field.ariaInvalid = fault ? "true" : null;
    const line = field.closest(".setting");
    paragraph(line, "fault", fault);
    if (!fault) return field.removeAttribute("aria-errormessage");
    const shown = find(line, ".fault");
    [shown.id, shown.role] = [`${name}-fault`, "alert"];
    field.setAttribute("aria-errormessage", shown.id);
  }

  /** @param {string} name */
  #describe(name) {
    const { range, field } = this.inputs[name];
    range.ariaValueText = number(Number(range.value));
    if (!faultOf(name, field)) this.allowed[name] = Number(field.value);
    if (field.ariaInvalid) this.#validate(name);
  }

  /** Writes all labels in the visitor's language. */
  translate() {
    for (const [name, { label, field, help }] of Object.entries(this.inputs)) {
      const text = t(`setting.${name}`);
      setText(label, text);
      setText(help, t(`setting.${name}.help`));
      field.ariaLabel = t("page.number_input", { name: text });
      this.#describe(name);
    }
    this.offer(this.site);
  }

  /** Shows the models that can be chosen. @param {Site} site */
  offer(site) {
    this.site = site;
    const [chosen, second] = [this.model.value, this.second.value];
    const names = site.models.filter((model) => !model.failure).map((model) => model.name);
    const stored = this.ownModels.filter((name) => !site.models.some((model) => model.name === name));
    fill(
      this.model,
      [...names, ...stored].map((name) => [name, titleOf(site, name)]),
      chosen,
    );
    const others = names.filter((name) => name !== this.model.value);
    /** @type {[value: string, text: string][]} */
    const seconds = [
      ["", t("second.none")],
      ...others.map((name) => /** @type {[string, string]} */ ([BLENDED + name, titleOf(site, name)])),
    ];
    if (this.page.add) seconds.push([OTHER, t("second.other")]);
    fill(this.second, seconds, second);
    find(this.root, "#second-choice").hidden = seconds.length < 2;
    [this.other.hidden, this.other.ariaLabel] = [this.second.value !== OTHER, t("second.other_name")];
    this.#toggleShare();
  }

  /** Offers the models that this browser has stored. @param {string[]} names */
  offerOwn(names) {
    this.ownModels = names;
    this.offer(this.site);
  }

  /** Chooses one model by name, as the visitor does. @param {string} name */
  use(name) {
    fillValue(this.model, name);
    this.#chose();
  }

  #chose() {
    this.offer(this.site);
    this.page.modelChanged();
    this.#restoreOthers({ model: this.model.value });
  }

  /**
   * Loads a model of the Hub by name, and chooses it as the second one.
   * @param {string} name
   */
  async #addOther(name) {
    const model = name ? await this.page.add?.(name) : undefined;
    if (!model) return;
    this.other.setCustomValidity(render(model.failure));
    if (model.failure) return this.other.reportValidity();
    fillValue(this.second, BLENDED + model.name);
    this.#chose();
  }

  /**
   * Loads models that are not loaded, such as those that were chosen before a reload of the page, and chooses them again.
   * @param {{model?: string, second?: string}} values
   */
  async #restoreOthers({ model = "", second = "" }) {
    const { add } = this.page;
    const names = [model, blendedName(second) ?? ""];
    const others = names.filter((name) => name && !this.site.models.some((each) => each.name === name));
    if (!others.length || !add) return;
    const chosen = () => `${this.model.value} ${this.second.value}`;
    const before = chosen();
    const found = await Promise.all(others.map((name) => add(name)));
    if (chosen() !== before) return;
    if (found.every((each) => each?.failure)) {
      if (this.ownModels.includes(model)) this.offerOwn(this.ownModels.filter((name) => name !== model)); // deleted in another tab
      return this.page.modelChanged();
    }
    this.#select(model, second);
    this.openChanged();
    this.page.modelChanged();
  }

  #toggleShare() {
    this.inputs.share.line.hidden = this.blendName === null;
  }

  get modelName() {
    return this.model.value;
  }

  get blendName() {
    return blendedName(this.second.value);
  }

  /** The chosen model, or the blend. @throws {Refusal} one still loads */
  author() {
    const second = this.blendName === null ? null : this.#find(this.blendName);
    return authorOf(this.#find(this.modelName), second);
  }

  /** @param {string} name */
  #find(name) {
    const model = findModel(this.site, name);
    const failure = this.site.models.find((each) => each.failure)?.failure;
    if (!model) throw new Refusal(failure ?? { id: "refusal.loading" });
    return model;
  }

  /** @returns {?number} the last allowed speed, in characters per second; null is full speed */
  get speed() {
    return this.allowed.speed >= SETTINGS.speed.maximum ? null : this.allowed.speed;
  }

  /** The settings of the sliders, without a seed. @throws {Refusal} a value is not allowed */
  settings() {
    const names = Object.keys(this.inputs).filter(
      (name) => name !== "speed" && (name !== "share" || this.blendName !== null),
    );
    const values = names.map((name) => [name, numberIn(name, this.inputs[name].field)]);
    return /** @type {Settings} */ (Object.fromEntries(values));
  }

  get #isRandomSeed() {
    return this.seed.value.trim() === "" && !this.seed.validity.badInput;
  }

  /** How the next reply is written. @returns {import("../conversation/writer.js").Options} @throws {Refusal} */
  options() {
    const typed = this.#isRandomSeed ? null : numberIn("seed", this.seed);
    return {
      settings: { ...this.settings(), seed: typed ?? randomSeed() },
      seed_given: typed !== null,
      speed: this.speed,
      author: this.author(),
    };
  }

  /** What a stored conversation keeps of the controls. */
  stored() {
    const values = Object.fromEntries(Object.entries(this.inputs).map(([name, { field }]) => [name, field.value]));
    return { ...values, seed: this.seed.value, model: this.model.value, second: this.second.value };
  }

  /**
   * Shows settings by name, from a link or a stored conversation.
   * @param {Object<string, any>} values
   */
  restore(values) {
    for (const name of Object.keys(this.inputs)) if (name in values) this.#show(name, String(values[name]));
    if (values.seed !== undefined && values.seed !== null) this.seed.value = values.seed;
    this.#validate("seed");
    this.#select(values.model, values.second);
    this.#restoreOthers(values);
  }

  /**
   * Chooses models by name, as a followed link does.
   * @param {string} model
   * @param {?string} blended
   */
  choose(model, blended = null) {
    this.#select(model, blended === null ? "" : BLENDED + blended);
  }

  // Chooses a model and a second one, where they are offered. The model decides which second ones are.
  /** @param {string} [model] @param {string} [second] */
  #select(model, second) {
    fillValue(this.model, model);
    this.offer(this.site);
    fillValue(this.second, second);
    this.offer(this.site);
  }

  /** Opens the sections around a setting that is not its default. */
  openChanged() {
    const changed = Object.keys(this.inputs).filter(
      (name) => Number(this.inputs[name].field.value) !== SETTINGS[name].default,
    );
    const isMore = changed.some((name) => !FIRST.has(name)) || this.seed.value !== "" || this.second.value !== "";
    if (isMore) find(this.root, "#more-settings", HTMLDetailsElement).open = true;
    if (isMore || changed.length) find(this.root, "#settings", HTMLDetailsElement).open = true;
  }

  /** Shows the facts about the chosen model. */
  describe() {
    const model = this.site.models.find((each) => each.name === this.modelName);
    const facts = model ? (model.failure ? [model.failure] : model.about) : [];
    setText(find(this.root, "#about"), model?.loading ? t("model.coming") : render(facts, " · "));
  }
}

/**
 * @param {string} name
 * @param {HTMLInputElement} field
 * @throws {Refusal} the number is not allowed
 */
function numberIn(name, field) {
  const fault = faultOf(name, field);
  if (fault) throw new Refusal(fault);
  return Number(field.value);
}

/**
 * Returns the name in a choice of a second model, which is "" for the model of a static page; null if none is chosen.
 * @param {string} value
 */
function blendedName(value) {
  return value.startsWith(BLENDED) ? value.slice(BLENDED.length) : null;
}

/**
 * How a model is named where one is chosen: with the text that it was trained on, if that has more than the name of a file.
 * @param {Site} site
 * @param {string} name
 */
function titleOf(site, name) {
  const [title, corpus] = [nameOf(name) || site.title, corpusOf(site, name)];
  if (corpus.toLowerCase() === title.toLowerCase()) return corpus; // "Shakespeare", not the folder's name "shakespeare"
  return /[^\w.-]/.test(corpus) ? `${title} — ${corpus}` : title;
}
