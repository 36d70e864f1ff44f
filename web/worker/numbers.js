// Numbers as Python writes them into the answers of its routes.

import { rint } from "./int8_inference.js";

/**
 * Rounds to a number of decimal places as Python's round does: the exact value decides, half to even.
 * @param {number} value
 * @param {number} digits
 */
export function rounded(value, digits) {
  const isTie = Math.abs(value * 2 ** (digits + 1)) % 2 === 1; // exactly between two; then value * 10^digits is exact
  return isTie ? rint(value * 10 ** digits) / 10 ** digits : Number(value.toFixed(digits));
}

/** Returns 127 x as a whole number, x limited to [-1, 1], in float32. @param {number} x */
export function byteOf(x) {
  return rint(Math.fround(127 * Math.max(-1, Math.min(1, x))));
}
