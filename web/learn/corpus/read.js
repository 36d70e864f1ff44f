// Reads the text that a visitor gives to train on, in a worker, so that the page stays smooth. Nothing leaves the browser. The
// example texts are short, and free to use for anything.

import { Refusal } from "../../engines/engine.js";
import { checkSize } from "./decode.js";

/** @import { ReadOptions, ReadText } from "./reading.js" */

let worker = /** @type {Worker | null} */ (null);

/**
 * Reads a text. A later call ends an earlier one, which is then never answered.
 * @param {Blob | string} source
 * @param {ReadOptions} options
 * @returns {Promise<ReadText>}
 * @throws {Refusal} it cannot be read; the reason is a message for the visitor
 */
export async function readText(source, options) {
  worker?.terminate();
  checkSize(typeof source === "string" ? 2 * source.length : source.size, options.name); // in memory a string has two bytes
  const own = (worker = new Worker(new URL("reading.js", import.meta.url), { type: "module" }));
  const { read, refusal, error } = await new Promise((resolve) => {
    own.onerror = ({ message }) => resolve({ error: message || "no module workers" });
    own.onmessageerror = () => resolve({ error: "out of memory" });
    own.onmessage = ({ data }) => resolve(data);
    own.postMessage({ source, options });
  });
  own.terminate(); // its memory is free again
  if (read) return read;
  throw new Refusal(refusal ?? { id: "text.failed", values: { name: options.name, reason: error } });
}

export const EXAMPLES = ["scenes", "recipes", "chat"].map((name) => ({
  name: { id: `example.${name}` },
  origin: { id: `example.${name}.origin` }, // the author and the licence
  url: new URL(`examples/${name}.txt`, import.meta.url),
}));

/** Fetches an example, ready for `readText`. @param {{url: URL}} example @returns {Promise<Blob>} */
export async function fetchExample({ url }) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname}: HTTP ${response.status}`);
  return response.blob();
}
