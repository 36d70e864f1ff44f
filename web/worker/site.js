// What the page shows of the models of this browser.

import { writeReply } from "./reply.js";

const WELCOME = { length: 240, seed: 7, temperature: 0.8, top_k: 0, top_p: 1, min_p: 0, stop: "", share: null };
const MAX_EXAMPLES = 4;
const MAX_EXAMPLE = 60; // characters
const MAX_INT8_COST = 0.01; // nats per character; with a larger one the app uses float32

/**
 * Returns the description of a model, with a text that it writes now.
 * @param {import("./models.js").LoadedModel} model
 * @param {import("./language_model.js").LanguageModel} lm the same model
 * @param {import("./states.js").States} states
 * @param {string} way how matrix products are computed
 * @param {number} version of int8 inference
 * @returns {Promise<import("../engines/engine.js").Model>}
 */
export async function describe(model, lm, states, way, version) {
  const { name, commit, chat, sizes, vocab, cells, training } = model;
  return {
    ...emptyModel(name, commit),
    name: name || titleOf(training),
    about: facts(model, way),
    welcome: await welcome(lm, states),
    examples: examplesOf(model),
    chat,
    layers: sizes.layers,
    hidden: sizes.hidden,
    vocab,
    cells,
    version,
  };
}

/**
 * Returns the description of a model that is not loaded.
 * @param {string} name
 * @param {string} commit
 */
export function emptyModel(name, commit) {
  const sizes = { layers: 0, hidden: 0, vocab: [], cells: [] };
  const state = { failure: null, loading: false, exact: true, version: 1 };
  return { name, commit, about: [], welcome: "", examples: [], chat: null, ...sizes, ...state };
}

function titleOf({ corpus }) {
  return (typeof corpus === "string" && corpus.slice(0, 60)) || "char-lstm";
}

function facts({ commit, parameters, sizes, training, verified }, way) {
  const facts = [
    { id: "model.parameters", values: { count: parameters } },
    { id: "static.size", values: { layers: sizes.layers, cells: sizes.hidden } },
    { id: "model.characters", values: { count: sizes.vocab } },
    { id: "static.browser", values: { way } },
  ];
  if (commit) facts.unshift({ id: "model.commit", values: { commit: commit.slice(0, 7) } });
  if (!verified) facts.push({ id: "static.not_verified" });
  if (training.int8_cost > MAX_INT8_COST) facts.push({ id: "static.float32" });
  return facts;
}

// The trainer's example prompts of which the model knows every character.
function examplesOf({ training, ids }) {
  const fits = (each) => {
    const characters = typeof each === "string" ? Array.from(each) : [];
    const isKnown = characters.every((character) => ids.has(character));
    return isKnown && characters.length > 0 && characters.length <= MAX_EXAMPLE;
  };
  const given = Array.isArray(training.examples) ? training.examples : [];
  return [...new Set(given.filter(fits))].slice(0, MAX_EXAMPLES);
}

// A text that the model writes from an empty memory, cut after a word or a line, as in ui/registry/welcome.py.
async function welcome(lm, states) {
  const given = { text: "", received: "", start: true, clamps: [], cells: [] };
  const request = { ...given, settings: WELCOME, draw_offset: 0, speed: null };
  let text = "";
  await writeReply(lm, request, states, (more) => (text += more), () => false);
  const characters = Array.from(text.replace(/^\n+|\n+$/g, ""));
  const half = Math.floor(characters.length / 2);
  const line = characters.lastIndexOf("\n");
  const cut = line < half ? Math.max(line, characters.lastIndexOf(" ")) : line;
  return characters.slice(0, cut > half ? cut : undefined).join("");
}
