/** Chances of characters, as the settings on the page make them. */

import { create } from "../document/dom.js";
import { percent } from "../document/words.js";

/**
 * Adds a bar that fills a part of its track, and the text beside it.
 * @param {Element} row
 * @param {[from: number, to: number]} part 0 to 1
 * @param {string} text
 */
export function showBar(row, [from, to], text) {
  const { style } = create("span", "filled", create("span", "track", row));
  [style.left, style.width] = [`${100 * from}%`, `${100 * (to - from)}%`];
  create("span", "share", row).textContent = text;
}

/** @returns {string} a chance as text: one decimal below 10 % */
export function chance(share) {
  return share > 0 && share < 0.001 ? `< ${percent(0.001, 1)}` : percent(share, share < 0.0995 ? 1 : 0);
}

/**
 * Applies temperature, then top-k, then top-p to what is left, then min-p, as model/int8/sampling.py does.
 * @param {number[]} logits the largest first
 * @param {{temperature: number, top_k: number, top_p: number, min_p: number}} settings
 * @returns {number[]} the chance of each
 */
export function chancesOf(logits, { temperature, top_k, top_p, min_p }) {
  let weights = logits.map((logit, at) => {
    if (temperature > 0) return Math.exp((logit - logits[0]) / temperature);
    return at ? 0 : 1;
  });
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

function sum(numbers) {
  return numbers.reduce((total, each) => total + each, 0);
}
