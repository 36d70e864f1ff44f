/** Names of characters and cells in the visitor's language. */

import { has, number, t } from "../document/words.js";

/** @returns {string} a character in a sentence: what cannot be seen is named */
export function nameOf(character) {
  const ids = { "\n": "character.line_end", " ": "character.space", "\t": "character.tab" };
  return ids[character] ? t(ids[character]) : character;
}

/** @returns {string} a character in quotation marks */
export function quoted(character) {
  return `“${nameOf(character)}”`;
}

/** @import { NamedCell } from "../engines/engine.js" */

/** @type {(cell: NamedCell) => string} what a cell tracks; checkpoints name it in English */
export function featureOf({ name }) {
  return has(`cell.${name}`) ? t(`cell.${name}`) : name;
}

/** Returns how well a cell tracks it: an AUC below 0.5 is that of an inverted cell. @param {NamedCell} cell */
export function scoreOf({ kind, score }) {
  const inverted = kind === "auc" && score < 0.5;
  const text = number(score, 2);
  return { measure: kind === "auc" ? "AUC" : "r", score: inverted ? `${text} ${t("memory.inverted")}` : text };
}
