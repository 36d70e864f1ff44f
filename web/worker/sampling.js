// The draw of a character (docs/int8-inference.md): Philox4x64-10 and weights that are whole numbers, as in Python.

import { POWERS, rint } from "./int8_inference.js";

const LOW = 0xffffffffffffffffn;
const HALVES = Float64Array.from({ length: 64 }); // 2^-shift
for (let shift = 0, half = 1; shift < 64; shift++, half /= 2) HALVES[shift] = half;

/**
 * Returns random number i of a seed, a BigInt below 2^64, as numpy.random.Philox(key=seed) gives it.
 * @param {number} seed
 * @param {number} i
 */
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

/**
 * Returns the id of the next character.
 * @param {Float32Array} logits
 * @param {import("../engines/engine.js").Settings} settings
 * @param {bigint} number the random number of this character
 */
export function choose(logits, settings, number) {
  if (settings.temperature === 0) return mostLikely(logits);
  const weights = weightsOf(logits, settings);
  let left = Number((BigInt(sum(weights)) * number) >> 64n);
  return weights.findIndex((weight) => (left -= weight) < 0);
}

/** Returns the id of the largest logit; of equal ones the lowest id. */
export function mostLikely(logits) {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id] > logits[best]) best = id;
  return best;
}

/**
 * Returns the weight of each character, a whole number: its probability times a constant.
 * @param {Float32Array} logits
 * @param {import("../engines/engine.js").Settings} settings
 */
export function weightsOf(logits, { temperature, top_k: topK = 0, top_p: topP = 1, min_p: minP = 0 }) {
  const most = logits[mostLikely(logits)];
  const weights = new Float64Array(logits.length);
  for (let id = 0; id < logits.length; id++) {
    const exponent = rint(((logits[id] - most) / Math.max(temperature, 1e-300)) * 5909.278887481194);
    const e = Math.max(exponent, -64 * 4096);
    weights[id] = Math.floor(POWERS[e & 4095] * HALVES[Math.min(-(e >> 12), 63)]);
  }
  if ((topK > 0 && topK < weights.length) || topP < 1) restrict(weights, topK, topP);
  const least = rint(minP * 4294967296); // the largest weight is 2^31, so twice a weight is in units of 2^-32
  for (let id = 0; id < weights.length; id++) if (2 * weights[id] < least) weights[id] = 0;
  return weights;
}

// Sets the weights to 0 that top-k, then top-p, leave out. All sums are whole numbers below 2^53, so they are exact.
function restrict(weights, topK, topP) {
  const order = Array.from(weights.keys()).sort((v, w) => weights[w] - weights[v] || v - w);
  if (topK > 0) for (const id of order.splice(topK)) weights[id] = 0;
  if (topP >= 1) return;
  const enough = Math.max(1, Number((BigInt(sum(weights)) * BigInt(rint(topP * 4294967296))) >> 32n));
  let running = 0;
  for (const id of order) {
    const isOver = running >= enough;
    running += weights[id];
    if (isOver) weights[id] = 0;
  }
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
