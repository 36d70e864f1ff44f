// Int8 inference (docs/int8-inference.md) in JavaScript: a network in 8 bits, and a model that reads characters and predicts the
// next one: one network, or two that write together. The text is the one that Python generates, character for character.
//
// A float32 operation is computed in float64, whose result Math.fround rounds to the float32 result. Math.exp, Math.tanh
// and ** may differ between browsers, so only + - * / and floor are used.

const { fround } = Math;
const HALFWAY = 6755399441055744; // 1.5 · 2^52: a float64 of this size has no bits for a fraction

/** Rounds to the nearest whole number, half to even; |x| < 2^51. */
export const rint = (x) => x + HALFWAY - HALFWAY;

const LN2_HIGH = 0.69314718036912381649; // the upper bits of ln 2, so that k · LN2_HIGH is exact
const LN2_LOW = 1.90821492927058770002e-10;

// e^x - 1, exact to a few units in the last place; the tables below would be the same with an error of 300 units.
function expm1(x) {
  const k = Math.floor(x / Math.LN2 + 0.5);
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  let series = 0; // r + r²/2! + r³/3! + …
  for (let n = 20; n; n--) series = ((series + 1) * r) / n;
  let power = 1; // 2^k
  for (let n = 0; n < k; n++) power *= 2;
  for (let n = 0; n > k; n--) power /= 2;
  return power * series + (power - 1);
}

function table(f) {
  return Float32Array.from({ length: 4097 }, (_, i) => f((i - 2048) / 256));
}

function tanh(x) {
  const e = expm1(-2 * Math.abs(x));
  return (x < 0 ? e : 0 - e) / (2 + e); // 0 - e: no negative zero
}

const SIGMOID = table((x) => 1 / (2 + expm1(-x)));
const TANH = table(tanh);
const power = (k) => rint(2147483648 * (1 + expm1((k / 4096) * Math.LN2)));
export const POWERS = Float64Array.from({ length: 4096 }, (_, k) => power(k));

// The index of the table's entry for x (float32); beyond [-8, 8] that of the first or the last.
function indexOf(x) {
  return rint(fround((x < -8 ? -8 : x > 8 ? 8 : x) + 8) * 256);
}

// The output h of a cell as an integer, from the index of its output gate and its c.
function output(gate, c) {
  return rint(fround(fround(SIGMOID[gate] * TANH[indexOf(c)]) * 127));
}

/**
 * Returns the names of the weights that each matrix has side by side: the layers from the first up, then the output.
 * @param {number} layers
 */
export function matricesOf(layers) {
  const above = Array.from({ length: layers - 1 }, (_, n) => [`lstm.weight_ih_l${n + 1}`, `lstm.weight_hh_l${n + 1}`]);
  return [["lstm.weight_hh_l0"], ...above, ["output.weight"]];
}

/**
 * Rounds a matrix to 8 bits. Returns the bytes of each part, and the step of each row: the difference of two weights whose
 * bytes differ by 1. Of the float32 weights byte · step, bytes and steps are the same again (model/int8/weights.py).
 * @param {Float32Array[]} parts of the matrix, side by side
 * @param {number} rows
 */
export function quantize(parts, rows) {
  const [bytes, steps] = [parts.map((part) => new Int8Array(part.length)), new Float32Array(rows)];
  for (let row = 0; row < rows; row++) {
    let most = 0;
    for (const part of parts) for (const w of rowOf(part, row, rows)) most = Math.max(most, Math.abs(w));
    const step = (steps[row] = fround(most / 127) || 1);
    parts.forEach((part, at) => {
      const to = rowOf(bytes[at], row, rows);
      rowOf(part, row, rows).forEach((w, n) => (to[n] = Math.max(-127, Math.min(127, rint(fround(w / step))))));
    });
  }
  return { bytes, steps };
}

const rowOf = (matrix, row, rows) => matrix.subarray((row * matrix.length) / rows, ((row + 1) * matrix.length) / rows);

/** Compiles product.wasm. */
export async function compile() {
  const response = await fetch(new URL("product.wasm", import.meta.url));
  return WebAssembly.compile(await response.arrayBuffer());
}

/**
 * Quantized matrices, and their products with a vector by WebAssembly. Its memory has the vector x as int16, the sums as
 * int32, then the matrices as int8, their rows padded to a multiple of 4, their columns to one of 8.
 */
class Products {
  #product; // the function of product.wasm

  /** @param {number[][]} shapes rows and columns of each matrix @param {WebAssembly.Module} code product.wasm */
  constructor(shapes, code) {
    let size = 0;
    const place = (bytes) => (size += Math.ceil(bytes / 16) * 16) - Math.ceil(bytes / 16) * 16;
    const padded = shapes.map(([rows, columns]) => [Math.ceil(rows / 4) * 4, Math.ceil(columns / 8) * 8]);
    const x = place(2 * Math.max(...padded.map(([, columns]) => columns)));
    const out = place(4 * Math.max(...padded.map(([rows]) => rows)));
    this.matrices = padded.map(([rows, columns]) => ({ rows, columns, at: place(rows * columns) }));
    const memory = new WebAssembly.Memory({ initial: Math.ceil(size / 65536) });
    const { buffer } = memory;
    this.x = new Int16Array(buffer, x, (out - x) / 2);
    this.sums = new Int32Array(buffer, out, Math.max(...padded.map(([rows]) => rows)));
    this.bytes = new Int8Array(buffer);
    this.#product = /** @type {Function} */ (new WebAssembly.Instance(code, { page: { memory } }).exports.product);
  }

  // Sets a matrix to parts that are side by side.
  fill(index, parts, rows) {
    const { at, columns } = this.matrices[index];
    let from = at;
    for (const part of parts) {
      for (let row = 0; row < rows; row++) this.bytes.set(rowOf(part, row, rows), from + row * columns);
      from += part.length / rows;
    }
  }

  // Sets sums to the exact product of a matrix and x.
  multiply({ rows, columns, at }) {
    this.#product(this.x.byteOffset, at, this.sums.byteOffset, rows, columns);
  }
}

/**
 * @typedef {{h: Int8Array, c: Float32Array}} NetworkState The outputs and cells of all layers, one layer after another.
 * @import { Clamp } from "../engines/engine.js"
 * @import { LoadedModel } from "./models.js"
 */

/** A network in 8 bits. */
export class Network {
  #rows = new Map(); // of the first layer's table, each computed when its character is first read
  #first; // the tensors from which they are computed
  #indices;
  #outputBias;

  /**
   * @param {import("./checkpoint.js").Sizes} sizes
   * @param {Record<string, Float32Array>} tensors by the names of nn.LSTM, in its layout
   * @param {WebAssembly.Module} code product.wasm
   */
  constructor(sizes, tensors, code) {
    const { vocab, hidden, layers } = sizes;
    this.sizes = sizes;
    const shapes = Array.from({ length: layers }, (_, layer) => [4 * hidden, layer ? 2 * hidden : hidden]);
    this.products = new Products([...shapes, [vocab, hidden]], code);
    this.scales = matricesOf(layers).map((names, index) => {
      const rows = index < layers ? 4 * hidden : vocab;
      const { bytes, steps } = quantize(
        names.map((name) => tensors[name]),
        rows,
      );
      this.products.fill(index, bytes, rows);
      return steps.map((step) => step / 127);
    });
    this.biases = shapes.map((_, layer) => {
      const other = tensors[`lstm.bias_hh_l${layer}`];
      return tensors[`lstm.bias_ih_l${layer}`].map((bias, n) => bias + other[n]);
    });
    this.embedding = tensors["embedding.weight"];
    this.#outputBias = tensors["output.bias"];
    this.#first = ["weight_ih", "bias_ih", "bias_hh"].map((name) => tensors[`lstm.${name}_l0`]);
    this.#indices = new Int32Array(4 * hidden);
    this.logits = new Float32Array(vocab); // of the last prediction
  }

  /** @returns {NetworkState} the state before any character */
  zeros() {
    const { hidden, layers } = this.sizes;
    return { h: new Int8Array(layers * hidden), c: new Float32Array(layers * hidden) };
  }

  /**
   * Reads a character: changes the state in place.
   * @param {number} id
   * @param {NetworkState} state
   * @param {Clamp[]} clamps the cells that are clamped in this step
   */
  read(id, { h, c }, clamps = []) {
    const { hidden, layers } = this.sizes;
    const indices = this.#indices;
    for (let layer = 0; layer < layers; layer++) {
      const [start, own] = [layer * hidden, h.subarray(layer * hidden, (layer + 1) * hidden)];
      this.#findGates(layer, id, layer ? h.subarray(start - hidden, start) : null, own);
      for (let j = 0; j < hidden; j++) {
        const kept = fround(SIGMOID[indices[hidden + j]] * c[start + j]);
        const added = fround(SIGMOID[indices[j]] * TANH[indices[2 * hidden + j]]);
        const cell = fround(kept + added);
        c[start + j] = cell;
        own[j] = output(indices[3 * hidden + j], cell);
      }
      for (const [of, j, value] of clamps) {
        if (of !== layer) continue;
        c[start + j] = value;
        own[j] = output(indices[3 * hidden + j], c[start + j]);
      }
    }
  }

  /**
   * Returns what the output layer computes from the outputs of the last layer, until the next call.
   * @param {NetworkState} state
   */
  predict({ h }) {
    const { products, logits, sizes } = this;
    products.x.set(h.subarray((sizes.layers - 1) * sizes.hidden));
    products.multiply(products.matrices[sizes.layers]);
    const [scale, bias] = [this.scales[sizes.layers], this.#outputBias];
    for (let n = 0; n < sizes.vocab; n++) logits[n] = fround(fround(products.sums[n]) * scale[n]) + bias[n];
    return logits;
  }

  /**
   * Returns the gates i, f, g, o with which a layer computed a state, 4 times hidden numbers.
   * @param {number} layer
   * @param {number} id the character that was read
   * @param {Int8Array | null} below the outputs of the layer below after it; null in the first layer
   * @param {Int8Array} before this layer's own outputs before it
   */
  gates(layer, id, below, before) {
    const { hidden } = this.sizes;
    this.#findGates(layer, id, below, before);
    return Float32Array.from(this.#indices, (index, n) => (n >= 2 * hidden && n < 3 * hidden ? TANH : SIGMOID)[index]);
  }

  // Sets #indices to the gates' indices in their tables.
  #findGates(layer, id, below, before) {
    const { hidden } = this.sizes;
    const { products } = this;
    if (layer) products.x.set(below);
    products.x.set(before, layer ? hidden : 0);
    products.multiply(products.matrices[layer]);
    const [indices, { sums }] = [this.#indices, products];
    const [scale, added] = [this.scales[layer], layer ? this.biases[layer] : this.#firstRow(id)];
    for (let n = 0; n < 4 * hidden; n++) {
      indices[n] = indexOf(fround(fround(fround(sums[n]) * scale[n]) + added[n]));
    }
  }

  // The row of the first layer's table for a character, biases included: summed in float64 in this order, rounded once.
  #firstRow(id) {
    if (!this.#rows.has(id)) {
      const { embedding: size, hidden } = this.sizes;
      const [embedding, [weight, bias, other]] = [this.embedding, this.#first];
      const row = new Float32Array(4 * hidden);
      for (let n = 0; n < 4 * hidden; n++) {
        let sum = 0;
        for (let e = 0; e < size; e++) sum += embedding[id * size + e] * weight[n * size + e];
        row[n] = sum + bias[n] + other[n];
      }
      this.#rows.set(id, row);
    }
    return this.#rows.get(id);
  }
}

/**
 * @typedef {NetworkState[]} State one part for each network
 */

/** A model, or two as one: then its vocabulary are the characters that both have, in the order of the first. */
export class LanguageModel {
  #networks;
  #ids; // the ids of the characters in each network's vocabulary
  #mixed;

  /** @param {LoadedModel[]} models one or two */
  constructor(models) {
    const [first, second] = models;
    const rare = models.map((model) => model.rare); // stands for other characters in each model
    this.key = models.map(({ key }) => key).join(" + ");
    this.vocab = second
      ? first.vocab.filter((character) => second.ids.has(character) && !rare.includes(character))
      : first.vocab;
    this.ids = second ? new Map(this.vocab.map((character, id) => [character, id])) : first.ids;
    this.startId = this.ids.get("\n") ?? this.ids.get(" ") ?? 0;
    this.isBlend = Boolean(second);
    this.layers = models.reduce((total, { sizes }) => total + sizes.layers, 0);
    this.hidden = Math.max(...models.map(({ sizes }) => sizes.hidden));
    this.#networks = models.map(({ network }) => network);
    this.#ids = models.map((model) => this.vocab.map((character) => model.ids.get(character)));
    this.#mixed = new Float32Array(this.vocab.length);
  }

  /** Returns the id of each character of a text: -1 for one that the model does not have. @param {string[]} characters */
  idsOf(characters) {
    return characters.map((character) => this.ids.get(character) ?? -1);
  }

  /** The network, if it is one. */
  get network() {
    return this.#networks[0];
  }

  /** @returns {State} the state before any character */
  zeros() {
    return this.#networks.map((network) => network.zeros());
  }

  /**
   * Reads a character: changes the state in place.
   * @param {number} id
   * @param {State} state
   * @param {Clamp[]} clamps the cells that are clamped in this step
   */
  read(id, state, clamps = []) {
    this.#networks.forEach((network, at) => network.read(this.#ids[at][id], state[at], clamps));
  }

  /**
   * Returns the prediction of the next character, until the next call.
   * @param {State} state
   * @param {number} share the weight of the second model of a blend
   */
  predict(state, share) {
    const [first, second] = this.#networks.map((network, at) => network.predict(state[at]));
    if (!second) return first;
    const [ofFirst, ofSecond] = this.#ids;
    for (let id = 0; id < this.#mixed.length; id++) {
      this.#mixed[id] = (1 - share) * first[ofFirst[id]] + share * second[ofSecond[id]]; // in float64, rounded once
    }
    return this.#mixed;
  }

  /**
   * Returns the c of a cell. The layers of a blend are those of the first model, then those of the second; the narrower
   * network is padded with zeros.
   * @param {State} state
   * @param {number} layer
   * @param {number} cell
   */
  cell(state, layer, cell) {
    const [at, own, { hidden }] = this.#locate(layer);
    return cell < hidden ? state[at].c[own * hidden + cell] : 0;
  }

  /**
   * Returns the gates i, f, g, o of a layer, 4 times `hidden` numbers.
   * @param {number} layer
   * @param {number} id the character that was read
   * @param {State} before
   * @param {State} after
   */
  gates(layer, id, before, after) {
    const [at, own, { hidden }] = this.#locate(layer);
    const of = (state, layer) => state[at].h.subarray(layer * hidden, (layer + 1) * hidden);
    const below = own ? of(after, own - 1) : null;
    const gates = this.#networks[at].gates(own, this.#ids[at][id], below, of(before, own));
    if (hidden === this.hidden) return gates;
    const padded = new Float32Array(4 * this.hidden);
    for (let n = 0; n < 4; n++) padded.set(gates.subarray(n * hidden, (n + 1) * hidden), n * this.hidden);
    return padded;
  }

  // The network that has a layer, the layer's number in it, and the network's sizes.
  #locate(layer) {
    const { sizes } = this.#networks[0];
    const isFirst = layer < sizes.layers;
    return isFirst ? [0, layer, sizes] : [1, layer - sizes.layers, this.#networks[1].sizes];
  }
}

/** Returns a copy of a state. @param {State} state */
export function copyOf(state) {
  return state.map(({ h, c }) => ({ h: h.slice(), c: c.slice() }));
}

/**
 * Rounds to a number of decimal places as Python's round does: the exact value decides, half to even.
 * @param {number} value
 * @param {number} digits
 */
export function rounded(value, digits) {
  const isTie = Math.abs(value * 2 ** (digits + 1)) % 2 === 1; // exactly between two; then value * 10^digits is exact
  return isTie ? rint(value * 10 ** digits) / 10 ** digits : Number(value.toFixed(digits));
}

/** Returns 127 x as a whole number, x limited to [-1, 1], in float32. @param {number} x */
export function byteOf(x) {
  return rint(Math.fround(127 * Math.max(-1, Math.min(1, x))));
}
