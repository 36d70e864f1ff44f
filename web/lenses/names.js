// Names of characters and cells in the visitor's language; the cell that follows the position in the line, and how long lines are;
// the chances of characters under the settings on the page, and the bars that show them.

import { NAMES, codeOf } from "../conversation/replies.js";
import { count } from "../engines/engine.js";
import { number, percent, t } from "../document/words.js";
import { html } from "../vendor/preact.js";
import { visibleCharacter } from "../document/dom.js";
import { CLAMP_VALUE, featureOf, isInverted, model, namedCell, wayOf } from "../state/state.js";

const [VERY_WELL, WELL] = [0.95, 0.85]; // scores from which a cell tracks a feature very reliably, and reliably
/** How many of the most likely characters are shown. */
export const SHOWN = 5;

// Names of cells that follow the position in the line, the best first, each with the sign of the clamp that makes lines
// short if the cell rises with the feature, and the id of the text that says what it does.
const COUNTERS = /** @type {const} */ ([
  ["words in the line so far", 1, "demo.lines.words"],
  ["place in the line", 1, "demo.lines.place"],
  ["line end near", 1, "demo.lines.near"],
  ["characters left in the line", -1, "demo.lines.left"],
]);

/** @import { Clamp, Model, NamedCell, Sampling } from "../engines/engine.js" */

/** @returns {string} a character for use in a sentence: an invisible one is named */
export function nameOf(character) {
  if (NAMES[character]) return t(`character.${NAMES[character]}`);
  const code = codeOf(character);
  return code ? t("unknown.invisible", { code }) : character;
}

/** @returns {string} a character in quotation marks, or its name with an article */
export function quoted(character) {
  if (NAMES[character]) return t(`character.a_${NAMES[character]}`);
  const name = nameOf(character);
  return name === character ? t("quoted", { text: name }) : name;
}

/**
 * Returns how well a cell tracks its feature, as a number up to 1 and in words, and whether the cell falls where the
 * feature grows: an AUC below 0.5, or a negative correlation.
 * @param {NamedCell} cell
 */
export function scoreOf(cell) {
  const [falls, { kind, score }] = [isInverted(cell), cell];
  const value = falls ? (kind === "auc" ? 1 - score : -score) : score;
  const how = value >= VERY_WELL ? "memory.very_well" : value >= WELL ? "memory.well" : "memory.roughly";
  return { score: number(value, 2), how: t(how), falls: falls ? t("memory.falls") : "" };
}

/**
 * Returns the cell of a model that counts the line, the value that makes lines short, and the messages that say what the cell
 * does and which way it is held; null if the model has no such cell.
 * @param {Model} model
 */
export function lineCounter(model) {
  for (const [name, sense, does] of COUNTERS) {
    const cell = model.cells.find((each) => each.name === name);
    const value = CLAMP_VALUE * sense * (isInverted(cell) ? -1 : 1);
    if (cell) return { cell, value, does: { id: does }, way: { id: `way.${wayOf(value, cell)}` } };
  }
  return null;
}

/** Returns what a held cell makes the network believe; "" if that is not known. @param {Clamp} clamp */
export function effectOf([layer, index, value]) {
  const [cell, counter] = [namedCell(layer, index), model.value && lineCounter(model.value)];
  const way = cell && wayOf(value, cell);
  if (!way) return "";
  if (cell === counter?.cell) return t(!value ? "hold.middle" : value === counter.value ? "hold.long" : "hold.short");
  return value ? t("hold.as_if", { name: featureOf(cell), way: { id: `way.${way}` } }) : "";
}

/**
 * Returns the lengths of the lines of a text in characters, without empty ones. The first, which began in the prompt, and the last,
 * which may go on, are only counted if they are longer than the mean of the others.
 * @param {string} text
 */
export function lineLengths(text) {
  const lengths = text.split("\n").map((line) => (line.trim() ? count(line) : 0));
  const mean = meanOf(lengths.slice(1, -1).filter(Boolean)) ?? 0;
  return lengths.filter((length, at) => length > (at === 0 || at === lengths.length - 1 ? mean : 0));
}

/** Returns the mean of some lengths; null if there are none. @param {number[]} lengths */
export function meanOf(lengths) {
  return lengths.length ? sum(lengths) / lengths.length : null;
}

/**
 * @typedef {{top?: [character: string, logit: number][], rest?: number[]}} Predicted the largest logits first
 */

/**
 * A bar that fills a part of its track, from `from` to `to` of 0 to 1, and the text beside it.
 * @param {{from?: number, to: number, children?: string}} properties
 */
export function Bar({ from = 0, to, children }) {
  const style = `left: ${100 * from}%; width: ${100 * (to - from)}%`;
  return html`<span class="track"><span class="filled" style=${style}></span></span><span class="share">${children}</span>`;
}

/**
 * The list of characters with their chances.
 * @param {{rows: [character: string, share: number][], char: string, label: string}} properties  `char` is the one that is there
 */
export function Chances({ rows, char, label }) {
  const items = rows.map(([each, share]) => {
    const text = chance(share);
    return html`
      <li class=${each === char ? "there" : null} aria-label=${nameOf(each) + ": " + text}>
        <b class="char">${visibleCharacter(each)}</b><${Bar} to=${share}>${text}<//>
      </li>`;
  });
  return html`<ol class="likely" aria-label=${label}>${items}</ol>`;
}

/**
 * Returns the most likely characters with their chances, the one that is there among them or after them.
 * @param {Predicted} predicted
 * @param {Sampling} settings
 * @param {string} char
 * @param {?number} [bits] of the character, from which its logit follows; without them it is shown only if it was likely
 * @returns {[character: string, share: number][]}
 */
export function likely({ top, rest }, settings, char, bits) {
  const chances = chancesOf({ top, rest }, settings);
  const found = /** @type {[string, number][]} */ (top.map(([each], at) => [each, chances[at]]));
  const there = found.findIndex(([each]) => each === char);
  if (there >= 0) return [...found.slice(0, SHOWN), ...(there < SHOWN ? [] : [found[there]])];
  if (!((bits ?? -1) >= 0)) return found.slice(0, SHOWN);
  const [largest, ...others] = [...top.map(([, logit]) => logit), ...rest];
  const total = largest + Math.log(1 + sum(others.map((logit) => Math.exp(logit - largest))));
  const distances = rest.map((logit) => Math.abs(total - bits * Math.LN2 - logit));
  const nearest = distances.indexOf(Math.min(...distances));
  return [...found.slice(0, SHOWN), [char, chances[top.length + nearest]]];
}

/** @returns {string} a chance as text: one decimal near 0 and 1, where it counts; it has no space where a line may break */
export function chance(share) {
  if (share > 0 && share < 0.001) return `<\u00a0${percent(0.001, 1)}`;
  if (share > 0.999 && share < 1) return `>\u00a0${percent(0.999, 1)}`;
  return percent(share, share < 0.0995 || (share >= 0.995 && share < 1) ? 1 : 0);
}

/**
 * Applies temperature, then top-k, then top-p to the remaining characters, then min-p, as model/int8/sampling.py does.
 * @param {Predicted} predicted
 * @param {Sampling} settings
 * @returns {number[]} the chance of each
 */
function chancesOf({ top, rest }, { temperature, top_k, top_p, min_p }) {
  const logits = [...top.map(([, logit]) => logit), ...rest];
  let weights = logits.map((logit, at) => (temperature > 0 ? Math.exp((logit - logits[0]) / temperature) : at ? 0 : 1));
  if (top_k > 0) weights = weights.map((weight, at) => (at < top_k ? weight : 0));
  let room = top_p < 1 ? top_p * sum(weights) : Infinity;
  weights = weights.map((weight) => {
    const kept = room > 0 ? weight : 0;
    room -= weight;
    return kept >= min_p ? kept : 0;
  });
  const total = sum(weights);
  return weights.map((weight) => weight / total);
}

const sum = (numbers) => numbers.reduce((total, each) => total + each, 0);
