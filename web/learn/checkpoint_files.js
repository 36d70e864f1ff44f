// Makes the files of a checkpoint folder, which Python, the app and this page can read: model/checkpoint/ has the format.

import { sha256 } from "../engines/engine.js";
import { shapesOf } from "../worker/checkpoint.js";

const [CONFIG, MANIFEST, WEIGHTS] = ["config.json", "manifest.json", "model.safetensors"];

/**
 * Returns the files of a checkpoint by name.
 * @param {object} model
 * @param {string[]} model.vocab the characters in the order of their ids
 * @param {{embedding: number, hidden: number, layers: number}} model.network
 * @param {Record<string, Float32Array>} model.tensors
 * @param {object} model.training the facts about the run, for config.json
 * @param {{prefix: string, suffix: string, stop: string} | null} model.chat
 * @returns {Promise<Record<string, Uint8Array>>}
 */
export async function checkpointFiles({ vocab, network, tensors, training, chat }) {
  const config = {
    format_version: 1,
    model_type: "char-lstm",
    embedding_size: network.embedding,
    hidden_size: network.hidden,
    num_layers: network.layers,
    vocab,
    ...(chat ? { chat } : {}),
    training,
  };
  const shapes = shapesOf({ vocab: vocab.length, ...network });
  const files = { [CONFIG]: jsonBytes(config), [WEIGHTS]: await safetensors(tensors, shapes) };
  const hashes = await Promise.all([CONFIG, WEIGHTS].map(async (name) => [name, await sha256(files[name])]));
  return { ...files, [MANIFEST]: jsonBytes({ sha256: Object.fromEntries(hashes) }) };
}

/** Returns the bytes of a JSON file with a value. */
export function jsonBytes(value) {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 1)}\n`);
}

async function safetensors(tensors, shapes) {
  const header = /** @type {Record<string, object>} */ ({ __metadata__: { format: "pt" } });
  const parts = [];
  let end = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const { buffer, byteOffset, byteLength } = tensors[name]; // WebAssembly's numbers are little-endian, as the file's
    parts.push(new Uint8Array(buffer, byteOffset, byteLength));
    header[name] = { dtype: "F32", shape, data_offsets: [end, end + byteLength] };
    end += byteLength;
  }
  const text = JSON.stringify(header);
  const size = Math.ceil(text.length / 8) * 8; // it ends with spaces, so that the numbers begin at a multiple of 8
  const whole = new Blob([new BigUint64Array([BigInt(size)]), text.padEnd(size), ...parts]);
  return new Uint8Array(await whole.arrayBuffer());
}
