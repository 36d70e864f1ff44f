// The welcome text of a model as the first turn of a conversation: the model wrote it from an empty memory, with the default
// settings and a seed that is known. So the lenses can show how it was drawn, and a visitor can change it like any reply.

import { SETTINGS } from "../settings.js";
import { count, pathTo } from "./log.js";
import { authorOf, refsOf } from "./models.js";

const NAMES = ["temperature", "top_k", "top_p", "min_p"];

/**
 * @import { Model, Settings } from "../engines/engine.js"
 * @import { Log, Part, Turn } from "./log.js"
 */

/** @param {Model} model @returns {Turn} */
export function greetingOf(model) {
  const defaults = Object.fromEntries(NAMES.map((name) => [name, SETTINGS[name].default]));
  const settings = /** @type {Settings} */ ({ length: count(model.welcome), ...defaults, seed: model.welcome_seed });
  /** @type {Part} */
  const part = { settings, draw_offset: 0, cells: [], text: model.welcome, end: "length", picked: false, rate: null, error: null };
  const reply = { ...refsOf(authorOf(model)), fresh: true, start: true, given: "", chat: false, before: "", notices: [], greeting: true, parts: [part] };
  return { id: 0, parent: 0, replaced: 0, prompt: "", shared: false, check: [], replies: [reply] };
}

/** Whether a conversation is only a greeting, perhaps a changed one. @param {Log} log @param {number} side */
export function isGreeting(log, side) {
  const [turn, next] = pathTo(log);
  return !next && (!turn || Boolean(turn.replies[side]?.greeting));
}
