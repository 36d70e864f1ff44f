// The named cell that counts the characters of a line; a demonstration and the tour clamp it.

export const CLAMP_VALUE = 4; // tanh of it is 0.999
// Names of cells that follow the position in the line, the best first, each with the sign of the clamp that makes lines
// short if the cell rises with the feature, and the id of the text that says what it does.
const COUNTERS = /** @type {const} */ ([
  ["words in the line so far", 1, "demo.lines.words"],
  ["place in the line", 1, "demo.lines.place"],
  ["line end near", 1, "demo.lines.near"],
  ["characters left in the line", -1, "demo.lines.left"],
]);

/** @import { Model } from "../engines/engine.js" */

/**
 * Returns the cell of a model that counts the line, the value that makes lines short, and the id of the text that says
 * what the cell does; null if the model has no such cell.
 * @param {Model} model
 */
export function lineCounter(model) {
  for (const [name, sense, does] of COUNTERS) {
    const cell = model.cells.find((each) => each.name === name);
    const isInverted = cell?.score < (cell?.kind === "auc" ? 0.5 : 0); // it falls where its feature rises
    if (cell) return { cell, value: CLAMP_VALUE * sense * (isInverted ? -1 : 1), does };
  }
  return null;
}
