// What becomes of a question that the engine refuses: the panel says why, and it is sent again if the connection is lost.

import { signal } from "../vendor/preact.js";
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
