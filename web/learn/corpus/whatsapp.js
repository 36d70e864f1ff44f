// Reads the .txt that WhatsApp exports, on Android and on an iPhone, in the date formats of many countries: the rules of
// training/corpus/chats/line_formats.py.

import { cleaned, cleanedName } from "./cleaning.js";
import { isPhrase } from "./phrases.js";
import { SPACES, partition, rstrip, strip } from "./strings.js";

const MOST_NAME = 60; // characters; a longer text before a colon is a notice of the messenger
const EDITED_FROM_END = 120; // characters at the end of a line that are searched for the mark of an edited message

// Day, month and year in any order; a time with or without seconds, and words such as "PM", "p. m." or "um" around it.
// An iPhone writes both in brackets, Android before a dash.
const S = `[${SPACES}]`;
const date = (/** @type {string} */ group) =>
  String.raw`\p{Nd}{1,4}(?<${group}>[./-])${S}?\p{Nd}{1,2}\k<${group}>${S}?\p{Nd}{1,4}\.?[,،]?`;
const WORDS = String.raw`(?:[\p{L}\p{Nl}\p{No}]{1,8}\.?${S}?){0,2}`;
const TIME = String.raw`${WORDS}\p{Nd}{1,2}[:.]\p{Nd}{2}(?:[:.]\p{Nd}{2})?${S}?${WORDS}`;
const HEADER = new RegExp(
  String.raw`^(?:(?<bracket>\[)${date("phone")}${S}${TIME}\]|${date("android")}${S}${TIME}${S}?[-–])${S}`,
  "u",
);
// Left-to-right marks and similar characters, which the messengers put around names, numbers and notices.
const MARKS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const NOTICE = "\u200e"; // begins a line that the messenger wrote, not a person
const LINKED_FILE = new RegExp(`^(?:!?\\[[^\\]\\n]{0,200}\\]\\([^)\\n]{1,400}\\)${S}*)+$`, "u"); // as signal-export writes attachments
const EDITED = /(?:\u200e<[^<>\n]{0,100}>|<This message was edited>)$/u;
/** Returns the date, time and what is around them at the beginning of a line, or null. @param {string} line */
export function headerOf(line) {
  return HEADER.exec(line.replace(MARKS, ""));
}

/**
 * Yields the messages of an export; none before its first header.
 * @param {string} text with LF line ends
 * @returns {Generator<import("./cleaning.js").ChatMessage>}
 */
export function* fromWhatsapp(text) {
  let speaker = "";
  let lines = /** @type {string[] | null} */ (null); // of the message so far
  let style = ""; // of this file: with a bracket or without
  for (const raw of linesOf(text)) {
    const line = raw.replace(MARKS, "");
    const header = HEADER.exec(line);
    // A message may quote the header of another one, but not in the style (brackets or dash) of this very file.
    if (header && (!lines || style === (header.groups.bracket ?? ""))) {
      if (lines) yield messageOf(speaker, lines);
      style = header.groups.bracket ?? "";
      const [before, after, hasColon] = partition(line.slice(header[0].length), ":");
      speaker = hasColon && (!after || after.startsWith(" ")) && !isNotice(before) ? before : "";
      lines = [partition(raw, ": ")[1]];
    } else if (lines) {
      lines.push(raw);
    }
  }
  if (lines) yield messageOf(speaker, lines);
}

/** Yields the lines of a text, without a list of all. */
function* linesOf(text) {
  for (let at = 0, end = 0; end >= 0; at = end + 1) {
    end = text.indexOf("\n", at);
    yield text.slice(at, end < 0 ? text.length : end);
  }
}

/** Whether the text before a colon is no name: 'Anna changed the subject to "Party: tonight"'. */
function isNotice(name) {
  return [...name].length > MOST_NAME || /["“”„«»]/.test(name);
}

function messageOf(speaker, lines) {
  const textOf = (/** @type {string[]} */ some) =>
    cleaned(some.map((line) => withoutEditMark(line).replace(MARKS, "")).join("\n"));
  const whole = textOf(lines);
  const name = cleanedName(strip(speaker).replace(/^~/, ""));
  if (isPhrase(whole) || LINKED_FILE.test(whole)) return { speaker: name, text: "" };
  // The lines below a picture are its caption.
  return { speaker: name, text: lines[0].startsWith(NOTICE) ? textOf(lines.slice(1)) : whole };
}

/** Returns a line without the mark of an edited message at its end; only the end is searched. */
function withoutEditMark(line) {
  const whole = rstrip(line);
  const end = Array.from(whole.slice(-2 * EDITED_FROM_END))
    .slice(-EDITED_FROM_END)
    .join("");
  const found = EDITED.exec(end);
  return found ? rstrip(whole.slice(0, whole.length - end.length + found.index)) : whole;
}
