// The questions of the panels. If the engine refuses one, the panel says why; if the connection is lost, it is sent again.

import { signal, useLayoutEffect, useSignal } from "../vendor/preact.js";
import { problem } from "./state.js";

const LOST_MS = 3000; // between two requests while the connection is lost

/** @import { Message } from "../engines/engine.js" */

/** Counts how often the questions are to be sent again, because the connection may be back. */
export const retries = signal(0);
let timer = 0;

/** Returns whether a question was refused because the connection is lost. @param {?Message} [refusal] */
export const isLost = (refusal) => refusal?.id === "fault.connection";

/** Shows why the engine refused a question, and lets it be sent again later if the connection is lost. @param {Message} [refusal] */
export function answered(refusal) {
  problem.value = refusal ?? null;
  if (isLost(refusal)) timer ||= setTimeout(retry, LOST_MS);
}

/** Lets the questions be sent again. */
export function retry() {
  clearTimeout(timer);
  timer = 0;
  retries.value++;
}

/**
 * Returns the answer to a question; null until it arrives, and after one of the inputs changed.
 * @template Answer
 * @param {(isLate: () => boolean) => ?Promise<Answer>} ask  null for no question
 * @param {unknown[]} inputs  that the question depends on
 * @returns {?Answer}
 */
export function useAnswer(ask, inputs) {
  const found = useSignal(/** @type {?{inputs: unknown[], answer: Answer}} */ (null));
  useLayoutEffect(() => {
    let isLate = false;
    ask(() => isLate)?.then((answer) => isLate || (found.value = { inputs, answer }));
    return () => (isLate = true);
  }, inputs);
  return found.value && inputs.every((each, at) => each === found.value.inputs[at]) ? found.value.answer : null;
}
