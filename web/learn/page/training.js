// The actions of a training: begin, pause, stop, continue, discard. web/learn/run.js, a worker, trains.

import { refOf } from "../../conversation/models.js";
import { t } from "../../document/words.js";
import { randomSeed } from "../../settings.js";
import { deleteRun, loadPart } from "../stored_training.js";
import { lockTraining } from "./locks.js";
import { loadModels, use } from "./models.js";
import { set, state } from "./state.js";
import { called } from "./text.js";

let worker = /** @type {Worker | null} */ (null);
let release = () => {}; // lets another tab train

/** Begins a training with the text and the options. @param {boolean} isFineTuning whether it starts from the chosen model */
export function begin(isFineTuning = state.isFineTuning.value) {
  if (state.kept.value && !confirm(t("train.replace_sure"))) return;
  const { text, name, chat, private: privateThings } = state.text.value;
  const { home, hub } = state.host;
  const { model } = state.chosen.value;
  const parent = isFineTuning && model ? refOf(model) : null;
  const format = chat && { prefix: chat.prefix, suffix: chat.suffix, stop: chat.stop };
  const given = { text, name, chat: format, privateThings, minutes: state.minutes.value, parent, home, hub };
  return train({ begin: { seed: randomSeed(), ...given, ...state.sizes.value } });
}

/** Trains the new model further on the text. */
export function trainOn() {
  state.host.choose(state.trained.value.name);
  return begin(true);
}

/** Continues the stored training. */
export const resume = () => train({ resume: true });

/** Pauses, or goes on. @param {boolean} isPaused */
export function pause(isPaused) {
  worker?.postMessage({ wanted: isPaused ? "pause" : "run" });
  if (isPaused) set({ phase: "paused", message: { id: "train.paused" } });
  else set({ phase: "runs", message: { id: "train.runs_on" } });
}

/** Ends the training; its best weights become a model. */
export const stop = () => worker?.postMessage({ wanted: "stop" });

/** Stores the training now, if there is one. */
export const store = () => worker?.postMessage({ wanted: "save" });

/** Deletes the stored training, unless it is that of another tab. */
export async function discard() {
  const unlock = await lockTraining();
  if (!unlock) return set({ fault: { id: "train.other_tab" } });
  await deleteRun();
  worker?.terminate(); // it may have the run in memory, after a fault
  worker = null;
  unlock();
  set({ kept: null, fault: null, focus: "textarea" });
}

/** Notes whether a training is stored that can be continued. */
export async function loadKept() {
  set({ kept: (await loadPart("summary").catch(() => null)) ?? null });
}

// Starts or continues a training, unless another tab has one.
async function train(message) {
  const unlock = await lockTraining();
  if (!unlock) return set({ fault: { id: "train.other_tab" } });
  release = unlock;
  set({ phase: "starts", progress: null, kept: null, trained: null, fault: null, message: { id: "train.starts" } });
  worker ??= newWorker();
  worker.postMessage(message);
}

function newWorker() {
  const created = new Worker(new URL("../run.js", import.meta.url), { type: "module" });
  created.onmessage = ({ data }) => receive(data);
  created.onerror = (event) => {
    created.terminate();
    worker = null;
    receive({ fault: event.message || "Worker" });
  };
  return created;
}

/** Changes the state by a message of the worker. @param {any} data see run.js */
export function receive(data) {
  if (data.progress) advance(data.progress);
  else if (data.started) showStarted(data.started);
  else if (data.phase) set({ message: { id: `train.${data.phase}` } });
  else if (data.notSaved) set({ fault: { id: "train.not_kept", values: { reason: data.notSaved } } });
  else if (data.ended) return showEnd(data.ended);
  else if (data.refusal) return ended(data.refusal);
  else if (data.fault) return ended({ id: "train.fault", values: { reason: data.fault } });
}

function showStarted(progress) {
  const { about, parameters } = progress;
  const message = { id: "train.running", values: { name: called(about.name), parameters } };
  set({ phase: "runs", focus: ".pause", progress: { ...progress, isEnded: false }, message });
}

function advance(change) {
  const progress = state.progress.value;
  if (progress) set({ progress: { ...progress, ...change } });
}

async function showEnd({ reason, step, best, model, files, notice }) {
  advance({ step });
  if (!model) await ended({ id: "train.nothing_learned", values: { step } });
  else {
    if (files) await state.host.give(model.name, files);
    const isElsewhere = usesAnotherPart();
    const failure = await use(model.name);
    await ended(failure ?? (notice && { id: "train.not_stored", values: { reason: notice } }));
    if (!failure) {
      const values = { ended: { id: `train.ended_${reason}`, values: { step } }, best, name: model.name };
      set({ message: { id: "train.done", values }, trained: { name: model.name, isStored: !files } });
      if (!isElsewhere) state.host.showText();
    }
  }
  await loadModels();
}

// Notes that a training has ended; if it is stored, it can be continued.
async function ended(fault) {
  release();
  set({ phase: "none", message: null, focus: "textarea", fault: fault ?? state.fault.value });
  advance({ isEnded: true });
  await loadKept();
}

function usesAnotherPart() {
  const focused = document.activeElement;
  return focused && focused !== document.body && !focused.closest("#training");
}
