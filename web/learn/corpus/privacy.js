// Finds what looks private in a text: personal data and secrets, and exports of messengers: the rules of
// training/corpus/privacy/, in time that is linear in the length of the text.

import { chatLines } from "./privacy/chat_lines.js";
import { mail } from "./privacy/mail.js";
import { numbers } from "./privacy/numbers.js";
import { passwords } from "./privacy/passwords.js";
import { phones } from "./privacy/phones.js";
import { tokens } from "./privacy/tokens.js";

/**
 * @import { Message } from "../../engines/engine.js"
 * @import { Match } from "./privacy/matching.js"
 * @typedef {{kind: string, service: string, line: number, excerpt: string}} Finding the line is counted from 1
 */

const SEARCHES = [chatLines, tokens, passwords, mail, numbers, phones];
const PIECE = 1 << 20; // characters that are searched at once
const CONTEXT = 1 << 14; // more than the longest finding and what is read before and after it

/**
 * Yields the findings in the order of the text. If two overlap, only the one that begins first is yielded.
 * @param {string} text
 * @returns {Generator<Finding>}
 */
export function* scan(text) {
  let [line, counted, lastEnd] = [1, 0, 0]; // the line of the place `counted`, and the end of the last finding
  for (let from = 0; from < text.length; from += PIECE) {
    const offset = Math.max(0, from - CONTEXT);
    for (const match of matchesOf(text.slice(offset, from + PIECE + CONTEXT))) {
      const start = offset + match.start;
      if (start < from || start >= from + PIECE || start < lastEnd) continue;
      for (; counted < start; counted++) line += text.charCodeAt(counted) === 10 ? 1 : 0;
      lastEnd = offset + match.end;
      yield { kind: match.kind, service: match.service ?? "", line, excerpt: match.excerpt };
    }
  }
}

/**
 * Returns a warning for each kind of finding: how many there are, and where the first one is. The findings themselves are not
 * repeated.
 * @param {string} text
 * @returns {Message[]} the most frequent kind first
 */
export function privateIn(text) {
  const kinds = /** @type {Map<string, {count: number, first: Finding}>} */ (new Map());
  for (const finding of scan(text)) {
    const key = `${finding.kind} ${finding.service}`;
    const known = kinds.get(key);
    if (known) known.count++;
    else kinds.set(key, { count: 1, first: finding });
  }
  const sorted = [...kinds.values()].sort((a, b) => b.count - a.count);
  return sorted.map(({ count, first: { kind, service, line, excerpt } }) => ({
    id: `private.${kind}`,
    values: { count, line, excerpt, ...(service && { service }) },
  }));
}

/** @param {string} text @returns {Match[]} */
function matchesOf(text) {
  const found = SEARCHES.flatMap((search) => Array.from(search(text)));
  return found.sort(
    (a, b) => a.start - b.start || Number(a.kind === "password") - Number(b.kind === "password") || b.end - a.end,
  );
}
