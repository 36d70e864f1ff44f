// Trains a network: this thread takes the steps, and computes each batch together with further workers (worker.js).

import { nextTurn } from "../worker/text_reader.js";
import { Learner, compileLearner } from "./learner.js";
import { dropoutAt, evaluationsOf, measuredSizes, ratesAt, split, stepsWithin } from "./recipe.js";
import { copyTrained, initialize, tensorsOf } from "./weights.js";

const WARM_UP = 2; // steps before the browser's compiler has optimized the code
const MEASURED = 4; // steps
const HELD_OUT = 20_000; // characters that an evaluation reads, in plans of earlier versions
const SAVE_EVERY_MS = 10_000;
const STALL_MS = 10_000; // a step that is longer, and a hundred times as long as others: the machine slept

/**
 * @typedef {object} State
 * @property {number} step the next one
 * @property {number} [steps] of the run, if it has fewer than its plan
 * @property {number} seconds of training so far
 *
 * @typedef {object} Saved a run that can be resumed
 * @property {State & import("./learner.js").Weights} state
 * @property {Float32Array[]} carried the state of the rows of each worker
 *
 * @typedef {{loss: number, step: number, steps: number, seconds: number}} Step nats per character, the steps taken, those of
 *   the run, which change with the speed of the machine, and seconds of training
 * @typedef {{step: number, loss: number, tensors: Record<string, Float32Array>}} Evaluation the loss on the held-out text
 * @typedef {{taken?: Step, evaluated?: Evaluation, saved?: Saved, ended?: "length" | "stop" | "diverged"}} Report one of these
 */

// A worker that computes a part of each batch.
class Peer {
  worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  #calls = /** @type {{resolve: (answer: any) => void, reject: (error: Error) => void}[]} */ ([]); // not answered yet
  #fault = /** @type {Error | null} */ (null);

  constructor() {
    this.worker.onmessage = ({ data }) => this.#calls.shift().resolve(data);
    this.worker.onerror = ({ message }) => {
      this.#fault = new Error(message || "a training worker has ended");
      for (const { reject } of this.#calls) reject(this.#fault);
    };
  }

  /** Calls a function of worker.js. @param {...any} call its name and its arguments @returns {Promise<any>} */
  async call(...call) {
    if (this.#fault) throw this.#fault;
    this.worker.postMessage(call);
    return new Promise((resolve, reject) => this.#calls.push({ resolve, reject }));
  }
}

/** A run in progress. */
export class Training {
  #peers = /** @type {Peer[]} */ ([]);
  #wanted = /** @type {"pause" | "run" | "stop"} */ ("run");
  #saves = false;
  #wake = () => {};

  /** @param {import("./recipe.js").Plan} plan @param {Saved | null} saved where it continues; null begins it */
  constructor(plan, saved = null) {
    this.plan = plan;
    this.saved = saved;
  }

  /** Pauses and saves, continues, saves, or ends the run; after the step in progress. @param {"pause" | "run" | "stop" | "save"} wanted */
  want(wanted) {
    if (wanted !== "save") this.#wanted = wanted;
    this.#saves ||= wanted === "save" || wanted === "pause";
    this.#wake();
  }

  /**
   * Trains to the end.
   * @returns {AsyncGenerator<Report>}
   * @throws {Error} a worker has ended, or there is not enough memory
   */
  async *run() {
    try {
      this.#peers = Array.from({ length: this.plan.workers - 1 }, () => new Peer());
      yield* this.#steps(await this.#learner());
    } finally {
      for (const peer of this.#peers) peer.worker.terminate();
    }
  }

  // Returns the learner of this thread, and lets the others have the same weights.
  async #learner() {
    const { recipe, workers, vocab: characters, ids: all, trained } = this.plan;
    const { embedding, hidden, layers, seed } = recipe;
    const [vocab, network] = [characters.length, { embedding, hidden, layers }];
    const [ids, heldOut] = split(all);
    const given = { code: await compileLearner(), vocab, sizes: recipe, workers, ids, heldOut };
    const { state: weights, carried } = this.saved ?? {};
    const own = (index) => ({ ...given, index, weights, carried: carried?.[index] });
    const learner = new Learner(own(0));
    if (!this.saved) {
      const tensors = tensorsOf(learner.weights, { vocab, ...network });
      if (trained) await copyTrained(tensors, trained, network, ids, seed);
      else initialize(tensors, network, ids, seed);
      learner.average.set(learner.weights);
    }
    const same = { weights: this.#peers.length ? learner.copy() : null };
    await Promise.all(this.#peers.map((peer, n) => peer.call("create", { ...own(n + 1), ...same })));
    return learner;
  }

  /** @param {Learner} learner @returns {AsyncGenerator<Report>} */
  async *#steps(learner) {
    const { plan, saved } = this;
    const { heldOutCharacters = HELD_OUT, limit = Infinity } = plan;
    const planned = plan.recipe.steps;
    let { step = 0, steps = planned, seconds = 0 } = saved?.state ?? {};
    let [began, savedAt] = [performance.now(), performance.now()];
    while (step < steps) {
      await nextTurn(); // messages arrive here
      if (this.#saves || performance.now() - savedAt > SAVE_EVERY_MS) {
        [this.#saves, savedAt] = [false, performance.now()];
        const carried = [learner.state.slice(), ...(await this.#all("carried"))];
        yield { saved: { state: { step, steps, seconds, ...learner.copy() }, carried } };
      }
      const since = performance.now();
      while (this.#wanted === "pause") await new Promise((resolve) => (this.#wake = () => resolve(null)));
      began += performance.now() - since; // a pause is no training
      const loss = await this.#step(learner, { ...plan.recipe, steps }, step);
      if (!Number.isFinite(loss)) return yield { ended: "diverged" };
      step++;
      const took = performance.now() - began;
      began += took;
      if (!(took > STALL_MS && took > (100 * 1000 * seconds) / (step - 1))) seconds += took / 1000; // else it slept
      yield { taken: { loss, step, steps, seconds } };
      const [stops, isDue] = [this.#wanted === "stop", evaluationsOf(steps).includes(step)];
      if (stops || isDue) yield { evaluated: await this.#evaluate(learner, step, heldOutCharacters) };
      if (stops) return yield { ended: "stop" };
      if (isDue && step < steps) steps = stepsWithin({ planned, steps, limit }, step, seconds);
    }
    yield { ended: "length" };
  }

  // Takes a step; returns its loss in nats per character, NaN if nothing has changed because it is not finite.
  async #step(learner, recipe, step) {
    const dropout = dropoutAt(recipe, step);
    const answers = this.#all("gradients", step, dropout);
    let sum = learner.gradients(step, dropout);
    const { gradient, rows } = learner;
    // In the order of the workers, so that the same run has the same sum, bit for bit.
    for (const part of await answers) {
      sum += part.loss;
      for (let n = 0; n < gradient.length; n++) gradient[n] += part.gradient[n];
    }
    const rates = ratesAt(recipe, step);
    if (this.#peers.length) this.#all("update", gradient.slice(), step + 1, rates).catch(() => {}); // the next call fails, too
    return Number.isFinite(learner.update(step + 1, rates)) ? sum / (rows.all * rows.window) : NaN;
  }

  async #evaluate(learner, step, most) {
    const answers = this.#all("evaluate", most);
    const parts = [learner.evaluate(most), ...(await answers)];
    const [sum, count] = ["sum", "count"].map((name) => parts.reduce((total, part) => total + part[name], 0));
    const sizes = { ...this.plan.recipe, vocab: this.plan.vocab.length };
    return { step, loss: sum / count, tensors: tensorsOf(learner.average.slice(), sizes) };
  }

  // Calls a function of all other workers; resolves to what they return.
  #all(...call) {
    return Promise.all(this.#peers.map((peer) => peer.call(...call)));
  }
}

/**
 * Measures how many characters per second this thread trains, on random weights.
 * @param {number} vocab
 * @returns {Promise<number>}
 */
export async function measureSpeed(vocab) {
  const sizes = measuredSizes(vocab);
  const { rows, window } = sizes;
  const ids = Uint16Array.from({ length: 2 * rows * window }, (_, n) => (n * 7) % vocab);
  const learner = new Learner({ code: await compileLearner(), vocab, sizes, workers: 1, index: 0, ids });
  learner.weights.forEach((_, n) => (learner.weights[n] = Math.sin(n) / 16));
  let began = 0;
  for (let step = 0; step < WARM_UP + MEASURED; step++) {
    if (step === WARM_UP) began = performance.now();
    learner.gradients(step, { reset: 0, between: 0, out: 0, weights: 0 });
    learner.update(step + 1, { muonRate: 0.01, rate: 0.001, decay: 0, average: 0.9, clip: 1 });
  }
  return (1000 * MEASURED * rows * window) / (performance.now() - began);
}
