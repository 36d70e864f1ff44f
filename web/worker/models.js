// The models of the worker: loaded when they are first needed, two of them blended on demand.

import { isLocal } from "../engines/refusal.js";
import { Network, compile } from "./int8_inference.js";
import { LanguageModel } from "./language_model.js";
import { ModelError, load, locate, readParts } from "./checkpoint.js";

const NEVER = -1e9; // as a logit: a character that is never written
const MAX_LOADED = 4; // models of the Hub; of more, the one that was not used for the longest time is unloaded

/**
 * @import { ModelRef } from "../engines/engine.js"
 * @import { Parts, Place } from "./checkpoint.js"
 * @typedef {Parts & ModelRef & {key: string, ids: Map<string, number>, network: Network}} LoadedModel
 * @typedef {{parts: Promise<Parts>, model: Promise<LoadedModel>}} Loading
 */

/** Loads models and keeps them. */
export class Models {
  #loaded = /** @type {Map<string, Loading>} */ (new Map()); // by key, the one that was used last at the end
  #parts = /** @type {Map<string, number>} */ (new Map()); // that have arrived of the models that are being loaded, by key
  #given = /** @type {Map<string, Record<string, Uint8Array>>} */ (new Map()); // files of local models, by name

  /**
   * @param {string} home the address of the folder of the page
   * @param {string} hub the address of the Hub
   * @param {(part: number) => void} progress called with the downloaded part of the models that are being loaded and are
   *   not local: 0 when the first begins, 1 when the last one is loaded or has failed
   */
  constructor(home, hub, progress) {
    this.home = home;
    this.hub = hub;
    this.progress = progress;
  }

  /**
   * Returns the ref of a model of the Hub at the commit that its revision means now, or of a local model.
   * @param {string} model user/name, or user/name@revision
   * @returns {Promise<ModelRef>}
   */
  async find(model) {
    if (!isLocal(model)) return locate(model, this.hub);
    const [name, commit = ""] = model.split("@");
    return { name, commit: (await this.#local({ name, commit })).commit };
  }

  /** Whether a model is loaded or being loaded. @param {ModelRef} ref */
  has(ref) {
    return this.#loaded.has(keyOf(ref));
  }

  /** Returns a model; a ref without a commit is the model beside the page. @param {ModelRef} ref @throws {ModelError} */
  open(ref) {
    return this.#loading(ref).model;
  }

  /** Returns what is known of a model before its weights have arrived, which are loaded too. @param {ModelRef} ref @throws {ModelError} */
  parts(ref) {
    return this.#loading(ref).parts;
  }

  /** @param {ModelRef} ref @returns {Loading} */
  #loading(ref) {
    const key = keyOf(ref);
    const loading = this.#loaded.get(key) ?? this.#load(key, ref);
    this.#loaded.delete(key);
    this.#loaded.set(key, loading);
    const unused = [...this.#loaded.keys()].filter(Boolean).slice(0, -MAX_LOADED);
    for (const each of unused) this.#loaded.delete(each);
    return loading;
  }

  #load(key, ref) {
    const report = (part) => isLocal(ref.name) || this.#report(key, part);
    report(0);
    const place = this.#place(ref);
    const parts = place.then(readParts);
    const model = Promise.all([place, compile(), parts]).then(async ([place, code]) => {
      const { tensors, ...facts } = await load(place, report, parts);
      const ids = new Map(facts.vocab.map((character, id) => [character, id]));
      if (facts.rare !== null) tensors["output.bias"][ids.get(facts.rare)] = NEVER;
      const { name, commit } = ref;
      return { ...facts, key, name, commit, ids, network: new Network(facts.sizes, tensors, code) };
    });
    const loading = { parts, model };
    const forget = () => {
      if (this.#loaded.get(key) === loading) this.#loaded.delete(key); // so that the next call tries again
    };
    model.catch(forget).finally(() => report(1));
    return loading;
  }

  #report(key, part) {
    this.#parts.set(key, part);
    const parts = [...this.#parts.values()];
    const sum = parts.reduce((one, other) => one + other, 0);
    if (sum === parts.length) this.#parts.clear();
    this.progress(sum / parts.length);
  }

  /**
   * Returns one model, or two as a blend.
   * @param {ModelRef} ref
   * @param {ModelRef | null} second
   * @throws {ModelError}
   */
  async languageModel(ref, second) {
    const refs = second ? [ref, second] : [ref];
    return new LanguageModel(await Promise.all(refs.map((each) => this.open(each))));
  }

  /** Takes the files of a local model that the browser could not store. @param {string} name @param {Record<string, Uint8Array>} files */
  give(name, files) {
    this.#given.set(name, files);
  }

  /** Returns what the files of a model hold: its config and its tensors. @param {ModelRef} ref @throws {ModelError} */
  async read(ref) {
    return load(await this.#place(ref));
  }

  // The place of a local model: its files, and their commit.
  async #local({ name, commit }) {
    const { commitOf, loadModel } = await import("./stored_training.js"); // few visitors need it
    const files = this.#given.get(name) ?? (await loadModel(name).catch(() => null))?.files;
    const found = files && commitOf(files);
    if (!found || (commit && commit !== found)) {
      throw new ModelError(`${name} was trained in a browser, and only that browser has it`);
    }
    return { base: "", name, commit: found, files };
  }

  // Where the files of a model are.
  async #place({ name, commit }) {
    if (isLocal(name)) return this.#local({ name, commit });
    if (commit && !(/^[0-9a-f]{40}$/.test(commit) && /^[\w.-]+\/[\w.-]+$/.test(name))) {
      throw new ModelError(`${name} at ${commit} is not a model of the Hub`);
    }
    const base = commit ? `${this.hub}/${name}/resolve/${commit}/` : this.home;
    return { base, name: commit ? name : "", commit };
  }
}

function keyOf({ name, commit }) {
  return commit ? `${name}@${commit}` : "";
}
