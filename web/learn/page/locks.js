// Locks of a training: a wake lock, which keeps the screen on, and a lock with which only one tab has a training.

import { effect } from "../../vendor/preact.js";
import { state } from "./state.js";

const LOCK = "char-lstm/training";

/** Whether this browser can keep the screen on. */
export const canKeepScreenOn = () => "wakeLock" in navigator;

/** Keeps the screen on while a training runs in a visible tab. */
export function keepScreenOn() {
  let held = /** @type {WakeLockSentinel | null} */ (null);
  let queue = Promise.resolve(); // one request at a time: a second lock would have to be released separately
  const update = async (/** @type {boolean} */ isWanted) => {
    if (!isWanted || held?.released) held = void held?.release(); // a browser releases it when the tab is hidden
    if (isWanted && !held) held = await navigator.wakeLock.request("screen").catch(() => null); // refused at a low battery
  };
  const check = () => {
    const isWanted = ["starts", "runs"].includes(state.phase.value) && document.visibilityState === "visible";
    queue = queue.then(() => update(isWanted));
  };
  if (!canKeepScreenOn()) return;
  document.addEventListener("visibilitychange", check);
  effect(check);
}

/**
 * Takes the lock that lets this tab train, or discard the stored training.
 * @returns {Promise<(() => void) | null>} releases the lock; null if another tab has it
 */
export function lockTraining() {
  return new Promise((resolve) => {
    if (!navigator.locks) return resolve(() => {});
    navigator.locks.request(LOCK, { ifAvailable: true }, (lock) =>
      lock ? new Promise((release) => resolve(() => release(null))) : resolve(null),
    );
  });
}
