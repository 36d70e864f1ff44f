// A worker that trains. Several workers share each batch: each computes the gradient of its rows, sends it to the others,
// adds theirs, and takes the same step. Worker 0 gets the page's commands, and sends them on with its gradients.
//
// Messages to the worker:
//
//   {start: START}             trains to the end
//   {wanted: "run" | "pause" | "stop"}   to worker 0
//   {save: true}               to worker 0: saves after the next step, also before a pause
//   {peer: n, port}            before the start: a channel to another worker
//
// Messages to the page; those marked with 0 come from worker 0 alone:
//
//   0 {step, steps, loss, seconds}     after each step: nats per character, seconds of training so far
//   {evaluated: step, sum, count, average}  of this worker's part of the held-out text, in nats; the averaged weights, from
//                                      worker 0 alone
//   {saved: step, state, carried}      what a later start needs; `state` from worker 0 alone
//   {ended: step, reason}              "length", "stop" or "diverged"

import { nextTurn } from "../worker/slices.js";
import { Learner } from "./learner.js";
import { dropoutAt, evaluationsOf, shareAt, stepsWithin } from "./recipe.js";
import { Windows } from "./windows.js";

const SAVE_EVERY_MS = 10_000;
const STALL_MS = 10_000; // a step that is longer, and a hundred times as long as others: the machine slept

/**
 * @typedef {object} Start
 * @property {WebAssembly.Module} code
 * @property {import("./learner.js").Sizes} sizes
 * @property {import("./recipe.js").Recipe} recipe
 * @property {Uint16Array} ids of the text to train on
 * @property {Uint16Array} heldOut
 * @property {number} heldOutCharacters that each evaluation reads, at most, all workers together
 * @property {number} limit the seconds of the whole run
 * @property {number} index of this worker
 * @property {number} workers
 * @property {State} state
 * @property {Float32Array} carried the state of this worker's rows
 *
 * @typedef {object} State
 * @property {number} step the next one
 * @property {number} [steps] of the run, if it has fewer than its plan
 * @property {number} seconds of training so far
 * @property {Float32Array} weights
 * @property {Float32Array} average
 * @property {Float32Array} mean
 * @property {Float32Array} squares
 */

const peers = /** @type {Map<number, MessagePort>} */ (new Map());
const received = /** @type {Map<number, any[]>} */ (new Map()); // messages of the peers that were not read yet
let [wanted, saves, wake] = ["run", false, () => {}];

// Returns the next message of a peer.
async function next(peer) {
  while (!received.get(peer)?.length) await new Promise((resolve) => (wake = () => resolve(null)));
  return received.get(peer).shift();
}

class Training {
  /** @param {Start} start */
  constructor(start) {
    this.start = start;
    this.learner = new Learner(start.code, start.sizes);
    this.learner.state.set(start.carried);
    for (const kind of ["weights", "average", "mean", "squares"]) this.learner[kind].set(start.state[kind]);
    this.windows = new Windows(start.ids, start.sizes, start.recipe.seed);
    this.heldOut = new Windows(start.heldOut, start.sizes, -1);
    this.leads = start.index === 0;
    this.step = start.state.step;
    this.seconds = start.state.seconds;
    this.planned = start.recipe.steps;
    this.steps = start.recipe.steps = start.state.steps ?? this.planned;
    this.savedAt = this.began = performance.now();
  }

  async run() {
    const { recipe } = this.start;
    this.began = performance.now();
    while (this.step < recipe.steps) {
      const taken = await this.#takeStep();
      if (!Number.isFinite(taken.loss)) return this.#end("diverged");
      this.#addTime();
      if (this.leads) postMessage({ step: this.step, steps: recipe.steps, loss: taken.loss, seconds: this.seconds });
      const isDue = evaluationsOf(recipe.steps).includes(this.step);
      if (taken.stops || isDue) this.#evaluate();
      const plan = { planned: this.planned, steps: recipe.steps, limit: this.start.limit };
      if (this.leads && isDue) this.steps = stepsWithin(plan, this.step, this.seconds);
      if (taken.stops) return this.#end("stop");
      if (taken.saves) this.#save();
    }
    this.#end("length");
  }

  // Adds the time of a step. The machine may have slept meanwhile.
  #addTime() {
    const took = performance.now() - this.began;
    const usual = (1000 * this.seconds) / (this.step - 1);
    this.began += took;
    if (!(took > STALL_MS && took > 100 * usual)) this.seconds += took / 1000;
  }

  // Returns the loss of a step in nats per character, and whether to save or to end after it.
  async #takeStep() {
    const { learner, windows, step } = this;
    const { recipe, sizes } = this.start;
    await nextTurn(); // messages arrive here
    if (windows.startsPass(step)) learner.state.fill(0);
    windows.read(step, learner.ids);
    const own = learner.gradients(recipe.seed, step, dropoutAt(recipe, step));
    const { sum, ...commands } = await this.#exchange(own);
    const share = shareAt(recipe, step);
    const rates = { ...recipe, muonRate: recipe.muonRate * share, rate: recipe.rate * share };
    const norm = learner.update(step + 1, rates);
    this.step++;
    return { loss: Number.isFinite(norm) ? sum / (sizes.allRows * sizes.window) : NaN, ...commands };
  }

  // Adds the gradients of all workers, in the order of the workers, so that each has the same sum, bit for bit.
  async #exchange(own) {
    const { index, workers } = this.start;
    const { gradient } = this.learner;
    // Only worker 0 uses the clock and the page's commands, so that all workers stop and save after the same step.
    const since = performance.now();
    if (this.leads) while (wanted === "pause" && !saves) await new Promise((resolve) => (wake = () => resolve(null)));
    this.began += performance.now() - since; // a pause is no training
    const due = this.leads && (saves || performance.now() - this.savedAt > SAVE_EVERY_MS);
    saves = false;
    const { steps } = this;
    const sent = workers > 1 ? gradient.slice() : null;
    const message = { loss: own, gradient: sent, stops: wanted === "stop", saves: due, steps };
    for (const port of peers.values()) port.postMessage(message);
    const parts = /** @type {typeof message[]} */ ([]);
    for (let n = 0; n < workers; n++) parts.push(n === index ? message : await next(n));
    parts.forEach((part, at) => {
      if (workers > 1 && at === 0) gradient.set(part.gradient);
      else if (at) for (let n = 0; n < gradient.length; n++) gradient[n] += part.gradient[n];
    });
    const [{ stops, saves: isSaved }] = parts;
    this.start.recipe.steps = parts[0].steps; // all workers change it before the same step
    return { sum: parts.reduce((sum, { loss }) => sum + loss, 0), stops, saves: isSaved };
  }

  #evaluate() {
    const { learner, heldOut, start } = this;
    const { rows, window, allRows } = start.sizes;
    const steps = Math.max(1, Math.min(heldOut.stepsPerPass, Math.ceil(start.heldOutCharacters / (allRows * window))));
    learner.heldOutState.fill(0);
    let sum = 0;
    for (let step = 0; step < steps; step++) {
      heldOut.read(step, learner.ids);
      sum += learner.heldOutLoss();
    }
    const average = this.leads ? learner.average.slice() : null;
    const transfer = average ? [average.buffer] : [];
    postMessage({ evaluated: this.step, sum, count: steps * rows * window, average }, { transfer });
  }

  #save() {
    const { learner, step, steps, seconds } = this;
    this.savedAt = performance.now();
    const copies = this.leads
      ? ["weights", "average", "mean", "squares"].map((kind) => [kind, learner[kind].slice()])
      : [];
    const state = this.leads ? { step, steps, seconds, ...Object.fromEntries(copies) } : null;
    const carried = learner.state.slice();
    const transfer = [carried, ...copies.map(([, copy]) => copy)].map(({ buffer }) => buffer);
    postMessage({ saved: step, state, carried }, { transfer });
  }

  #end(reason) {
    if (reason !== "diverged") this.#save();
    postMessage({ ended: this.step, reason });
  }
}

onmessage = ({ data }) => {
  if (data.peer !== undefined) {
    peers.set(data.peer, data.port);
    received.set(data.peer, []);
    data.port.onmessage = (message) => {
      received.get(data.peer).push(message.data);
      wake();
    };
  } else if (data.wanted) {
    wanted = data.wanted;
    wake();
  } else if (data.save) {
    saves = true;
    wake();
  } else if (data.start) {
    new Training(data.start).run().catch(reportError); // the page gets it as an error event of the worker
  }
};
