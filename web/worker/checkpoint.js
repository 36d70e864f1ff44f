// Downloads the files of a model, checks them, and stores them for visits without a network connection. The checks are
// those of model/checkpoint/read.py: names, sizes, shapes and numbers are compared with config.json, which is read first.

import { sha256 } from "../conversation/hash.js";
import { parseCells } from "./named_cells.js";
import { countOf, parametersOf, shapesOf } from "./shapes.js";

const [CONFIG, MANIFEST, WEIGHTS, CELLS, SAMPLES] = [
  "config.json",
  "manifest.json",
  "model.safetensors",
  "cells.json",
  "samples.jsonl",
];
const FIELDS = ["format_version", "model_type", "embedding_size", "hidden_size", "num_layers", "vocab", "training"];
const OPTIONAL = ["chat", "rare"];
const MOST = { embedding_size: 8192, hidden_size: 8192, num_layers: 32 };
const MAX_PARAMETERS = 500_000_000;
const MAX_HEADER = 1 << 20;
const MAX_WEIGHT = 1e6; // trained weights stay below a hundred
const MAX_SMALL = 16 << 20; // bytes of each other file
const NO_CELLS = { cells: [], sample: null };
const BYTES = { F32: 4, BF16: 2, F16: 2 };

/** A model cannot be loaded; the message says why, in English. */
export class ModelError extends Error {}

/**
 * @import { ChatFormat } from "../engines/engine.js"
 * @import { Sizes } from "./shapes.js"
 * @typedef {{base: string, name: string, commit: string, files?: Record<string, Uint8Array>}} Place where the
 *   files of a model are: in memory, or at an address; the commit is "" for a folder, whose files may change
 * @typedef {object} Config what config.json says of a model
 * @property {Sizes} sizes
 * @property {string[]} vocab
 * @property {string | null} rare the entry of the vocabulary that stands for all rare characters, and is never written
 * @property {ChatFormat | null} chat
 * @property {Record<string, unknown>} training
 * @property {number} parameters
 *
 * @typedef {object} Files what the other files say
 * @property {import("../engines/engine.js").NamedCell[]} cells
 * @property {any} passages see named_cells.js
 * @property {Uint8Array | null} samples see samples.js
 * @property {Record<string, string>} hashes of the files, by name
 * @property {boolean} verified whether hashes were compared, which a browser does over HTTPS alone
 * @typedef {Config & Files} Parts all but the weights
 */

/**
 * Returns the name of a model of the Hub, and the commit that its revision means now.
 * @param {string} model user/name, or user/name@revision
 * @param {string} hub the address of the Hub
 * @returns {Promise<import("../engines/engine.js").ModelRef>}
 */
export async function locate(model, hub) {
  const found = /^([\w.-]+\/[\w.-]+)(?:@([\w./-]+))?$/.exec(model);
  if (!found) throw new ModelError(`model is ${model.slice(0, 100)}: write user/name, or user/name@ and a commit`);
  const [, name, revision = "main"] = found;
  let commit = revision;
  if (!/^[0-9a-f]{40}$/.test(revision)) {
    const about = `${hub}/api/models/${name}/revision/${encodeURIComponent(revision)}`;
    commit = JSON.parse(textOf(await download(about, `${name} at ${revision}`))).sha;
    if (!/^[0-9a-f]{40}$/.test(commit)) throw new ModelError(`${name}: the Hub names no commit of ${revision}`);
  }
  return { name, commit };
}

/**
 * Downloads the weights of a model, or takes its files, and checks them.
 * @param {Place} place
 * @param {(part: number) => void} progress called with the downloaded part of the weights: 0 at first, 1 at the end and
 *   when the download fails; not called for weights that the browser has stored
 * @param {Promise<Parts>} known what `readParts` returns
 * @returns {Promise<Parts & {tensors: Record<string, Float32Array>}>}
 * @throws {ModelError}
 */
export async function load(place, progress = () => {}, known = readParts(place)) {
  const parts = await known;
  const { base, name, files } = place;
  if (!files)
    return { ...parts, tensors: await readWeights(new URL(WEIGHTS, base).href, name || WEIGHTS, parts, progress) };
  const tensors = parseWeights(given(files, WEIGHTS), parts.sizes);
  await verify(WEIGHTS, files[WEIGHTS], parts.hashes);
  return { ...parts, tensors };
}

/**
 * Reads and checks the files of a model but its weights.
 * @param {Place} place
 * @returns {Promise<Parts>}
 * @throws {ModelError}
 */
export async function readParts({ base, name, commit, files }) {
  const read = (file) =>
    files ? given(files, file) : fetchStored(new URL(file, base).href, file, name, Boolean(commit));
  const [configBytes, manifestBytes] = await Promise.all([CONFIG, MANIFEST].map(read));
  const { sha256: hashes } = json(MANIFEST, manifestBytes);
  if (typeof hashes !== "object" || ![CONFIG, WEIGHTS].every((file) => typeof hashes?.[file] === "string")) {
    throw new ModelError("manifest.json does not list config.json and model.safetensors with their SHA-256");
  }
  const verified = await verify(CONFIG, configBytes, hashes);
  const config = checkConfig(json(CONFIG, configBytes));
  const [cells, samples] = await Promise.all([CELLS, SAMPLES].map((file) => (file in hashes ? read(file) : null)));
  const named = cells ? await readCells(cells, hashes, config.sizes) : NO_CELLS;
  if (samples) await verify(SAMPLES, samples, hashes);
  return { ...config, cells: named.cells, passages: named.sample, samples, hashes, verified };
}

/**
 * Returns the tensors, from the browser's store if it has them.
 * @returns {Promise<Record<string, Float32Array>>}
 */
async function readWeights(url, name, { hashes, sizes, parameters }, progress) {
  const key = `${url}?sha256=${hashes[WEIGHTS]}`;
  const old = await stored(key);
  if (old && (await verify(WEIGHTS, old, hashes).catch(() => false))) return parseWeights(old, sizes);
  const most = 8 + MAX_HEADER + 4 * parameters; // no file of this network can be larger
  progress(0); // the server may take long to begin
  const bytes = await download(url, name, most, progress).finally(() => progress(1));
  const tensors = parseWeights(bytes, sizes); // before the hash: its message says what is wrong with the file
  const verified = await verify(WEIGHTS, bytes, hashes);
  if (verified) await store(key, bytes, url);
  return tensors;
}

async function readCells(bytes, hashes, sizes) {
  await verify(CELLS, bytes, hashes);
  const found = parseCells(json(CELLS, bytes), sizes);
  if (!found) throw new ModelError(`${CELLS} is not a list of cells of this network`);
  return found;
}

function given(files, file) {
  if (files[file]) return files[file];
  throw new ModelError(`the model has no ${file}`);
}

async function verify(file, bytes, hashes) {
  const hash = await sha256(bytes);
  if (hash === null || hash === hashes[file]) return hash !== null;
  throw new ModelError(`${file} is not the file that manifest.json describes (SHA-256): damaged or changed`);
}

function json(file, bytes) {
  try {
    const value = JSON.parse(textOf(bytes));
    if (value && typeof value === "object" && !Array.isArray(value)) return value;
  } catch {}
  throw new ModelError(`${file} is not a JSON object`);
}

/**
 * Returns the text of a file in UTF-8.
 * @param {Uint8Array} bytes
 */
export function textOf(bytes) {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

/**
 * Returns what config.json says of a model.
 * @returns {Config}
 * @throws {ModelError} a field is missing, unknown or not allowed
 */
function checkConfig(config) {
  const wrong = (what) => new ModelError(`config.json: ${what}`);
  if (config.model_type !== "char-lstm") throw wrong(`model_type is ${config.model_type}, not char-lstm`);
  if (config.format_version !== 1) throw wrong(`format_version is ${config.format_version}: it must be 1`);
  const [lacks] = FIELDS.filter((name) => !(name in config));
  const [extra] = Object.keys(config).filter((name) => !FIELDS.includes(name) && !OPTIONAL.includes(name));
  if (lacks || extra) throw wrong(lacks ? `the field ${lacks} is missing` : `there is an unknown field ${extra}`);
  for (const [name, most] of Object.entries(MOST)) {
    if (Number.isInteger(config[name]) && config[name] >= 1 && config[name] <= most) continue;
    throw wrong(`${name} is ${config[name]}: it must be a whole number from 1 to ${most}`);
  }
  const { embedding_size: embedding, hidden_size: hidden, num_layers: layers, vocab, training } = config;
  const isCharacter = (entry) =>
    typeof entry === "string" && [...entry].length === 1 && !/^[\ud800-\udfff]$/.test(entry);
  if (!Array.isArray(vocab) || !vocab.length || !vocab.every(isCharacter) || new Set(vocab).size < vocab.length) {
    throw wrong("vocab must be a list of distinct characters");
  }
  const rare = config.rare ?? null;
  if (rare !== null && !vocab.includes(rare)) throw wrong("rare must be an entry of vocab");
  if (!training || typeof training !== "object") throw wrong("training must be an object");
  const chat = config.chat ?? null;
  if (chat !== null && !(chat.stop && ["prefix", "suffix", "stop"].every((name) => typeof chat[name] === "string"))) {
    throw wrong("chat must be an object of prefix, suffix and stop, which is not empty");
  }
  const sizes = { vocab: vocab.length, embedding, hidden, layers };
  const parameters = parametersOf(sizes);
  if (parameters > MAX_PARAMETERS) throw wrong(`its sizes make ${parameters} parameters: too many for a browser`);
  return { sizes, vocab, rare, chat, training, parameters };
}

/**
 * Returns the tensors of model.safetensors: 8 bytes with the length of a JSON header, the header, the numbers.
 * @param {Uint8Array} bytes
 * @param {Sizes} sizes
 * @throws {ModelError}
 */
function parseWeights(bytes, sizes) {
  const shapes = shapesOf(sizes);
  const wrong = (what) => new ModelError(`${WEIGHTS} ${what}`);
  const start = String.fromCharCode(...bytes.subarray(0, 64))
    .trimStart()
    .toLowerCase();
  if (start.startsWith("version https://git-lfs")) throw wrong("is a Git LFS pointer: the file itself is not there");
  if (/^<(!doctype|html)/.test(start)) throw wrong("is a web page: the file itself is not there");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bytes.length < 10 ? Infinity : Number(view.getBigUint64(0, true));
  if (size > MAX_HEADER || size > bytes.length - 8) throw wrong("is cut or damaged: its header is not whole");
  const header = json(`the header of ${WEIGHTS}`, bytes.subarray(8, 8 + size));
  delete header.__metadata__;
  const [lacks] = Object.keys(shapes).filter((name) => !(name in header));
  const [extra] = Object.keys(header).filter((name) => !(name in shapes));
  if (lacks || extra) throw wrong(lacks ? `lacks the tensor ${lacks}` : `has an unknown tensor ${extra}`);
  const tensors = /** @type {Record<string, Float32Array>} */ ({});
  let end = 0;
  const offsets = (entry) => (Array.isArray(entry?.data_offsets) ? entry.data_offsets : []);
  const entries = Object.entries(header).map(([name, entry]) => [name, entry ?? {}, offsets(entry)]);
  for (const [name, { dtype, shape }, [from, to]] of entries.sort((a, b) => a[2][0] - b[2][0])) {
    if (JSON.stringify(shape) !== JSON.stringify(shapes[name])) {
      throw wrong(`has ${name} of shape ${JSON.stringify(shape)}; config.json says ${JSON.stringify(shapes[name])}`);
    }
    if (!(dtype in BYTES)) throw wrong(`has ${name} of dtype ${dtype}, not F32, BF16 or F16`);
    if (from !== end || to !== from + countOf(shape) * BYTES[dtype]) throw wrong(`is damaged: the place of ${name}`);
    end = to;
    if (8 + size + end > bytes.length) throw wrong("is cut");
    tensors[name] = widen(bytes.slice(8 + size + from, 8 + size + to).buffer, dtype);
    const large = tensors[name].find((weight) => !(Math.abs(weight) <= MAX_WEIGHT));
    if (large !== undefined) throw wrong(`holds ${large} in ${name}`);
  }
  if (8 + size + end !== bytes.length) throw wrong("has something behind its end");
  return tensors;
}

// Returns each stored number as the float32 that is equal to it.
function widen(buffer, dtype) {
  if (dtype === "F32") return new Float32Array(buffer);
  const stored = new Uint16Array(buffer);
  const wide = new Float32Array(stored.length);
  const bits = new Uint32Array(wide.buffer);
  for (let i = 0; i < stored.length; i++) {
    if (dtype === "BF16") bits[i] = stored[i] << 16;
    else wide[i] = half(stored[i]);
  }
  return wide;
}

function half(bits) {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const whole = exponent ? 1024 + fraction : fraction; // times 2^(exponent - 25), the least exponent being 1
  const shift = Math.max(exponent, 1) - 25;
  const size = shift > 0 ? whole * (1 << shift) : whole / (1 << -shift);
  return (bits >> 15 ? -1 : 1) * (exponent === 31 ? (fraction ? NaN : Infinity) : size);
}

/**
 * Returns the response of a server to a request that it fulfils.
 * @param {string} url
 * @param {string} name what is downloaded, for messages
 * @throws {ModelError}
 */
async function request(url, name) {
  const fault = (what) => new ModelError(`${name}${what}`);
  const response = await fetch(url, { cache: "no-cache", referrerPolicy: "no-referrer" }).catch(() => {
    throw fault(" could not be fetched: is there a network?");
  });
  if (response.status === 404 || response.status === 401) {
    throw fault(`: there is no ${url.split("/").pop()}, or it may not be read without logging in`);
  }
  if (!response.ok) throw fault(` could not be fetched: the server answered ${response.status}`);
  return response;
}

/**
 * Returns the bytes of an address.
 * @param {string} url
 * @param {string} name what is downloaded, for messages
 * @param {number} most bytes that are allowed
 * @param {(part: number) => void} progress called with the downloaded part, 0 to 1
 * @throws {ModelError}
 */
export async function download(url, name, most = MAX_SMALL, progress = () => {}) {
  const response = await request(url, name);
  const expected = Number(response.headers.get("content-length"));
  const [pieces, reader] = [/** @type {Uint8Array<ArrayBuffer>[]} */ ([]), response.body.getReader()];
  for (let length = 0; ;) {
    const { done, value } = await reader.read().catch(() => {
      throw new ModelError(`${name} could not be fetched whole: try again`);
    });
    if (done) return new Uint8Array(await new Blob(pieces).arrayBuffer());
    pieces.push(value);
    length += value.length;
    if (length > most) throw new ModelError(`${url.split("/").pop()} is larger than the ${most} bytes it can need`);
    if (expected) progress(Math.min(1, length / expected));
  }
}

// Returns a small file: from the store if it is of a commit, else from the network, or from the store without a network.
async function fetchStored(url, file, name, isFixed) {
  const found = isFixed && (await stored(url));
  if (found) return found;
  try {
    const bytes = await download(url, name || file);
    await store(url, bytes);
    return bytes;
  } catch (error) {
    const old = await stored(url);
    if (old) return old;
    throw error;
  }
}

// The browser's Cache API. It may be missing, full or forbidden: then everything is downloaded each time.
async function stored(key) {
  try {
    const found = await (await caches.open("char-lstm-models")).match(key);
    return found && new Uint8Array(await found.arrayBuffer());
  } catch {}
}

async function store(key, bytes, url = key) {
  try {
    const cache = await caches.open("char-lstm-models");
    for (const old of await cache.keys()) if (old.url.split("?")[0] === url && old.url !== key) await cache.delete(old);
    await cache.put(key, new Response(bytes));
  } catch {}
}
