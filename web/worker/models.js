// The models of the worker: loaded when they are first needed, two of them blended on demand; and what the page shows of them.

import { count, isLocal, shownName } from "../engines/engine.js";
import { LanguageModel, Network, compile } from "./int8_inference.js";
import { ModelError, load, locate, readParts } from "./checkpoint.js";
import { writeText } from "./reply.js";

const NEVER = -1e9; // as a logit: a character that is never written
const MAX_LOADED = 4; // models of the Hub; of more, the one that was not used for the longest time is unloaded
const MAX_EXAMPLES = 4;
const MAX_EXAMPLE = 60; // characters
const MAX_CORPUS = 60; // characters
const MAX_WELCOME = 1000; // characters
const MAX_INT8_COST = 0.01; // nats per character; with a larger one the app uses float32

/**
 * @import { Message, Model, ModelRef } from "../engines/engine.js"
 * @import { Parts } from "./checkpoint.js"
 * @import { ReadTexts } from "./text_reader.js"
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

/**
 * Returns the description of a model, with the welcome text that its config.json stores: "" if it stores none.
 * @param {ModelRef} ref
 * @param {Parts} parts
 * @param {string} version of int8 inference
 * @returns {Model}
 */
export function describe({ name, commit }, parts, version) {
  const { chat, sizes, vocab, cells, training } = parts;
  const shown = name || (typeof training.corpus === "string" && training.corpus.slice(0, MAX_CORPUS)) || "char-lstm";
  const about = [...originOf(name, commit, parts), ...facts(parts)];
  const texts = { about, ...storedWelcome(parts), examples: examplesOf(parts), chat };
  const network = {
    layers: sizes.layers,
    hidden: sizes.hidden,
    vocab,
    cells,
    samples: parts.samples !== null,
    version,
  };
  return { name: shown, commit, failure: null, loading: false, ...texts, ...network };
}

/** Returns the description of a model that could not be loaded. @param {ModelRef} ref @param {?Message} failure @returns {Model} */
export function emptyModel({ name, commit }, failure) {
  const sizes = { layers: 0, hidden: 0, vocab: [], cells: [], samples: false, version: "" };
  const texts = { about: [], welcome: "", welcome_seed: 0, examples: [], chat: null };
  return { name, commit, failure, loading: false, ...texts, ...sizes };
}

// What a model has read, and the commit of one of the Hub.
/** @type {(name: string, commit: string, parts: Parts) => Message[]} */
function originOf(name, commit, { training }) {
  const { machine, from, corpus } = training;
  const parent = from && shownName(String(from).split("@")[0]);
  if (isLocal(name) && machine === "browser")
    return [parent ? { id: "model.own_after", values: { from: parent } } : { id: "model.own" }];
  const text = typeof corpus === "string" ? corpus.slice(0, MAX_CORPUS) : "";
  /** @type {Message[]} */
  const found = text || isLocal(name) ? [{ id: "model.corpus", values: { corpus: text || "–" } }] : [];
  return commit && !isLocal(name) ? [...found, { id: "model.commit", values: { commit: commit.slice(0, 7) } }] : found;
}

/** @type {(parts: Parts) => Message[]} */
function facts({ parameters, sizes, training, verified }) {
  /** @type {Message[]} */
  const facts = [
    { id: "model.parameters", values: { count: parameters } },
    { id: "model.layers", values: { layers: sizes.layers, cells: sizes.hidden } },
    { id: "model.characters", values: { count: sizes.vocab } },
    { id: "static.browser" },
  ];
  if (!verified) facts.push({ id: "static.not_verified" });
  if (Number(training.int8_cost) > MAX_INT8_COST) facts.push({ id: "static.float32" });
  return facts;
}

// The trainer's example prompts of which the model knows every character.
/** @type {(parts: Parts) => string[]} */
function examplesOf({ training, vocab }) {
  const isShort = (each) => typeof each === "string" && each !== "" && count(each) <= MAX_EXAMPLE;
  const fits = (each) => isShort(each) && [...each].every((character) => vocab.includes(character));
  const given = /** @type {string[]} */ ([training.examples ?? []].flat());
  return [...new Set(given.filter(fits))].slice(0, MAX_EXAMPLES);
}

/** @type {(parts: Parts) => {welcome: string, welcome_seed: number}} */
function storedWelcome({ training }) {
  const { text, seed } = /** @type {{text?: unknown, seed?: unknown}} */ (training.welcome ?? {});
  const isWhole = typeof text === "string" && count(text) <= MAX_WELCOME && Number.isInteger(seed);
  return { welcome: isWhole ? wholeLines(text) : "", welcome_seed: isWhole ? Number(seed) : 0 };
}

/**
 * Returns a text that the model writes from an empty memory, and its seed, as in ui/registry/welcome.py.
 * @param {LanguageModel} lm
 * @param {ReadTexts} texts
 */
export async function writeWelcome(lm, texts) {
  // Imported here: settings.js awaits a file, and a worker loses the messages that arrive before its modules have run.
  const { SAMPLING, WELCOME } = await import("../settings.js");
  const write = (/** @type {number} */ seed, length = WELCOME.length) =>
    writeText(lm, { text: "", start: true }, /** @type {any} */ ({ ...SAMPLING, stop: "", seed, length }), texts);
  let [chosen] = WELCOME.seeds; // the first whose text does not begin with an empty line
  for (const seed of WELCOME.seeds) {
    chosen = seed;
    if ((await write(seed, 1)) !== "\n") break;
  }
  return { welcome: wholeLines(await write(chosen)), welcome_seed: chosen };
}

// A text without its last line, or its last word, if the rest is at least half of it.
/** @param {string} written */
function wholeLines(written) {
  const characters = Array.from(written.replace(/\n+$/, ""));
  const half = Math.floor(characters.length / 2);
  const line = characters.lastIndexOf("\n");
  const cut = line < half ? Math.max(line, characters.lastIndexOf(" ")) : line;
  return characters.slice(0, cut > half ? cut : undefined).join("");
}
