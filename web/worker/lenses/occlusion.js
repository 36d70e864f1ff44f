// How much each earlier character mattered for a character: model/attribution.py in JavaScript.

import { copyOf } from "../language_model.js";
import { limits } from "../limits.js";
import { rounded } from "../numbers.js";
import { inSlices } from "../slices.js";
import { bitsOf } from "../text_reader.js";

const DIGITS = 6;

/**
 * @import { TraceAnswer } from "../../engines/engine.js"
 * @import { TextReader } from "../text_reader.js"
 */

/** The work for one character. It can be done in parts, while the text up to the character stays the same. */
export class Occlusion {
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
