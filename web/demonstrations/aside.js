// A text that the chosen model writes outside of the conversation: with an empty memory, and nothing is stored.

import { emptyLog, count } from "../conversation/log.js";
import { authorOf } from "../conversation/models.js";
import { newReply, requestOf } from "../conversation/replies.js";
import { SETTINGS } from "../settings.js";

/**
 * @import { Clamp, Ending, Model, Settings, TextEngine } from "../engines/engine.js"
 * @import { Part } from "../conversation/log.js"
 *
 * @typedef {object} Wanted
 * @property {Model} model
 * @property {string} prompt
 * @property {Partial<Settings>} settings  the others have their defaults
 * @property {Clamp[]} [cells]
 * @property {?number} speed  characters per second; null is full speed
 */

/**
 * Writes a text.
 * @param {TextEngine} engine
 * @param {Wanted} wanted
 * @param {(text: string) => void} onText  gets the whole text so far
 * @param {AbortSignal} signal
 * @returns {Promise<{text: string, ending: Ending}>}
 * @throws {import("../engines/engine.js").Refusal}
 */
export async function writeAside(engine, { model, prompt, settings, cells = [], speed }, onText, signal) {
  const defaults = Object.fromEntries(["temperature", "top_k", "top_p", "min_p"].map((name) => [name, SETTINGS[name].default]));
  const reply = newReply(emptyLog(), 0, 0, prompt, authorOf(model));
  /** @type {Part} */
  const part = { settings: /** @type {Settings} */ ({ ...defaults, ...settings }), draw_offset: 0, cells, text: "", end: null, picked: false, rate: null, error: null };
  const request = requestOf([], reply, part, speed, () => model);
  let text = "";
  const ending = await engine.write(request, { onText: (more) => onText((text += more)) }, signal);
  return { text, ending };
}

/**
 * The mean length of the lines of a text, in characters: of those that were written whole, without empty ones; null if
 * there are fewer than two.
 * @param {string} text
 */
export function lineLength(text) {
  const lines = text.split("\n").slice(1, -1).filter((line) => line.trim());
  return lines.length < 2 ? null : lines.reduce((sum, line) => sum + count(line), 0) / lines.length;
}
