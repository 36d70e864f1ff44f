// The text to train on: its characters and their ids.

const VALIDATION_PART = 10; // the last tenth of a text is held out

/**
 * Returns the distinct characters of a text, sorted by code point as in Python; with a model to fine-tune its
 * characters first, then the new ones.
 * @param {string} text
 * @param {string[]} known
 * @returns {string[]}
 */
export function vocabularyOf(text, known = []) {
  const old = new Set(known);
  const found = [...new Set(text)].filter((character) => !old.has(character));
  return [...known, ...found.sort((a, b) => a.codePointAt(0) - b.codePointAt(0))];
}

/**
 * Returns the ids of the characters of a text.
 * @param {string} text
 * @param {string[]} vocab contains all of them; has at most 65,536 entries
 * @returns {Uint16Array}
 */
export function idsOf(text, vocab) {
  const ids = new Map(vocab.map((character, id) => [character, id]));
  const found = new Uint16Array(text.length);
  let count = 0;
  for (const character of text) found[count++] = ids.get(character);
  return found.slice(0, count);
}

/** Splits the ids of a text into those to train on and the held-out last tenth. @param {Uint16Array} ids */
export function split(ids) {
  const cut = ids.length - Math.max(1, Math.floor(ids.length / VALIDATION_PART));
  return [ids.subarray(0, cut), ids.subarray(cut)];
}
