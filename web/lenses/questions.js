// The questions of the panels. If the engine refuses one, the panel says why; if the connection is lost, it is sent again.

import { useLayoutEffect, useSignal } from "../vendor/preact.js";
import { problem } from "./state.js";

const LOST_MS = 3000; // between two requests while the connection is lost

/** @import { Message } from "../engines/engine.js" */

const acts = /** @type {(() => unknown)[]} */ ([]);
let timer = 0;

/** Lets questions be sent again when the connection may be back. @param {() => unknown} act  sends those that are needed */
export const onRetry = (act) => acts.push(act);

/** Returns whether a question was refused because the connection is lost. @param {?Message} [refusal] */
export const isLost = (refusal) => refusal?.id === "fault.connection";

/** Shows why the engine refused a question, and lets it be sent again later if the connection is lost. @param {Message} [refusal] */
export function answered(refusal) {
  problem.value = refusal ?? null;
  if (isLost(refusal)) timer ||= setTimeout(retry, LOST_MS);
}

/** Sends the questions again. */
export function retry() {
  clearTimeout(timer);
  timer = 0;
  for (const act of acts) act();
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
