// How much each earlier character mattered for a character: model/attribution.py in JavaScript.

import { limits } from "../limits.js";
import { rounded } from "../numbers.js";
import { inSlices } from "../slices.js";
import { bitsOf } from "./text_trace.js";

const DIGITS = 6;

/**
 * @import { TraceAnswer } from "../../engines/engine.js"
 * @import { Saved, TextTrace } from "./text_trace.js"
 */

/** The work for one character. It can be done in parts, while the text up to the character stays the same. */
export class Occlusion {
  #trace;
  #before = /** @type {Saved[]} */ ([]); // the states before the characters of the window, and before the position
  #work = /** @type {Generator<void> | null} */ (null);
  #bits = /** @type {number | null} */ (null);
  #changes = /** @type {(number | null)[]} */ ([]);

  /** @param {TextTrace} trace @param {number} position of the character */
  constructor(trace, position) {
    this.#trace = trace;
    this.position = position;
    this.start = Math.max(0, position - limits.why);
  }

  /**
   * Works for some time, in slices.
   * @param {number} ms
   * @returns {Promise<TraceAnswer>} `more` while the work is not done
   */
  async advance(ms) {
    const end = performance.now() + ms;
    this.#work ??= await this.#begin();
    let more = true;
    await inSlices(() => {
      more = !this.#work.next().done;
      return !more || performance.now() > end;
    });
    if (more) return { start: this.start, changes: [], more };
    return { surprisal: this.#bits, start: this.start, changes: this.#changes, more };
  }

  async #begin() {
    for (let at = this.start; at <= this.position; at++) {
      await this.#trace.goTo(at);
      this.#before.push(this.#trace.current());
    }
    return this.#steps();
  }

  // Yields after each character that is read.
  *#steps() {
    const { ids, lm, share } = this.#trace;
    const [{ logits: whole }, id] = [this.#before.at(-1), ids[this.position]];
    if (whole && id >= 0) this.#bits = rounded(bitsOf(whole, id), DIGITS);
    const last = ids.slice(0, this.position).findLastIndex((each) => each >= 0);
    for (let out = this.start; out < this.position; out++) {
      const { state, logits: before } = this.#before[out - this.start];
      let logits = ids[out] < 0 ? whole : before;
      for (let at = out + 1; ids[out] >= 0 && at <= last; at++) {
        if (ids[at] < 0) continue;
        lm.read(ids[at], state, this.#trace.clampsAt(at), at === last);
        if (at === last) logits = lm.logits(share).slice();
        yield;
      }
      const isKnown = this.#bits !== null && logits;
      this.#changes.push(isKnown ? rounded(bitsOf(logits, id) - bitsOf(whole, id), DIGITS) : null);
    }
  }
}
