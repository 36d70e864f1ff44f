// Reads the text that a visitor gives to train on, in a worker, so that the page stays smooth. Nothing leaves the browser.

import { Refusal } from "../../engines/refusal.js";
import { checkSize } from "./decode.js";

/** @import { ReadOptions, ReadText } from "./reading.js" */

/**
 * Reads a text.
 * @param {Blob | string} source
 * @param {ReadOptions} options
 * @param {AbortSignal} [signal] ends the reading; the promise then rejects with its reason
 * @returns {Promise<ReadText>}
 * @throws {Refusal} it cannot be read; the reason is a message for the visitor
 */
export async function readText(source, options, signal) {
  checkSize(typeof source === "string" ? 2 * source.length : source.size, options.name); // in memory a string has two bytes
  signal?.throwIfAborted();
  const worker = new Worker(new URL("reading.js", import.meta.url), { type: "module" });
  try {
    return await new Promise((resolve, reject) => {
      const fail = (/** @type {string} */ reason) =>
        reject(new Refusal({ id: "text.failed", values: { name: options.name, reason } }));
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      worker.onerror = ({ message }) => fail(message || "no module workers");
      worker.onmessageerror = () => fail("out of memory");
      worker.onmessage = ({ data: { read, refusal, error } }) => {
        if (read) resolve(read);
        else if (refusal) reject(new Refusal(refusal));
        else fail(error);
      };
      worker.postMessage({ source, options });
    });
  } finally {
    worker.terminate(); // its memory is free again
  }
}
