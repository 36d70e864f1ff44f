// Makes the files of a checkpoint folder, which Python, the app and this page can read: model/checkpoint/ has the format.

import { sha256 } from "../engines/engine.js";
import { CONFIG, MANIFEST, SCALE, WEIGHTS, load, shapesOf } from "../worker/checkpoint.js";
import { matricesOf, quantize } from "../worker/int8_inference.js";

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

/**
 * Returns the files of a model with its matrices in 8 bits, for a static page: see docs/static-page.md.
 * @param {Record<string, Uint8Array<ArrayBuffer>>} files
 * @returns {Promise<Record<string, Uint8Array<ArrayBuffer>>>}
 */
export async function int8Files(files) {
  const { sizes, tensors } = await load({ base: "", name: "", commit: "", files });
  const shapes = shapesOf(sizes);
  const found = /** @type {Record<string, Float32Array | Int8Array>} */ ({ ...tensors });
  for (const names of matricesOf(sizes.layers)) {
    const [rows] = shapes[names[0]];
    const { bytes, steps } = quantize(
      names.map((name) => tensors[name]),
      rows,
    );
    names.forEach((name, part) => {
      [found[name], found[`${name}${SCALE}`], shapes[`${name}${SCALE}`]] = [bytes[part], steps, [rows]];
    });
  }
  return withWeights(files, await safetensors(found, shapes));
}

/**
 * Returns the files of a model with its matrices in float32 if they are in 8 bits, which PyTorch alone cannot read.
 * @param {Record<string, Uint8Array<ArrayBuffer>>} files
 * @returns {Promise<Record<string, Uint8Array<ArrayBuffer>>>}
 */
export async function floatFiles(files) {
  const weights = files[WEIGHTS];
  const end = 8 + Number(new DataView(weights.buffer, weights.byteOffset).getBigUint64(0, true)); // of the header
  if (!new TextDecoder().decode(weights.subarray(8, end)).includes('"I8"')) return files;
  const { sizes, tensors } = await load({ base: "", name: "", commit: "", files });
  return withWeights(files, await safetensors(tensors, shapesOf(sizes)));
}

/** Returns the files of a model with other weights. @param {Record<string, Uint8Array<ArrayBuffer>>} files @param {Uint8Array<ArrayBuffer>} weights */
async function withWeights(files, weights) {
  const manifest = JSON.parse(new TextDecoder().decode(files[MANIFEST]));
  manifest.sha256[WEIGHTS] = await sha256(weights);
  return { ...files, [WEIGHTS]: weights, [MANIFEST]: jsonBytes(manifest) };
}

/** Returns the bytes of a JSON file with a value. */
export function jsonBytes(value) {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 1)}\n`);
}

/** @param {Record<string, Float32Array | Int8Array>} tensors @param {Record<string, number[]>} shapes */
async function safetensors(tensors, shapes) {
  const header = /** @type {Record<string, object>} */ ({ __metadata__: { format: "pt" } });
  const parts = [];
  let end = 0;
  const size = (name) => tensors[name].BYTES_PER_ELEMENT;
  const names = Object.keys(shapes).sort((one, other) => size(other) - size(one)); // each number at a multiple of its size
  for (const name of names) {
    const { buffer, byteOffset, byteLength } = tensors[name]; // WebAssembly's numbers are little-endian, as the file's
    parts.push(new Uint8Array(/** @type {ArrayBuffer} */ (buffer), byteOffset, byteLength));
    const dtype = tensors[name] instanceof Int8Array ? "I8" : "F32";
    header[name] = { dtype, shape: shapes[name], data_offsets: [end, end + byteLength] };
    end += byteLength;
  }
  const text = JSON.stringify(header);
  const length = Math.ceil(text.length / 8) * 8; // it ends with spaces, so that the numbers begin at a multiple of 8
  const whole = new Blob([new BigUint64Array([BigInt(length)]), text.padEnd(length), ...parts]);
  return new Uint8Array(await whole.arrayBuffer());
}
