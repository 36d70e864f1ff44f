// What a training needs of the browser: the screen stays on, and one tab trains at a time.

const LOCK = "char-lstm/training";

/** Whether this is a device that locks its screen and freezes background tabs. */
export function isPhone() {
  return matchMedia("(pointer: coarse)").matches;
}

/** Keeps the screen on between `start` and `stop`, where the browser can; it lets go when the tab is hidden. */
export class Awake {
  #wakeLock = /** @type {WakeLockSentinel | null} */ (null);
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
    this.#wakeLock?.release();
    this.#wakeLock = null;
  }

  async #request() {
    if (!this.#isWanted || !Awake.isPossible || document.visibilityState === "hidden") return;
    this.#wakeLock = await navigator.wakeLock.request("screen").catch(() => null); // refused when the battery is low
    if (!this.#isWanted) this.stop();
  }
}

/**
 * Makes this tab the one that trains.
 * @returns {Promise<(() => void) | null>} what ends that; null if another tab trains
 */
export function takeTurn() {
  return new Promise((resolve) => {
    if (!navigator.locks) return resolve(() => {});
    navigator.locks.request(LOCK, { ifAvailable: true }, (lock) =>
      lock ? new Promise((release) => resolve(() => release(null))) : resolve(null),
    );
  });
}
