// Looks up and compares the clamped cells along a text.

/** @import { Clamp, ClampsOfText } from "./engine.js" */

/**
 * Returns the clamps that apply at a position.
 * @param {ClampsOfText} clamps in the order of their positions
 * @param {number} position
 * @returns {Clamp[]}
 */
export function clampsAt(clamps, position) {
  return clamps.findLast(([from]) => from <= position)?.[1] ?? [];
}

/**
 * Returns the first position at which two lists differ; Infinity if they are equal.
 * @param {ClampsOfText} old
 * @param {ClampsOfText} changed
 */
export function firstChange(old, changed) {
  for (let at = 0; at < Math.max(old.length, changed.length); at++) {
    const [before, after] = [old[at], changed[at]];
    if (JSON.stringify(before) !== JSON.stringify(after))
      return Math.min(before?.[0] ?? Infinity, after?.[0] ?? Infinity);
  }
  return Infinity;
}
