/** Names of characters and cells in the visitor's language. */

import { codeOf } from "../conversation/replies.js";
import { has, number, t } from "../document/words.js";

export const CLAMP_VALUE = 4; // tanh of it is 0.999
const [VERY_WELL, WELL] = [0.95, 0.85]; // scores from which a cell tracks a feature very reliably, and reliably

// Names of cells that follow the position in the line, the best first, each with the sign of the clamp that makes lines
// short if the cell rises with the feature, and the id of the text that says what it does.
const COUNTERS = /** @type {const} */ ([
  ["words in the line so far", 1, "demo.lines.words"],
  ["place in the line", 1, "demo.lines.place"],
  ["line end near", 1, "demo.lines.near"],
  ["characters left in the line", -1, "demo.lines.left"],
]);

/** @returns {string} a character for use in a sentence: an invisible one is named */
export function nameOf(character) {
  const ids = { "\n": "character.line_end", " ": "character.space", "\t": "character.tab" };
  if (ids[character]) return t(ids[character]);
  const code = codeOf(character);
  return code ? t("unknown.invisible", { code }) : character;
}

/** @returns {string} a character in quotation marks */
export function quoted(character) {
  return t("quoted", { text: nameOf(character) });
}

/** @import { Model, NamedCell } from "../engines/engine.js" */

/** @type {(cell: NamedCell) => string} the feature that a cell tracks; checkpoints name it in English */
export function featureOf({ name }) {
  return has(`cell.${name}`) ? t(`cell.${name}`) : name;
}

/**
 * Returns how well a cell tracks its feature, as a number up to 1 and in words, and whether the cell falls where the
 * feature grows: an AUC below 0.5, or a negative correlation.
 * @param {NamedCell} cell
 */
export function scoreOf({ kind, score }) {
  const signed = kind === "auc" ? 2 * score - 1 : score;
  const value = signed < 0 ? (kind === "auc" ? 1 - score : -score) : score;
  const how = value >= VERY_WELL ? "memory.very_well" : value >= WELL ? "memory.well" : "memory.roughly";
  return { score: number(value, 2), how: t(how), falls: signed < 0 ? t("memory.falls") : "" };
}

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
