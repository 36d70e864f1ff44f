// The welcome text of a model as the first turn of a conversation: the model wrote it from an empty memory, with the default
// settings and a seed that is known. So the lenses can show how it was drawn, and a visitor can change it like any reply.

import { SAMPLING } from "../settings.js";
import { count, newPart, pathTo } from "./log.js";
import { authorOf, refsOf } from "./models.js";

/**
 * @import { Model, Settings } from "../engines/engine.js"
 * @import { Log, Turn } from "./log.js"
 */

/** @param {Model} model @returns {Turn} */
export function greetingOf(model) {
  const settings = /** @type {Settings} */ ({ length: count(model.welcome), ...SAMPLING, seed: model.welcome_seed });
  const part = newPart({ settings, text: model.welcome, end: "length" });
  const reply = { ...refsOf(authorOf(model)), fresh: true, start: true, given: "", chat: false, before: "", notices: [], greeting: true, parts: [part] };
  return { id: 0, parent: 0, replaced: 0, prompt: "", shared: false, check: [], replies: [reply] };
}

/** Whether a conversation is only a greeting, perhaps a changed one. @param {Log} log @param {number} side */
export function isGreeting(log, side) {
  const [turn, next] = pathTo(log);
  return !next && (!turn || Boolean(turn.replies[side]?.greeting));
}
