// The actions of a training: begin, pause, stop, continue, discard. web/learn/run.js, a worker, trains.

import { refOf } from "../../conversation/replies.js";
import { t } from "../../document/words.js";
import { shownName } from "../../engines/engine.js";
import { engine } from "../../state/actions.js";
import * as page from "../../state/state.js";
import { randomSeed } from "../../settings.js";
import { effect } from "../../vendor/preact.js";
import { deleteRun, loadPart } from "../../worker/stored_training.js";
import { loadModels, showText, use } from "./models.js";
import { hub, set, state } from "./state.js";
import { called } from "./text.js";

const LOCK = "char-lstm/training";
const NOT_KEPT = "train.not_kept";
const QUIET_MS = 5000; // a worker that trains sends its progress more often, except in a long step or evaluation
const MOST_QUIET = 12; // such times without a message, after which the worker counts as ended

let worker = /** @type {Worker | null} */ (null);
let release = () => {}; // lets another tab train
let [quiet, timer] = [0, 0]; // how often in a row no message had come

/** Begins a training with the text and the options. */
export function begin() {
  if (state.kept.value && !confirm(t("train.replace_sure"))) return;
  const { text, name, chat, private: privateThings } = state.text.value;
  const model = page.model.value;
  const parent = state.isFineTuning.value && model ? refOf(model) : null;
  const format = chat && { prefix: chat.prefix, suffix: chat.suffix, stop: chat.stop };
  const about = { name, chat: format, privateThings, minutes: state.minutes.value, parent };
  return train({ begin: { ...about, text, hub: hub(), seed: randomSeed(), ...state.sizes.value } });
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
  closeWorker(); // it may have the run in memory, after a fault
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
  set({ phase: "starts", progress: null, kept: null, fault: null, message: { id: "train.starts" } });
  worker ??= newWorker();
  worker.postMessage(message);
  [quiet, timer] = [0, setInterval(listen, QUIET_MS)];
}

// A browser may end a worker without an event, as on a phone without memory. A machine that slept wakes in one of the short times,
// so that sleep does not count as silence.
function listen() {
  if (!worker || state.phase.value === "paused" || ++quiet <= MOST_QUIET) return;
  closeWorker();
  end({ id: "train.silent" });
}

function newWorker() {
  const created = new Worker(new URL("../run.js", import.meta.url), { type: "module" });
  created.onmessage = ({ data }) => receive(data);
  created.onerror = (event) => {
    closeWorker();
    receive({ failed: { id: "train.fault", values: { reason: event.message || "Worker" } } });
  };
  return created;
}

function closeWorker() {
  worker?.terminate();
  worker = null;
}

/** Changes the state by a message of the worker. @param {any} data see run.js */
export function receive({ phase, progress, notSaved, ended, failed }) {
  quiet = phase === "loading" ? -Infinity : 0; // a download takes as long as it takes
  if (progress) showProgress(progress);
  else if (phase) set({ message: { id: `train.${phase}` } });
  else if (notSaved) set({ fault: { id: NOT_KEPT, values: { reason: notSaved } } });
  else if (notSaved === null) set({ fault: state.fault.value?.id === NOT_KEPT ? null : state.fault.value });
  else if (ended) return showEnd(ended);
  else return end(failed);
}

function showProgress(progress) {
  const { about, parameters } = progress;
  set({ progress });
  if (state.phase.value !== "starts") return;
  const message = { id: "train.running", values: { name: called(about.name), parameters } };
  set({ phase: "runs", focus: ".pause", message });
}

async function showEnd({ reason, step, best, model, files, notice }) {
  closeWorker();
  set({ progress: { ...state.progress.value, step } });
  if (!model) await end({ id: "train.nothing_learned", values: { step } });
  else {
    if (files) await engine.give(model.name, files);
    const { activeElement: used, body } = document;
    const isElsewhere = used && used !== body && !used.closest("#training");
    const failure = await use(model.name);
    await end(failure ?? (notice && { id: "train.not_stored", values: { reason: notice } }));
    if (!failure) {
      const how = { ended: { id: `train.ended_${reason}`, values: { step } }, best };
      const values = { ...how, model: model.name, name: shownName(model.name) };
      set({ message: { id: "train.done", values } });
      if (!isElsewhere) showText();
    }
  }
  await loadModels();
}

// Ends a training, or the attempt to begin one; what is stored can be continued.
/** @param {import("../../engines/engine.js").Message | null} fault null leaves the one that is shown */
async function end(fault) {
  clearInterval(timer);
  release();
  set({ phase: "none", message: null, focus: "textarea", fault: fault ?? state.fault.value });
  await loadKept();
}

/** Keeps the screen on while a training runs in a visible tab, where the browser can. */
export function keepScreenOn() {
  let held = /** @type {Promise<?WakeLockSentinel> | null} */ (null);
  const check = () => {
    const isWanted = ["starts", "runs"].includes(state.phase.value) && document.visibilityState === "visible";
    if (isWanted)
      held ??= navigator.wakeLock.request("screen").catch(() => null); // refused at a low battery
    else held = void held?.then((lock) => lock?.release());
  };
  if (!("wakeLock" in navigator)) return;
  document.addEventListener("visibilitychange", check);
  effect(check);
}

// Takes the lock that lets this tab train, or discard the stored training. Resolves to what releases it; null if another tab
// has it.
/** @returns {Promise<(() => void) | null>} */
function lockTraining() {
  return new Promise((resolve) => {
    if (!navigator.locks) return resolve(() => {});
    navigator.locks.request(LOCK, { ifAvailable: true }, (lock) =>
      lock ? new Promise((release) => resolve(() => release(null))) : resolve(null),
    );
  });
}
