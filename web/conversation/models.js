// The models of the page by name, and what one of them, or two blended, can read.

import { LinkError, shortened } from "./links.js";

/**
 * @typedef {import("../engines/engine.js").Model} Model
 * @typedef {import("../engines/engine.js").ModelRef} ModelRef
 *
 * @typedef {object} Author  a model, or two that are blended
 * @property {Model} model
 * @property {?Model} second
 * @property {?{prefix: string, suffix: string, stop: string}} chat
 * @property {Set<string>} vocab
 */

/** @returns {ModelRef} */
export function refOf(model) {
  return { name: model.name, commit: model.commit };
}

/** The names and commits of an author, as a reply of the log has them. */
export function refsOf(author) {
  return { model: refOf(author.model), second: author.second ? refOf(author.second) : null };
}

const vocabularies = new WeakMap();

function vocabularyOf(model) {
  if (!vocabularies.has(model)) vocabularies.set(model, new Set(model.vocab));
  return vocabularies.get(model);
}

/** @returns {Author} */
export function authorOf(model, second = null) {
  const vocab = vocabularyOf(model);
  if (!second) return { model, second, chat: model.chat, vocab };
  const other = vocabularyOf(second);
  const chat = JSON.stringify(model.chat) === JSON.stringify(second.chat) ? model.chat : null;
  return { model, second, chat, vocab: new Set(model.vocab.filter((character) => other.has(character))) };
}

/** The models that can write now. @returns {Model[]} */
export function readyModels(site) {
  return site.models.filter((model) => !model.failure && !model.loading);
}

/** @returns {?Model} the model of a name that can write now; of the commit too if `commit` is given */
export function findModel(site, name, commit = null) {
  return readyModels(site).find((model) => model.name === name && (commit === null || model.commit === commit)) || null;
}

/**
 * The models that a link names, one or two that are blended: each at the link's commit if that is served.
 *
 * @returns {Model[]}
 * @throws {LinkError}
 */
export function modelsOfLink(link, site) {
  const found = [modelOfLink(link.model, site)];
  if (!link.second) return found;
  try {
    found.push(modelOfLink(link.second, site));
  } catch (error) {
    if (error instanceof LinkError) throw new LinkError("link.second_missing", { reason: error.reason });
    throw error;
  }
  if (found[0] === found[1]) throw new LinkError("link.second_same", { name: found[0].name });
  return found;
}

function modelOfLink({ name, commit }, site) {
  const ready = readyModels(site);
  const loading = () => site.models.some((model) => model.loading);
  if (!name && ready.length) return ready[0];
  const named = ready.filter((model) => name === model.name || name === model.repo);
  // A model from a folder is named by its folder. The only model of a page may be that one, under another name.
  const only = !commit && ready.length === 1 && !ready[0].commit && !loading() ? ready : [];
  const [found] = [...named.filter((model) => model.commit === commit), ...named, ...only];
  if (found) return found;
  if (loading()) throw new LinkError("refusal.loading");
  const failure = ready.length ? null : site.models.find((model) => model.failure)?.failure;
  if (failure) throw new LinkError(failure.id, failure.values);
  const served = { id: "rule.served", values: { names: ready.map((model) => model.name) } };
  throw new LinkError("refusal.value", { field: { id: "setting.model" }, value: shortened(name), allowed: served });
}

/** What is known to differ between this page and the one where a link was made. @returns {object[]} messages */
export function differences(link, models) {
  const found = [];
  const commits = [link.model.commit, ...(link.second ? [link.second.commit] : [])];
  commits.forEach((there, at) => {
    const here = models[at].commit;
    if (there === here || !(there || link.text)) return;
    found.push({ id: at ? "difference.second_commit" : "difference.commit", values: { there: origin(there), here: origin(here) } });
  });
  const here = versionOf(models);
  if (link.version && link.version !== here) {
    found.push({ id: "difference.arithmetic", values: { there: precision(link.version), here: precision(here) } });
  }
  return found;
}

/** The version of int8 inference, or "float32" where one of the models runs in it. */
export function versionOf(models) {
  return String(models.find((model) => model.version === "float32")?.version ?? models[0].version);
}

function origin(commit) {
  return commit ? { id: "origin.commit", values: { commit: commit.slice(0, 7) } } : { id: "origin.folder" };
}

function precision(version) {
  return version === "float32" ? { id: "arithmetic.float32" } : { id: "arithmetic.exact", values: { version } };
}
