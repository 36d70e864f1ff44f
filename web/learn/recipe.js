// The recipe of a run in the browser: sizes, rates and dropout, from the text, the time and the speed of the machine.
// The measurements behind these numbers are in docs/lab-book.md.

import { parametersOf } from "../worker/shapes.js";

/**
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
 */

export const MINUTES = { least: 1, most: 10, usual: 3 }; // of a run, that a visitor can choose
export const WINDOW = 64;
export const LEAST_STEPS = 20; // of a run
export const EVALUATIONS = 16; // in a run, more often at first
const ROWS = 32;
const OPTIMIZER_COST = 270; // the time of the optimizer in a step, in that of so many characters; measured with 384 cells
const FIRST_SECONDS = 1 / 60; // of a run: too few steps to know its speed, and the first ones are slow
const REPLANNED = 0.03; // a smaller change of the speed leaves the plan as it is
const MAX_LOGITS = 1 << 22; // of a step: rows x window x vocabulary
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
 * Returns the number of cells for a run.
 * @param {number} readable characters that a network of 256 cells can read in the time
 */
export function cellsFor(readable) {
  return SIZES.find(([most]) => readable < most)[1];
}

/** Returns the rows of a worker in a step. @param {number} vocab @param {boolean} isFineTuning */
export function rowsFor(vocab, isFineTuning) {
  const { rows } = isFineTuning ? TUNING : NEW;
  return Math.max(1, Math.min(rows, Math.floor(MAX_LOGITS / (WINDOW * vocab))));
}

/**
 * Returns the recipe of a run.
 * @param {object} run
 * @param {number} run.vocab characters of the vocabulary
 * @param {number} run.characters of the text to train on
 * @param {number} run.steps
 * @param {number} run.workers
 * @param {number} run.seed
 * @param {{embedding: number, hidden: number, layers: number}} run.network
 * @param {boolean} run.isFineTuning whether the weights are those of a trained model
 * @returns {Recipe}
 */
export function recipeFor({ vocab, characters, steps, workers, seed, network, isFineTuning }) {
  const { rates: scale, dropoutRise } = isFineTuning ? TUNING : NEW;
  const rows = rowsFor(vocab, isFineTuning);
  const read = steps * rows * workers * WINDOW;
  const isShort = read < 3_000_000;
  return {
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
    dropout: { reset: 0.02, ...dropoutFor(read, characters, parametersOf({ vocab, ...network })) },
    dropoutRise,
  };
}

/** Returns the sizes of a new network: one layer, with larger embeddings for a large vocabulary. */
export function newNetwork(vocab, hidden) {
  const embedding = 2 ** Math.round(Math.log2(4 * Math.sqrt(vocab)));
  return { embedding: Math.max(64, Math.min(256, embedding)), hidden, layers: 1 };
}

/** Returns the learning rates at a step, as a share of the largest ones: linear warm-up, then linear decay to zero. */
export function shareAt({ steps, warmup }, step) {
  const rising = Math.max(1, Math.round(warmup * steps));
  return step < rising ? (step + 1) / rising : 1 - (step - rising) / Math.max(1, steps - rising);
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

/**
 * Returns the time of a step, in that of so many characters in large batches: the optimizer takes as long for a small batch.
 * @param {number} rows
 */
export function costOf(rows) {
  return rows * WINDOW + OPTIMIZER_COST;
}

// The more parameters a network has for each character and the more often it reads each, the more it overfits: the rule
// of `fit_dropout` in training/learner/recipe.py.
function dropoutFor(read, characters, parameters) {
  const doublings = Math.log2(((read / characters) * parameters) / characters);
  const cells = Math.min(0.5, Math.max(0, 0.18 * (doublings - 3)));
  return { between: 0.9 * cells, out: cells, weights: Math.min(0.3, Math.max(0, 0.1 * (doublings - 4.2))) };
}
