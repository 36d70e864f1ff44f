// samples.jsonl: what a model wrote after some steps of its training. The rules are those of model/checkpoint/samples.py.

import { ModelError, textOf } from "./checkpoint.js";
import { limits } from "./limits.js";

const MAX_SAMPLES = 1000;

/**
 * Returns the samples in a file that was verified, oldest first; none without a file.
 * @param {Uint8Array | null} bytes
 * @returns {[step: number, text: string][]}
 * @throws {ModelError}
 */
export function samplesIn(bytes) {
  const lines = bytes ? textOf(bytes).split("\n").filter(Boolean) : [];
  const samples = lines.map(parse);
  const isSample = ({ step, prompt, text }, at) =>
    Number.isInteger(step) && step >= (samples[at - 1]?.step ?? 0) && isText(prompt) && isText(text);
  if (samples.length > MAX_SAMPLES || !samples.every(isSample))
    throw new ModelError("samples.jsonl is not a list of samples of a training");
  return samples.map(({ step, prompt, text }) => [step, prompt + text]);
}

/** @param {string} line */
function parse(line) {
  try {
    return Object(JSON.parse(line));
  } catch {
    return {};
  }
}

/** @param {unknown} value */
function isText(value) {
  return typeof value === "string" && [...value].length <= limits.sample;
}
