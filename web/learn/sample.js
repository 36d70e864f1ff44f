// Writes a sample with a network in training, with the surprisal of each character.

import { Network } from "../worker/int8_inference.js";
import { choose, randomNumber } from "../worker/sampling.js";
import { bitsOf } from "../worker/lenses/text_trace.js";

const [LENGTH, SEED] = [240, 7]; // the same seed for each sample, so that only the weights differ
const SETTINGS = { length: LENGTH, seed: SEED, temperature: 0.8, top_k: 0, top_p: 1, min_p: 0 };

/**
 * Returns the characters that a network writes from a zero state, by int8 inference, each with its surprisal in bits.
 * @param {string[]} vocab
 * @param {{embedding: number, hidden: number, layers: number}} network
 * @param {Record<string, Float32Array>} tensors
 * @param {WebAssembly.Module | null} code product.wasm
 * @returns {[character: string, bits: number][]}
 */
export function sampleOf(vocab, { embedding, hidden, layers }, tensors, code) {
  const network = new Network({ vocab: vocab.length, embedding, hidden, layers }, tensors, code);
  const state = network.zeros();
  let id = Math.max(0, ["\n", " "].map((character) => vocab.indexOf(character)).find((found) => found >= 0) ?? 0);
  return Array.from({ length: LENGTH }, (_, n) => {
    network.read(id, state);
    id = choose(network.logits, SETTINGS, randomNumber(SEED, n));
    return [vocab[id], Math.round(100 * bitsOf(network.logits, id)) / 100];
  });
}
