// Turns chat exports into text: WhatsApp's .txt, Telegram's result.json, JSON lines and lines of "Name: text" become turns,
// "name: text". The text and the chat format are those of training/corpus/chats.
//
// An empty line ends a turn and never occurs inside one: it is the stop string of a model trained on such a text.
// Consecutive messages of one speaker are one turn of several lines. Times, pictures, calls and notices of the messenger are
// left out and counted.

import { Refusal } from "../../engines/refusal.js";
import { ASSISTANT_ROLES, INSTRUCTIONS, ROLES, USER_ROLES, fromJson, messagesOfLine } from "./chat_json.js";
import { fromNames, isNames } from "./names.js";
import { SPACES, lstrip, strip } from "./strings.js";
import { fromWhatsapp, headerOf } from "./whatsapp.js";

const TURN_END = "\n\n";
const LISTED = 5; // speakers
const MOST_BLANK = 1000; // lines before the first one that is not blank
const BEGINS_LIKE_JSON = new RegExp(`^[${SPACES}]*[{[]`);

/** Reads one chat export and counts the messages of each speaker. */
export class ChatReader {
  /** Messages by speaker, with the names in the export. */
  speakers = /** @type {Map<string, number>} */ (new Map());
  /**
   * The names in the text, by the names in the export. Roles such as "user" keep theirs; other speakers are called A, B, … in
   * the order of their first messages, so that no name becomes a part of the model's format.
   */
  names = /** @type {Map<string, string>} */ (new Map());

  /**
   * Returns the turns of a file as text, and the number of its messages: all, and those that were left out.
   * @param {string} text with LF line ends
   * @param {string} name of the file, for messages
   * @throws {Refusal} the file is no chat export, is damaged, or holds no message
   */
  read(text, name) {
    const turns = /** @type {string[][]} */ ([]); // a turn is a list of messages
    let [count, leftOut] = [0, 0];
    for (const conversation of conversationsOf(text, name)) {
      let previous = "";
      for (const message of conversation) {
        if (!message.speaker || !message.text) {
          leftOut++;
          continue;
        }
        count++;
        this.#count(message.speaker);
        if (message.speaker === previous) turns.at(-1).push(message.text);
        else turns.push([`${this.names.get(message.speaker)}: ${message.text}`]);
        previous = message.speaker;
      }
    }
    if (!count) throw new Refusal({ id: "text.chat_empty", values: { name } });
    return { text: `${turns.map((turn) => turn.join("\n")).join(TURN_END)}\n`, messages: count + leftOut, leftOut };
  }

  /**
   * Returns the format in which a model of this chat is prompted.
   * @param {string} name of the file, for messages
   * @param {string | null} [replyAs] the speaker whose turns the model writes; without one, an assistant if there is one,
   *   else the speaker with the most messages
   * @returns {import("../../engines/engine.js").ChatFormat}
   * @throws {Refusal} the chat has no such speaker, or only one speaker
   */
  format(name, replyAs = null) {
    const names = this.senders().map((each) => each.name);
    const listed = [...names.slice(0, LISTED), ...(names.length > LISTED ? ["…"] : [])];
    if (replyAs !== null && !this.speakers.has(replyAs)) {
      throw new Refusal({ id: "text.chat_no_speaker", values: { speaker: replyAs, names: listed } });
    }
    if (names.length < 2) throw new Refusal({ id: "text.chat_one_speaker", values: { name, speaker: names[0] } });
    const replies = replyAs ?? ASSISTANT_ROLES.find((role) => this.speakers.has(role)) ?? names[0];
    const others = names.filter((each) => each !== replies);
    const asks = USER_ROLES.find((role) => others.includes(role)) ?? others[0];
    return { prefix: `${this.names.get(asks)}: `, suffix: `${TURN_END}${this.names.get(replies)}: `, stop: TURN_END };
  }

  /**
   * Returns the speakers, those with the most messages first: their names in the export and in the text.
   * @returns {{name: string, called: string, messages: number}[]}
   */
  senders() {
    const sorted = [...this.speakers].sort(([, a], [, b]) => b - a);
    return sorted.map(([name, messages]) => ({ name, called: this.names.get(name), messages }));
  }

  #count(speaker) {
    this.speakers.set(speaker, (this.speakers.get(speaker) ?? 0) + 1);
    if (!this.names.has(speaker))
      this.names.set(speaker, ROLES.includes(speaker) ? speaker : lettersOf(this.names.size));
  }
}

/** Returns the conversations of a file, each an iterable of messages. */
function conversationsOf(text, name) {
  if (isJson(text)) return fromJson(text, name);
  const lines = text.split("\n", MOST_BLANK);
  const first = lines.findIndex((line) => strip(line));
  if (first >= 0 && headerOf(lines[first])) return [fromWhatsapp(text)];
  if (isNames(text)) return [fromNames(text)];
  throw new Refusal({ id: "text.chat_unknown", values: { name, line: Math.max(first, 0) + 1 } });
}

/**
 * Returns which chat export a file looks like, or null.
 * @param {string} head the beginning of the file
 * @returns {"whatsapp" | "telegram" | "json" | null}
 */
export function chatKind(head) {
  const first = head.split("\n").find((line) => strip(line));
  if (!first) return null;
  if (!isJson(first)) return headerOf(first) ? "whatsapp" : null;
  if (/"type": ?"[\p{L}\p{N}_]+_(?:chat|group|supergroup|channel)"/u.test(head) && head.includes('"messages"'))
    return "telegram";
  if (INSTRUCTIONS.test(head)) return "json";
  try {
    return messagesOfLine(first).some(({ speaker, text }) => speaker && text) ? "json" : null;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return null;
    throw error;
  }
}

/** Returns whether a text begins like JSON; WhatsApp's export from an iPhone has a bracket there, too, and is not JSON. */
function isJson(text) {
  return BEGINS_LIKE_JSON.test(text) && !headerOf(lstrip(text.slice(0, 1000)));
}

/** Returns A, B, …, Z, AA, AB, … for 0, 1, …. @param {number} number */
function lettersOf(number) {
  let letters = "";
  for (let rest = number + 1; rest; rest = Math.floor((rest - 1) / 26))
    letters = String.fromCharCode(65 + ((rest - 1) % 26)) + letters;
  return letters;
}
