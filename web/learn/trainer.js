// Trains a network in workers: measures the machine, starts the workers, and collects their results.

import { countOf, parametersOf, shapesOf } from "../worker/shapes.js";
import { Learner, compileLearner } from "./learner.js";
import { EVALUATIONS, LEAST_STEPS, WINDOW, cellsFor, costOf, newNetwork, recipeFor, rowsFor } from "./recipe.js";
import { copyTrained, initialize } from "./weights.js";
import { split } from "./windows.js";

const MAX_WORKERS = 4; // with more, a batch has so many rows that a step learns little more
const MEASURED_CELLS = 256;
const WARM_UP = 2; // steps before the browser's compiler has optimized the code
const MEASURED = 4; // steps
const HELD_OUT = 20_000; // characters that an evaluation reads, at most
const MAX_LOGITS = 80_000_000; // that it computes: with 60,000 different characters each step of it takes long
const UPPER_LAYER = 1.5; // the time of a second layer, in that of the first, whose products come from a table
const FORWARD = 1 / 3; // of the time of a training step: an evaluation computes no gradients
const EVALUATION_SHARE = 0.15; // of a run's time, at most: a large network that is fine-tuned is slow
const folder = new URL(".", import.meta.url);

/**
 * @typedef {object} Plan a run before it starts; can be stored
 * @property {string[]} vocab
 * @property {Uint16Array} ids of the whole text
 * @property {import("./recipe.js").Recipe} recipe
 * @property {number} workers
 * @property {number} parameters
 * @property {number} [heldOutCharacters] that each evaluation reads, at most; plans of earlier versions have none
 * @property {number} [limit] seconds of training; steps that do not fit into them are left out. Plans of earlier versions have none
 * @property {Record<string, Float32Array> | null} trained the tensors of the model to fine-tune
 *
 * @typedef {object} Saved a run that can be resumed
 * @property {import("./worker.js").State} state
 * @property {Float32Array[]} carried the state of the rows of each worker
 *
 * @typedef {object} Reports
 * @property {(step: number, loss: number, seconds: number, steps: number) => void} onStep nats per character, seconds of
 *   training, and the steps of the run, which change with the speed of the machine
 * @property {(step: number, heldOutLoss: number, tensors: Record<string, Float32Array>) => void} onEvaluation
 * @property {(saved: Saved) => void} onSaved
 * @property {(reason: "length" | "stop" | "diverged", step: number) => void} onEnd
 * @property {(error: Error) => void} onFault a worker has ended
 */

/** Returns the number of workers that train at once on this machine: one core is left for the page. */
export function workerCount() {
  return Math.max(1, Math.min(MAX_WORKERS, (navigator.hardwareConcurrency || 2) - 1));
}

/**
 * Measures how many characters per second this thread trains with 256 cells, on random weights.
 * @param {number} vocab
 * @returns {Promise<number>}
 */
export async function measureSpeed(vocab) {
  const code = await compileLearner(folder.href);
  const network = newNetwork(vocab, MEASURED_CELLS);
  const rows = rowsFor(vocab, false);
  const sizes = { vocab, ...network, rows, window: WINDOW, allRows: rows, firstRow: 0 };
  const dropout = { reset: 0, between: 0, out: 0, weights: 0 };
  const rates = { muonRate: 0.01, rate: 0.001, decay: 0, average: 0.9, clip: 1 };
  const learner = new Learner(code, sizes);
  for (let n = 0; n < learner.count; n++) learner.weights[n] = Math.sin(n) / 16;
  for (let n = 0; n < learner.ids.length; n++) learner.ids[n] = (n * 7) % vocab;
  let began = 0;
  for (let step = 0; step < WARM_UP + MEASURED; step++) {
    if (step === WARM_UP) began = performance.now();
    learner.gradients(1, step, dropout);
    learner.update(step + 1, rates);
  }
  return (1000 * MEASURED * rows * WINDOW) / (performance.now() - began);
}

/**
 * Plans a run.
 * @param {object} wanted
 * @param {string[]} wanted.vocab
 * @param {Uint16Array} wanted.ids
 * @param {number} wanted.minutes
 * @param {number} wanted.speed from `measureSpeed`
 * @param {number} wanted.seed
 * @param {number} wanted.workers
 * @param {{network: {embedding: number, hidden: number, layers: number}, tensors: Record<string, Float32Array>} | null}
 *   wanted.parent the model to fine-tune; null trains from scratch
 * @returns {Plan}
 */
export function planRun({ vocab, ids, minutes, speed, seed, workers, parent }) {
  const readable = minutes * 60 * speed * workers;
  const network = parent ? parent.network : newNetwork(vocab.length, cellsFor(readable));
  const layers = 1 + UPPER_LAYER * (network.layers - 1);
  const cost = (layers * network.hidden ** 2) / MEASURED_CELLS ** 2; // of a step, beside that which was measured
  const isFineTuning = parent !== null;
  const [measured, rows] = [false, isFineTuning].map((each) => rowsFor(vocab.length, each));
  const seconds = ((measured * WINDOW) / speed) * cost * (costOf(rows) / costOf(measured));
  const evaluated = (EVALUATIONS * FORWARD * seconds) / (rows * WINDOW * workers); // seconds, for each held-out character
  const heldOutCharacters = Math.ceil(
    Math.min(HELD_OUT, MAX_LOGITS / vocab.length, (EVALUATION_SHARE * 60 * minutes) / evaluated),
  );
  const [training, heldOut] = split(ids);
  const time = 60 * minutes - evaluated * Math.min(heldOut.length, heldOutCharacters);
  const steps = Math.max(LEAST_STEPS, Math.round(time / seconds));
  const run = { vocab: vocab.length, characters: training.length, steps, workers, seed, network, isFineTuning };
  const [recipe, parameters] = [recipeFor(run), parametersOf({ ...network, vocab: vocab.length })];
  const trained = parent?.tensors ?? null;
  return { vocab, ids, recipe, workers, parameters, heldOutCharacters, limit: 60 * minutes, trained };
}

/** A run in progress. */
export class Trainer {
  #workers = /** @type {Worker[]} */ ([]);
  #ended = 0; // workers that have taken their last step
  #parts = /** @type {Map<string, any[]>} */ (new Map()); // of evaluations and saved runs, that have arrived, by workers

  /**
   * @param {Plan} plan
   * @param {Reports} reports
   */
  constructor(plan, reports) {
    this.plan = plan;
    this.reports = reports;
  }

  /**
   * Starts the workers, at the beginning or where a saved run ended.
   * @param {Saved | null} saved
   */
  async start(saved = null) {
    const { plan } = this;
    const { recipe, workers, vocab, ids, limit = Infinity } = plan;
    const { heldOutCharacters = Math.min(HELD_OUT, Math.ceil(MAX_LOGITS / vocab.length)) } = plan;
    const code = await compileLearner(folder.href);
    const [training, heldOut] = split(ids);
    const sizes = { vocab: vocab.length, ...networkOf(recipe), rows: recipe.rows, window: recipe.window };
    const state = saved?.state ?? this.#initialState(sizes, training);
    const none = new Float32Array(2 * sizes.layers * sizes.rows * sizes.hidden);
    this.#workers = Array.from({ length: workers }, newWorker);
    this.#connect();
    this.#workers.forEach((worker, index) => {
      worker.onmessage = ({ data }) => this.#receive(index, data);
      worker.onerror = (event) => this.#fail(new Error(event.message || "a training worker has ended"));
      const own = { ...sizes, allRows: workers * sizes.rows, firstRow: index * sizes.rows };
      const carried = saved?.carried[index] ?? none;
      const shared = { code, recipe, ids: training, heldOut, heldOutCharacters, limit, workers, state };
      worker.postMessage({ start: { ...shared, sizes: own, index, carried } });
    });
  }

  /**
   * Pauses after the step in progress, continues, or ends the run: then the reports get its last state, and the end.
   * @param {"pause" | "run" | "stop"} wanted
   */
  want(wanted) {
    this.#workers[0]?.postMessage({ wanted });
  }

  /** Saves after the next step, also if a pause was requested: then the pause begins after that step. */
  save() {
    this.#workers[0]?.postMessage({ save: true });
  }

  /** Ends the workers at once. */
  terminate() {
    for (const worker of this.#workers) worker.terminate();
    this.#workers = [];
  }

  #connect() {
    this.#workers.forEach((worker, index) => {
      for (let other = index + 1; other < this.#workers.length; other++) {
        const { port1, port2 } = new MessageChannel();
        worker.postMessage({ peer: other, port: port1 }, [port1]);
        this.#workers[other].postMessage({ peer: index, port: port2 }, [port2]);
      }
    });
  }

  #initialState(sizes, ids) {
    const { seed } = this.plan.recipe;
    const weights = new Float32Array(
      Object.values(shapesOf(sizes)).reduce((total, shape) => total + padded(countOf(shape)), 0),
    );
    const tensors = tensorsOf(weights, sizes);
    if (this.plan.trained) copyTrained(tensors, this.plan.trained, networkOf(sizes), ids, seed);
    else initialize(tensors, sizes, ids, seed);
    const zeros = new Float32Array(weights.length);
    return { step: 0, seconds: 0, weights, average: weights, mean: zeros, squares: zeros };
  }

  #receive(index, data) {
    if (data.loss !== undefined) this.reports.onStep(data.step, data.loss, data.seconds, data.steps);
    else if (data.evaluated !== undefined) this.#collect(`evaluated ${data.evaluated}`, index, data);
    else if (data.saved !== undefined) this.#collect(`saved ${data.saved}`, index, data);
    // Every worker sends its part of the saved run first, so after the last end nothing is missing.
    else if (data.ended !== undefined && ++this.#ended === this.plan.workers)
      this.reports.onEnd(data.reason, data.ended);
  }

  // Keeps a worker's part of an evaluation or a saved run, and reports the whole once the last part is here.
  #collect(key, index, part) {
    const parts = this.#parts.get(key) ?? [];
    this.#parts.set(key, parts);
    parts[index] = part;
    if (Object.keys(parts).length < this.plan.workers) return;
    this.#parts.delete(key);
    const [{ state, evaluated, average }] = parts;
    if (state) return this.reports.onSaved({ state, carried: parts.map(({ carried }) => carried) });
    const [sum, count] = ["sum", "count"].map((name) => parts.reduce((total, each) => total + each[name], 0));
    const sizes = { vocab: this.plan.vocab.length, ...networkOf(this.plan.recipe) };
    this.reports.onEvaluation(evaluated, sum / count, tensorsOf(average, sizes));
  }

  #fail(error) {
    this.terminate();
    this.reports.onFault(error);
  }
}

function newWorker() {
  return new Worker(new URL("worker.js", folder), { type: "module" });
}

function networkOf({ embedding, hidden, layers }) {
  return { embedding, hidden, layers };
}

// The learner pads each tensor to a multiple of 4 numbers.
function padded(count) {
  return Math.ceil(count / 4) * 4;
}

// Views of an array in the order of the learner's memory, by the names of nn.LSTM.
function tensorsOf(all, sizes) {
  let at = 0;
  const entries = Object.entries(shapesOf(sizes)).map(([name, shape]) => {
    const count = countOf(shape);
    const view = all.subarray(at, at + count);
    at += padded(count);
    return [name, view];
  });
  return Object.fromEntries(entries);
}
