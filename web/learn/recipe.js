// The plan of a run in the browser: sizes, rates, dropout and steps, from the text, the time and the speed of the machine.
// The measurements behind these numbers are in docs/lab-book.md.

import { parametersOf } from "../worker/checkpoint.js";

const WINDOW = 64;
const LEAST_STEPS = 20; // of a run
const EVALUATIONS = 16; // in a run, more often at first
const ROWS = 32;
const OPTIMIZER_COST = 270; // the time of the optimizer in a step, in that of so many characters; measured with 384 cells
const FIRST_SECONDS = 1 / 60; // of a run: too few steps to know its speed, and the first ones are slow
const REPLANNED = 0.03; // a smaller change of the speed leaves the plan as it is
const MAX_STEP_LOGITS = 1 << 22; // rows x window x vocabulary
const MEASURED_CELLS = 256; // of the network with which the speed of a machine is measured
const HELD_OUT = 20_000; // characters that an evaluation reads, at most
const MAX_LOGITS = 80_000_000; // of an evaluation: with 60,000 different characters each step of it takes long
const UPPER_LAYER = 1.5; // the time of a second layer, in that of the first, whose products come from a table
const FORWARD = 1 / 3; // of the time of a training step: an evaluation computes no gradients
const EVALUATION_SHARE = 0.15; // of a run's time, at most: a large network that is fine-tuned is slow
const VALIDATION_PART = 10; // the last tenth of a text is held out

/**
 * @typedef {{embedding: number, hidden: number, layers: number}} Network
 *
 * @typedef {object} Recipe
 * @property {number} embedding numbers in the vector of a character
 * @property {number} hidden cells
 * @property {number} layers
 * @property {number} rows of each worker
 * @property {number} window BPTT length
 * @property {number} steps
 * @property {number} seed
 * @property {number} muonRate the largest learning rate of Muon, for the matrices of the LSTM
 * @property {number} rate the largest learning rate of AdamW, for everything else
 * @property {number} decay decoupled weight decay
 * @property {number} average EMA decay per step
 * @property {number} clip maximum norm of the gradient
 * @property {number} warmup share of the steps in which the rates rise
 * @property {{reset: number, between: number, out: number, weights: number}} dropout
 * @property {number} dropoutRise share of the steps in which dropout rises from zero to its rates; 0: none
 *
 * @typedef {object} Plan a run before it starts; can be stored
 * @property {string[]} vocab
 * @property {Uint16Array} ids of the whole text
 * @property {Recipe} recipe
 * @property {number} workers
 * @property {number} parameters
 * @property {number} [heldOutCharacters] that each evaluation reads, at most; plans of earlier versions have none
 * @property {number} [limit] seconds of training; steps that do not fit into them are left out. Plans of earlier versions have none
 * @property {Record<string, Float32Array> | null} trained the tensors of the model to fine-tune
 */

export const MINUTES = { least: 1, most: 10, usual: 3 }; // of a run, that a visitor can choose
// Fine-tuning: more, smaller steps than those of a new network, and no dropout at first, which would cost a trained
// network more in the first seconds than it learns.
const TUNING = { rows: 16, rates: 0.2, dropoutRise: 1 };
const NEW = { rows: ROWS, rates: 1, dropoutRise: 0 };
/** Cells of one layer, by the characters that 256 cells can read in the time of the run. */
const SIZES = [
  [400_000, 128],
  [2_200_000, 192],
  [20_000_000, 256],
  [Infinity, 384],
];

/**
 * Plans a run.
 * @param {object} wanted
 * @param {string[]} wanted.vocab
 * @param {Uint16Array} wanted.ids
 * @param {number} wanted.minutes
 * @param {number} wanted.speed from `measureSpeed`
 * @param {number} wanted.seed
 * @param {number} wanted.workers
 * @param {{network: Network, tensors: Record<string, Float32Array>} | null} wanted.parent the model to fine-tune; null trains
 *   from scratch
 * @returns {Plan}
 */
export function planRun({ vocab, ids, minutes, speed, seed, workers, parent }) {
  const limit = 60 * minutes;
  const { rows: most, rates: scale, dropoutRise } = parent ? TUNING : NEW;
  const cells = SIZES.find(([readable]) => limit * speed * workers < readable)[1];
  const network = parent?.network ?? newNetwork(vocab.length, cells);
  const [measured, rows] = [ROWS, most].map((each) => rowsFor(vocab.length, each));
  const layers = 1 + UPPER_LAYER * (network.layers - 1);
  const cost = (layers * network.hidden ** 2) / MEASURED_CELLS ** 2; // of a step, beside that which was measured
  // The optimizer takes as long for a small batch.
  const [step, measuredStep] = [rows, measured].map((each) => each * WINDOW + OPTIMIZER_COST);
  const seconds = ((measured * WINDOW) / speed) * cost * (step / measuredStep);
  const evaluated = (EVALUATIONS * FORWARD * seconds) / (rows * WINDOW * workers); // seconds, for each held-out character
  const inTime = (EVALUATION_SHARE * limit) / evaluated; // characters
  const heldOutCharacters = Math.ceil(Math.min(HELD_OUT, MAX_LOGITS / vocab.length, inTime));
  const [training, heldOut] = split(ids);
  const time = limit - evaluated * Math.min(heldOut.length, heldOutCharacters);
  const steps = Math.max(LEAST_STEPS, Math.round(time / seconds));
  const read = steps * rows * workers * WINDOW;
  const isShort = read < 3_000_000;
  const parameters = parametersOf({ ...network, vocab: vocab.length });
  const recipe = {
    ...network,
    rows,
    window: WINDOW,
    steps,
    seed,
    muonRate: scale * (isShort ? 0.1 : 0.06),
    rate: scale * (isShort ? 0.02 : 0.008),
    decay: 0.05,
    average: Math.min(0.998, 1 - 20 / Math.max(40, steps)),
    clip: 1,
    warmup: 0.03,
    dropout: { reset: 0.02, ...dropoutFor(read, training.length, parameters) },
    dropoutRise,
  };
  return { vocab, ids, recipe, workers, parameters, heldOutCharacters, limit, trained: parent?.tensors ?? null };
}

/** Returns the network with which the speed of a machine is measured, and the rows and steps of its windows. @param {number} vocab */
export function measuredSizes(vocab) {
  return { ...newNetwork(vocab, MEASURED_CELLS), rows: rowsFor(vocab, ROWS), window: WINDOW, seed: 1 };
}

// One layer, with larger embeddings for a large vocabulary.
function newNetwork(vocab, hidden) {
  const embedding = 2 ** Math.round(Math.log2(4 * Math.sqrt(vocab)));
  return { embedding: Math.max(64, Math.min(256, embedding)), hidden, layers: 1 };
}

function rowsFor(vocab, most) {
  return Math.max(1, Math.min(most, Math.floor(MAX_STEP_LOGITS / (WINDOW * vocab))));
}

/** Returns a recipe with its learning rates at a step: linear warm-up, then linear decay to zero. @param {Recipe} recipe @param {number} step from 0 */
export function ratesAt(recipe, step) {
  const { steps, warmup, muonRate, rate } = recipe;
  const rising = Math.max(1, Math.round(warmup * steps));
  const share = step < rising ? (step + 1) / rising : 1 - (step - rising) / Math.max(1, steps - rising);
  return { ...recipe, muonRate: muonRate * share, rate: rate * share };
}

/** Returns the steps after which the held-out loss is measured, with growing gaps, and the last step. @param {number} steps */
export function evaluationsOf(steps) {
  const found = Array.from({ length: EVALUATIONS }, (_, n) => Math.round(steps * ((n + 1) / EVALUATIONS) ** 1.5));
  return [...new Set(found)].filter((step) => step > 0);
}

/**
 * Returns the number of steps of a run that has its seconds, at the speed of its steps so far: at most as many as planned.
 * @param {{planned: number, steps: number, limit: number}} plan the first plan, the present one, and the seconds of the run
 * @param {number} step those that were taken
 * @param {number} seconds that they took
 */
export function stepsWithin({ planned, steps, limit }, step, seconds) {
  if (seconds < FIRST_SECONDS * limit) return steps;
  const fitting = Math.min(planned, Math.max(LEAST_STEPS, step + 1, Math.floor((limit * step) / seconds)));
  return fitting < planned && Math.abs(fitting / steps - 1) < REPLANNED ? steps : fitting;
}

/** Returns the dropout rates at a step. @param {Recipe} recipe @param {number} step from 0 */
export function dropoutAt({ steps, dropout, dropoutRise }, step) {
  const share = dropoutRise ? Math.min(1, step / (dropoutRise * steps)) : 1;
  const { reset, between, out, weights } = dropout;
  return { reset, between: share * between, out: share * out, weights: share * weights };
}

// The more parameters a network has for each character and the more often it reads each, the more it overfits: the rule
// of `fit_dropout` in training/learner/recipe.py.
function dropoutFor(read, characters, parameters) {
  const size = parameters / characters;
  const doublings = Math.log2((read / characters) * size);
  const cells = Math.max(0, Math.min(0.5, 0.25 + 0.12 * Math.log2(size), 0.18 * (doublings - 3)));
  const weights = Math.max(0, Math.min(0.3, 0.07 * size, 0.1 * (doublings - 4.2)));
  return { between: 0.9 * cells, out: cells, weights };
}

/**
 * Returns the distinct characters of a text, sorted by code point as in Python; with a model to fine-tune its
 * characters first, then the new ones.
 * @param {string} text
 * @param {string[]} known
 * @returns {string[]}
 */
export function vocabularyOf(text, known = []) {
  const old = new Set(known);
  const found = [...new Set(text)].filter((character) => !old.has(character));
  return [...known, ...found.sort((a, b) => a.codePointAt(0) - b.codePointAt(0))];
}

/**
 * Returns the ids of the characters of a text.
 * @param {string} text
 * @param {string[]} vocab contains all of them; has at most 65,536 entries
 * @returns {Uint16Array}
 */
export function idsOf(text, vocab) {
  const ids = new Map(vocab.map((character, id) => [character, id]));
  const found = new Uint16Array(text.length);
  let count = 0;
  for (const character of text) found[count++] = ids.get(character);
  return found.slice(0, count);
}

/** Splits the ids of a text into those to train on and the held-out last tenth. @param {Uint16Array} ids */
export function split(ids) {
  const cut = ids.length - Math.max(1, Math.floor(ids.length / VALIDATION_PART));
  return [ids.subarray(0, cut), ids.subarray(cut)];
}
