// What the page shows of the models of this browser.

import { writeText } from "./reply.js";

/**
 * @import { Message, Model } from "../engines/engine.js"
 * @import { LanguageModel } from "./language_model.js"
 * @import { LoadedModel } from "./models.js"
 * @import { States } from "./states.js"
 */

const MAX_EXAMPLES = 4;
const MAX_EXAMPLE = 60; // characters
const MAX_INT8_COST = 0.01; // nats per character; with a larger one the app uses float32

/**
 * Returns the description of a model, with a text that it writes now.
 * @param {LoadedModel} model
 * @param {LanguageModel} lm the same model
 * @param {States} states
 * @param {string} way how matrix products are computed
 * @param {string} version of int8 inference
 * @returns {Promise<Model>}
 */
export async function describe(model, lm, states, way, version) {
  const { name, commit, chat, sizes, vocab, cells, training } = model;
  return {
    ...emptyModel(name, commit),
    name: name || (typeof training.corpus === "string" && training.corpus.slice(0, 60)) || "char-lstm",
    about: facts(model, way),
    ...(await welcome(lm, states)),
    examples: examplesOf(model),
    chat,
    layers: sizes.layers,
    hidden: sizes.hidden,
    vocab,
    cells,
    samples: model.samples !== null,
    version,
  };
}

/**
 * Returns the description of a model that is not loaded.
 * @param {string} name
 * @param {string} commit
 * @returns {Model}
 */
export function emptyModel(name, commit) {
  const sizes = { layers: 0, hidden: 0, vocab: [], cells: [], samples: false };
  const state = { failure: null, loading: false, exact: true, version: "" };
  return { name, commit, about: [], welcome: "", welcome_seed: 0, examples: [], chat: null, ...sizes, ...state };
}

/** @type {(model: LoadedModel, way: string) => Message[]} */
function facts({ commit, parameters, sizes, training, verified }, way) {
  /** @type {Message[]} */
  const facts = [
    { id: "model.parameters", values: { count: shortNumber(parameters) } },
    { id: "static.size", values: { layers: sizes.layers, cells: sizes.hidden } },
    { id: "model.characters", values: { count: sizes.vocab } },
    { id: "static.browser", values: { way } },
  ];
  if (commit) facts.unshift({ id: "model.commit", values: { commit: commit.slice(0, 7) } });
  if (!verified) facts.push({ id: "static.not_verified" });
  if (Number(training.int8_cost) > MAX_INT8_COST) facts.push({ id: "static.float32" });
  return facts;
}

// Such as 3.3 M, as the app writes it.
function shortNumber(number) {
  const [unit, size] = /** @type {[string, number][]} */ ([["M", 1e6], ["k", 1e3]]).find(([, each]) => number >= each) ?? ["", 0];
  return size ? `${(number / size).toFixed(1)} ${unit}` : `${number}`;
}

// The trainer's example prompts of which the model knows every character.
/** @type {(model: LoadedModel) => string[]} */
function examplesOf({ training, ids }) {
  const fits = (each) => {
    const characters = typeof each === "string" ? Array.from(each) : [];
    const isKnown = characters.every((character) => ids.has(character));
    return isKnown && characters.length > 0 && characters.length <= MAX_EXAMPLE;
  };
  const given = Array.isArray(training.examples) ? training.examples : [];
  return [...new Set(given.filter(fits))].slice(0, MAX_EXAMPLES);
}

// A text that the model writes from an empty memory, cut after a word or a line, and its seed, as in ui/registry/welcome.py.
async function welcome(lm, states) {
  // Imported here: settings.js awaits a file, and a worker loses the messages that arrive before its modules have run.
  const { SETTINGS, WELCOME } = await import("../settings.js");
  const defaults = Object.fromEntries(Object.entries(SETTINGS).map(([name, setting]) => [name, setting.default]));
  const write = (/** @type {number} */ seed, length = WELCOME.length) => writeText(lm, { text: "", start: true }, /** @type {any} */ ({ ...defaults, stop: "", share: null, seed, length }), states);
  let [chosen] = WELCOME.seeds; // the first whose text does not begin with an empty line
  for (const seed of WELCOME.seeds) {
    chosen = seed;
    if ((await write(seed, 1)) !== "\n") break;
  }
  const text = await write(chosen);
  const characters = Array.from(text.replace(/\n+$/, ""));
  const half = Math.floor(characters.length / 2);
  const line = characters.lastIndexOf("\n");
  const cut = line < half ? Math.max(line, characters.lastIndexOf(" ")) : line;
  return { welcome: characters.slice(0, cut > half ? cut : undefined).join(""), welcome_seed: chosen };
}
