// What the demonstrations measure of a text.

import { count } from "../conversation/log.js";
import { Refusal } from "../engines/refusal.js";
import { TracedText } from "../lenses/text/traced_text.js";

/**
 * Returns how many bits each character of a text costs the model that has read `before`; see `bits` of TraceAnswer.
 * @param {import("../engines/engine.js").TextEngine} engine
 * @param {import("../engines/engine.js").ReadText} before
 * @param {string} text
 * @throws {Refusal}
 */
export async function bitsOf(engine, before, text) {
  const traced = new TracedText(engine);
  traced.set({ ...before, text: before.text + text, share: null });
  const bits = /** @type {(number | null)[]} */ ([]);
  for (let more = true; more;) {
    const answer = await traced.ask({ from: count(before.text) + bits.length });
    if (answer.refusal) throw new Refusal(answer.refusal);
    bits.push(...answer.bits);
    more = answer.more && answer.bits.length > 0;
  }
  return bits;
}

/** Returns the lengths of the complete lines of a text in characters: not of the first, the last and empty ones. @param {string} text */
export function lineLengths(text) {
  const lines = text.split("\n").slice(1, -1);
  return lines.filter((line) => line.trim()).map(count);
}

/** Returns the mean of some lengths; null if there are fewer than two. @param {number[]} lengths */
export function meanOf(lengths) {
  return lengths.length < 2 ? null : lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
}

/** Returns the number of the first character, from 1, in which two texts differ. Line ends, which the page does not show, are not counted. @param {string} one @param {string} two */
export function firstDifference(one, two) {
  const [first, second] = [[...one], [...two]];
  let same = 0;
  while (same < first.length && first[same] === second[same]) same++;
  return first.slice(0, same).filter((character) => character !== "\n").length + 1;
}
