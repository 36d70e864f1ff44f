// What the panel "Train on your text" shows, as signals: actions change them (text.js, training.js, models.js, publishing.js),
// views draw them, and nothing is read back from the document.

import { batch, computed, signal } from "../../vendor/preact.js";
import { isLocal, shownName } from "../../engines/refusal.js";
import { MINUTES } from "../recipe.js";

/**
 * @import { Message, Model, Site } from "../../engines/engine.js"
 * @import { ReadText } from "../corpus/reading.js"
 * @import { Files } from "../hub/card.js"
 * @import { Progress } from "../run.js"
 * @import { StoredModel } from "../stored_training.js"
 *
 * @typedef {object} Host what the panel uses of the page around it
 * @property {string} home the address of the folder of the page
 * @property {string} hub the address of the Hub
 * @property {() => Site} site
 * @property {() => {name: string, model: Model | null}} chosen the name of the chosen model, and the model if it can write now
 * @property {(name: string) => void} choose makes a model that of the page
 * @property {(name: string) => Promise<Message | null>} add loads a stored model; resolves to why it cannot be used, or null
 * @property {(name: string, files: Record<string, Uint8Array>) => Promise<void>} give a model that could not be stored
 * @property {(names: string[]) => void} offer shows the stored models among those that can be chosen
 * @property {(changed: () => void) => void} onModel sets what is called when the models, or the chosen one, have changed
 * @property {() => void} showText scrolls to the page's text, and focuses the prompt
 * @property {() => void} write sends what is typed as the prompt
 * @property {(model: Model, title: string) => Promise<Blob | null>} picture draws the picture for link previews
 * @property {() => boolean} isUnused whether the visitor has neither typed nor focused anything
 *
 * @typedef {{source: Blob | string, name?: string, others?: number}} Given a text; without a name if it was typed or pasted;
 *   how many files were dropped besides
 * @typedef {ReadText & {name: string}} NamedText
 * @typedef {Progress & {isEnded: boolean}} Shown
 * @typedef {{repo: string, title: string, corpus: string, license: string, isPrivate: boolean, space: boolean, may: boolean, token: string}} Fields
 * @typedef {{name: string, files: Files, privateThings?: Message[]}} LocalModel to be published
 * @typedef {{model: LocalModel, fields: Fields, isExpired: boolean}} Form
 */

export const state = {
  host: /** @type {Host} */ (null),
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
  progress: signal(/** @type {Shown | null} */ (null)), // of this training, or of the last one
  kept: signal(/** @type {{name: string, step: number, steps: number} | null} */ (null)), // the stored training
  trained: signal(/** @type {{name: string, isStored: boolean} | null} */ (null)), // the result of the last training
  models: signal(/** @type {StoredModel[]} */ ([])),
  chosen: signal(/** @type {{name: string, model: Model | null}} */ ({ name: "", model: null })),
  first: signal(""), // the name of the page's first model that is not one of this browser; "" if there is none

  form: signal(/** @type {Form | null} */ (null)),
  sending: signal(/** @type {import("../hub/publish.js").Progress | null} */ (null)),
  published: signal(/** @type {string[]} */ ([])), // addresses
  report: signal(/** @type {Message | null} */ (null)),
  refusal: signal(/** @type {Message | null} */ (null)),
  isDragging: signal(false),
};

/** Changes signals by their names. @param {Partial<{[Name in Exclude<keyof typeof state, "host">]: (typeof state)[Name]["value"]}>} values */
export function set(values) {
  batch(() => {
    for (const [name, value] of Object.entries(values)) state[name].value = value;
  });
}

/** Whether a training runs, is paused, or is prepared. */
export const isTraining = computed(() => state.phase.value !== "none");

/** Whether the page writes with the model that was trained last, so that its buttons and its curve are shown. */
export const usesTrained = computed(() => state.trained.value?.name === state.chosen.value.name);

/** Whether the page writes with a model of this browser, and can go back to its first one. */
export const canGoBack = computed(() => state.first.value !== "" && isLocal(state.chosen.value.name));

/** The message; one that says which model the page writes with names the model of now. */
export const messageNow = computed(() => {
  const message = state.message.value;
  if (message?.id !== "train.done" && message?.id !== "train.used") return message;
  const { name } = state.chosen.value;
  const { id, values } = message.values?.name === name ? message : { id: "train.used" };
  return { id, values: { ...values, name: shownName(name) } };
});
