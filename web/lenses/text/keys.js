/** The positions that the arrow keys move the focus to. */

/**
 * @param {string} key of a keydown event
 * @param {number|null} from the position in focus
 * @param {string[]} chars the text
 * @param {{at: number, length: number}[]} turns
 * @returns {number|null} the next position; null for other keys, and in an empty text
 */
export function nextPosition(key, from, chars, turns) {
  const turn = turns.find((each) => from !== null && from >= each.at && from < each.at + each.length) || turns.at(-1);
  if (!turn || !chars.length) return null;
  const last = turn.at + turn.length - 1;
  const position = {
    Home: () => turn.at,
    End: () => last,
    ArrowLeft: () => (from === null ? last : from - 1),
    ArrowRight: () => (from === null ? turn.at : from + 1),
    ArrowUp: () => (from === null ? last : lineAbove(chars, from)),
    ArrowDown: () => (from === null ? turn.at : lineBelow(chars, from)),
  }[key]?.();
  return position === undefined ? null : Math.max(0, Math.min(chars.length - 1, position));
}

/**
 * @param {string} key of a keydown event
 * @param {number} position
 * @param {string[]} chars the text
 * @param {{at: number, given: number, length: number}[]} turns
 * @returns {number|null} the position of a character of a reply that is no line end: this one, or the next in the direction
 *   of the key; null if there is none
 */
export function nextInReply(key, position, chars, turns) {
  const by = ["ArrowRight", "ArrowDown", "Home"].includes(key) ? 1 : -1;
  const end = Math.max(0, ...turns.map((turn) => turn.at + turn.length));
  const isInReply = (/** @type {number} */ at) =>
    turns.some((turn) => at >= turn.at + turn.given && at < turn.at + turn.length);
  for (let at = position; at >= 0 && at < end; at += by) if (chars[at] !== "\n" && isInReply(at)) return at;
  return null;
}

function lineAbove(chars, from) {
  const start = lineStart(chars, from);
  return start === 0 ? from : Math.min(lineStart(chars, start - 1) + from - start, start - 1);
}

function lineBelow(chars, from) {
  const end = lineEnd(chars, from);
  if (end >= chars.length - 1) return from;
  return Math.min(end + 1 + from - lineStart(chars, from), lineEnd(chars, end + 1));
}

function lineStart(chars, position) {
  while (position > 0 && chars[position - 1] !== "\n") position--;
  return position;
}

function lineEnd(chars, position) {
  const end = chars.indexOf("\n", position);
  return end < 0 ? chars.length - 1 : end;
}
