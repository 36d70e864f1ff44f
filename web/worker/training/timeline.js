// The training timeline: the text that a model writes with the checkpoint of each training step. The queries and answers
// are those of ui/routes/training_timeline.py.

import { LanguageModel } from "../language_model.js";
import { ModelError } from "../checkpoint.js";
import { bestOf, readHistory } from "./history.js";
import { writeReply } from "../reply.js";
import { States } from "../states.js";

const LENGTH = 300; // characters per text
const MAX_PROMPT = 200;
const SEED = 7;
const MAX_POINTS = 300; // of the curve
const MAX_CHECKPOINTS = 2; // that are kept in memory
const MAX_TEXTS = 500; // that are kept
const SAMPLING = { length: LENGTH, temperature: 0.8, top_k: 0, top_p: 1, min_p: 0, share: null };

/** Answers the timeline of the models of one page. */
export class Timelines {
  #models;
  #histories = /** @type {Map<string, Promise<import("./history.js").History | null>>} */ (new Map());
  #checkpoints = new Map(); // promises of loaded models by commit, the one that was used last at the end
  #texts = new Map();
  #last = Promise.resolve(); // one checkpoint is loaded after another

  /** @param {import("../models.js").Models} models */
  constructor(models) {
    this.#models = models;
  }

  /**
   * Answers a query.
   * @param {{timeline?: boolean, step?: number, prompt?: string, seed?: number}} query
   * @param {string} name of the model on the Hub, or "" if it is not there
   * @param {string} example a prompt for the first look
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

  async #text(history, name, { step, prompt, seed }) {
    const checkpoint = history.checkpoints.find((each) => each.step === step);
    if (!checkpoint) return { refusal: { id: "timeline.step_gone" } };
    const length = Array.from(prompt).length;
    if (length > MAX_PROMPT) {
      return { refusal: { id: "refusal.characters", values: { field: "prompt", length, most: MAX_PROMPT } } };
    }
    const key = JSON.stringify([checkpoint.commit, prompt, seed]);
    if (!this.#texts.has(key)) {
      const made = this.#last.then(() => this.#write(name, checkpoint, prompt, seed || 0));
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

  async #write(name, checkpoint, prompt, seed) {
    const model = await this.#checkpoint(name, checkpoint);
    const lm = new LanguageModel([model]);
    const given = model.chat ? wrapped(prompt, model.chat) : prompt;
    const settings = { ...SAMPLING, seed, stop: model.chat?.stop ?? "" };
    const read = { text: given, received: "", start: false, clamps: [], cells: [] };
    const request = { ...read, settings, draw_offset: 0, speed: null };
    let text = "";
    await writeReply(lm, request, new States(), (more) => (text += more), () => false);
    return text;
  }

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

// The prompt for a message in a chat, as ChatFormat.wrap of model/chat.py makes it.
function wrapped(message, { prefix, suffix, stop }) {
  const parts = message.split(stop).map((part) => part.trim());
  const inside = parts.filter(Boolean).join([...stop].length > 1 ? [...stop][0] : " ");
  if (inside) return prefix + inside + suffix;
  return suffix.startsWith(stop) ? suffix.slice(stop.length) : suffix;
}
