// The worker that trains: it reads the text, plans the run, takes its steps (trainer.js), writes samples, and stores the run and
// its model. The page's thread only draws.
//
// Messages to it:
//
//   {begin: BEGIN}                        a new training
//   {resume: true}                        continues the stored training, or after a fault the one in memory
//   {wanted: "pause" | "run" | "stop" | "save"}
//
// Messages to the page:
//
//   {phase: "loading" | "measuring"}
//   {progress: PROGRESS}                  at the start, four times a second, and after each evaluation
//   {notSaved: Message | null}            null once everything is stored again
//   {ended: {reason, step, best, model, files, notice}}  `model` has the weights of step `best`, which had the
//                                         lowest held-out loss; none if no loss was measured. `files` are those of a
//                                         model that could not be stored, `notice` says why
//   {failed: Message}                     what is stored can be continued

import { Refusal } from "../engines/engine.js";
import { ModelError } from "../worker/checkpoint.js";
import { Network, compile } from "../worker/int8_inference.js";
import { bitsOf } from "../worker/text_reader.js";
import { Models } from "../worker/models.js";
import { choose, randomNumber } from "../worker/reply.js";
import { checkpointFiles } from "./checkpoint_files.js";
import { idsOf, planRun, split, vocabularyOf } from "./recipe.js";
import { commitOf, deleteRun, freeName, listModels, loadRun, saveModel, saveRun } from "../worker/stored_training.js";
import { Training, measureSpeed } from "./trainer.js";

const HOME = new URL("../", import.meta.url).href;
const SHOWN_MS = 250; // between two messages about steps
const POINTS = 200; // of the curve of the training loss
const MAX_WORKERS = 4; // with more, a batch has so many rows that a step learns little more
const MAX_LAYERS = 2; // that learner.wasm trains
const [LENGTH, SEED] = [240, 7]; // of a sample: the same seed for each, so that only the weights differ

/**
 * @import { ChatFormat, Message, ModelRef } from "../engines/engine.js"
 * @import { Plan } from "./recipe.js"
 * @import { Evaluation, Saved } from "./trainer.js"
 *
 * @typedef {{name: string, chat: ChatFormat | null, privateThings: Message[], parent: ModelRef | null, minutes: number}} About
 *   a text, what looks private in it, and the model to fine-tune; null trains from scratch
 * @typedef {About & {text: string, hub: string, seed: number, workers?: number, speed?: number}} Begin as many workers as the
 *   machine has cores for, and the characters per second that are measured, if omitted
 * @typedef {{training: [number, number][], heldOut: [number, number][]}} Curve losses by step
 * @typedef {{plan: Plan, about: About, saved: Saved | null, curve: Curve, best: Evaluation | null}} StoredRun
 *
 * @typedef {object} Progress
 * @property {About} about
 * @property {number} parameters
 * @property {number} step the steps that were taken
 * @property {number} steps of the run
 * @property {number} seconds of training
 * @property {number | null} loss of the last step, in nats per character
 * @property {number | null} speed characters per second of training
 * @property {Curve} curve
 * @property {[character: string, bits: number][] | null} sample
 */

class Run {
  #losses = /** @type {number[]} */ ([]); // of the next point of the curve
  #shownAt = 0;
  #code = compile();

  /** @param {StoredRun} stored as the browser has stored it, or would have with enough room */
  constructor(stored) {
    this.stored = stored;
    const { plan, about, saved, curve, best } = stored;
    this.training = new Training(plan, saved);
    this.best = best;
    const { step = 0, seconds = 0, steps = plan.recipe.steps } = saved?.state ?? {};
    const taken = { step, steps, seconds, curve: structuredClone(curve) };
    this.progress = { about, parameters: plan.parameters, ...taken, loss: null, speed: null, sample: null };
  }

  async train() {
    this.#show();
    for await (const { taken, evaluated, saved, ended } of this.training.run()) {
      if (taken) this.#advance(taken);
      else if (evaluated) await this.#evaluate(evaluated);
      else if (saved) await this.#save(saved);
      else await this.#end(ended);
    }
  }

  #advance(taken) {
    const { rows, window } = this.stored.plan.recipe;
    const { step, steps, seconds, loss } = taken;
    const characters = step * rows * window * this.stored.plan.workers;
    this.#losses.push(loss);
    if (step % Math.ceil(steps / POINTS) === 0 || step === 1) {
      const mean = this.#losses.reduce((sum, each) => sum + each, 0) / this.#losses.length;
      if (Number.isFinite(mean)) this.progress.curve.training.push([step, mean]);
      this.#losses = [];
    }
    Object.assign(this.progress, taken, { speed: characters / seconds });
    if (performance.now() - this.#shownAt > SHOWN_MS || step === steps) this.#show();
  }

  #show() {
    this.#shownAt = performance.now();
    postMessage({ progress: this.progress });
  }

  async #evaluate(evaluated) {
    const { step, loss, tensors } = evaluated;
    if (!Number.isFinite(loss)) return;
    this.progress.curve.heldOut.push([step, loss]);
    if (!this.best || loss <= this.best.loss) this.best = evaluated;
    this.progress.sample = await sampleOf(this.stored.plan, tensors, await this.#code);
    this.#show();
  }

  async #save(saved) {
    const [before, { best }] = [this.stored.best, this];
    this.stored = { ...this.stored, saved, curve: structuredClone(this.progress.curve), best };
    const parts = { saved, curve: this.stored.curve, summary: summaryOf(this.stored) };
    await store(best === before ? parts : { ...parts, best });
  }

  async #end(reason) {
    const { best } = this;
    if (!best) await deleteRun().catch(() => {});
    const result = best ? await this.#storeModel(await this.#files(best)) : {};
    postMessage({ ended: { reason, step: this.progress.step, best: best?.step, ...result } });
  }

  async #files({ step, loss, tensors }) {
    const { plan, about } = this.stored;
    const { steps, seconds } = this.progress;
    const { vocab, ids } = plan;
    const { name, commit } = about.parent ?? { name: "", commit: "" };
    const training = {
      corpus: about.name,
      corpus_characters: ids.length,
      validation_characters: split(ids)[1].length,
      step,
      seconds: Math.round(10 * seconds) / 10,
      val_loss: loss,
      license: "unknown",
      machine: "browser",
      ...(about.parent ? { from: commit ? `${name}@${commit}` : name } : {}),
      recipe: { ...plan.recipe, steps },
    };
    return checkpointFiles({ vocab, network: plan.recipe, tensors, training, chat: about.chat });
  }

  // Stores the model and deletes the run. Deletes the run first if the model has no room otherwise.
  async #storeModel(files) {
    const { name, privateThings } = this.stored.about;
    const save = () => saveModel({ name, files, privateThings });
    const discard = () => deleteRun().catch(() => {});
    try {
      const model = await save().catch(() => discard().then(save));
      await discard();
      return { model };
    } catch (error) {
      const taken = await listModels().catch(() => []);
      return { model: { name: freeName(name, taken), commit: commitOf(files) }, files, notice: reasonOf(error) };
    }
  }
}

// Returns the characters that a network writes from a zero state, by int8 inference, each with its surprisal in bits.
/** @param {Plan} plan @param {Record<string, Float32Array>} tensors @param {WebAssembly.Module} code product.wasm */
async function sampleOf({ vocab, recipe }, tensors, code) {
  const { embedding, hidden, layers } = recipe;
  const network = new Network({ vocab: vocab.length, embedding, hidden, layers }, tensors, code);
  const state = network.zeros();
  const { SAMPLING } = await import("../settings.js"); // not at the top level, where a worker may not await
  const settings = { ...SAMPLING, length: LENGTH, seed: SEED };
  let id = ["\n", " "].map((character) => vocab.indexOf(character)).find((found) => found >= 0) ?? 0;
  return Array.from({ length: LENGTH }, (_, n) => {
    network.read(id, state);
    const logits = network.predict(state);
    id = choose(logits, settings, randomNumber(SEED, n));
    return /** @type {[string, number]} */ ([vocab[id], Math.round(100 * bitsOf(logits, id)) / 100]);
  });
}

// The cores that are used, one of which is left for the page.
const cores = () => Math.max(2, Math.min(MAX_WORKERS + 1, navigator.hardwareConcurrency || 2));

/** @param {Begin} given @returns {Promise<StoredRun>} */
async function prepare({ text, minutes, parent, hub, seed, workers = cores() - 1, speed, ...described }) {
  if (parent) postMessage({ phase: "loading" });
  const known = parent && (await new Models(HOME, hub, () => {}).read(parent));
  if (known && known.sizes.layers > MAX_LAYERS) {
    throw new Refusal({ id: "train.too_many_layers", values: { layers: known.sizes.layers, most: MAX_LAYERS } });
  }
  const vocab = vocabularyOf(text, known?.vocab);
  const ids = idsOf(text, vocab);
  postMessage({ phase: "measuring" });
  speed ??= await measureSpeed(vocab.length);
  const { embedding, hidden, layers } = known?.sizes ?? {};
  const old = known && { network: { embedding, hidden, layers }, tensors: known.tensors };
  const plan = planRun({ vocab, ids, minutes, speed, seed, workers, parent: old });
  const about = { ...described, parent, minutes };
  return { plan, about, saved: null, curve: { training: [], heldOut: [] }, best: null };
}

let unsaved = {}; // parts of the run that could not be stored yet

// Stores parts of the run, and those that could not be stored before; without room for them the training goes on.
async function store(parts) {
  Object.assign(unsaved, parts);
  try {
    await saveRun(unsaved);
    unsaved = {};
    postMessage({ notSaved: null });
  } catch (error) {
    postMessage({ notSaved: reasonOf(error) });
  }
}

/** Returns the facts about a stored run that the page shows. @param {StoredRun} run */
function summaryOf({ plan, about, saved }) {
  return { name: about.name, step: saved?.state.step ?? 0, steps: saved?.state.steps ?? plan.recipe.steps };
}

function reasonOf(error) {
  if (error instanceof Refusal) return error.reason;
  if (error instanceof ModelError) return { id: "static.not_loaded", values: { reason: error.message } };
  if (error instanceof WebAssembly.CompileError) return { id: "train.no_simd" };
  if (error instanceof RangeError) return { id: "train.no_memory" };
  return { id: "train.fault", values: { reason: error.message } };
}

let run = /** @type {Run | null} */ (null);

async function begin(given) {
  const prepared = await prepare(given);
  run = new Run(prepared);
  await deleteRun().catch(() => {});
  const summary = summaryOf(prepared);
  await store({ ...prepared, summary });
  await run.train();
}

async function resume() {
  const stored = run?.stored ?? (await loadRun());
  if (!stored?.plan) throw new Refusal({ id: "train.nothing_stored" });
  run = new Run(/** @type {StoredRun} */ (stored));
  await run.train();
}

onmessage = async ({ data }) => {
  try {
    if (data.begin) await begin(data.begin);
    else if (data.resume) await resume();
    else run?.training.want(data.wanted);
  } catch (error) {
    postMessage({ failed: reasonOf(error) });
  }
};
