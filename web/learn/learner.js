// Wraps the learner in WebAssembly (source/learner.c): its memory as arrays, its functions, and the text that it reads.

import { randomAt } from "./weights.js";

const [COUNT, WEIGHTS, IDS, STATE, HELD_OUT_STATE] = [8, 20, 25, 26, 27]; // fields of `Learner`, 4 bytes each
// A function whose body is one relaxed multiply-add: a browser that validates it can run learner-relaxed.wasm.
const RELAXED = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 123, 123, 123, 1, 123, 3, 2, 1, 0, 10, 13, 1, 11, 0, 32, 0, 32, 1, 32, 2,
  253, 133, 2, 11,
];

/**
 * @typedef {Record<"weights" | "average" | "mean" | "squares", Float32Array>} Weights and the state of the optimizer
 * @typedef {{embedding: number, hidden: number, layers: number, rows: number, window: number, seed: number}} Sizes of a network
 *   with 1 or 2 layers, the rows of each worker, and the characters that each row reads in a step
 *
 * @typedef {object} Given
 * @property {WebAssembly.Module} code
 * @property {number} vocab
 * @property {Sizes} sizes
 * @property {number} workers that share each batch
 * @property {number} index of this one
 * @property {Uint16Array} ids of the text to train on, at least two
 * @property {Uint16Array} [heldOut]
 * @property {Weights} [weights] of a run that continues, or of the other workers
 * @property {Float32Array} [carried] the state of the rows
 */

const KINDS = /** @type {const} */ (["weights", "average", "mean", "squares"]);

/**
 * Compiles the learner: the variant with relaxed SIMD where the browser has it.
 * @returns {Promise<WebAssembly.Module>}
 * @throws {Error} the browser has no WebAssembly SIMD, or the file cannot be fetched
 */
export async function compileLearner() {
  const name = WebAssembly.validate(new Uint8Array(RELAXED)) ? "learner-relaxed.wasm" : "learner.wasm";
  const response = await fetch(new URL(name, import.meta.url));
  if (!response.ok) throw new Error(`${name} could not be fetched: the server answered ${response.status}`);
  return WebAssembly.compile(await response.arrayBuffer());
}

/** The weights, gradients and optimizer state of one worker, and its rows of each batch. */
export class Learner {
  #exports;

  /** @param {Given} given @throws {RangeError} the browser has not enough memory */
  constructor({ code, vocab, sizes, workers, index, ids, heldOut = ids, weights, carried }) {
    const { embedding, hidden, layers, rows, window, seed } = sizes;
    this.text = ids;
    this.heldOut = heldOut;
    this.seed = seed;
    this.rows = { first: index * rows, all: workers * rows, own: rows, window };
    this.#exports = /** @type {any} */ (new WebAssembly.Instance(code, {}).exports);
    const at = this.#exports.create(vocab, embedding, hidden, layers, rows, window, workers * rows, index * rows);
    if (!at) throw new RangeError("there is not enough memory for this network");
    // All memory is taken now, so these views stay valid.
    const { buffer } = this.#exports.memory;
    const fields = new Uint32Array(buffer, at, 28);
    const floats = (start, count) => new Float32Array(buffer, start, count);
    this.ids = new Uint32Array(buffer, fields[IDS], (window + 1) * rows);
    this.state = floats(fields[STATE], 2 * layers * rows * hidden);
    this.heldOutState = floats(fields[HELD_OUT_STATE], this.state.length);
    const kind = (n) => floats(fields[WEIGHTS + n], fields[COUNT]);
    this.weights = kind(0);
    this.gradient = kind(1);
    this.average = kind(2);
    this.mean = kind(3);
    this.squares = kind(4);
    if (weights) for (const kind of KINDS) this[kind].set(weights[kind]);
    if (carried) this.state.set(carried);
  }

  /**
   * Computes `gradient` for a step; returns the sum of the losses in nats.
   * @param {number} step
   * @param {{reset: number, between: number, out: number, weights: number}} rates of dropout
   * @returns {number}
   */
  gradients(step, { reset, between, out, weights }) {
    if (step % this.#stepsPerPass(this.text) === 0) this.state.fill(0); // each pass cuts the text elsewhere
    this.#read(this.text, this.seed, step);
    return this.#exports.gradients(this.seed, step, reset, between, out, weights);
  }

  /**
   * Updates the weights and their average; returns the norm of the gradient. Nothing changes if it is not finite.
   * @param {number} number of the update, from 1
   * @param {{muonRate: number, rate: number, decay: number, average: number, clip: number}} rates
   * @returns {number}
   */
  update(number, { muonRate, rate, decay, average, clip }) {
    return this.#exports.update(number, muonRate, rate, decay, average, clip);
  }

  /**
   * Returns the sum of the losses on the held-out text with the averaged weights, in nats, and how many characters were read.
   * @param {number} most characters that all workers read together, at most
   */
  evaluate(most) {
    const { all, own, window } = this.rows;
    const steps = Math.max(1, Math.min(this.#stepsPerPass(this.heldOut), Math.ceil(most / (all * window))));
    this.heldOutState.fill(0);
    let sum = 0;
    for (let step = 0; step < steps; step++) {
      this.#read(this.heldOut, null, step);
      sum += this.#exports.held_out_loss();
    }
    return { sum, count: steps * own * window };
  }

  /** Returns copies of the weights, their average, and the state of the optimizer. @returns {Weights} */
  copy() {
    return /** @type {Weights} */ (Object.fromEntries(KINDS.map((kind) => [kind, this[kind].slice()])));
  }

  #stepsPerPass({ length }) {
    return Math.max(1, Math.floor(length / (this.rows.all * this.rows.window)));
  }

  // Puts the characters of a step into `ids`, and the one after each row, as training/learner/dataset.py does. The text is a
  // ring that is cut into as many streams as the batch has rows; without a seed the cuts stay where they are.
  #read(text, seed, step) {
    const { own, all, first, window } = this.rows;
    const { length } = text;
    const [pass, inPass] = [Math.floor(step / this.#stepsPerPass(text)), step % this.#stepsPerPass(text)];
    const offset = seed === null ? 0 : randomAt(seed, pass) % length;
    for (let row = 0; row < own; row++) {
      let at = (offset + inPass * window + Math.floor(((first + row) * length) / all)) % length;
      for (let t = 0; t <= window; t++) {
        this.ids[t * own + row] = text[at];
        at = at + 1 === length ? 0 : at + 1;
      }
    }
  }
}
