// Lets messages to the worker in between two slices of its work. Several tasks get their slices in turn.

export const SLICE_MS = 12;
const waiting = /** @type {(() => void)[]} */ ([]);
const channel = new MessageChannel();
channel.port1.onmessage = () => waiting.shift()?.();

/** Calls a function until it returns true, in slices. @param {() => boolean} step */
export async function inSlices(step) {
  for (let begun = performance.now(); !step();) {
    if (performance.now() - begun < SLICE_MS) continue;
    await nextTurn();
    begun = performance.now();
  }
}

/** Resolves after the other tasks have had their turn. A timer would take 4 ms at least. */
export function nextTurn() {
  return /** @type {Promise<void>} */ (
    new Promise((resume) => {
      waiting.push(resume);
      channel.port2.postMessage(0);
    })
  );
}

/** Resolves after some milliseconds. */
export function pause(ms) {
  return new Promise((resume) => setTimeout(resume, ms));
}
