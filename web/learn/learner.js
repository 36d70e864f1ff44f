// Wraps the learner in WebAssembly (source/learner.c): its memory as arrays, and its functions.

const [COUNT, WEIGHTS, IDS, STATE, HELD_OUT_STATE] = [8, 20, 25, 26, 27]; // fields of `Learner`, 4 bytes each
// A function whose body is one relaxed multiply-add: a browser that validates it can run learner-relaxed.wasm.
const RELAXED = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 123, 123, 123, 1, 123, 3, 2, 1, 0, 10, 13, 1, 11, 0, 32, 0, 32, 1, 32, 2,
  253, 133, 2, 11,
];
// A function that returns a vector of 16 zeros.
const SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11];

/** Returns whether the browser has WebAssembly SIMD, which training needs. */
export function hasSimd() {
  return typeof WebAssembly === "object" && WebAssembly.validate(new Uint8Array(SIMD));
}

/**
 * @typedef {object} Sizes
 * @property {number} vocab
 * @property {number} embedding
 * @property {number} hidden cells of each layer
 * @property {number} layers 1 or 2
 * @property {number} rows of the batch that this learner computes
 * @property {number} window characters that each row reads in a step
 * @property {number} allRows rows of the whole batch, which several learners may share
 * @property {number} firstRow the first row of this learner in the batch
 */

/**
 * Compiles the learner: the variant with relaxed SIMD where the browser has it.
 * @param {string} base the address of this folder
 * @returns {Promise<WebAssembly.Module>}
 * @throws {Error} the browser has no WebAssembly SIMD, or the file cannot be fetched
 */
export async function compileLearner(base) {
  const name = WebAssembly.validate(new Uint8Array(RELAXED)) ? "learner-relaxed.wasm" : "learner.wasm";
  const response = await fetch(new URL(name, base));
  if (!response.ok) throw new Error(`${name} could not be fetched: the server answered ${response.status}`);
  return WebAssembly.compile(await response.arrayBuffer());
}

/** The weights, gradients and optimizer state of one worker. */
export class Learner {
  #exports;
  #fields;

  /**
   * @param {WebAssembly.Module} code
   * @param {Sizes} sizes
   * @throws {RangeError} the browser has not enough memory
   */
  constructor(code, sizes) {
    const { vocab, embedding, hidden, layers, rows, window, allRows, firstRow } = sizes;
    this.sizes = sizes;
    this.#exports = /** @type {any} */ (new WebAssembly.Instance(code, {}).exports);
    const at = this.#exports.create(vocab, embedding, hidden, layers, rows, window, allRows, firstRow);
    if (!at) throw new RangeError("there is not enough memory for this network");
    // All memory is taken now, so these views stay valid.
    this.#fields = new Uint32Array(this.#exports.memory.buffer, at, 28);
    this.count = this.#fields[COUNT];
    const state = 2 * layers * rows * hidden;
    this.ids = new Uint32Array(this.#exports.memory.buffer, this.#fields[IDS], (window + 1) * rows);
    this.state = this.#floats(this.#fields[STATE], state);
    this.heldOutState = this.#floats(this.#fields[HELD_OUT_STATE], state);
    const kind = (n) => this.#floats(this.#fields[WEIGHTS + n], this.count);
    this.weights = kind(0);
    this.gradient = kind(1);
    this.average = kind(2);
    this.mean = kind(3);
    this.squares = kind(4);
  }

  /**
   * Computes `gradient` for the window in `ids`; returns the sum of the losses in nats.
   * @param {number} seed
   * @param {number} step
   * @param {{reset: number, between: number, out: number, weights: number}} rates
   * @returns {number}
   */
  gradients(seed, step, { reset, between, out, weights }) {
    return this.#exports.gradients(seed, step, reset, between, out, weights);
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
   * Returns the sum of the losses of the window in `ids` with the averaged weights, in nats; carries its own state.
   * @returns {number}
   */
  heldOutLoss() {
    return this.#exports.held_out_loss();
  }

  #floats(at, count) {
    return new Float32Array(this.#exports.memory.buffer, at, count);
  }
}
