// The worker that controls one training: it reads the text, plans the run, starts the workers that train, writes samples, and
// stores the run and its model. The page's thread only draws.
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
//   {started: PROGRESS}
//   {progress: part of PROGRESS}          four times a second, and after each new loss and sample
//   {notSaved: Message}
//   {ended: {reason, step, best, model, files, notice}}  `model` has the weights of step `best`, which had the
//                                         lowest held-out loss; null if no loss was measured. `files` are those of a
//                                         model that could not be stored, `notice` says why
//   {refusal: Message}, {fault: text}

import { Refusal } from "../engines/refusal.js";
import { ModelError } from "../worker/checkpoint.js";
import { Models, compile } from "../worker/models.js";
import { checkpointFiles } from "./checkpoint_files.js";
import { sampleOf } from "./sample.js";
import { commitOf, deleteRun, freeName, listModels, loadRun, saveModel, saveRun } from "./stored_training.js";
import { idsOf, vocabularyOf } from "./text.js";
import { Trainer, measureSpeed, planRun, workerCount } from "./trainer.js";
import { split } from "./windows.js";

const SHOWN_MS = 250; // between two messages about steps
const SPEED_MS = 3000; // over which the speed is measured
const POINTS = 200; // of the curve of the training loss
const TICK_MS = 5000;
const SILENT_TICKS = 12; // without a step: a worker has ended without an error event
const MAX_LAYERS = 2; // that learner.wasm trains

/**
 * @import { ChatFormat, Message, ModelRef } from "../engines/engine.js"
 * @import { Plan, Saved } from "./trainer.js"
 *
 * @typedef {object} Begin
 * @property {string} text
 * @property {string} name of the text
 * @property {ChatFormat | null} chat
 * @property {Message[]} privateThings what looks private in the text
 * @property {number} minutes
 * @property {ModelRef | null} parent the model to fine-tune; null trains from scratch
 * @property {string} home the address of the folder of the page
 * @property {string} hub
 * @property {number} seed
 * @property {number} [workers] as many as the machine has cores for, if omitted
 * @property {number} [speed] characters per second of one worker; measured if omitted
 *
 * @typedef {{name: string, chat: ChatFormat | null, privateThings: Message[], parent: ModelRef | null, minutes: number}} About
 * @typedef {{training: [number, number][], heldOut: [number, number][]}} Curve losses by step
 * @typedef {{step: number, loss: number, tensors: Record<string, Float32Array>}} Best
 * @typedef {{plan: Plan, about: About, saved: Saved | null, curve: Curve, best: Best | null}} StoredRun
 *
 * @typedef {object} Progress
 * @property {About} about
 * @property {number} parameters
 * @property {number} step the steps that were taken
 * @property {number} steps of the run
 * @property {number} seconds of training
 * @property {number | null} loss of the last step, in nats per character
 * @property {number | null} speed characters per second
 * @property {Curve} curve
 * @property {[character: string, bits: number][] | null} sample
 */

class Run {
  #trainer = /** @type {Trainer | null} */ (null);
  #storing = /** @type {Promise<void> | null} */ (null);
  #bucket = { sum: 0, count: 0 }; // losses of the next point of the curve
  #silent = 0; // ticks since the last step
  #isPaused = false;
  #shownAt = 0;
  #recent = /** @type {{at: number, step: number}[]} */ ([]); // the steps of the last seconds, since a pause
  #isBestStored = true;

  /** @param {StoredRun} run */
  constructor(run) {
    this.run = run;
    this.curve = structuredClone(run.curve);
    this.best = run.best;
    this.last = { loss: 0, seconds: run.saved?.state.seconds ?? 0 };
    this.code = compile();
  }

  async start() {
    const { plan, about, saved } = this.run;
    const { state } = saved ?? {};
    this.#trainer = new Trainer(plan, {
      onStep: (...step) => this.#onStep(...step),
      onEvaluation: (step, loss, tensors) => this.#onEvaluation(step, loss, tensors),
      onSaved: (now) => this.#onSaved(now),
      onEnd: (reason, step) => this.#end(reason, step),
      onFault: (error) => this.#fail(error),
    });
    const { step = 0, seconds = 0, steps = plan.recipe.steps } = state ?? {};
    const { parameters } = plan;
    const nothing = { loss: null, speed: null, sample: null };
    postMessage({ started: { about, parameters, step, steps, seconds, curve: this.curve, ...nothing } });
    this.timer = setInterval(() => this.#tick(), TICK_MS);
    await this.#trainer.start(saved);
  }

  /** @param {"pause" | "run" | "stop" | "save"} wanted */
  want(wanted) {
    this.#isPaused = wanted === "pause" || (this.#isPaused && wanted === "save");
    if (wanted === "save" || wanted === "pause") this.#trainer?.save();
    if (wanted !== "save") [this.#recent] = [[], this.#trainer?.want(wanted)];
  }

  close() {
    clearInterval(this.timer);
    this.#trainer?.terminate();
    this.#trainer = null;
  }

  #onStep(step, loss, seconds, steps) {
    this.#silent = 0;
    const { plan } = this.run;
    if (steps !== plan.recipe.steps) this.run = { ...this.run, plan: { ...plan, recipe: { ...plan.recipe, steps } } };
    this.last = { loss, seconds };
    const bucket = this.#bucket;
    [bucket.sum, bucket.count] = [bucket.sum + loss, bucket.count + 1];
    if (step % Math.ceil(steps / POINTS) === 0 || step === 1) {
      if (Number.isFinite(bucket.sum)) this.curve.training.push([step, bucket.sum / bucket.count]);
      this.#bucket = { sum: 0, count: 0 };
      postMessage({ progress: { curve: this.curve } });
    }
    this.#show(step);
  }

  #show(step) {
    const now = performance.now();
    const { recipe, workers } = this.run.plan;
    if (now - this.#shownAt < SHOWN_MS && step < recipe.steps) return;
    this.#shownAt = now;
    this.#recent = [...this.#recent.filter(({ at }) => now - at < SPEED_MS), { at: now, step }];
    const [first] = this.#recent;
    const characters = (step - first.step) * recipe.rows * recipe.window * workers;
    const speed = now > first.at ? (1000 * characters) / (now - first.at) : null;
    postMessage({ progress: { step, steps: recipe.steps, speed, ...this.last } });
  }

  async #onEvaluation(step, loss, tensors) {
    if (!Number.isFinite(loss)) return;
    this.curve.heldOut.push([step, loss]);
    postMessage({ progress: { curve: this.curve } });
    if (!this.best || loss <= this.best.loss) [this.best, this.#isBestStored] = [{ step, loss, tensors }, false];
    const { vocab, recipe } = this.run.plan;
    const sample = await sampleOf(vocab, recipe, tensors, await this.code);
    postMessage({ progress: { sample } });
  }

  #onSaved(saved) {
    this.run = { ...this.run, saved, curve: structuredClone(this.curve), best: this.best };
    if (this.#storing) return; // a slow disk: the next one is stored instead
    this.#storing = this.#store().finally(() => (this.#storing = null));
  }

  async #store() {
    const { saved, curve, best } = this.run;
    const isNew = !this.#isBestStored;
    this.#isBestStored = true;
    try {
      await saveRun({ saved, curve, summary: summaryOf(this.run), ...(isNew ? { best } : {}) });
    } catch (error) {
      if (isNew) this.#isBestStored = false;
      postMessage({ notSaved: reasonOf(error) });
    }
  }

  async #end(reason, step) {
    this.close();
    await this.#storing;
    const { best } = this;
    if (!best) await deleteRun().catch(() => {});
    const result = best ? await this.#storeModel(await this.#files(best)) : { model: null, files: null, notice: null };
    postMessage({ ended: { reason, step, best: best?.step ?? null, ...result } });
  }

  async #files({ step, loss, tensors }) {
    const { plan, about } = this.run;
    const { vocab, recipe, ids } = plan;
    const { embedding, hidden, layers } = recipe;
    const { name, commit } = about.parent ?? { name: "", commit: "" };
    const [, heldOut] = split(ids);
    const training = {
      corpus: about.name,
      corpus_characters: ids.length,
      validation_characters: heldOut.length,
      step,
      seconds: Math.round(10 * this.last.seconds) / 10,
      val_loss: loss,
      license: "unknown",
      machine: "browser",
      ...(about.parent ? { from: commit ? `${name}@${commit}` : name } : {}),
      recipe,
    };
    return checkpointFiles({ vocab, network: { embedding, hidden, layers }, tensors, training, chat: about.chat });
  }

  // Stores the model and deletes the run. Deletes the run first if the model has no room otherwise.
  async #storeModel(files) {
    const { name, privateThings } = this.run.about;
    const save = () => saveModel({ name, files, privateThings });
    const discard = () => deleteRun().catch(() => {});
    try {
      const model = await save().catch(() => discard().then(save));
      await discard();
      return { model, files: null, notice: null };
    } catch (error) {
      const taken = await listModels().catch(() => []);
      return { model: { name: freeName(name, taken), commit: commitOf(files) }, files, notice: reasonOf(error) };
    }
  }

  #tick() {
    if (!this.#isPaused && ++this.#silent > SILENT_TICKS) this.#fail(new Error("no step in a minute"));
  }

  #fail(error) {
    this.close();
    postMessage({ fault: error.message });
  }
}

/** @param {Begin} given @returns {Promise<StoredRun>} */
async function prepare({ text, minutes, parent, home, hub, seed, workers = workerCount(), speed, ...described }) {
  if (parent) postMessage({ phase: "loading" });
  const known = parent && (await new Models(home, hub, () => {}).read(parent));
  if (known && known.sizes.layers > MAX_LAYERS) {
    throw new Refusal({ id: "train.too_many_layers", values: { layers: known.sizes.layers, most: MAX_LAYERS } });
  }
  const vocab = vocabularyOf(text, known?.vocab);
  const ids = idsOf(text, vocab);
  postMessage({ phase: "measuring" });
  speed ??= await measureSpeed(vocab.length);
  const old = known && { network: known.sizes, tensors: known.tensors };
  const plan = planRun({ vocab, ids, minutes, speed, seed, workers, parent: old });
  const about = { ...described, parent, minutes };
  return { plan, about, saved: null, curve: { training: [], heldOut: [] }, best: null };
}

/** Returns the facts about a stored run that the page shows. */
function summaryOf({ plan, about, saved }) {
  return { name: about.name, step: saved?.state.step ?? 0, steps: plan.recipe.steps };
}

function reasonOf(error) {
  if (error instanceof Refusal) return error.reason;
  if (error instanceof ModelError) return { id: "static.not_loaded", values: { reason: error.message } };
  if (error instanceof WebAssembly.CompileError) return { id: "train.no_simd" };
  if (error instanceof RangeError) return { id: "train.no_memory" };
  return null;
}

let run = /** @type {Run | null} */ (null);

async function begin(given) {
  const prepared = await prepare(given);
  run = new Run(prepared);
  await deleteRun().catch(() => {});
  const summary = summaryOf(prepared);
  await saveRun({ ...prepared, summary }).catch((error) => postMessage({ notSaved: reasonOf(error) }));
  await run.start();
}

async function resume() {
  const stored = run?.run ?? (await loadRun());
  if (!stored?.plan) throw new Refusal({ id: "train.nothing_stored" });
  run = new Run(/** @type {StoredRun} */ (stored));
  await run.start();
}

onmessage = async ({ data }) => {
  try {
    if (data.begin) await begin(data.begin);
    else if (data.resume) await resume();
    else if (data.wanted) run?.want(data.wanted);
  } catch (error) {
    run?.close();
    const refusal = reasonOf(error);
    postMessage(refusal ? { refusal } : { fault: `${error}` });
  }
};
