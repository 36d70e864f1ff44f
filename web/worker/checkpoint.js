// Downloads the files of a model, checks them, and stores them for visits without a network connection. Hashes are compared
// with manifest.json, then sizes, shapes and numbers with config.json, as model/checkpoint/read.py does. cells.json has the cells
// that follow a feature of the text, and where in a text they are highest and lowest.

import { sha256 } from "../engines/engine.js";

export const [CONFIG, MANIFEST, WEIGHTS] = ["config.json", "manifest.json", "model.safetensors"];
const [CELLS, SAMPLES] = ["cells.json", "samples.jsonl"];
const FORMAT_VERSION = 1; // of config.json; docs/format.md says what may change within it: unknown fields are ignored
const MOST = { embedding_size: 8192, hidden_size: 8192, num_layers: 32 };
const MAX_PARAMETERS = 500_000_000;
const MAX_HEADER = 1 << 20;
const MAX_WEIGHT = 1e6; // trained weights stay below a hundred
const MAX_SMALL = 16 << 20; // bytes of each other file
const MAX_SAMPLES = 1000;
const NO_CELLS = { cells: [], sample: null };
const BYTES = { F32: 4, BF16: 2, F16: 2, I8: 1 };
/** After the name of a matrix in I8: by which its rows are multiplied. */
export const SCALE = "_scale";
const MAX_CELLS = 200;
const MAX_NAME = 60; // characters
const MAX_PASSAGES = 10;
const [PLAIN, WITH_PASSAGES] = [1, 2]; // versions of the format
const [BEFORE, AFTER] = [30, 12]; // characters around the one at which a cell is highest or lowest
const HIDDEN = /(?![\t\n])\p{Cc}|[\u2028-\u202e\u2066-\u2069]|\p{Cs}/gu; // controls, and halves of characters

/** A model cannot be loaded; the message says why, in English. */
export class ModelError extends Error {}

/**
 * @import { ChatFormat, NamedCell, PassagesAnswer } from "../engines/engine.js"
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
 * @property {any} passages see parseCells
 * @property {Uint8Array | null} samples see samplesIn
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
 * @param {(part: number) => void} progress called with the downloaded part of the weights, if it is known
 * @param {Promise<Parts>} known what `readParts` returns
 * @returns {Promise<Parts & {tensors: Record<string, Float32Array>}>}
 * @throws {ModelError}
 */
export async function load(place, progress = () => {}, known = readParts(place)) {
  const parts = await known;
  const { base, name, files } = place;
  const bytes = files
    ? given(files, WEIGHTS)
    : await fetchWeights(new URL(WEIGHTS, base).href, name || WEIGHTS, parts, progress);
  if (files) await verify(WEIGHTS, bytes, parts.hashes);
  return { ...parts, tensors: parseWeights(bytes, parts.sizes) };
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
  const hashes = Object(json(MANIFEST, manifestBytes).sha256);
  const verified = await verify(CONFIG, configBytes, hashes);
  const config = checkConfig(json(CONFIG, configBytes));
  const [cells, samples] = await Promise.all([CELLS, SAMPLES].map((file) => (file in hashes ? read(file) : null)));
  const named = cells ? await readCells(cells, hashes, config.sizes) : NO_CELLS;
  if (samples) await verify(SAMPLES, samples, hashes);
  return { ...config, cells: named.cells, passages: named.sample, samples, hashes, verified };
}

// Returns the verified bytes of the weights, from the browser's store if it has them.
async function fetchWeights(url, name, { hashes, parameters }, progress) {
  const key = `${url}?sha256=${hashes[WEIGHTS]}`;
  const old = await stored(key);
  if (old && (await verify(WEIGHTS, old, hashes).catch(() => false))) return old;
  const most = 8 + MAX_HEADER + 4 * parameters; // no file of this network can be larger
  const bytes = await download(url, name, most, progress);
  if (await verify(WEIGHTS, bytes, hashes)) await store(key, bytes, url);
  return bytes;
}

async function readCells(bytes, hashes, sizes) {
  await verify(CELLS, bytes, hashes);
  try {
    return parseCells(json(CELLS, bytes), sizes);
  } catch {
    throw new ModelError(`${CELLS} is not a list of cells of this network`);
  }
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
 * Returns what a model wrote after steps of its training, from samples.jsonl, oldest first; nothing without the file.
 * @param {Uint8Array | null} bytes
 * @returns {[step: number, text: string][]}
 * @throws {ModelError}
 */
export function samplesIn(bytes) {
  try {
    const lines = bytes ? textOf(bytes).split("\n").filter(Boolean).slice(0, MAX_SAMPLES) : [];
    return lines.map((line) => JSON.parse(line)).map(({ step, prompt, text }) => [Number(step), `${prompt}${text}`]);
  } catch {
    throw new ModelError(`${SAMPLES} is not a list of samples of a training`);
  }
}

/** Returns the text of a file in UTF-8. @param {Uint8Array} bytes */
function textOf(bytes) {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

/**
 * Returns what config.json says of a model.
 * @returns {Config}
 * @throws {ModelError} a field is missing or not allowed
 */
function checkConfig(config) {
  const wrong = (what) => new ModelError(`config.json: ${what}`);
  if (config.model_type !== "char-lstm") throw wrong(`model_type is ${config.model_type}, not char-lstm`);
  const version = config.format_version;
  if (version !== FORMAT_VERSION) {
    const update = "a newer char-lstm wrote it; reload this page, or publish it again with that version";
    throw wrong(`format_version is ${version}: ${version > FORMAT_VERSION ? update : `it must be ${FORMAT_VERSION}`}`);
  }
  for (const [name, most] of Object.entries(MOST)) {
    if (Number.isInteger(config[name]) && config[name] >= 1 && config[name] <= most) continue;
    throw wrong(`${name} is ${config[name]}: it must be a whole number from 1 to ${most}`);
  }
  const { embedding_size: embedding, hidden_size: hidden, num_layers: layers, vocab, training } = config;
  const isCharacter = (entry) => typeof entry === "string" && [...entry].length === 1;
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
 * Returns the tensors of model.safetensors: 8 bytes with the length of a JSON header, the header, the numbers. A matrix may
 * be in 8 bits, see docs/static-page.md.
 * @param {Uint8Array} bytes
 * @param {Sizes} sizes
 * @returns {Record<string, Float32Array>}
 * @throws {ModelError}
 */
function parseWeights(bytes, sizes) {
  const wrong = (what) => new ModelError(`${WEIGHTS} ${what}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = bytes.length < 8 ? Infinity : 8 + Number(view.getBigUint64(0, true));
  if (start > Math.min(bytes.length, 8 + MAX_HEADER)) throw wrong("is cut or damaged: its header is not whole");
  const header = json(`the header of ${WEIGHTS}`, bytes.subarray(8, start));
  const read = (name, shape) => {
    const { dtype, shape: stored, data_offsets: offsets } = header[name] ?? {};
    const [from, to] = Array.isArray(offsets) ? offsets : [];
    if (JSON.stringify(stored) !== JSON.stringify(shape)) {
      throw wrong(`has ${name} of shape ${JSON.stringify(stored)}; config.json says ${JSON.stringify(shape)}`);
    }
    const isKnown = dtype === "I8" ? shape.length === 2 : dtype in BYTES;
    if (!isKnown) throw wrong(`has ${name} of dtype ${dtype}, not F32, BF16 or F16`);
    const isWhole = from >= 0 && to - from === countOf(shape) * BYTES[dtype] && start + to <= bytes.length;
    if (!isWhole) throw wrong(`is cut or damaged: the place of ${name}`);
    const { buffer } = bytes.slice(start + from, start + to);
    const scales = dtype === "I8" && read(`${name}${SCALE}`, shape.slice(0, 1));
    const values = scales ? multiplied(new Int8Array(buffer), scales) : widen(buffer, dtype);
    const large = values.find((weight) => !(Math.abs(weight) <= MAX_WEIGHT));
    if (large !== undefined) throw wrong(`holds ${large} in ${name}`);
    return values;
  };
  return Object.fromEntries(Object.entries(shapesOf(sizes)).map(([name, shape]) => [name, read(name, shape)]));
}

// Returns the rows of a matrix times a number for each, in float32.
function multiplied(matrix, scales) {
  const [found, width] = [new Float32Array(matrix.length), matrix.length / scales.length];
  scales.forEach((scale, row) => {
    for (let n = row * width; n < (row + 1) * width; n++) found[n] = matrix[n] * scale;
  });
  return found;
}

// Returns each stored number as the float32 that is equal to it. A float16 with its bits at those places of a float32 is
// 2^-112 of itself, also where it is subnormal; an infinity or a NaN would be 2^16 or more.
function widen(buffer, dtype) {
  if (dtype === "F32") return new Float32Array(buffer);
  const bits = Uint32Array.from(new Uint16Array(buffer), (each) =>
    dtype === "BF16" ? each << 16 : ((each & 0x8000) << 16) | ((each & 0x7fff) << 13),
  );
  const wide = new Float32Array(bits.buffer);
  return dtype === "BF16" ? wide : wide.map((each) => (Math.abs(each) < 2 ** -96 ? each * 2 ** 112 : NaN));
}

/**
 * Returns the bytes of an address.
 * @param {string} url
 * @param {string} name what is downloaded, for messages
 * @param {number} most bytes that are allowed
 * @param {(part: number) => void} progress called with the downloaded part, 0 to 1
 * @throws {ModelError}
 */
async function download(url, name, most = MAX_SMALL, progress = () => {}) {
  const fault = (what) => new ModelError(`${name}${what}`);
  const response = await fetch(url, { cache: "no-cache", referrerPolicy: "no-referrer" }).catch(() => {
    throw fault(" could not be fetched: is there a network?");
  });
  if (response.status === 404 || response.status === 401) {
    throw fault(`: there is no ${url.split("/").pop()}, or it may not be read without logging in`);
  }
  if (!response.ok) throw fault(` could not be fetched: the server answered ${response.status}`);
  const expected = Number(response.headers.get("content-length"));
  const [pieces, reader] = [/** @type {Uint8Array<ArrayBuffer>[]} */ ([]), response.body.getReader()];
  for (let length = 0; ;) {
    const { done, value } = await reader.read().catch(() => {
      throw fault(" could not be fetched whole: try again");
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

/**
 * @typedef {object} Sample the text in which the passages are
 * @property {string[]} characters
 * @property {number | null} seed with which the model wrote it
 * @property {Map<string, {high: number[], low: number[]}>} places positions in it, by cell
 */

/**
 * Returns what cells.json says.
 * @param {any} content
 * @param {{layers: number, hidden: number}} sizes
 * @returns {{cells: NamedCell[], sample: Sample | null}}
 * @throws {Error} the content is not that of a cells.json of such a network
 */
export function parseCells({ format_version: version, cells, sample: found }, sizes) {
  if (![PLAIN, WITH_PASSAGES].includes(version) || cells.length > MAX_CELLS) throw new Error("cells.json is not valid");
  const text = version === PLAIN ? "" : found.text.replace(/\r\n?/g, "\n").replace(HIDDEN, "\ufffd");
  const sample = { characters: Array.from(text), seed: found?.seed ?? null, places: new Map() };
  const described = cells.map((/** @type {any} */ { high, low, ...facts }) => {
    if (version === PLAIN) high = low = [];
    check(facts, [...high, ...low], sizes, sample.characters.length);
    sample.places.set(`${facts.layer} ${facts.index}`, { high, low });
    const { kind, last_three: score } = facts;
    // A name says something new if the last three characters alone do not follow the feature.
    const remembers = kind === "auc" ? score < 0.9 : Math.abs(score) < 0.7;
    return { ...facts, remembers, passages: high.length + low.length > 0 };
  });
  return { cells: described, sample: version === PLAIN ? null : sample };
}

// Throws an error if the page could not show a cell, or passages at some places in a text.
function check({ layer, index, name, kind, score, chance, last_three }, places, { layers, hidden }, length) {
  const isIndex = (value, below) => Number.isInteger(value) && value >= 0 && value < below;
  const isName = typeof name === "string" && name !== "" && [...name].length <= MAX_NAME && !/\p{Cc}/u.test(name);
  const isCell = isIndex(layer, layers) && isIndex(index, hidden) && ["auc", "r"].includes(kind) && isName;
  const areNumbers = [score, chance, last_three].every((each) => Math.abs(each) <= 1);
  const arePlaces = places.length <= 2 * MAX_PASSAGES && places.every((each) => isIndex(each, length));
  if (!isCell || !areNumbers || !arePlaces) throw new Error(`a cell of cells.json is not valid: ${name}`);
}

/**
 * The passages of a cell.
 * @param {Sample | null} sample
 * @param {[layer: number, cell: number]} cell
 * @returns {PassagesAnswer}
 */
export function passagesOf(sample, [layer, index]) {
  const places = sample?.places.get(`${layer} ${index}`);
  if (!places) return { seed: null, high: [], low: [] };
  const { characters, seed } = sample;
  const part = (from, to) => characters.slice(Math.max(0, from), to).join("");
  const around = (at) =>
    /** @type {[string, string, string]} */ ([part(at - BEFORE, at), characters[at], part(at + 1, at + 1 + AFTER)]);
  return { seed, high: places.high.map(around), low: places.low.map(around) };
}

/** @typedef {{vocab: number, embedding: number, hidden: number, layers: number}} Sizes */

/**
 * Returns the shape of each tensor, in the order of the learner's memory (learn/source/learner.c).
 * @param {Sizes} sizes
 * @returns {Record<string, number[]>}
 */
export function shapesOf({ vocab, embedding, hidden, layers }) {
  const shapes = { "embedding.weight": [vocab, embedding], "output.weight": [vocab, hidden], "output.bias": [vocab] };
  for (let layer = 0; layer < layers; layer++) {
    shapes[`lstm.weight_ih_l${layer}`] = [4 * hidden, layer ? hidden : embedding];
    shapes[`lstm.weight_hh_l${layer}`] = [4 * hidden, hidden];
    shapes[`lstm.bias_ih_l${layer}`] = shapes[`lstm.bias_hh_l${layer}`] = [4 * hidden];
  }
  return shapes;
}

/** How many numbers a tensor of a shape has. @param {number[]} shape */
export function countOf(shape) {
  return shape.reduce((product, size) => product * size, 1);
}

/** How many numbers all tensors have. @param {Sizes} sizes */
export function parametersOf(sizes) {
  return Object.values(shapesOf(sizes)).reduce((total, shape) => total + countOf(shape), 0);
}
