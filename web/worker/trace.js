// Answers the lenses: how a model reads a text. The answers are those of the app's route /trace (ui/routes/lenses.py): values along
// the text, how one character was computed, and how much each earlier character mattered for it.

import { byteOf, copyOf, rint, rounded } from "./int8_inference.js";
import { TextReader, bitsOf, inSlices } from "./text_reader.js";
import { mostLikely, randomNumber, weightsOf } from "./reply.js";

const MAX_TRACES = 16; // that are kept
const ANSWER_MS = 40; // of work per answer
const WHY_MS = 150; // of work per answer: a page that asks about another character meanwhile waits as long
const DIGITS = 6; // of a change in bits
const THIN = 0.004; // of the strip: narrower shares are left out

/**
 * @import { Drawn, LayerStep, StepAnswer, TraceAnswer, TraceQuery } from "../engines/engine.js"
 * @import { LanguageModel } from "./int8_inference.js"
 * @typedef {object} Text
 * @property {string[]} characters
 * @property {string} key of what the trace depends on beside the text
 * @property {TextReader | null} reader
 * @property {Occlusion | null} why that was begun
 * @property {Promise<unknown>} last
 */

/** The texts that the lenses look at, by their ids. */
export class Traces {
  #texts = /** @type {Map<string, Text>} */ (new Map()); // the one that was used last at the end

  /** Answers a query. @param {TraceQuery} query @param {LanguageModel} lm @returns {Promise<TraceAnswer>} */
  answer(query, lm) {
    const text = this.#open(query.trace);
    const answer = text.last.then(() => this.#answer(text, query, lm));
    text.last = answer.catch(() => {}); // the queries of one text are answered one after another
    return answer;
  }

  #open(id) {
    const text = this.#texts.get(id) ?? { characters: [], key: "", reader: null, why: null, last: Promise.resolve() };
    this.#texts.delete(id);
    this.#texts.set(id, text);
    if (this.#texts.size > MAX_TRACES) this.#texts.delete(this.#texts.keys().next().value);
    return text;
  }

  /** @type {(text: Text, query: TraceQuery, lm: LanguageModel) => Promise<TraceAnswer>} */
  async #answer(text, query, lm) {
    const { tail, length, start, share } = query;
    let { characters } = text;
    if (tail.at > characters.length) return { unknown: true };
    if (tail.text || tail.at < characters.length) characters = [...characters.slice(0, tail.at), ...tail.text];
    if (characters.length !== length) return { unknown: true };
    text.characters = characters;
    const key = JSON.stringify([lm.key, start, share]);
    if (text.key !== key) [text.key, text.reader, text.why] = [key, new TextReader(lm, start, share ?? 0.5), null];
    const unchanged = text.reader.setText(lm.idsOf(characters), query.clamps);
    if (text.why && unchanged <= text.why.position) text.why = null;
    if ("why" in query) return answerWhy(text, query.why);
    return "at" in query ? answerAt(text.reader, query) : answerFrom(text.reader, query);
  }
}

/** @type {(text: Text, position: number) => Promise<TraceAnswer>} */
async function answerWhy(text, position) {
  if (position >= text.reader.ids.length) return { refusal: { id: "refusal.no_character" } };
  if (text.why?.position !== position) text.why = new Occlusion(text.reader, position);
  const answer = await text.why.advance(WHY_MS);
  if (!answer.more) text.why = null;
  return answer;
}

/**
 * The surprisal of the characters from a position on, as many as can be read in ANSWER_MS.
 * @type {(reader: TextReader, query: TraceQuery) => Promise<TraceAnswer>}
 */
async function answerFrom(reader, { from, cell, layer }) {
  const [bits, values, columns] = [[], [], []];
  const { lm } = reader;
  const shown = Math.min(layer ?? 0, lm.layers - 1);
  const hasCell = cell && cell[0] < lm.layers && cell[1] < lm.hidden;
  await reader.goTo(Math.min(from, reader.ids.length));
  const end = performance.now() + ANSWER_MS;
  await inSlices(() => {
    if (from + bits.length >= reader.ids.length) return true;
    const surprisal = reader.bits();
    reader.readNext();
    bits.push(surprisal === null ? null : rounded(surprisal, 3));
    if (cell) values.push(hasCell ? rint(127 * Math.tanh(lm.cell(reader.state, ...cell))) : null);
    if (layer !== undefined) {
      for (let n = 0; n < lm.hidden; n++) columns.push(byteOf(Math.fround(Math.tanh(lm.cell(reader.state, shown, n)))));
    }
    return columns.length === limits.columns * lm.hidden || performance.now() > end; // the next answer continues the picture
  });
  const ofCell = cell && { values };
  const ofLayer = layer !== undefined && { columns: Int8Array.from(columns) };
  return { bits, more: from + bits.length < reader.ids.length, ...ofCell, ...ofLayer };
}

/**
 * One character: what the model predicted, and what one cell did.
 * @type {(reader: TextReader, query: TraceQuery) => Promise<TraceAnswer>}
 */
async function answerAt(reader, { at, cell, step: drawn }) {
  const { lm } = reader;
  if (at >= reader.ids.length) return { refusal: { id: "refusal.no_character" } };
  await reader.goTo(at);
  const answer = /** @type {TraceAnswer} */ (predicted(reader.logits(), lm.vocab));
  const step = reader.step(at);
  if (cell && cell[0] < lm.layers && cell[1] < lm.hidden) {
    const [layer, index] = cell;
    const gates = step.id < 0 ? new Float32Array(4 * lm.hidden) : lm.gates(layer, step.id, step.before, step.after);
    answer.gates = [0, 1, 2, 3].map((n) => rounded(gates[n * lm.hidden + index], 3));
    answer.held = step.clamps.some(([of, number]) => of === layer && number === index);
    const cellIn = (state) => rounded(lm.cell(state, layer, index), 3);
    answer.cell = [cellIn(step.before), cellIn(step.after)];
  }
  if (drawn) answer.step = await describeStep(reader, at, cell ? cell[1] : 0, drawn);
  return answer;
}

/**
 * The predicted characters, the most likely first; of equal logits the lower id first.
 * @type {(logits: Float32Array | null, vocab: string[]) => Required<Pick<TraceAnswer, "top" | "rest">>}
 */
function predicted(logits, vocab) {
  if (!logits) return { top: [], rest: [] };
  const order = Array.from(logits.keys())
    .sort((a, b) => logits[b] - logits[a] || a - b)
    .slice(0, limits.logits);
  const sorted = order.map((id) => rounded(logits[id], 4));
  return { top: order.slice(0, limits.top).map((id, n) => [vocab[id], sorted[n]]), rest: sorted.slice(limits.top) };
}

/** The work for one character. It can be done in parts, while the text up to the character stays the same. */
class Occlusion {
  #reader;
  #bits = /** @type {number | null} */ (null); // of the character, before it is rounded
  #changes = /** @type {(number | null)[]} */ ([]);

  /** @param {TextReader} reader @param {number} position of the character */
  constructor(reader, position) {
    this.#reader = reader;
    this.position = position;
    this.start = Math.max(0, position - limits.why);
  }

  /**
   * Works for some time, in slices.
   * @param {number} ms
   * @returns {Promise<TraceAnswer>} `more` while the work is not done
   */
  async advance(ms) {
    const [end, changes] = [performance.now() + ms, this.#changes];
    if (!changes.length) {
      await this.#reader.goTo(this.position);
      this.#bits = this.#reader.ids[this.position] < 0 ? null : this.#reader.bits();
    }
    while (changes.length < this.position - this.start) {
      if (performance.now() > end) return { start: this.start, changes: [], more: true };
      changes.push(await this.#changeWithout(this.start + changes.length));
    }
    const surprisal = this.#bits === null ? null : rounded(this.#bits, DIGITS);
    return { surprisal, start: this.start, changes, more: false };
  }

  // Returns how many bits more the character costs if another one is left out; null if that is not known.
  async #changeWithout(out) {
    const { ids, lm, share, start } = this.#reader;
    const isKnown = (at) => ids[at] >= 0;
    const left = Array.from({ length: this.position - out - 1 }, (_, n) => out + 1 + n).filter(isKnown);
    const hasRead = start || left.length > 0 || ids.slice(0, out).some((id) => id >= 0);
    if (this.#bits === null || !hasRead) return null;
    if (!isKnown(out)) return 0;
    await this.#reader.goTo(out);
    const state = copyOf(this.#reader.state);
    await inSlices(() => {
      if (left.length) lm.read(ids[left[0]], state, this.#reader.clampsAt(left.shift()));
      return !left.length;
    });
    return rounded(bitsOf(lm.predict(state, share), ids[this.position]) - this.#bits, DIGITS);
  }
}

/**
 * Describes how the character at a position was computed; {} if the model had read no character before it.
 * @param {TextReader} reader
 * @param {number} at the position
 * @param {number} cell the cell whose numbers are shown for each layer
 * @param {Drawn} drawn
 * @returns {Promise<StepAnswer>}
 */
async function describeStep(reader, at, cell, { settings, draw, picked }) {
  const { ids, lm } = reader;
  const before = ids.slice(0, at).findLastIndex((id) => id >= 0);
  if (before < 0 && !reader.start) return {};
  if (lm.isBlend) return { mixed: true };
  if (before >= 0) await reader.goTo(before);
  const step = reader.step(before);
  const { FILTERS, SAMPLING, SETTINGS } = await import("../settings.js");
  const used = settings ?? { ...SAMPLING, temperature: 1, seed: 0 }; // of a text that was not drawn
  const changed = FILTERS.filter((name) => used[name] !== SETTINGS[name].default);
  const { sizes, embedding } = lm.network;
  const row = embedding.subarray(step.id * sizes.embedding, (step.id + 1) * sizes.embedding);
  const shown = Math.min(cell, sizes.hidden - 1);
  const { seed } = used;
  const drawn = Number(randomNumber(seed, draw ?? 0)) / 2 ** 64;
  return {
    read: lm.vocab[step.id],
    id: step.id,
    row: bytesOfRow(row),
    layers: Array.from({ length: sizes.layers }, (_, layer) => describeLayer(lm, step, layer, shown)),
    ...describeShares(lm.predict(step.after, reader.share), used, lm.vocab, ids[at]),
    temperature: used.temperature,
    filters: changed.map((name) => [SETTINGS[name].label, used[name]]),
    draw: settings && draw !== null ? { seed, number: draw, value: rounded(drawn, 5) } : null,
    picked: Boolean(picked),
    sizes: { V: sizes.vocab, E: sizes.embedding, H: sizes.hidden },
  };
}

function bytesOfRow(row) {
  const largest = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  return Int8Array.from(row, (value) => byteOf(Math.fround(value / largest)));
}

/** @returns {LayerStep} */
function describeLayer(lm, { id, before, after, clamps }, layer, cell) {
  const { hidden } = lm.network.sizes;
  const part = (values) => values.subarray(layer * hidden, (layer + 1) * hidden);
  const outputs = ({ h }) => Float32Array.from(part(h), (each) => each / 127);
  const [[old], [changed]] = [before, after];
  const all = lm.gates(layer, id, before, after);
  const gates = [0, 1, 2, 3].map((n) => all.subarray(n * hidden, (n + 1) * hidden));
  const tanh = (c) => Float32Array.from(c, Math.tanh);
  const rows = [outputs(old), tanh(part(old.c)), ...gates, tanh(part(changed.c)), outputs(changed)];
  const numbers = [outputs(old), part(old.c), ...gates, part(changed.c), outputs(changed)];
  return {
    bytes: Int8Array.from(rows.flatMap((row) => Array.from(row.subarray(0, limits.step_cells), byteOf))),
    cell: numbers.map((each) => rounded(each[cell], 3)),
    held: clamps.some(([of, index]) => of === layer && index === cell),
  };
}

/** @returns {Pick<StepAnswer, "likely" | "strip">} */
function describeShares(logits, settings, vocab, drawn) {
  let weights = weightsOf(logits, settings);
  if (settings.temperature === 0) weights = weights.map((_, id) => (id === mostLikely(logits) ? 1 : 0));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const shares = weights.map((weight) => weight / total);
  const order = Array.from(shares.keys()).sort((a, b) => shares[b] - shares[a] || a - b);
  const likely = order
    .slice(0, limits.top)
    .map((id) => /** @type {[string, number]} */ ([vocab[id], rounded(shares[id], 5)]));
  const strip = /** @type {StepAnswer["strip"]} */ ([]);
  let end = 0;
  for (const [id, share] of shares.entries()) {
    end += weights[id];
    if (share >= THIN || (id === drawn && share > 0)) {
      strip.push([vocab[id], rounded(end / total - share, 5), rounded(end / total, 5)]);
    }
  }
  return { likely: likely.filter(([, share]) => share), strip };
}

/** The limits by name, see `settings` in ui/settings.py. */
export const limits = /** @type {Record<string, number>} */ ({});
