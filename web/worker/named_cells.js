// cells.json: the cells of a model that follow a feature of the text, and where in a text they are highest and lowest.

const MAX_CELLS = 200;
const MAX_NAME = 60; // characters
const MAX_PASSAGES = 10;
const [PLAIN, WITH_PASSAGES] = [1, 2]; // versions of the format
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
