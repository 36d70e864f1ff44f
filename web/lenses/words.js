// The words of a text that cost a model the most bits.

const WORD_LENGTH = 24; // characters of a word that are shown
// Scripts without spaces between words: each character counts as a word. Their punctuation ends one, as a space does.
const ONE_CHARACTER = /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}/u;
const BETWEEN = /[\s\u3000-\u303f\uff00-\uff0f\uff1a-\uff20]/;

/**
 * Returns the words that cost at least one bit, the most bits first, each with the position of its character that costs the most.
 * @param {string[]} chars
 * @param {(number | null)[]} values  the bits of each character; a skipped one has none
 */
export function costlyWords(chars, values) {
  const words = /** @type {{word: string, bits: number, at: number, most: number}[]} */ ([]);
  let word = null;
  chars.forEach((char, at) => {
    if (BETWEEN.test(char)) {
      word = null;
      return;
    }
    const isAlone = ONE_CHARACTER.test(char);
    if (!word || isAlone) words.push((word = { word: "", bits: 0, at, most: 0 }));
    word.word += word.word.length < WORD_LENGTH ? char : "";
    const bits = Math.max(0, values[at] ?? 0);
    word.bits += bits;
    if (bits > word.most) [word.most, word.at] = [bits, at];
    if (isAlone) word = null;
  });
  return words.filter((each) => each.bits >= 1).sort((one, other) => other.bits - one.bits);
}
