// Writes a sample with a network in training, with the surprisal of each character.

import { Network } from "../worker/int8_inference.js";
import { choose, randomNumber } from "../worker/sampling.js";
import { bitsOf } from "../worker/lenses/text_trace.js";

const [LENGTH, SEED] = [240, 7]; // the same seed for each sample, so that only the weights differ

/**
 * Returns the characters that a network writes from a zero state, by int8 inference, each with its surprisal in bits.
 * @param {string[]} vocab
 * @param {{embedding: number, hidden: number, layers: number}} network
 * @param {Record<string, Float32Array>} tensors
 * @param {WebAssembly.Module | null} code product.wasm
 * @returns {Promise<[character: string, bits: number][]>}
 */
export async function sampleOf(vocab, { embedding, hidden, layers }, tensors, code) {
  const network = new Network({ vocab: vocab.length, embedding, hidden, layers }, tensors, code);
  const state = network.zeros();
  const { SAMPLING } = await import("../settings.js"); // not at the top level, where a worker may not await
  const settings = { ...SAMPLING, length: LENGTH, seed: SEED };
  let id = Math.max(0, ["\n", " "].map((character) => vocab.indexOf(character)).find((found) => found >= 0) ?? 0);
  return Array.from({ length: LENGTH }, (_, n) => {
    network.read(id, state);
    id = choose(network.logits, settings, randomNumber(SEED, n));
    return [vocab[id], Math.round(100 * bitsOf(network.logits, id)) / 100];
  });
}
