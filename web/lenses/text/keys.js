// The positions that the arrow keys move the focus to.

/**
 * Returns the position that a key moves the focus to; null for other keys, and in an empty text.
 * @param {string} key of a keydown event
 * @param {?number} from the position in focus
 * @param {string[]} chars the text
 * @param {{at: number, length: number}[]} turns
 */
export function nextPosition(key, from, chars, turns) {
  const turn = turns.find(({ at, length }) => from !== null && from >= at && from < at + length) ?? turns.at(-1);
  if (!turn || !chars.length) return null;
  const last = turn.at + turn.length - 1;
  const position = {
    Home: () => turn.at,
    End: () => last,
    ArrowLeft: () => (from === null ? last : from - 1),
    ArrowRight: () => (from === null ? turn.at : from + 1),
    ArrowUp: () => (from === null ? last : inNextLine(chars, from, -1)),
    ArrowDown: () => (from === null ? turn.at : inNextLine(chars, from, 1)),
  }[key]?.();
  return position === undefined ? null : Math.max(0, Math.min(chars.length - 1, position));
}

/**
 * Returns the position of a character of a reply that is no line end: this one, or the next in the direction of the key;
 * null if there is none.
 * @param {string} key of a keydown event
 * @param {number} position
 * @param {string[]} chars the text
 * @param {{at: number, given: number, length: number}[]} turns
 */
export function nextInReply(key, position, chars, turns) {
  const by = ["ArrowRight", "ArrowDown", "Home"].includes(key) ? 1 : -1;
  const isInReply = (n) => turns.some(({ at, given, length }) => n >= at + given && n < at + length);
  for (let at = position; at >= 0 && at < chars.length; at += by) if (chars[at] !== "\n" && isInReply(at)) return at;
  return null;
}

// Returns the position in the line below (1) or above (-1) that is as far from its beginning; the same one if there is none.
function inNextLine(chars, from, by) {
  const startOf = (at) => chars.slice(0, at).lastIndexOf("\n") + 1;
  const endOf = (at) => (chars.indexOf("\n", at) < 0 ? chars.length - 1 : chars.indexOf("\n", at));
  const start = startOf(from);
  const next = by > 0 ? endOf(from) + 1 : startOf(start - 1);
  if (by > 0 ? next >= chars.length : start === 0) return from;
  return Math.min(next + from - start, endOf(next));
}
