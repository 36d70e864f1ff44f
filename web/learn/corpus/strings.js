// Functions on strings that give the results of Python's, so that both languages make the same text of a chat.

const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const [LEADING, TRAILING] = [new RegExp(`^[${SPACE}]+`), new RegExp(`[${SPACE}]`)];

/** The white space of Python's `\s`, inside the brackets of a pattern; JavaScript's has U+FEFF, but not U+001C to U+001F. */
export const SPACES = SPACE;

/** @param {string} text */
export function lstrip(text) {
  return text.replace(LEADING, "");
}

/**
 * Returns a text without the characters at its end that are white space, or those of `which`.
 * @param {string} text
 * @param {string} [which]
 */
export function rstrip(text, which) {
  // From the end: the pattern /\s+$/ would take quadratic time on white space inside the text.
  let end = text.length;
  while (end && (which ? which.includes(text[end - 1]) : TRAILING.test(text[end - 1]))) end--;
  return text.slice(0, end);
}

/** @param {string} text */
export function strip(text) {
  return lstrip(rstrip(text));
}

/** The words between white space. @param {string} text */
export function words(text) {
  return strip(text)
    .split(new RegExp(`[${SPACE}]+`))
    .filter(Boolean);
}

/** The first code points of a text. @param {string} text @param {number} most */
export function beginning(text, most) {
  return text.length <= most
    ? text
    : Array.from(text.slice(0, 2 * most))
        .slice(0, most)
        .join("");
}

/** The parts before and after the first `separator`, and whether there is one. */
export function partition(text, separator) {
  const at = text.indexOf(separator);
  return at < 0 ? [text, "", false] : [text.slice(0, at), text.slice(at + separator.length), true];
}

/** Whether each character can be shown: no line end, no control or format character, of the spaces only U+0020. */
export function isPrintable(text) {
  return /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u.test(text);
}
