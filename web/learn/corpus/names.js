// Reads plain lines of `Name: text`, and lines that continue a message: the rules of training/corpus/chats/line_formats.py.

import { cleaned, cleanedName } from "./cleaning.js";
import { strip, words } from "./strings.js";

const LINE = /^(?<name>[\p{L}\p{N}][^:\n\t]{0,59}):(?: (?<text>[^\n]*)|$)/u;
const WORDS = 3; // of a name that occurs once; "Once upon a time: …" is no message
const HEAD = 20_000; // characters

/** Whether the first line of a text is `Name: text`. @param {string} text */
export function isNames(text) {
  const lines = text
    .slice(0, HEAD)
    .split("\n")
    .filter((line) => strip(line));
  return lines.length > 0 && nameOf(lines[0], countsOf(lines)) !== "";
}

/**
 * Yields the messages. A name occurs at least twice in the text, or has at most three words.
 * @param {string} text with LF line ends
 * @returns {Generator<import("./cleaning.js").ChatMessage>}
 */
export function* fromNames(text) {
  const lines = text.split("\n");
  const counts = countsOf(lines);
  let name = "";
  let parts = /** @type {string[]} */ ([]);
  const message = () => ({ speaker: cleanedName(name), text: cleaned(parts.join("\n")) });
  for (const line of lines) {
    const found = nameOf(line, counts);
    if (!found) {
      parts.push(line);
      continue;
    }
    if (name) yield message();
    name = found;
    parts = [line.slice(found.length + 1)];
  }
  if (name) yield message();
}

function countsOf(lines) {
  const counts = /** @type {Map<string, number>} */ (new Map());
  for (const line of lines) {
    const name = LINE.exec(line)?.groups.name;
    if (name) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

/** The name before the colon of a line; "" if there is none. */
function nameOf(line, counts) {
  const name = LINE.exec(line)?.groups.name ?? "";
  return name && (counts.get(name) > 1 || words(name).length <= WORDS) ? name : "";
}
