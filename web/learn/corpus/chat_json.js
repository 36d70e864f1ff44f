// Reads Telegram's result.json, of one chat or of all, JSON lines, and data sets of instructions: the rules of the modules
// telegram, records and instructions in training/corpus/chats/formats.

import { Refusal } from "../../engines/refusal.js";
import { cleaned, cleanedName } from "./cleaning.js";
import { strip } from "./strings.js";

/** @typedef {import("./cleaning.js").ChatMessage} ChatMessage */

export const ASSISTANT_ROLES = ["assistant", "gpt", "model", "bot"];
export const USER_ROLES = ["user", "human"];
const OTHER_ROLES = ["system", "developer", "tool", "function"]; // not part of the conversation
export const ROLES = [...ASSISTANT_ROLES, ...USER_ROLES, ...OTHER_ROLES];

const NAMES = ["name", "from", "author", "speaker", "sender", "username", "user", "role"];
const TEXTS = ["text", "content", "message", "value", "body"];
const NOT_WRITTEN = ["forwarded_from", "forwarded_from_id", "poll", "location_information", "place_name"]; // by Telegram's sender
const PAIRS = [
  ...[
    ["instruction", "output"],
    ["instruction", "response"],
    ["prompt", "completion"],
    ["prompt", "response"],
  ],
  ...[
    ["question", "answer"],
    ["question", "response"],
  ],
];
/** Matches the beginning of a data set of instructions. */
export const INSTRUCTIONS = new RegExp(PAIRS.map(([asks, answers]) => `"${asks}": ?"[^]*"${answers}": ?"`).join("|"));

/**
 * Yields the messages of one conversation at a time.
 * @param {string} text
 * @param {string} name of the file, for messages
 * @returns {Generator<ChatMessage[]>}
 * @throws {Refusal} it is not valid JSON
 */
export function* fromJson(text, name) {
  try {
    for (const records of conversations(values(text, name))) yield records.map(messageOf);
  } catch (error) {
    if (error instanceof RangeError) throw new Refusal({ id: "text.chat_nested", values: { name } });
    throw error;
  }
}

/** The messages in one line of a file. @param {string} line @throws {SyntaxError | RangeError} */
export function messagesOfLine(line) {
  return Array.from(conversations([JSON.parse(line)]))
    .flat()
    .map(messageOf);
}

/** Yields one value per line, or one value for the whole text if its first line is no value. */
function* values(text, name) {
  const lines = text
    .split("\n")
    .map((line, n) => /** @type {[string, number]} */ ([line, n + 1]))
    .filter(([line]) => strip(line));
  if (parsed(lines[0][0]) === undefined) {
    const whole = parsed(text);
    if (whole === undefined) throw new Refusal({ id: "text.chat_damaged", values: { name } });
    yield whole;
    return;
  }
  for (const [line, number] of lines) {
    const value = parsed(line);
    if (value === undefined) throw new Refusal({ id: "text.chat_damaged_line", values: { name, line: number } });
    yield value;
  }
}

/** The value of a JSON text; undefined where it is not valid. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Yields the messages of one conversation at a time: consecutive single messages, or the messages of one list. */
function* conversations(records) {
  let loose = [];
  for (const record of records) {
    const inside = pairIn(record) ?? messagesIn(record);
    if (!inside) {
      loose.push(record);
      continue;
    }
    if (loose.length) yield loose;
    loose = [];
    yield* conversations(inside);
  }
  if (loose.length) yield loose;
}

/** Returns the list of messages or chats that a value is or holds; null if the value is a message itself. */
function messagesIn(record) {
  if (Array.isArray(record)) return record;
  if (!isObject(record)) return null;
  const chats = get(record, "chats");
  const holder = isObject(chats) ? { messages: get(chats, "list") } : record; // Telegram's export of all chats
  return ["messages", "conversations"].map((key) => get(holder, key)).find((inside) => Array.isArray(inside)) ?? null;
}

/** Returns the two messages of a record of instruction and output, or of prompt and completion; null for another one. */
function pairIn(record) {
  const found = isObject(record) ? PAIRS.find((pair) => pair.every((key) => Object.hasOwn(record, key))) : null;
  if (!found) return null;
  const [asks, answers] = found.map((key) => plain(record[key]));
  const turns = [
    ["user", `${asks}\n${plain(get(record, "input"))}`],
    ["assistant", answers],
  ];
  return turns.map(([role, content]) => ({ role, content }));
}

/** Returns a message from a record of any of the usual shapes; without speaker or text, an empty one. */
function messageOf(record) {
  const nothing = { speaker: "", text: "" };
  if (!isObject(record) || get(record, "type") === "service") return nothing;
  if (get(record, "type") === "message" && NOT_WRITTEN.some((key) => Object.hasOwn(record, key))) return nothing;
  const role = get(record, "role");
  const key = NAMES.find((each) => Object.hasOwn(record, each));
  let speaker = ROLES.includes(role) ? role : key ? record[key] : "";
  if (isObject(speaker)) speaker = get(speaker, "name") || get(speaker, "role");
  if ((speaker ?? null) === null && Object.hasOwn(record, "from")) speaker = "Deleted Account"; // as Telegram calls it
  if (typeof speaker !== "string" || OTHER_ROLES.includes(speaker)) return nothing;
  const place = TEXTS.find((each) => Object.hasOwn(record, each));
  return { speaker: cleanedName(speaker), text: cleaned(plain(place ? record[place] : "")) };
}

/** Joins a text that is one string, or a list of strings, links, mentions and pictures. */
function plain(text) {
  const parts = Array.isArray(text) ? text : [text];
  const found = parts.map((part) => (isObject(part) ? get(part, "text") : part));
  return found.filter((part) => typeof part === "string").join("");
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function get(record, key) {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
