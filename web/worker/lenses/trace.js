// Answers the lenses: how a model reads a text. The answers are those of the app's route /trace.

import { rint } from "../int8_inference.js";
import { Occlusion } from "./occlusion.js";
import { inSlices } from "../slices.js";
import { describeStep } from "./step.js";
import { limits } from "../limits.js";
import { byteOf, rounded } from "../numbers.js";
import { TextReader } from "../text_reader.js";

const MAX_TRACES = 16; // that are kept
const ANSWER_MS = 40; // of work per answer
const WHY_MS = 150; // of work per answer: a page that asks about another character meanwhile waits as long

/**
 * @import { TraceAnswer, TraceQuery } from "../../engines/engine.js"
 * @import { LanguageModel } from "../language_model.js"
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
async function answerAt(reader, { at, cell, step: drawn, first_layer: asksFirst }) {
  const { lm } = reader;
  if (at >= reader.ids.length) return { refusal: { id: "refusal.no_character" } };
  await reader.goTo(at);
  const [logits, step] = [reader.logits(), reader.step(at)];
  const answer = /** @type {TraceAnswer} */ (predicted(logits, lm.vocab));
  if (asksFirst) {
    const first = logits && lm.predictByFirstLayer(step.before);
    answer.first_layer = first && predicted(first, lm.vocab);
  }
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
