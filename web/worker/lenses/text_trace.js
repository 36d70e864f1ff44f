// What a model predicts and remembers at each character of a text: model/trace.py in JavaScript.

import { clampsAt, firstChange } from "../../engines/clamps.js";
import { copyOf } from "../language_model.js";
import { inSlices } from "../slices.js";

const MAX_SAVED = 64; // states; to reach a position, at most a 64th of a long text is read again
const MIN_DISTANCE = 32; // characters between two saved states
const UNKNOWN = -1; // the id of a character that the model does not have

/**
 * @import { Clamp, ClampsOfText } from "../../engines/engine.js"
 * @import { LanguageModel, State } from "../language_model.js"
 * @typedef {{position: number, state: State, logits: Float32Array | null}} Saved the state before a position, and the
 *   prediction of the character there
 */

/**
 * @typedef {object} Step all values of the step that read one character
 * @property {number} id -1 if the model does not have the character
 * @property {Float32Array | null} logits the prediction before the step
 * @property {Float32Array | null} logitsAfter
 * @property {State} before
 * @property {State} after
 * @property {Clamp[]} clamps the cells that were clamped in the step
 */

/** Traces a text, which may change. Keeps a limited number of states, and reaches any position from the nearest one. */
export class TextTrace {
  #start;
  #characters = /** @type {string[]} */ ([]);
  #clamps = /** @type {ClampsOfText} */ ([]);
  #saved = /** @type {Saved[]} */ ([]);
  #distance = MIN_DISTANCE;
  #current = /** @type {Saved} */ ({ position: 0, state: [], logits: null }); // changes with each character

  /**
   * @param {LanguageModel} lm
   * @param {boolean} start whether the model reads its start character before the text
   * @param {number} share the weight of the second model of a blend
   */
  constructor(lm, start, share) {
    this.lm = lm;
    this.#start = start;
    this.share = share;
    this.ids = /** @type {number[]} */ ([]);
    this.#restart();
  }

  get length() {
    return this.ids.length;
  }

  /** The first position of `step`: -1 if the model reads its start character. */
  get first() {
    return this.#start ? -1 : 0;
  }

  /**
   * Sets the text. What is unchanged at its beginning is not read again.
   * @param {string[]} characters
   * @param {ClampsOfText} clamps
   * @returns {number} how many characters that is; all of them if nothing has changed
   */
  setText(characters, clamps) {
    if (characters === this.#characters && JSON.stringify(clamps) === JSON.stringify(this.#clamps)) return this.length;
    this.#characters = characters;
    const ids = characters.map((character) => this.lm.ids.get(character) ?? UNKNOWN);
    const length = Math.min(this.ids.length, ids.length);
    let unchanged = 0;
    while (unchanged < length && this.ids[unchanged] === ids[unchanged]) unchanged++;
    unchanged = Math.min(unchanged, firstChange(this.#clamps, clamps));
    [this.ids, this.#clamps] = [ids, clamps];
    if (unchanged < 0) {
      this.#restart();
      return 0;
    }
    this.#saved = this.#saved.filter(({ position }) => position <= unchanged);
    if (this.#current.position > unchanged) this.#restore(this.#saved.at(-1));
    return unchanged;
  }

  /**
   * Moves to before a position, in slices.
   * @param {number} position
   */
  async goTo(position) {
    const at = this.#current.position;
    const saved = this.#saved.findLast((each) => each.position <= position);
    if (at > position || at < saved.position) this.#restore(saved);
    await inSlices(() => {
      if (this.#current.position < position) this.readNext();
      return this.#current.position >= position;
    });
  }

  /**
   * Reads the character at the current position.
   * @returns {number | null} its surprisal in bits: null without a prediction, -1 for a character that the model does
   *   not have
   */
  readNext() {
    const current = this.#current;
    const id = this.ids[current.position];
    const bits = id === UNKNOWN ? -1 : current.logits && bitsOf(current.logits, id);
    if (id !== UNKNOWN) this.#read(id, current.position);
    current.position++;
    this.#save();
    return bits;
  }

  /** Returns a copy of the state before the current position, and the prediction there. @returns {Saved} */
  current() {
    return this.#copy();
  }

  /** The cells that are clamped in the step that reads the character at a position. @param {number} position */
  clampsAt(position) {
    return clampsAt(this.#clamps, position);
  }

  /**
   * Returns the c of a cell after the last character that was read.
   * @param {number} layer
   * @param {number} cell
   */
  cell(layer, cell) {
    return this.lm.cell(this.#current.state, layer, cell);
  }

  /**
   * Returns all values of the step at a position, which must be the current one, or -1: the start character.
   * @param {number} position
   * @returns {Step}
   */
  step(position) {
    const kept = this.#copy();
    if (position < 0) this.#current = { position, state: this.lm.zeros(), logits: null };
    const id = position < 0 ? this.lm.startId : this.ids[position];
    const { logits, state } = this.#copy();
    if (id !== UNKNOWN) this.#read(id, position);
    const after = this.#current;
    this.#current = kept; // so that reading goes on where it was
    const clamps = this.clampsAt(position);
    return { id, logits, logitsAfter: after.logits, before: state, after: after.state, clamps };
  }

  #restart() {
    this.#current = { position: 0, state: this.lm.zeros(), logits: null };
    if (this.#start) this.#read(this.lm.startId, -1);
    this.#saved = [this.#copy()];
  }

  #read(id, position) {
    const current = this.#current;
    this.lm.read(id, current.state, this.clampsAt(position));
    current.logits = this.lm.logits(this.share).slice();
  }

  #copy() {
    const { position, state, logits } = this.#current;
    return { position, state: copyOf(state), logits }; // logits are replaced, never changed
  }

  #restore({ position, state, logits }) {
    this.#current = { position, state: copyOf(state), logits };
  }

  // Saves the current state if it is due; halves the number of saved states when there are too many.
  #save() {
    const { position } = this.#current;
    if (position % this.#distance || position <= this.#saved.at(-1).position) return;
    this.#saved.push(this.#copy());
    if (this.#saved.length <= MAX_SAVED) return;
    this.#distance *= 2;
    this.#saved = this.#saved.filter((saved) => saved.position % this.#distance === 0);
  }
}

/**
 * Returns -log2 of the probability of a character.
 * @param {Float32Array} logits
 * @param {number} id
 */
export function bitsOf(logits, id) {
  let [most, sum] = [-Infinity, 0];
  for (const logit of logits) most = Math.max(most, logit);
  for (const logit of logits) sum += Math.exp(logit - most);
  return (most + Math.log(sum) - logits[id]) / Math.LN2;
}
