// The one arithmetic of writing (docs/int8-inference.md) in JavaScript: the text that Python writes, character for
// character. Knows numbers only.
//
// Every operation on float32 is done in float64, which holds its exact result or rounds it harmlessly, and rounded by
// itself with Math.fround. Math.exp, Math.tanh and ** differ between browsers: here are only + − × ÷ and floor.

const { fround } = Math;
const HALFWAY = 6755399441055744; // 1.5 · 2^52: a sum with it has no room for fractions
const rint = (x) => x + HALFWAY - HALFWAY; // to the nearest whole number, half to even, for |x| < 2^51
const LN2_HIGH = 0.693147180369123816490; // the upper bits of ln 2, so that k · LN2_HIGH is exact
const LN2_LOW = 1.90821492927058770002e-10;

// e^x − 1, to a few units in the last place. The tables below would stand 300 of them.
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

export const SIGMOID = table((x) => 1 / (2 + expm1(-x)));
export const TANH = table(tanh);
export const POWERS = Float64Array.from({ length: 4096 }, (_, k) => rint(2147483648 * (1 + expm1((k / 4096) * Math.LN2))));
const HALVES = Float64Array.from({ length: 64 }); // 2^-shift
for (let shift = 0, half = 1; shift < 64; shift++, half /= 2) HALVES[shift] = half;

// The entry of a table that is nearest to x (float32), half to even; the ends beyond [-8, 8].
function entry(x) {
  return rint(fround((x < -8 ? -8 : x > 8 ? 8 : x) + 8) * 256);
}

// Where weights in 8 bits lie, and their products. The way in WebAssembly and the one in JavaScript read the same
// memory: x as int16, then matrices as int8 with rows to a multiple of 4 and columns to a multiple of 8, then sums.
class Products {
  // shapes: [rows, columns] of each matrix; code: the WebAssembly.Module of product.wasm, or null for JavaScript.
  constructor(shapes, code) {
    let size = 0;
    const place = (bytes) => (size += Math.ceil(bytes / 16) * 16) - Math.ceil(bytes / 16) * 16;
    const padded = shapes.map(([rows, columns]) => [Math.ceil(rows / 4) * 4, Math.ceil(columns / 8) * 8]);
    const x = place(2 * Math.max(...padded.map(([, columns]) => columns)));
    const out = place(4 * Math.max(...padded.map(([rows]) => rows)));
    this.matrices = padded.map(([rows, columns]) => ({ rows, columns, at: place(rows * columns) }));
    const memory = code && new WebAssembly.Memory({ initial: Math.ceil(size / 65536) });
    const buffer = memory ? memory.buffer : new ArrayBuffer(size);
    this.x = new Int16Array(buffer, x, (out - x) / 2);
    this.sums = new Int32Array(buffer, out, Math.max(...padded.map(([rows]) => rows)));
    this.bytes = new Int8Array(buffer);
    this.compiled = code && new WebAssembly.Instance(code, { page: { memory } }).exports.product;
  }

  // Fills sums with q · x of one matrix, exact.
  multiply({ rows, columns, at }) {
    const { x, sums, bytes } = this;
    if (this.compiled) return this.compiled(x.byteOffset, at, sums.byteOffset, rows, columns);
    for (let row = 0; row < rows; row += 4, at += 4 * columns) {
      let [a, b, c, d] = [0, 0, 0, 0];
      for (let k = 0; k < columns; k++) {
        const [y, of] = [x[k], at + k];
        a = (a + Math.imul(bytes[of], y)) | 0;
        b = (b + Math.imul(bytes[of + columns], y)) | 0;
        c = (c + Math.imul(bytes[of + 2 * columns], y)) | 0;
        d = (d + Math.imul(bytes[of + 3 * columns], y)) | 0;
      }
      [sums[row], sums[row + 1], sums[row + 2], sums[row + 3]] = [a, b, c, d];
    }
  }
}

// A network in 8 bits.
//   sizes: {vocab, embedding, hidden, layers}; tensors: name to Float32Array, as nn.LSTM names and lays them out.
export class Network {
  constructor(sizes, tensors, code = null) {
    const { vocab, hidden, layers } = sizes;
    this.sizes = sizes;
    this.tensors = tensors;
    const shapes = Array.from({ length: layers }, (_, layer) => [4 * hidden, layer ? 2 * hidden : hidden]);
    this.products = new Products([...shapes, [vocab, hidden]], code);
    this.scales = shapes.map((_, layer) => {
      const parts = layer ? [tensors[`lstm.weight_ih_l${layer}`]] : [];
      return this.#round(layer, [...parts, tensors[`lstm.weight_hh_l${layer}`]], 4 * hidden);
    });
    this.scales.push(this.#round(layers, [tensors["output.weight"]], vocab));
    this.biases = shapes.map((_, layer) => {
      const other = tensors[`lstm.bias_hh_l${layer}`];
      return tensors[`lstm.bias_ih_l${layer}`].map((bias, n) => bias + other[n]);
    });
    this.rows = new Map(); // of the first layer's table, each made when its character is first read
    this.entries = new Int32Array(4 * hidden);
    this.logits = new Float32Array(vocab);
  }

  // Before the first character: nothing remembered.
  nothing() {
    const { hidden, layers } = this.sizes;
    return { h: new Int8Array(layers * hidden), c: new Float32Array(layers * hidden) };
  }

  // Reads character v: changes h and c in place, and leaves this.logits. hold: cells that are held, [layer, cell, value].
  read(v, { h, c }, hold = []) {
    const { hidden, layers, vocab } = this.sizes;
    const { products, entries } = this;
    for (let layer = 0; layer < layers; layer++) {
      const [own, below] = [h.subarray(layer * hidden, (layer + 1) * hidden), layer * hidden - hidden];
      if (layer) products.x.set(h.subarray(below, below + hidden));
      products.x.set(own, layer ? hidden : 0);
      products.multiply(products.matrices[layer]);
      const [scale, added] = [this.scales[layer], layer ? this.biases[layer] : this.#first(v)];
      for (let n = 0; n < 4 * hidden; n++) {
        entries[n] = entry(fround(fround(fround(products.sums[n]) * scale[n]) + added[n]));
      }
      for (let j = 0; j < hidden; j++) {
        const kept = fround(SIGMOID[entries[hidden + j]] * c[layer * hidden + j]);
        const letIn = fround(SIGMOID[entries[j]] * TANH[entries[2 * hidden + j]]);
        const cell = (c[layer * hidden + j] = fround(kept + letIn));
        own[j] = rint(fround(fround(SIGMOID[entries[3 * hidden + j]] * TANH[entry(cell)]) * 127));
      }
      for (const [of, j, value] of hold) {
        if (of !== layer) continue;
        const cell = (c[layer * hidden + j] = fround(value));
        own[j] = rint(fround(fround(SIGMOID[entries[3 * hidden + j]] * TANH[entry(cell)]) * 127));
      }
    }
    products.x.set(h.subarray((layers - 1) * hidden));
    products.multiply(products.matrices[layers]);
    const [scale, bias] = [this.scales[layers], this.tensors["output.bias"]];
    for (let n = 0; n < vocab; n++) this.logits[n] = fround(fround(products.sums[n]) * scale[n]) + bias[n];
  }

  // Rounds a matrix, given as parts that stand side by side, to 8 bits: its scales, one a row.
  #round(index, parts, rows) {
    const { at, columns } = this.products.matrices[index];
    const [scales, { bytes }] = [new Float32Array(rows), this.products];
    for (let row = 0; row < rows; row++) {
      let most = 0;
      const here = parts.map((part) => part.subarray((row * part.length) / rows, ((row + 1) * part.length) / rows));
      for (const part of here) for (const w of part) most = Math.max(most, Math.abs(w));
      const step = fround(most / 127) || 1;
      let to = at + row * columns;
      for (const part of here) for (const w of part) bytes[to++] = Math.max(-127, Math.min(127, rint(fround(w / step))));
      scales[row] = step / 127;
    }
    return scales;
  }

  // What the first layer gets of character v, biases included: summed in this order in float64, rounded once.
  #first(v) {
    if (!this.rows.has(v)) {
      const { embedding, hidden } = this.sizes;
      const [letters, weight] = [this.tensors["embedding.weight"], this.tensors["lstm.weight_ih_l0"]];
      const [one, other] = [this.tensors["lstm.bias_ih_l0"], this.tensors["lstm.bias_hh_l0"]];
      const row = new Float32Array(4 * hidden);
      for (let n = 0; n < 4 * hidden; n++) {
        let sum = 0;
        for (let e = 0; e < embedding; e++) sum += letters[v * embedding + e] * weight[n * embedding + e];
        row[n] = sum + one[n] + other[n];
      }
      this.rows.set(v, row);
    }
    return this.rows.get(v);
  }
}

const LOW = 0xffffffffffffffffn;

// Random number i of a seed, a BigInt below 2^64: Philox4x64-10 as numpy has it.
export function randomNumber(seed, i) {
  let [a, b, c, d] = [BigInt(Math.floor(i / 4)) + 1n, 0n, 0n, 0n];
  let [key, other] = [BigInt(seed), 0n];
  for (let round = 0; round < 10; round++) {
    const [x, y] = [a * 0xd2e7470ee14c6c93n, c * 0xca5a826395121157n];
    [a, b, c, d] = [(y >> 64n) ^ b ^ key, y & LOW, (x >> 64n) ^ d ^ other, x & LOW];
    [key, other] = [(key + 0x9e3779b97f4a7c15n) & LOW, (other + 0xbb67ae8584caa73bn) & LOW];
  }
  return [a, b, c, d][i % 4];
}

// The id of the next character, from its logits, the settings and its random number.
export function choose(logits, settings, number) {
  const { temperature, top_k: topK, top_p: topP, min_p: minP } = settings;
  let best = 0;
  for (let v = 1; v < logits.length; v++) if (logits[v] > logits[best]) best = v;
  if (temperature === 0) return best;
  const weights = new Float64Array(logits.length);
  for (let v = 0; v < logits.length; v++) {
    const exponent = rint(((logits[v] - logits[best]) / Math.max(temperature, 1e-300)) * 5909.278887481194);
    const e = Math.max(exponent, -64 * 4096);
    weights[v] = Math.floor(POWERS[e & 4095] * HALVES[Math.min(-(e >> 12), 63)]);
  }
  if ((topK > 0 && topK < weights.length) || topP < 1) restrict(weights, topK, topP);
  const least = rint(minP * 4294967296); // the largest weight is 2^31, so twice a weight is in units of 2^-32
  for (let v = 0; v < weights.length; v++) if (2 * weights[v] < least) weights[v] = 0;
  let left = Number((BigInt(sum(weights)) * number) >> 64n);
  return weights.findIndex((weight) => (left -= weight) < 0);
}

// Sets to zero what top-k, then top-p, leave out. Whole numbers below 2^53 throughout: exact.
function restrict(weights, topK, topP) {
  const order = Array.from(weights.keys()).sort((v, w) => weights[w] - weights[v] || v - w);
  if (topK > 0) for (const v of order.splice(topK)) weights[v] = 0;
  if (topP >= 1) return;
  const enough = Math.max(1, Number((BigInt(sum(weights)) * BigInt(rint(topP * 4294967296))) >> 32n));
  let running = 0;
  for (const v of order) {
    const over = running >= enough;
    running += weights[v];
    if (over) weights[v] = 0;
  }
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
