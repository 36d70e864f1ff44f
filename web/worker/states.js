// The states that a model had after beginnings of texts, so that a text that goes on is not read again.

import { copyOf } from "./language_model.js";

const MAX_STATES = 256;
const MAX_BYTES = 64 << 20;

/**
 * @import { ClampsOfText } from "../engines/engine.js"
 * @import { State } from "./language_model.js"
 *
 * @typedef {object} Saved
 * @property {string} key of the model
 * @property {boolean} start whether the model read its start character first
 * @property {string} text the characters that the model has read
 * @property {number} length of this text in code points
 * @property {string} clamps the clamps of its steps, as JSON
 * @property {State} state
 */

/** A limited number of states; of too many, the one that was not used for the longest time is removed. */
export class States {
  #saved = /** @type {Saved[]} */ ([]); // the one that was used last at the end
  #bytes = 0;

  /**
   * Returns the longest text with a state that a text begins with, or null.
   * @param {string} key
   * @param {boolean} start
   * @param {string} text
   * @param {number} most code points that may have been read
   * @param {ClampsOfText} clamps
   * @returns {{length: number, state: State} | null} with a copy of the state
   */
  nearest(key, start, text, most, clamps) {
    const candidates = this.#saved.filter((each) => each.key === key && each.start === start && each.length <= most);
    candidates.sort((a, b) => b.length - a.length);
    const found = candidates.find((each) => each.clamps === before(clamps, each.length) && text.startsWith(each.text));
    if (!found) return null;
    this.#saved.push(...this.#saved.splice(this.#saved.indexOf(found), 1));
    return { length: found.length, state: copyOf(found.state) };
  }

  /**
   * Saves a copy of a state.
   * @param {string} key
   * @param {boolean} start
   * @param {string} text that the model has read
   * @param {number} length of it, in code points
   * @param {ClampsOfText} clamps
   * @param {State} state
   */
  save(key, start, text, length, clamps, state) {
    const saved = { key, start, text, length, clamps: before(clamps, length), state: copyOf(state) };
    const isSame = (each) => ["key", "start", "text", "clamps"].every((name) => each[name] === saved[name]);
    if (this.#saved.some(isSame)) return;
    this.#saved.push(saved);
    this.#bytes += sizeOf(saved);
    while (this.#saved.length > MAX_STATES || this.#bytes > MAX_BYTES) this.#bytes -= sizeOf(this.#saved.shift());
  }
}

// The changes of the clamped cells in the steps that read the first characters of a text.
function before(clamps, length) {
  const changes = [];
  for (const [position, cells] of clamps) {
    const isChange = JSON.stringify(cells) !== JSON.stringify(changes.at(-1)?.[1] ?? []);
    if (position < length && isChange) changes.push([position, cells]);
  }
  return JSON.stringify(changes);
}

function sizeOf({ text, state }) {
  return 2 * text.length + state.reduce((total, { h, c }) => total + h.byteLength + c.byteLength, 0);
}
