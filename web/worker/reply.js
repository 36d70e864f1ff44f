// Writes one reply: reads what the model has not read yet, then draws one character after another.

import { clampsAt } from "../engines/clamps.js";
import { choose, randomNumber } from "./sampling.js";
import { SLICE_MS, nextTurn, pause } from "./slices.js";

const MESSAGE_MS = 33; // between two messages of a reply at full speed
const MAX_LAG_MS = 250; // a reply that falls further behind its speed does not catch up
const LONGEST_PAUSE_MS = 50; // so that a reply that waits for its next character ends soon after Stop
const SAVED_EVERY = 1024; // characters

/**
 * @import { ClampsOfText, Ending, ReadText, WriteOptions } from "../engines/engine.js"
 * @import { LanguageModel } from "./language_model.js"
 * @import { States } from "./states.js"
 * @typedef {Pick<ReadText, "text" | "start" | "clamps"> & WriteOptions} Request
 */

/**
 * Returns a text that a model writes as fast as possible.
 * @param {LanguageModel} lm
 * @param {{text: string, start: boolean}} read what it reads before
 * @param {WriteOptions["settings"]} settings
 * @param {States} states
 */
export async function writeText(lm, read, settings, states) {
  let text = "";
  const request = { ...read, clamps: [], cells: [], received: "", settings, draw_offset: 0, speed: null };
  await writeReply(
    lm,
    request,
    states,
    (more) => (text += more),
    () => false,
  );
  return text;
}

/**
 * Writes a reply.
 * @param {LanguageModel} lm
 * @param {Request} request
 * @param {States} states
 * @param {(text: string) => void} send called with the next characters
 * @param {() => boolean} isAborted
 * @returns {Promise<Ending>}
 */
export async function writeReply(lm, request, states, send, isAborted) {
  const text = new TextToRead(lm, request, states);
  const output = new Output(request.settings.stop, send);
  const { share, seed, length } = request.settings;
  let written = Array.from(request.received).length; // characters of this reply, those from before included
  const first = written;
  const draw = () => {
    const logits = lm.logits(share ?? 0.5);
    return choose(logits, request.settings, randomNumber(seed, request.draw_offset + written++));
  };
  let end = /** @type {Ending["end"] | null} */ (written >= length ? "length" : null);
  let [due, sliced] = [0, performance.now()];
  while (!(end ??= isAborted() ? "abort" : null)) {
    if (!text.isLast) text.read();
    else {
      if (written === first) text.save(); // for the same prompt once more
      text.read(true);
      const id = draw();
      text.append(id);
      end = output.append(lm.vocab[id]) ? "stop" : written >= length ? "length" : null;
      const now = performance.now();
      if (request.speed) due = Math.max(due || now, now - MAX_LAG_MS) + 1000 / request.speed;
      if (request.speed || now - output.sentAt >= MESSAGE_MS) output.flush();
    }
    if (performance.now() - sliced >= SLICE_MS) {
      await nextTurn();
      sliced = performance.now();
    }
    for (let early; !end && !isAborted() && (early = due - performance.now()) > 0; sliced = performance.now()) {
      await pause(Math.min(early, LONGEST_PAUSE_MS));
    }
  }
  text.save();
  return { end, error: null, rate: output.end(end) };
}

// The characters that a model reads before it draws, and those that it has drawn; read from the nearest saved state on.
class TextToRead {
  #lm;
  #states;
  #clamps = /** @type {ClampsOfText} */ ([]);
  #state;
  #at = 0; // of the next character to read, among the known ones
  #savedAt = 0;

  /** @param {LanguageModel} lm @param {Request} request @param {States} states */
  constructor(lm, { text, received, start, clamps, cells }, states) {
    this.#lm = lm;
    this.#states = states;
    this.text = text + received;
    this.ids = /** @type {number[]} */ ([]);
    this.positions = /** @type {number[]} */ ([]); // of these characters in the text; -1 is the start character
    this.offsets = /** @type {number[]} */ ([]); // the same in UTF-16 units
    let [offset, firstDraw] = [0, -1]; // the step that draws the first character reads the known one before it
    this.start = start || !Array.from(text).some((character) => lm.ids.has(character));
    if (this.start) this.#add(lm.startId, -1, 0);
    this.length = 0;
    for (const character of this.text) {
      const id = lm.ids.get(character);
      if (id !== undefined) this.#add(id, this.length, offset);
      if (id !== undefined && offset < text.length) firstDraw = this.length;
      this.length++;
      offset += character.length;
    }
    this.#clamps = [...clamps.filter(([from]) => from < firstDraw), [firstDraw, cells]];
    const saved = states.nearest(lm.key, this.start, this.text, this.positions.at(-1), this.#clamps);
    this.#state = saved?.state ?? lm.zeros();
    if (saved) this.#at = this.#savedAt = this.positions.findIndex((each) => each >= saved.length);
  }

  /** Whether the next character to read is the last one, whose step draws. */
  get isLast() {
    return this.#at === this.ids.length - 1;
  }

  /** Reads the next character; `predicts` says whether its step draws. */
  read(predicts = false) {
    if (this.#at - this.#savedAt >= SAVED_EVERY) this.save();
    const position = this.positions[this.#at];
    this.#lm.read(this.ids[this.#at++], this.#state, clampsAt(this.#clamps, position), predicts);
  }

  /** Adds a character that was drawn. */
  append(id) {
    this.#add(id, this.length++, this.text.length);
    this.text += this.#lm.vocab[id];
  }

  /** Saves the state, which is the one before the next character. */
  save() {
    if (this.#at === 0) return;
    const position = this.positions[this.#at];
    const read = this.text.slice(0, this.offsets[this.#at]);
    this.#states.save(this.#lm.key, this.start, read, position, this.#clamps, this.#state);
    this.#savedAt = this.#at;
  }

  #add(id, position, offset) {
    this.ids.push(id);
    this.positions.push(position);
    this.offsets.push(offset);
  }
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
