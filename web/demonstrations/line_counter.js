// The named cell that counts the line, which a demonstration and the tour hold.

export const HELD = 4; // tanh of it is 0.999
// Cells that follow how far a line is, the best first, and whether holding one makes lines short where it follows the
// feature upwards (1) or downwards (-1).
const COUNTERS = /** @type {const} */ ([["words in the line so far", 1], ["place in the line", 1], ["line end near", 1], ["characters left in the line", -1]]);

/** @import { Model, NamedCell } from "../engines/engine.js" */

/** The named cell of a model that counts the line, with the value that makes its lines short. @param {Model} model */
export function lineCounter(model) {
  for (const [name, sense] of COUNTERS) {
    const cell = model.cells.find((each) => each.name === name);
    if (cell) return { cell, value: HELD * sense * (isInverted(cell) ? -1 : 1) };
  }
  return null;
}

/** Whether a cell falls where its feature rises. @param {NamedCell} cell */
function isInverted({ kind, score }) {
  return score < (kind === "auc" ? 0.5 : 0);
}
