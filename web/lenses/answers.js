// What a panel asks the engine: the answer, or none while it is out of date.

import { useLayoutEffect, useSignal } from "../vendor/preact.js";

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
