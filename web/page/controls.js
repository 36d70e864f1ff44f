// The settings column: models, sliders, seed. Reads what the visitor chose, and shows what a link or a stored
// conversation says.

import { Refusal } from "../engines/engine.js";
import { isAllowed, randomSeed } from "../conversation/links.js";
import { authorOf, findModel } from "../conversation/models.js";
import { SETTINGS } from "../settings.js";
import { create, setText } from "../document/dom.js";
import { number, render, t } from "../document/words.js";

const CHANGED_MS = 150; // after the last movement of a slider, a reply that is being written gets the new setting
const OTHER = "other"; // the choice to name another model of the Hub

export class Controls {
  /**
   * @param {Element} root
   * @param {object} page
   * @param {(name: string) => void} page.changed
   * @param {() => void} page.modelChanged
   * @param {?(name: string) => Promise<import("../engines/engine.js").Model>} page.add  loads another model of the Hub, where
   *   the engine can
   */
  constructor(root, page) {
    this.root = root;
    this.page = page;
    this.inputs = {};
    this.site = { models: [] };
    const box = root.querySelector("#sliders");
    for (const [name, setting] of Object.entries(SETTINGS)) if (setting.slider) this.#addSlider(box, name, setting);
    this.#toggleShare();
    this.seed = root.querySelector("#seed");
    [this.model, this.second] = ["#model", "#second-model"].map((id) => root.querySelector(id));
    this.model.addEventListener("change", () => this.#chose());
    this.second.addEventListener("change", () => this.#chose());
    this.other = create("input", "other-model");
    [this.other.type, this.other.hidden, this.other.placeholder] = ["text", true, "user/name"];
    this.second.after(this.other);
    this.other.addEventListener("change", () => this.#addOther(this.other.value.trim()));
    this.seed.addEventListener("change", () => page.changed("seed"));
  }

  #addSlider(box, name, { slider, default: value, minimum, maximum }) {
    const line = create("div", "setting", box);
    line.dataset.setting = name;
    const head = create("div", "head", line);
    const [label, field, range, help] = [create("label", "", head), create("input", "", head), create("input", "", line), create("small", "help", line)];
    Object.assign(range, { id: name, type: "range", min: slider.minimum, max: slider.maximum, step: slider.step, value });
    Object.assign(field, { type: "number", min: minimum, max: maximum ?? "", step: "any", value });
    [label.htmlFor, help.id] = [name, `${name}-help`];
    range.setAttribute("aria-describedby", help.id);
    this.inputs[name] = { line, label, field, range, help };
    let timer = 0;
    const changed = () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.page.changed(name), CHANGED_MS);
    };
    range.addEventListener("input", () => ((field.value = range.value), this.#describe(name), changed()));
    field.addEventListener("input", () => (this.#show(name, field.value, field), changed()));
  }

  // Shows a value; a link or the number field may go beyond the slider.
  #show(name, value, from = null) {
    const { range, field } = this.inputs[name];
    const { slider, whole } = SETTINGS[name];
    if (value !== "" && Number.isFinite(Number(value))) {
      [range.min, range.max] = [Math.min(slider.minimum, value), Math.max(slider.maximum, value)];
      if (!whole) range.step = "any";
      range.value = value;
      if (!whole) range.addEventListener("pointerdown", () => (range.step = slider.step), { once: true });
    }
    if (from !== field) field.value = value;
    this.#describe(name);
  }

  #describe(name) {
    this.inputs[name].range.ariaValueText = number(Number(this.inputs[name].field.value));
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

  /** Shows the models that can be chosen. @param {import("../engines/engine.js").Site} site */
  offer(site) {
    this.site = site;
    const [chosen, second] = [this.model.value, this.second.value];
    const names = site.models.filter((model) => !model.failure).map((model) => model.name);
    fill(this.model, names.map((name) => [name, name || site.title]), chosen);
    const others = names.filter((name) => name !== this.model.value);
    const ways = others.flatMap((name) => [["beside", name], ["blended", name]]).map(([way, name]) => [`${way} ${name}`, `${name || site.title}, ${t(`second.${way}`)}`]);
    if (this.page.add) ways.push([OTHER, t("second.other")]);
    fill(this.second, [["", t("second.none")], ...ways], second);
    this.root.querySelector("#second-choice").hidden = !ways.length;
    [this.other.hidden, this.other.ariaLabel] = [this.second.value !== OTHER, t("second.other_name")];
    this.#toggleShare();
  }

  #chose() {
    this.offer(this.site);
    this.page.modelChanged();
  }

  // Loads a model of the Hub by name, and shows it beside the first.
  async #addOther(name) {
    if (!name) return;
    const { failure, name: found } = await this.page.add(name);
    this.other.setCustomValidity(failure ? render(failure) : "");
    if (failure) return this.other.reportValidity();
    fillValue(this.second, `beside ${found}`);
    this.#chose();
  }

  // Loads models of the Hub that the visitor chose before a reload of the page, and chooses them again.
  async #restoreOthers({ model = "", second = "" }) {
    const names = [model, nameAfter("beside ", second) ?? nameAfter("blended ", second)];
    const others = names.filter((name) => name && !this.site.models.some((each) => each.name === name));
    if (!others.length || !this.page.add) return;
    const chosen = () => `${this.model.value} ${this.second.value}`;
    const before = chosen();
    const found = await Promise.all(others.map((name) => this.page.add(name)));
    if (chosen() !== before || found.every(({ failure }) => failure)) return;
    fillValue(this.model, model);
    this.offer(this.site);
    fillValue(this.second, second);
    this.#chose();
  }

  #toggleShare() {
    this.inputs.share.line.hidden = this.blendName === null;
  }

  get modelName() {
    return this.model.value;
  }

  get besideName() {
    return nameAfter("beside ", this.second.value);
  }

  get blendName() {
    return nameAfter("blended ", this?.second?.value ?? "");
  }

  /** The chosen models. @throws {Refusal} one still loads */
  authors() {
    const [model, second, beside] = [this.modelName, this.blendName, this.besideName].map((name) => this.#find(name));
    return { author: authorOf(model, second), beside: beside && authorOf(beside) };
  }

  #find(name) {
    if (name === null) return null;
    const model = findModel(this.site, name);
    const failure = this.site.models.find((each) => each.failure)?.failure;
    if (!model) throw new Refusal(failure ?? { id: "refusal.loading" });
    return model;
  }

  /** @returns {?number} characters per second; null is full speed */
  get speed() {
    const speed = Number(this.inputs.speed.field.value) || SETTINGS.speed.default;
    return speed >= SETTINGS.speed.maximum ? null : Math.max(speed, SETTINGS.speed.minimum);
  }

  /** The settings of the sliders, without a seed. @throws {Refusal} a value is not allowed */
  settings() {
    const found = {};
    for (const [name, setting] of Object.entries(SETTINGS)) {
      if (!setting.slider || name === "speed" || (name === "share" && this.blendName === null)) continue;
      found[name] = this.#checked(name, setting, this.inputs[name].field.value);
    }
    return found;
  }

  #checked(name, setting, text) {
    if (text !== "" && isAllowed(setting, Number(text))) return Number(text);
    throw new Refusal({ id: "refusal.value", values: { field: { id: `setting.${name}` }, value: text || "–", allowed: setting.rule } });
  }

  /** How the next reply is written. @returns {import("../conversation/writer.js").Options} @throws {Refusal} */
  options() {
    const typed = this.seed.value.trim();
    if (this.seed.validity.badInput) this.#checked("seed", SETTINGS.seed, "–");
    const seed = typed ? this.#checked("seed", SETTINGS.seed, typed) : randomSeed();
    return { settings: { ...this.settings(), seed }, seed_given: Boolean(typed), speed: this.speed, ...this.authors() };
  }

  /** What a stored conversation keeps of the controls. */
  stored() {
    const values = Object.fromEntries(Object.entries(this.inputs).map(([name, { field }]) => [name, field.value]));
    return { ...values, seed: this.seed.value, model: this.model.value, second: this.second.value };
  }

  /** Shows settings by name, from a link or a stored conversation. */
  restore(values) {
    for (const name of Object.keys(this.inputs)) if (name in values) this.#show(name, values[name]);
    if (values.seed !== undefined && values.seed !== null) this.seed.value = values.seed;
    if (values.model !== undefined) fillValue(this.model, values.model);
    this.offer(this.site);
    if (values.second !== undefined) fillValue(this.second, values.second);
    this.offer(this.site);
    this.#restoreOthers(values);
  }

  /** Chooses models by name, as a followed link does. */
  choose(model, blended = null) {
    fillValue(this.model, model);
    this.offer(this.site);
    fillValue(this.second, blended === null ? "" : `blended ${blended}`);
    this.offer(this.site);
  }

  /** Shows what is known of the chosen model. */
  describe() {
    const model = this.site.models.find((each) => each.name === this.modelName);
    const facts = model ? (model.failure ? [model.failure] : model.about) : [];
    setText(this.root.querySelector("#about"), model?.loading ? t("model.coming") : render(facts, " · "));
  }
}

// A model beside a static page has an empty name.
function nameAfter(prefix, value) {
  return value.startsWith(prefix) ? value.slice(prefix.length) : null;
}

function fillValue(select, value) {
  if ([...select.options].some((option) => option.value === value)) select.value = value;
}

// Shows options, and keeps the chosen one if it is still offered.
function fill(select, options, chosen) {
  const now = JSON.stringify(options);
  if (select.shown !== now) {
    select.shown = now;
    select.replaceChildren();
    for (const [value, text] of options) Object.assign(create("option", "", select), { value, textContent: text });
  }
  select.value = options.some(([value]) => value === chosen) ? chosen : (options[0]?.[0] ?? "");
}

