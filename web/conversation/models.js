// Finds models of the page by name; an author is a model, or a blend of two, with its vocabulary and chat format.

import { refusal, shortened } from "../engines/refusal.js";

/**
 * @import { ChatFormat, Message, Model, ModelRef, Site } from "../engines/engine.js"
 * @import { Link } from "./links.js"
 *
 * @typedef {object} Author  a model, or two that are blended
 * @property {Model} model
 * @property {?Model} second
 * @property {?ChatFormat} chat
 * @property {Set<string>} vocab
 */

/** @type {(model: ModelRef) => ModelRef} */
export function refOf({ name, commit }) {
  return { name, commit };
}

/** Returns the names and commits of an author, as a reply of the log stores them. @param {Author} author */
export function refsOf({ model, second }) {
  return { model: refOf(model), second: second && refOf(second) };
}

const vocabularies = /** @type {WeakMap<Model, Set<string>>} */ (new WeakMap());

function vocabularyOf(model) {
  if (!vocabularies.has(model)) vocabularies.set(model, new Set(model.vocab));
  return vocabularies.get(model);
}

/** @type {(model: Model, second?: ?Model) => Author} */
export function authorOf(model, second = null) {
  const vocab = vocabularyOf(model);
  if (!second) return { model, second, chat: model.chat, vocab };
  const other = vocabularyOf(second);
  const chat = JSON.stringify(model.chat) === JSON.stringify(second.chat) ? model.chat : null;
  return { model, second, chat, vocab: new Set(model.vocab.filter((character) => other.has(character))) };
}

/**
 * Returns the author of a reply, at the commits that are served now; null if a model is no longer served.
 * @typedef {(name: string) => ?Model} FindModel  the model that is served under a name now
 * @type {(reply: {model: ModelRef, second: ?ModelRef}, find: FindModel) => ?Author}
 */
export function authorNow({ model, second }, find) {
  const [one, two] = [find(model.name), second && find(second.name)];
  return one && (two || !second) ? authorOf(one, two) : null;
}

/** Returns the models that can write now. @param {Pick<Site, "models">} site */
export function readyModels(site) {
  return site.models.filter((model) => !model.failure && !model.loading);
}

/** @type {Record<string, string | undefined>} the default bundled model in the app and on a static page, by its names in older links and conversations */
const RENAMED = { bundled: "shakespeare", tinyshakespeare: "Shakespeare" };

/** Returns the model with a name that can write now, or null. @type {(site: Pick<Site, "models">, name: ?string) => ?Model} */
export function findModel(site, name) {
  const ready = readyModels(site);
  const named = ready.find((model) => model.name === name);
  return named ?? ready.find((model) => model.name === RENAMED[name ?? ""] && !model.commit) ?? null;
}

/**
 * Returns the models of a link, one, or two for a blend: each at the link's commit if that is served.
 * @param {Link} link
 * @param {Site} site
 * @throws {Refusal}
 */
export function modelsOfLink(link, site) {
  const isChecked = Boolean(link.text) || link.damaged;
  const [one, ...more] = [link.model, ...(link.second ? [link.second] : [])].map((ref) =>
    modelOfLink(ref, site, isChecked),
  );
  if (more.includes(one)) throw refusal("link.second_same", { name: one.name });
  return [one, ...more];
}

/** @type {(ref: ModelRef, site: Site, isChecked: boolean) => Model} isChecked: the link has the hash of its text */
function modelOfLink(ref, site, isChecked) {
  const ready = readyModels(site);
  if (!ref.name && ready.length) return ready[0];
  const same = findModel(site, ref.name);
  const named = [...(same ? [same] : []), ...ready.filter((model) => repoOf(model) === repoOf(ref))];
  const loading = site.models.some((model) => model.loading);
  // A model from a folder is named after the folder, so a page's only model may be the same one under another name. The hash tells.
  const only = isChecked && !ref.commit && ready.length === 1 && !ready[0].commit && !loading ? ready : [];
  const found = named.find((model) => model.commit === ref.commit) ?? named[0] ?? only[0];
  if (found) return found;
  if (loading) throw refusal("refusal.loading");
  const failure = ready.length ? null : site.models.find((model) => model.failure)?.failure;
  if (failure) throw refusal(failure.id, failure.values);
  throw refusal("link.no_model", { name: shortened(ref.name), names: ready.map((model) => model.name) });
}

/** Returns the name of a model without its branch or tag ("user/name@main"). @param {ModelRef} ref */
export function repoOf({ name, commit }) {
  return commit ? name.split("@")[0] : name;
}

/**
 * Returns what is known to differ between this page and the page that made a link: commits, inference version.
 * @param {Link} link
 * @param {Model[]} models
 */
export function differences(link, models) {
  const found = /** @type {Message[]} */ ([]);
  models.forEach(({ commit: here }, at) => {
    const there = (at ? link.second : link.model).commit;
    if (there === here || !(there || link.text)) return;
    found.push({
      id: at ? "difference.second_commit" : "difference.commit",
      values: { there: origin(there), here: origin(here) },
    });
  });
  const here = versionOf(models);
  if (link.version && link.version !== here) {
    found.push({ id: "difference.arithmetic", values: { there: precision(link.version), here: precision(here) } });
  }
  return found;
}

/** Returns the version of int8 inference, or "float32" if one of the models runs in it. @param {Model[]} models */
export function versionOf(models) {
  return (models.find((model) => model.version === "float32") ?? models[0]).version;
}

function origin(commit) {
  return commit ? { id: "origin.commit", values: { commit: commit.slice(0, 7) } } : { id: "origin.folder" };
}

function precision(version) {
  return version === "float32" ? { id: "arithmetic.float32" } : { id: "arithmetic.exact", values: { version } };
}
