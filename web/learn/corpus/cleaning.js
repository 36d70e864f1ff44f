// Cleans the messages and the names of a chat export: the rules of training/corpus/chats/message.py.

import { beginning, rstrip, strip, words } from "./strings.js";

/** @typedef {{speaker: string, text: string}} ChatMessage without speaker or text it is left out: a picture, a call, a notice */

const MOST_NAME = 60; // characters

/** Removes empty lines, which would end a turn, and characters that are no text. @param {string} text */
export function cleaned(text) {
  const lines = onlyText(text)
    .split(/\r\n|\r|\n/)
    .map((line) => rstrip(line));
  return strip(lines.filter(Boolean).join("\n"));
}

/** @param {string} name */
export function cleanedName(name) {
  return rstrip(beginning(words(onlyText(name)).join(" "), MOST_NAME), " :");
}

function onlyText(text) {
  return text.replaceAll("\0", "").toWellFormed();
}
