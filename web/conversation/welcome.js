// The welcome text of a model as the first turn of a conversation: the model wrote it from a zero state, with the default
// settings and a known seed. So the lenses can show how it was drawn, and a visitor can change it like any reply.

import { SAMPLING } from "../settings.js";
import { count, newPart } from "./log.js";
import { authorOf, refsOf } from "./models.js";

/**
 * @import { Model, Settings } from "../engines/engine.js"
 * @import { Turn } from "./log.js"
 */

/** Returns the turn of a model's welcome text. @param {Model} model @returns {Turn} */
export function welcomeTurn(model) {
  const settings = /** @type {Settings} */ ({ length: count(model.welcome), ...SAMPLING, seed: model.welcome_seed });
  const part = newPart({ settings, text: model.welcome, end: "length" });
  const reply = {
    ...refsOf(authorOf(model)),
    fresh: true,
    start: true,
    given: "",
    chat: false,
    before: "",
    notices: [],
    parts: [part],
  };
  return { id: 0, parent: 0, replaced: 0, prompt: "", shared: false, check: [], reply };
}
