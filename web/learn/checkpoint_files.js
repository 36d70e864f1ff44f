// Makes the files of a checkpoint folder, which Python, the app and this page can read: model/checkpoint/ has the format.

import { sha256 } from "../conversation/hash.js";
import { shapesOf } from "../worker/shapes.js";

const [CONFIG, MANIFEST, WEIGHTS] = ["config.json", "manifest.json", "model.safetensors"];
const SPACE = 32; // the header of model.safetensors ends with spaces, so that the numbers begin at a multiple of 8

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
  const files = { [CONFIG]: jsonBytes(config), [WEIGHTS]: safetensors(tensors, shapes) };
  const hashes = await Promise.all([CONFIG, WEIGHTS].map(async (name) => [name, await sha256(files[name])]));
  return { ...files, [MANIFEST]: jsonBytes({ sha256: Object.fromEntries(hashes) }) };
}

/** Returns the bytes of a JSON file with a value. */
export function jsonBytes(value) {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 1)}\n`);
}

function safetensors(tensors, shapes) {
  const header = /** @type {Record<string, object>} */ ({ __metadata__: { format: "pt" } });
  let end = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const start = end;
    end += 4 * tensors[name].length;
    header[name] = { dtype: "F32", shape, data_offsets: [start, end] };
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const size = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + size + end).fill(SPACE, 8, 8 + size);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(size), true);
  bytes.set(text, 8);
  let at = 8 + size;
  for (const name of Object.keys(shapes)) {
    const { buffer, byteOffset, byteLength } = tensors[name]; // WebAssembly's numbers are little-endian, as the file's
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return bytes;
}
