// The tensors in the learner's memory, and their first values: those of a new network as in training/learner/trainer.py, or of
// a trained model with rows for new characters.

import { Network, compile } from "../worker/int8_inference.js";
import { countOf, shapesOf } from "../worker/checkpoint.js";

const EMBEDDING_NORM = 2; // of a character's vector, on average
const COUNTED = 1_000_000; // characters from the beginning of the text
const PREDICTED = 2_000; // characters from which the odds of new characters are estimated

/**
 * Returns the tensors in an array that is laid out as the learner's memory, as views by the names of nn.LSTM.
 * @param {Float32Array} all
 * @param {import("../worker/checkpoint.js").Sizes} sizes
 * @returns {Record<string, Float32Array>}
 */
export function tensorsOf(all, sizes) {
  let at = 0;
  const entries = Object.entries(shapesOf(sizes)).map(([name, shape]) => {
    const [start, count] = [at, countOf(shape)];
    at += Math.ceil(count / 4) * 4; // the learner pads each tensor to a multiple of 4 numbers
    return [name, all.subarray(start, start + count)];
  });
  return Object.fromEntries(entries);
}

/** Fills the tensors of a new network, which predicts each character with its frequency in the text to train on. */
export function initialize(tensors, { embedding, hidden }, ids, seed) {
  Object.entries(tensors).forEach(([name, values], n) => {
    if (name.startsWith("lstm.")) fillUniform(values, 1 / Math.sqrt(hidden), seed + n);
  });
  fillNormal(tensors["embedding.weight"], EMBEDDING_NORM / Math.sqrt(embedding), seed);
  tensors["output.weight"].fill(0);
  const counts = countsOf(ids, tensors["output.bias"].length).map((count) => count + 1);
  const total = counts.reduce((sum, count) => sum + count, 0);
  counts.forEach((count, id) => (tensors["output.bias"][id] = Math.log(count / total)));
}

/**
 * Copies a trained model's tensors. A new character gets an embedding drawn with the mean and the spread of the others, an
 * output row of zeros, and a bias with which the model predicts it as often as it occurs at the beginning of the text.
 * @param {Record<string, Float32Array>} tensors with rows for new characters after those of the model
 * @param {Record<string, Float32Array>} trained
 * @param {{embedding: number, hidden: number, layers: number}} sizes
 * @param {Uint16Array} ids of the text to train on; those of the model's characters are the model's
 * @param {number} seed
 */
export async function copyTrained(tensors, trained, sizes, ids, seed) {
  const { embedding } = sizes;
  for (const [name, values] of Object.entries(trained)) tensors[name].set(values);
  const [old, vocab] = [trained["output.bias"].length, tensors["output.bias"].length];
  if (old === vocab) return;
  const vectors = tensors["embedding.weight"];
  fillNormal(vectors.subarray(old * embedding), 1, seed);
  for (let column = 0; column < embedding; column++) {
    const known = Array.from({ length: old }, (_, id) => vectors[id * embedding + column]);
    const mean = known.reduce((sum, value) => sum + value, 0) / old;
    const spread = Math.sqrt(known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / old);
    for (let id = old; id < vocab; id++)
      vectors[id * embedding + column] = mean + spread * vectors[id * embedding + column];
  }
  const counts = countsOf(ids, vocab);
  const known = counts.slice(0, old).reduce((sum, count) => sum + count, 0);
  const odds = meanOdds(new Network({ vocab: old, ...sizes }, trained, await compile()), ids);
  for (let id = old; id < vocab; id++) {
    tensors["output.bias"][id] = Math.log((counts[id] + 0.5) / Math.max(1, known)) - Math.log(odds);
  }
}

// The mean of 1 / sum of exp(logits): the odds of one more character with a logit of 0 against all known ones.
function meanOdds(network, ids) {
  const state = network.zeros();
  const known = ids
    .subarray(0, 4 * PREDICTED)
    .filter((id) => id < network.sizes.vocab)
    .subarray(0, PREDICTED);
  let total = 0;
  for (const id of known) {
    network.read(id, state);
    total += 1 / network.predict(state).reduce((sum, logit) => sum + Math.exp(logit), 0);
  }
  return known.length ? total / known.length : 1 / network.sizes.vocab;
}

function countsOf(ids, vocab) {
  const counts = Array.from({ length: vocab }, () => 0);
  for (const id of ids.subarray(0, COUNTED)) counts[id]++;
  return counts;
}

function mix(x) {
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** Returns number `index` of the stream of a seed, as in source/random.h: 0 to 2^32 - 1. @param {number} seed @param {number} index */
export function randomAt(seed, index) {
  return mix(mix(seed >>> 0) ^ mix((index + 0x9e3779b9) >>> 0));
}

// From -limit to limit.
function fillUniform(target, limit, seed) {
  for (let n = 0; n < target.length; n++) target[n] = (randomAt(seed, n) / 2 ** 31 - 1) * limit;
}

// Box and Muller 1958.
function fillNormal(target, deviation, seed) {
  for (let n = 0; n < target.length; n++) {
    const [u, v] = [(randomAt(seed, 2 * n) + 1) / (2 ** 32 + 1), randomAt(seed, 2 * n + 1) / 2 ** 32];
    target[n] = deviation * Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
  }
}
