// cells.json: the cells of a model that follow a feature of the text, and where in a text they are highest and lowest.
// The checks are those of model/named_cells.py.

const MAX_CELLS = 200;
const MAX_NAME = 60; // characters
const FIELDS = ["chance", "index", "kind", "last_three", "layer", "name", "score"];
const [PLAIN, WITH_PASSAGES] = [1, 2]; // versions of the format
const [MAX_SAMPLE, MAX_SAMPLE_BYTES] = [6000, 12_000]; // characters, and bytes in UTF-8
const MAX_PASSAGES = 10;
const MAX_WITH_PASSAGES = 70; // cells
const [BEFORE, AFTER] = [30, 12]; // characters around the one at which a cell is highest or lowest
const HIDDEN = /(?![\t\n])\p{Cc}|[\u202a-\u202e\u2066-\u2069]|\p{Cs}/gu; // controls, and halves of characters

/**
 * @import { NamedCell, PassagesAnswer } from "../engines/engine.js"
 * @typedef {object} Sample the text in which the passages are
 * @property {string[]} characters
 * @property {number | null} seed with which the model wrote it
 * @property {Map<string, {high: number[], low: number[]}>} places positions in it, by cell
 */

/**
 * Returns what cells.json says; null if it is not valid.
 * @param {{format_version?: unknown, cells?: unknown, sample?: unknown}} content
 * @param {{layers: number, hidden: number}} sizes
 * @returns {{cells: NamedCell[], sample: Sample | null} | null}
 */
export function parseCells({ format_version: version, cells, sample, ...others }, sizes) {
  if (Object.keys(others).length || !Array.isArray(cells) || cells.length > MAX_CELLS) return null;
  const found = version === WITH_PASSAGES ? parseSample(sample) : null;
  if (version !== PLAIN && !found) return null;
  if (!cells.every((cell) => isCell(cell, sizes, found))) return null;
  if (cells.filter(({ high, low }) => high?.length || low?.length).length > MAX_WITH_PASSAGES) return null;
  for (const { layer, index, high, low } of found ? cells : []) found.places.set(`${layer} ${index}`, { high, low });
  return { cells: cells.map(describe), sample: found };
}

/**
 * The passages of a cell.
 * @param {Sample | null} sample
 * @param {[layer: number, index: number]} cell
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

/** @type {(cell: NamedCell & {high?: number[], low?: number[]}) => NamedCell} */
function describe({ high, low, ...facts }) {
  // A name says something new if the last three characters alone do not follow the feature.
  const { kind, last_three: score } = facts;
  const remembers = kind === "auc" ? score < 0.9 : Math.abs(score) < 0.7;
  return { ...facts, remembers, passages: Boolean(high?.length || low?.length) };
}

/** @returns {Sample | null} */
function parseSample(sample) {
  if (!sample || `${Object.keys(sample).sort()}` !== "seed,text" || typeof sample.text !== "string") return null;
  const { seed, text } = sample;
  const length = Array.from(text.slice(0, 2 * MAX_SAMPLE + 1)).length;
  if (length < 1 || length > MAX_SAMPLE || new TextEncoder().encode(text).length > MAX_SAMPLE_BYTES) return null;
  if (seed !== null && !(Number.isSafeInteger(seed) && seed >= 0)) return null;
  const shown = text.replace(/\r\n?/g, "\n").replace(HIDDEN, "\ufffd");
  return { characters: Array.from(shown), seed, places: new Map() };
}

function isCell(cell, { layers, hidden }, sample) {
  const names = sample ? [...FIELDS, "high", "low"].sort() : FIELDS;
  if (!cell || `${Object.keys(cell).sort()}` !== `${names}`) return false;
  const isIndex = (value, below) => Number.isInteger(value) && value >= 0 && value < below;
  const isList = (list) =>
    Array.isArray(list) && list.length <= MAX_PASSAGES && list.every((at) => isIndex(at, sample.characters.length));
  if (sample && !(isList(cell.high) && isList(cell.low))) return false;
  const least = cell.kind === "auc" ? 0 : -1;
  const scores = [cell.score, cell.chance, cell.last_three];
  const { name } = cell;
  const isName = typeof name === "string" && name.length > 0 && [...name].length <= MAX_NAME && !/\p{Cc}/u.test(name);
  const fits = isIndex(cell.layer, layers) && isIndex(cell.index, hidden) && ["auc", "r"].includes(cell.kind);
  return fits && isName && scores.every((score) => Number.isFinite(score) && score >= least && score <= 1);
}
