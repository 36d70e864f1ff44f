// The training timeline: the text that a model writes with the checkpoint of each training step. The queries and answers
// are those of ui/routes/training_timeline.py.

import { wrap } from "../../conversation/chat.js";
import { LanguageModel } from "../language_model.js";
import { ModelError } from "../checkpoint.js";
import { bestOf, readHistory } from "./history.js";
import { writeText } from "../reply.js";
import { States } from "../states.js";

/**
 * @import { TimelineAnswer, TimelineQuery } from "../../engines/engine.js"
 * @import { LoadedModel, Models } from "../models.js"
 * @import { Checkpoint, History } from "./history.js"
 */

const LENGTH = 300; // characters per text
const MAX_PROMPT = 200;
const SEED = 7;
const MAX_POINTS = 300; // of the curve
const MAX_CHECKPOINTS = 2; // that are kept in memory
const MAX_TEXTS = 500; // that are kept

/** Answers the timeline of the models of one page. */
export class Timelines {
  #models;
  #histories = /** @type {Map<string, Promise<History | null>>} */ (new Map());
  #checkpoints = /** @type {Map<string, Promise<LoadedModel>>} */ (new Map()); // by commit, the one that was used last at the end
  #texts = /** @type {Map<string, Promise<string>>} */ (new Map());
  #last = /** @type {Promise<unknown>} */ (Promise.resolve()); // one checkpoint is loaded after another

  /** @param {Models} models */
  constructor(models) {
    this.#models = models;
  }

  /**
   * Answers a query.
   * @param {Omit<TimelineQuery, "model">} query
   * @param {string} name of the model on the Hub, or "" if it is not there
   * @param {string} example a prompt for the first look
   * @returns {Promise<TimelineAnswer>}
   */
  async answer(query, name, example) {
    const isShown = "timeline" in query || "step" in query;
    let history = null;
    try {
      history = name ? await this.#history(name) : null;
    } catch (error) {
      if (isShown) return { refusal: { id: "timeline.slow" } };
      console.info(`no timeline of ${name}: ${error.message}`);
    }
    if (!isShown) return { timeline: Boolean(history) };
    if (!history) return { refusal: { id: "timeline.none" } };
    return "step" in query ? this.#text(history, name, query) : describe(history, example);
  }

  #history(name) {
    if (!this.#histories.has(name)) {
      const found = readHistory(name, this.#models.hub);
      this.#histories.set(name, found);
      found.catch(() => this.#histories.delete(name)); // so that the next query tries again
    }
    return this.#histories.get(name);
  }

  /** @type {(history: History, name: string, query: Omit<TimelineQuery, "model">) => Promise<TimelineAnswer>} */
  async #text(history, name, { step, prompt = "", seed = 0 }) {
    const checkpoint = history.checkpoints.find((each) => each.step === step);
    if (!checkpoint) return { refusal: { id: "timeline.step_gone" } };
    const length = Array.from(prompt).length;
    if (length > MAX_PROMPT) {
      return { refusal: { id: "refusal.characters", values: { field: "prompt", length, most: MAX_PROMPT } } };
    }
    const key = JSON.stringify([checkpoint.commit, prompt, seed]);
    if (!this.#texts.has(key)) {
      const made = this.#last.then(() => this.#write(name, checkpoint, prompt, seed));
      this.#last = made.catch(() => {});
      this.#texts.set(key, made);
      made.catch(() => this.#texts.delete(key));
      if (this.#texts.size > MAX_TEXTS) this.#texts.delete(this.#texts.keys().next().value);
    }
    try {
      return { text: await this.#texts.get(key) };
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
      if (error.isUnreachable) return { refusal: { id: "timeline.unreachable", values: { step } } };
      return { refusal: { id: "timeline.damaged", values: { step, reason: error.message } } };
    }
  }

  /** @type {(name: string, checkpoint: Checkpoint, prompt: string, seed: number) => Promise<string>} */
  async #write(name, checkpoint, prompt, seed) {
    const model = await this.#checkpoint(name, checkpoint);
    const text = model.chat ? wrap(model.chat, prompt) : prompt;
    const { SAMPLING } = await import("../../settings.js");
    const settings = { ...SAMPLING, length: LENGTH, share: null, seed, stop: model.chat?.stop ?? "" };
    return writeText(new LanguageModel([model]), { text, start: false }, settings, new States());
  }

  /** @type {(name: string, checkpoint: Checkpoint) => Promise<LoadedModel>} */
  async #checkpoint(name, { commit, step }) {
    const loaded = this.#checkpoints.get(commit) ?? this.#models.loadOnce({ name, commit });
    this.#checkpoints.delete(commit);
    this.#checkpoints.set(commit, loaded);
    if (this.#checkpoints.size > MAX_CHECKPOINTS) this.#checkpoints.delete(this.#checkpoints.keys().next().value);
    try {
      const model = await loaded;
      const found = String(model.training.step).slice(0, 40);
      if (model.training.step !== step) throw new ModelError(`the checkpoint is of step ${found}`);
      return model;
    } catch (error) {
      this.#checkpoints.delete(commit);
      throw error;
    }
  }
}

/** @type {(history: History, example: string) => TimelineAnswer} */
function describe({ checkpoints, losses }, example) {
  const best = bestOf(checkpoints);
  const apart = Math.ceil(losses.length / MAX_POINTS) || 1;
  return {
    frames: checkpoints.map(({ step, loss }) => [step, loss]),
    best: best < 0 ? null : best,
    curve: losses.filter((_, at) => at % apart === 0 || at === losses.length - 1),
    prompt: example,
    seed: SEED,
  };
}
