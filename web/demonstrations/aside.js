// Writes a text outside of the conversation: from a zero state, and nothing is stored.

import { count, emptyLog, newPart } from "../conversation/log.js";
import { authorOf } from "../conversation/models.js";
import { newReply, requestOf } from "../conversation/replies.js";
import { Refusal } from "../engines/refusal.js";
import { TracedText } from "../lenses/text/traced_text.js";
import { SAMPLING } from "../settings.js";

/**
 * @import { Clamp, Ending, Message, Model, ReadText, Settings, TextEngine } from "../engines/engine.js"
 *
 * @typedef {object} Wanted
 * @property {Model} model
 * @property {string} prompt
 * @property {Partial<Settings>} settings  the others have their defaults
 * @property {Clamp[]} [cells]
 * @property {?number} speed  characters per second; null is full speed
 */

/**
 * Writes a text with a model.
 * @param {TextEngine} engine
 * @param {Wanted} wanted
 * @param {{onText: (text: string) => void, onStatus: (messages: Message[]) => void}} receiver  `onText` gets the whole text
 *   so far, `onStatus` why it has to wait, [] if it does not
 * @param {AbortSignal} signal
 * @returns {Promise<{text: string, ending: Ending, before: ReadText}>} when the text is complete; `before` is what the
 *   model read before it
 * @throws {import("../engines/engine.js").Refusal}
 */
export async function writeAside(engine, { model, prompt, settings, cells = [], speed }, { onText, onStatus }, signal) {
  const reply = newReply(emptyLog(), 0, prompt, authorOf(model));
  const part = newPart({ settings: /** @type {Settings} */ ({ ...SAMPLING, ...settings }), cells });
  const request = requestOf([], reply, part, speed, () => model);
  let text = "";
  const ending = await engine.write(request, { onText: (more) => onText((text += more)), onStatus }, signal);
  return { text, ending, before: request };
}

/**
 * Returns how many bits each character of a text costs the model that has read `before`; see `bits` of TraceAnswer.
 * @param {TextEngine} engine
 * @param {ReadText} before
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

/**
 * Returns the lengths of the complete lines of a text in characters: not of the first, the last and empty ones.
 * @param {string} text
 */
export function lineLengths(text) {
  const lines = text
    .split("\n")
    .slice(1, -1)
    .filter((line) => line.trim());
  return lines.map((line) => count(line));
}

/** Returns the mean of `lineLengths`; null if there are fewer than two. @param {string} text */
export function lineLength(text) {
  const lengths = lineLengths(text);
  return lengths.length < 2 ? null : lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
}
