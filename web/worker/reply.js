// Writes one reply: reads what the model has not read yet, then draws one character after another (docs/int8-inference.md), with
// Philox4x64-10 and weights that are whole numbers, as in Python.

import { clampsAt, pause } from "../engines/engine.js";
import { SLICE_MS, bitsOf, nextTurn } from "./text_reader.js";
import { POWERS, rint } from "./int8_inference.js";

const MESSAGE_MS = 33; // between two messages of a reply at full speed
const MAX_LAG_MS = 250; // a reply that falls further behind its speed does not catch up
const LONGEST_PAUSE_MS = 50; // so that a reply that waits for its next character ends soon after Stop

/**
 * @import { Ending, ReadText, WriteOptions } from "../engines/engine.js"
 * @import { LanguageModel } from "./int8_inference.js"
 * @import { ReadTexts } from "./text_reader.js"
 * @typedef {Pick<ReadText, "text" | "start" | "clamps"> & WriteOptions} Request
 */

/**
 * Returns a text that a model writes as fast as possible.
 * @param {LanguageModel} lm
 * @param {{text: string, start: boolean}} read what it reads before
 * @param {WriteOptions["settings"]} settings
 * @param {ReadTexts} texts
 */
export async function writeText(lm, read, settings, texts) {
  let text = "";
  const request = { ...read, clamps: [], cells: [], received: "", settings, draw_offset: 0, speed: null };
  const send = (more) => (text += more);
  await writeReply(lm, request, texts, send, () => false);
  return text;
}

/**
 * Writes a reply.
 * @param {LanguageModel} lm
 * @param {Request} request
 * @param {ReadTexts} texts
 * @param {(text: string, bits: number[]) => void} send called with the next characters and their surprisals
 * @param {() => boolean} isAborted
 * @returns {Promise<Ending>}
 */
export async function writeReply(lm, request, texts, send, isAborted) {
  const text = textOf(lm, request, texts);
  const output = new Output(request.settings.stop, send);
  const { seed, length } = request.settings;
  let written = Array.from(request.received).length; // characters of this reply, those from before included
  let end = /** @type {Ending["end"] | null} */ (written >= length ? "length" : null);
  if (!end) await text.goTo(text.ids.length, isAborted);
  let [due, sliced] = [0, performance.now()];
  while (!(end ??= isAborted() ? "abort" : null)) {
    if (text.position < text.ids.length) text.readNext(); // the character that was drawn last
    const logits = text.logits();
    const id = choose(logits, request.settings, randomNumber(seed, request.draw_offset + written++));
    text.ids.push(id);
    end = output.append(lm.vocab[id], bitsOf(logits, id)) ? "stop" : written >= length ? "length" : null;
    const now = performance.now();
    if (request.speed) due = Math.max(due || now, now - MAX_LAG_MS) + 1000 / request.speed;
    if (request.speed || now - output.sentAt >= MESSAGE_MS) output.flush();
    if (now - sliced >= SLICE_MS) {
      await nextTurn();
      sliced = performance.now();
    }
    for (let early; !end && !isAborted() && (early = due - performance.now()) > 0; sliced = performance.now()) {
      await pause(Math.min(early, LONGEST_PAUSE_MS));
    }
  }
  texts.giveBack(text);
  return { end, error: null, rate: output.end(end) };
}

// Returns the text of a request, with the cells that are clamped in the steps that draw: the first of them reads the last
// known character before the reply.
/** @param {LanguageModel} lm @param {Request} request @param {ReadTexts} texts */
function textOf(lm, { text, received, start, clamps, cells, settings }, texts) {
  const [before, after] = [text, received].map((each) => lm.idsOf(Array.from(each)));
  const firstDraw = before.findLastIndex((id) => id >= 0);
  const all = clamps.filter(([from]) => from < firstDraw);
  if (JSON.stringify(clampsAt(all, firstDraw)) !== JSON.stringify(cells)) all.push([firstDraw, cells]);
  const found = texts.take(lm, start || firstDraw < 0, [...before, ...after], all);
  found.share = settings.share ?? 0.5;
  return found;
}

// The characters of a reply on their way to the page. What may become the stop text is held back.
class Output {
  #stop;
  #send;
  #text = ""; // not sent yet
  #bits = /** @type {number[]} */ ([]); // of its characters
  #held = 0; // at its end, in UTF-16 units
  #sent = 0; // characters
  #startedAt = 0;

  /** @param {string} stop @param {(text: string, bits: number[]) => void} send */
  constructor(stop, send) {
    this.#stop = stop;
    this.#send = send;
    this.sentAt = performance.now();
  }

  /** Adds a character. Returns whether the stop text is complete. @param {string} character @param {number} bits */
  append(character, bits) {
    this.#startedAt ||= performance.now();
    this.#text += character;
    this.#bits.push(bits);
    this.#held = heldBack(this.#text, this.#stop);
    return this.#held > 0 && this.#held === this.#stop.length;
  }

  /** Sends what is not held back. */
  flush() {
    const ready = this.#text.slice(0, this.#text.length - this.#held);
    const { length } = Array.from(ready);
    if (ready) this.#send(ready, this.#bits.splice(0, length));
    this.#text = this.#text.slice(ready.length);
    this.#sent += length;
    this.sentAt = performance.now();
  }

  /** Sends the rest. Returns the characters per second, or null if there are too few. */
  end(reason) {
    if (reason !== "stop") this.#held = 0;
    this.flush();
    const seconds = (performance.now() - this.#startedAt) / 1000;
    return this.#sent > 1 && seconds > 0 ? this.#sent / seconds : null;
  }
}

// Returns how many characters at the end of a text may be the beginning of the stop text.
function heldBack(text, stop) {
  let most = Math.min(stop.length, text.length);
  while (!text.endsWith(stop.slice(0, most))) most--;
  return most;
}

const LOW = 0xffffffffffffffffn;
const HALVES = Float64Array.from({ length: 64 }); // 2^-shift
for (let shift = 0, half = 1; shift < 64; shift++, half /= 2) HALVES[shift] = half;

/**
 * Returns random number i of a seed, a BigInt below 2^64, as numpy.random.Philox(key=seed) gives it.
 * @param {number} seed
 * @param {number} i
 */
export function randomNumber(seed, i) {
  let [a, b, c, d] = [BigInt(Math.floor(i / 4)) + 1n, 0n, 0n, 0n];
  let [key, other] = [BigInt(seed), 0n];
  for (let round = 0; round < 10; round++) {
    const [x, y] = [a * 0xd2e7470ee14c6c93n, c * 0xca5a826395121157n];
    [a, b, c, d] = [(y >> 64n) ^ b ^ key, y & LOW, (x >> 64n) ^ d ^ other, x & LOW];
    [key, other] = [(key + 0x9e3779b97f4a7c15n) & LOW, (other + 0xbb67ae8584caa73bn) & LOW];
  }
  return [a, b, c, d][i % 4];
}

/**
 * Returns the id of the next character.
 * @param {Float32Array} logits
 * @param {import("../engines/engine.js").Settings} settings
 * @param {bigint} number the random number of this character
 */
export function choose(logits, settings, number) {
  if (settings.temperature === 0) return mostLikely(logits);
  const weights = weightsOf(logits, settings);
  let left = Number((BigInt(sum(weights)) * number) >> 64n);
  return weights.findIndex((weight) => (left -= weight) < 0);
}

/** Returns the id of the largest logit; of equal ones the lowest id. */
export function mostLikely(logits) {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id] > logits[best]) best = id;
  return best;
}

/**
 * Returns the weight of each character, a whole number: its probability times a constant.
 * @param {Float32Array} logits
 * @param {import("../engines/engine.js").Settings} settings
 */
export function weightsOf(logits, { temperature, top_k: topK = 0, top_p: topP = 1, min_p: minP = 0 }) {
  const most = logits[mostLikely(logits)];
  const weights = new Float64Array(logits.length);
  for (let id = 0; id < logits.length; id++) {
    const exponent = rint(((logits[id] - most) / Math.max(temperature, 1e-300)) * 5909.278887481194);
    const e = Math.max(exponent, -64 * 4096);
    weights[id] = Math.floor(POWERS[e & 4095] * HALVES[Math.min(-(e >> 12), 63)]);
  }
  if ((topK > 0 && topK < weights.length) || topP < 1) restrict(weights, topK, topP);
  const least = rint(minP * 4294967296); // the largest weight is 2^31, so twice a weight is in units of 2^-32
  for (let id = 0; id < weights.length; id++) if (2 * weights[id] < least) weights[id] = 0;
  return weights;
}

// Sets the weights to 0 that top-k, then top-p, leave out. All sums are whole numbers below 2^53, so they are exact.
function restrict(weights, topK, topP) {
  const order = Array.from(weights.keys()).sort((v, w) => weights[w] - weights[v] || v - w);
  if (topK > 0) for (const id of order.splice(topK)) weights[id] = 0;
  if (topP >= 1) return;
  const enough = Math.max(1, Number((BigInt(sum(weights)) * BigInt(rint(topP * 4294967296))) >> 32n));
  let running = 0;
  for (const id of order) {
    const isOver = running >= enough;
    running += weights[id];
    if (isOver) weights[id] = 0;
  }
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
