// What the page calls itself, its models and their texts, in the visitor's language.

import { number, t } from "../document/words.js";
import { shownName } from "../engines/refusal.js";

/** @import { Clamp, Site } from "../engines/engine.js" */

const BUNDLED = "bundled"; // the name of the model that is part of the app
/** @type {Record<number, string>} */
const CLAMPS = { 4: "up", [-4]: "down", 0: "off" };

/** @type {(site: Site) => string} the title of the site: the owner's, otherwise the page's own */
export function titleOf(site) {
  return site.title || t("site.title");
}

/** @type {(name: string) => string} the name of a model for visitors */
export function nameOf(name) {
  return name === BUNDLED ? t("model.bundled") : shownName(name);
}

/** @type {(site: Site, name: string) => string} the text that a model was trained on; "" if that is not known */
export function corpusOf(site, name) {
  const model = site.models.find((each) => each.name === name);
  const corpus = `${model?.about.find(({ id }) => id === "model.corpus")?.values?.corpus ?? ""}`;
  return corpus === "text" ? "" : corpus; // training calls a text so whose name it does not publish
}

/**
 * Returns the name of a model where one is chosen: with the text that it was trained on, if that has more than the name of
 * a file.
 * @param {Site} site
 * @param {string} name
 */
export function choiceOf(site, name) {
  const [title, corpus] = [nameOf(name) || site.title, corpusOf(site, name)];
  if (corpus.toLowerCase() === title.toLowerCase()) return corpus; // "Shakespeare", not the folder's name "shakespeare"
  return /[^\w.-]/.test(corpus) ? `${title} — ${corpus}` : title;
}

/** Returns the text for a clamped cell, such as "cell 410 (layer 0) held high". @param {Clamp} clamp */
export function clampName([layer, cell, value]) {
  return t(`clamp.${CLAMPS[value] ?? "at"}`, { layer, cell, value: number(value) });
}
