// A text that a model reads, for replies and for the lenses, in slices: messages to the worker come in between two of them, and
// several tasks get theirs in turn.

import { clampsAt, firstChange } from "../engines/engine.js";
import { copyOf } from "./int8_inference.js";

const MAX_SAVED = 64; // states; to reach a position, at most a 64th of a long text is read again
const MIN_DISTANCE = 32; // characters between two saved states
const UNKNOWN = -1; // the id of a character that the model does not have
const MAX_TEXTS = 4; // that are kept for replies: the conversation, and the texts of a demonstration

/**
 * @import { Clamp, ClampsOfText } from "../engines/engine.js"
 * @import { LanguageModel, State } from "./int8_inference.js"
 * @typedef {{position: number, state: State}} Saved the state before the character at a position
 *
 * @typedef {object} Step the step that read one character
 * @property {number} id -1 if the model does not have the character
 * @property {State} before
 * @property {State} after
 * @property {Clamp[]} clamps the cells that were clamped in the step
 */

/** Reads a text, which may change. Keeps a limited number of states, and reaches any position from the nearest one. */
export class TextReader {
  #clamps = /** @type {ClampsOfText} */ ([]);
  #saved = /** @type {Saved[]} */ ([]);
  #distance = MIN_DISTANCE;

  /**
   * @param {LanguageModel} lm
   * @param {boolean} start whether the model reads its start character before the text
   * @param {number} share the weight of the second model of a blend
   */
  constructor(lm, start, share) {
    this.lm = lm;
    this.start = start;
    this.share = share;
    this.ids = /** @type {number[]} */ ([]); // of the text's characters
    this.position = 0; // of the next character to read
    this.state = /** @type {State} */ ([]); // before that character; reading changes it
    this.#restart();
  }

  /**
   * Returns how many characters at the beginning of another text would be read as those of this one; -1 if the start
   * character would not.
   * @param {number[]} ids
   * @param {ClampsOfText} clamps
   */
  alike(ids, clamps) {
    const length = Math.min(this.ids.length, ids.length);
    let same = 0;
    while (same < length && this.ids[same] === ids[same]) same++;
    return Math.min(same, firstChange(this.#clamps, clamps));
  }

  /**
   * Sets the text. What is unchanged at its beginning is not read again.
   * @param {number[]} ids of its characters
   * @param {ClampsOfText} clamps
   * @returns {number} what `alike` returns
   */
  setText(ids, clamps) {
    const unchanged = this.alike(ids, clamps);
    [this.ids, this.#clamps] = [ids, clamps];
    if (unchanged < 0) this.#restart();
    this.#saved = this.#saved.filter(({ position }) => position <= Math.max(0, unchanged));
    if (this.position > unchanged) this.#restore(this.#saved.at(-1));
    return unchanged;
  }

  /**
   * Moves to before a position, in slices.
   * @param {number} position
   * @param {() => boolean} isAborted ends the move where it is
   */
  async goTo(position, isAborted = () => false) {
    const saved = this.#saved.findLast((each) => each.position <= position);
    if (this.position > position || this.position < saved.position) this.#restore(saved);
    await inSlices(() => {
      if (this.position < position) this.readNext();
      return this.position >= position || isAborted();
    });
  }

  /** Reads the character at the position. */
  readNext() {
    const { ids, position } = this;
    if (ids[position] !== UNKNOWN) this.lm.read(ids[position], this.state, this.clampsAt(position));
    this.position++;
    this.#save();
  }

  /** Returns the prediction at the position, until the model is used again; null if the model has read nothing before it. */
  logits() {
    const known = this.ids.findIndex((id) => id !== UNKNOWN);
    const hasRead = this.start || (known >= 0 && known < this.position);
    return hasRead ? this.lm.predict(this.state, this.share) : null;
  }

  /** Returns the surprisal of the character at the position in bits: null without a prediction, -1 for one that the model does not have. */
  bits() {
    const id = this.ids[this.position];
    const logits = id === UNKNOWN ? null : this.logits();
    return id === UNKNOWN ? -1 : logits && bitsOf(logits, id);
  }

  /** The cells that are clamped in the step that reads the character at a position. @param {number} position */
  clampsAt(position) {
    return clampsAt(this.#clamps, position);
  }

  /**
   * Returns the step that reads the character at the position, or with -1 the start character, without reading on.
   * @param {number} position
   * @returns {Step}
   */
  step(position) {
    const id = position < 0 ? this.lm.startId : this.ids[position];
    const [before, clamps] = [position < 0 ? this.lm.zeros() : copyOf(this.state), this.clampsAt(position)];
    const after = copyOf(before);
    if (id !== UNKNOWN) this.lm.read(id, after, clamps);
    return { id, before, after, clamps };
  }

  #restart() {
    [this.position, this.state] = [0, this.lm.zeros()];
    if (this.start) this.lm.read(this.lm.startId, this.state, this.clampsAt(-1));
    this.#saved = [{ position: 0, state: copyOf(this.state) }];
  }

  #restore({ position, state }) {
    [this.position, this.state] = [position, copyOf(state)];
  }

  // Saves the state if it is due; halves the number of saved states when there are too many.
  #save() {
    if (this.position % this.#distance || this.position <= this.#saved.at(-1).position) return;
    this.#saved.push({ position: this.position, state: copyOf(this.state) });
    if (this.#saved.length <= MAX_SAVED) return;
    this.#distance *= 2;
    this.#saved = this.#saved.filter(({ position }) => position % this.#distance === 0);
  }
}

/** The texts of the last replies, so that a text that goes on is not read again. */
export class ReadTexts {
  #texts = /** @type {TextReader[]} */ ([]); // that no reply uses now, the one that was used last at the end

  /**
   * Returns a text: of those that this model has read, the one that is alike for longest.
   * @param {LanguageModel} lm
   * @param {boolean} start whether the model reads its start character before the text
   * @param {number[]} ids of its characters
   * @param {ClampsOfText} clamps
   */
  take(lm, start, ids, clamps) {
    const of = this.#texts.filter((each) => each.lm.key === lm.key && each.start === start);
    const lengths = of.map((each) => each.alike(ids, clamps));
    const longest = Math.max(0, ...lengths);
    const text = longest > 0 ? of[lengths.indexOf(longest)] : new TextReader(lm, start, 0);
    this.#texts = this.#texts.filter((each) => each !== text);
    text.setText(ids, clamps);
    return text;
  }

  /** Takes a text back that its reply no longer uses. @param {TextReader} text */
  giveBack(text) {
    this.#texts = [...this.#texts, text].slice(-MAX_TEXTS);
  }
}

/** Returns -log2 of the probability of a character. @param {Float32Array} logits @param {number} id */
export function bitsOf(logits, id) {
  let [most, sum] = [-Infinity, 0];
  for (const logit of logits) most = Math.max(most, logit);
  for (const logit of logits) sum += Math.exp(logit - most);
  return (most + Math.log(sum) - logits[id]) / Math.LN2;
}

export const SLICE_MS = 12;
const waiting = /** @type {(() => void)[]} */ ([]);
const channel = new MessageChannel();
channel.port1.onmessage = () => waiting.shift()?.();

/** Calls a function until it returns true, in slices. @param {() => boolean} step */
export async function inSlices(step) {
  for (let begun = performance.now(); !step();) {
    if (performance.now() - begun < SLICE_MS) continue;
    await nextTurn();
    begun = performance.now();
  }
}

/** Resolves after the other tasks have had their turn. A timer would take 4 ms at least. @returns {Promise<void>} */
export function nextTurn() {
  return new Promise((resume) => {
    waiting.push(resume);
    channel.port2.postMessage(0);
  });
}
