// What the panel "Train on your text" shows, as signals: actions change them (text.js, training.js, models.js, publishing.js),
// views draw them, and nothing is read back from the document.

import { batch, computed, signal } from "../../vendor/preact.js";
import * as page from "../../state/state.js";
import { MINUTES } from "../recipe.js";

/**
 * @import { Message } from "../../engines/engine.js"
 * @import { ReadText } from "../corpus/reading.js"
 * @import { Files } from "../hub/card.js"
 * @import { Progress } from "../run.js"
 * @import { StoredModel } from "../../worker/stored_training.js"
 *
 * @typedef {{source: Blob | string, name?: string}} Given a text; without a name if it was typed or pasted
 * @typedef {ReadText & {name: string}} NamedText
 * @typedef {{repo: string, title: string, corpus: string, license: string, isPrivate: boolean, space: boolean, may: boolean, token: string}} Fields
 * @typedef {{name: string, files: Files, privateThings?: Message[]}} LocalModel to be published
 * @typedef {{model: LocalModel, fields: Fields}} Form
 */

/** Returns the address of the Hub. */
export const hub = () => document.documentElement.dataset.hub;

export const state = {
  focus: signal(""), // the selector of the element that gets the focus, if no other element has it
  lacks: signal(/** @type {Message | null} */ (null)), // why this browser cannot train
  message: signal(/** @type {Message | null} */ (null)),
  fault: signal(/** @type {Message | null} */ (null)),

  typed: signal(""),
  given: signal(/** @type {Given | null} */ (null)),
  text: signal(/** @type {NamedText | null} */ (null)), // what was read of it
  isReading: signal(false),
  mayBeChat: signal(false),
  minutes: signal(MINUTES.usual),
  isFineTuning: signal(false),
  sizes: signal(/** @type {{workers?: number, speed?: number, seed?: number}} */ ({})), // set by tests: small runs, each the same

  phase: signal(/** @type {"none" | "starts" | "runs" | "paused"} */ ("none")),
  progress: signal(/** @type {Progress | null} */ (null)), // of this training, or of the last one
  kept: signal(/** @type {{name: string, step: number, steps: number} | null} */ (null)), // the stored training
  models: signal(/** @type {StoredModel[]} */ ([])),

  form: signal(/** @type {Form | null} */ (null)),
  sending: signal(/** @type {import("../hub/publish.js").Progress | null} */ (null)),
  published: signal(/** @type {string[]} */ ([])), // addresses
  report: signal(/** @type {Message | null} */ (null)),
  refusal: signal(/** @type {Message | null} */ (null)),
};

/** Changes signals by their names. @param {Partial<{[Name in keyof typeof state]: (typeof state)[Name]["value"]}>} values */
export function set(values) {
  batch(() => {
    for (const [name, value] of Object.entries(values)) state[name].value = value;
  });
}

/** Whether a training runs, is paused, or is prepared. */
export const isTraining = computed(() => state.phase.value !== "none");

/** The message; one that says which model the page writes with is shown while it does. */
export const messageNow = computed(() => {
  const message = state.message.value;
  const model = message?.values?.model;
  return model === undefined || model === page.modelName.value ? message : null;
});
