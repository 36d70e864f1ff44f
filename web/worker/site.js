// What the page shows of the models of this browser.

import { count } from "../conversation/log.js";
import { isLocal, shownName } from "../engines/refusal.js";
import { writeText } from "./reply.js";

/**
 * @import { Message, Model, ModelRef } from "../engines/engine.js"
 * @import { Parts } from "./checkpoint.js"
 * @import { LanguageModel } from "./language_model.js"
 * @import { ReadTexts } from "./text_reader.js"
 */

const MAX_EXAMPLES = 4;
const MAX_EXAMPLE = 60; // characters
const MAX_CORPUS = 60; // characters
const MAX_WELCOME = 1000; // characters
const MAX_INT8_COST = 0.01; // nats per character; with a larger one the app uses float32

/**
 * Returns the description of a model, with the welcome text that its config.json stores: "" if it stores none.
 * @param {ModelRef} ref
 * @param {Parts} parts
 * @param {string} version of int8 inference
 * @returns {Model}
 */
export function describe({ name, commit }, parts, version) {
  const { chat, sizes, vocab, cells, training } = parts;
  return {
    failure: null,
    loading: false,
    commit,
    name: name || (typeof training.corpus === "string" && training.corpus.slice(0, MAX_CORPUS)) || "char-lstm",
    about: [...originOf(name, commit, parts), ...facts(parts)],
    ...storedWelcome(parts),
    examples: examplesOf(parts),
    chat,
    layers: sizes.layers,
    hidden: sizes.hidden,
    vocab,
    cells,
    samples: parts.samples !== null,
    version,
  };
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
  if (isLocal(name) && machine === "browser")
    return [
      from ? { id: "model.own_after", values: { from: shownName(String(from).split("@")[0]) } } : { id: "model.own" },
    ];
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
