// Writes one reply: reads what the model has not read yet, then draws one character after another.

import { clampsAt } from "../engines/clamps.js";
import { choose, randomNumber } from "./sampling.js";
import { SLICE_MS, nextTurn, pause } from "./slices.js";

const MESSAGE_MS = 33; // between two messages of a reply at full speed
const MAX_LAG_MS = 250; // a reply that falls further behind its speed does not catch up
const LONGEST_PAUSE_MS = 50; // so that a reply that waits for its next character ends soon after Stop

/**
 * @import { ClampsOfText, Ending, ReadText, WriteOptions } from "../engines/engine.js"
 * @import { LanguageModel } from "./language_model.js"
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
 * @param {(text: string) => void} send called with the next characters
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
    const id = choose(text.logits(), request.settings, randomNumber(seed, request.draw_offset + written++));
    text.ids.push(id);
    end = output.append(lm.vocab[id]) ? "stop" : written >= length ? "length" : null;
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
  #held = 0; // at its end, in UTF-16 units
  #sent = 0; // characters
  #startedAt = 0;

  /** @param {string} stop @param {(text: string) => void} send */
  constructor(stop, send) {
    this.#stop = stop;
    this.#send = send;
    this.sentAt = performance.now();
  }

  /** Adds a character. Returns whether the stop text is complete. */
  append(character) {
    this.#startedAt ||= performance.now();
    this.#text += character;
    this.#held = heldBack(this.#text, this.#stop);
    return this.#held > 0 && this.#held === this.#stop.length;
  }

  /** Sends what is not held back. */
  flush() {
    const ready = this.#text.slice(0, this.#text.length - this.#held);
    if (ready) this.#send(ready);
    this.#text = this.#text.slice(ready.length);
    this.#sent += Array.from(ready).length;
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
