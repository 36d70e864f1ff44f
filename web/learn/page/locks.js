// Locks of a training: a wake lock, which keeps the screen on, and a lock with which only one tab trains.

const LOCK = "char-lstm/training";

/** Keeps the screen on between `start` and `stop` while the tab is visible, in browsers that have wake locks. */
export class ScreenLock {
  #lock = /** @type {Promise<WakeLockSentinel | null> | null} */ (null); // requested or held
  #isWanted = false;

  constructor() {
    document.addEventListener("visibilitychange", () => this.#request());
  }

  static get isPossible() {
    return "wakeLock" in navigator;
  }

  start() {
    this.#isWanted = true;
    this.#request();
  }

  stop() {
    this.#isWanted = false;
    this.#lock?.then((held) => held?.release());
    this.#lock = null;
  }

  // Requests a lock if there is none: a second one would have to be released separately.
  async #request() {
    if (!this.#isWanted || this.#lock || !ScreenLock.isPossible || document.visibilityState === "hidden") return;
    const lock = navigator.wakeLock.request("screen").catch(() => null); // refused when the battery is low
    this.#lock = lock;
    const clear = () => {
      if (this.#lock === lock) this.#lock = null;
    };
    const held = await lock;
    if (held)
      held.addEventListener("release", clear); // by the browser, when the tab is hidden
    else clear();
  }
}

/**
 * Takes the lock that lets this tab train.
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
