// Selects the characters that a step reads, by the text, the batch, the seed and the step, as training/learner/dataset.py
// does. The text is a ring that is cut into as many streams as the batch has rows.

import { randomAt } from "./random.js";

const VALIDATION_PART = 10; // the last tenth of a text is held out

/**
 * Splits the ids of a text into those to train on and the held-out last tenth.
 * @param {Uint16Array} ids
 */
export function split(ids) {
  const cut = ids.length - Math.max(1, Math.floor(ids.length / VALIDATION_PART));
  return [ids.subarray(0, cut), ids.subarray(cut)];
}

/** The windows of one worker. */
export class Windows {
  /**
   * @param {Uint16Array} ids at least two characters
   * @param {import("./learner.js").Sizes} sizes
   * @param {number} seed of the positions of the cuts, which change after each pass; with -1 they do not change
   */
  constructor(ids, sizes, seed) {
    this.ids = ids;
    this.sizes = sizes;
    this.seed = seed;
    this.stepsPerPass = Math.max(1, Math.floor(ids.length / (sizes.allRows * sizes.window)));
  }

  /** Returns whether a pass begins at a step: the streams begin elsewhere in the text, so the state must be zero. */
  startsPass(step) {
    return step % this.stepsPerPass === 0;
  }

  /**
   * Writes the characters of a step, and the one after each row: (window + 1, rows).
   * @param {number} step
   * @param {Uint32Array} target
   */
  read(step, target) {
    const { rows, allRows, firstRow, window } = this.sizes;
    const { length } = this.ids;
    const pass = Math.floor(step / this.stepsPerPass);
    const offset = this.seed < 0 ? 0 : randomAt(this.seed, pass) % length;
    const inPass = (step % this.stepsPerPass) * window;
    for (let row = 0; row < rows; row++) {
      let at = (offset + inPass + Math.floor(((firstRow + row) * length) / allRows)) % length;
      for (let t = 0; t <= window; t++) {
        target[t * rows + row] = this.ids[at];
        at = at + 1 === length ? 0 : at + 1;
      }
    }
  }
}
