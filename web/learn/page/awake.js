// What a training needs of the browser: the screen stays on, and one tab trains at a time.

const LOCK = "char-lstm/training";

/** Keeps the screen on between `start` and `stop`, where the browser can; it lets go when the tab is hidden. */
export class Awake {
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

  // A second lock would have to be released on its own: none is requested while there is one.
  async #request() {
    if (!this.#isWanted || this.#lock || !Awake.isPossible || document.visibilityState === "hidden") return;
    const lock = navigator.wakeLock.request("screen").catch(() => null); // refused when the battery is low
    this.#lock = lock;
    const forget = () => {
      if (this.#lock === lock) this.#lock = null;
    };
    const held = await lock;
    if (held) held.addEventListener("release", forget); // by the browser, when the tab is hidden
    else forget();
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
