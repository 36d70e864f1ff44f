// Which character of a welcome text is marked for the visitor: the first letter of a word, where another was likely too.

const FIRST = 4; // the earliest position, so that some characters precede it
const NEAR = 30; // the latest position in a phone's first line, which is preferred: the label appears above the text
const LAST = 90; // the latest position in other lines: it is shown within two seconds
const TRIED = 6; // positions whose alternatives are requested
const LEAST_BITS = 1;
const MOST_BITS = 5;

/** @typedef {{position: number, top: [character: string, logit: number][], chances: number[]}} Asked */

/**
 * Returns the positions that may be marked: first letters of words, with a surprise between LEAST_BITS and MOST_BITS.
 * @param {string[]} chars
 * @param {(number | null)[]} bits
 */
export function placesToMark(chars, bits) {
  const hasWords = chars.includes(" "); // Chinese has none
  const isPlace = (char, at) =>
    at >= FIRST &&
    at <= LAST &&
    isLetter(char) &&
    (!hasWords || chars[at - 1] === " ") &&
    isLetter(chars[at + 1] ?? "") &&
    bits[at] >= LEAST_BITS &&
    bits[at] <= MOST_BITS;
  const places = chars.flatMap((char, at) => (isPlace(char, at) ? [at] : []));
  const near = places.filter((at) => at <= NEAR && !chars.slice(0, at).includes("\n"));
  return (near.length ? near : places).slice(0, TRIED);
}

/**
 * Returns the position where another letter is the most likely; null if there is none.
 * @param {Asked[]} asked
 * @param {string[]} chars
 */
export function bestMark(asked, chars) {
  const rated = asked.map(({ position, top, chances }) => {
    const others = top.map(([char], at) => (isLetter(char) && char !== chars[position] ? chances[at] : 0));
    return { position, share: Math.max(0, ...others) };
  });
  const best = rated.reduce((one, other) => (other.share > one.share ? other : one), { position: -1, share: 0 });
  return best.share > 0 ? best.position : null;
}

function isLetter(character) {
  return /^\p{L}$/u.test(character);
}
