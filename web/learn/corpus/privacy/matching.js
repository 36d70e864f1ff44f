// Shared by the searches: the type of a match, matching in a part of a text, and Python's classes of characters.

/**
 * @typedef {object} Match something in a piece of text that looks private
 * @property {number} start
 * @property {number} end
 * @property {string} kind the id of its text is `private.${kind}`
 * @property {string} excerpt short and harmless
 * @property {string} [service] whose token it is
 */

/** Letters, digits and "_" of any script, inside the brackets of a pattern: Python's `\w`. */
export const WORD = String.raw`\p{L}\p{N}_`;
const WORD_CHARACTER = new RegExp(`[${WORD}]`, "u");
const ALPHANUMERIC = /[\p{L}\p{N}]/u;

/** Whether the character at a place is a letter, a digit or "_". @param {string} text @param {number} at */
export function isWordAt(text, at) {
  return at >= 0 && at < text.length && WORD_CHARACTER.test(text[at]);
}

/** @param {string} text @param {number} at */
export function isAlphanumericAt(text, at) {
  return at >= 0 && at < text.length && ALPHANUMERIC.test(text[at]);
}

/**
 * Returns the match that begins at a place, or null.
 * @param {RegExp} pattern with the flag y
 * @param {string} text
 * @param {number} at
 */
export function matchAt(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/**
 * Yields the matches in a part of a text, with their places in the whole text.
 * @param {RegExp} pattern with the flag g
 * @param {string} part
 * @param {number} offset of the part in the text
 */
export function* matchesIn(pattern, part, offset) {
  // `matchAll` would copy the pattern, which takes longer than the search of a short part.
  for (let at = 0; ;) {
    pattern.lastIndex = at;
    const found = pattern.exec(part);
    if (!found) return;
    at = pattern.lastIndex;
    found.index += offset;
    yield found;
  }
}

/** Yields each place of a string in a text. @param {string} text @param {string} part */
export function* placesOf(text, part) {
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) yield at;
}

/** Whether a text has capital letters and no small ones. @param {string} text */
export function isUpper(text) {
  return text === text.toUpperCase() && text !== text.toLowerCase();
}

/** Whether a text has small letters and no capital ones. @param {string} text */
export function isLower(text) {
  return text === text.toLowerCase() && text !== text.toUpperCase();
}

/** Whether a text has at least so many different characters. @param {string} text @param {number} least */
export function hasDistinct(text, least) {
  const found = new Set();
  for (let at = 0; at < text.length && found.size < least; at++) found.add(text[at]);
  return found.size >= least;
}
