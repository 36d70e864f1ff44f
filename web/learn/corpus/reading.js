// Turns a file or a pasted text into the text to train on, with notes for the visitor and a list of what looks private in it.
// This takes seconds for a large file, so it runs in a worker: worker.js.

import { Refusal } from "../../engines/refusal.js";
import { ChatReader, chatKind } from "./chats.js";
import { LEAST_CHARACTERS, checkText, decode } from "./decode.js";
import { privateIn } from "./privacy.js";

/**
 * @import { ChatFormat, Message } from "../../engines/engine.js"
 * @typedef {{name: string, called: string, messages: number}} Sender the name in the export and in the text
 * @typedef {object} ReadOptions
 * @property {string} name of the file or text, for messages
 * @property {boolean} [chat] whether the text is a chat export; if omitted, a text that looks like one is read as one
 * @property {string | null} [replyAs] the sender whose turns the model writes; if omitted, an assistant, else the sender with
 *   the most messages
 * @typedef {object} ReadText
 * @property {string} text
 * @property {number} characters
 * @property {number} distinct
 * @property {number} lines
 * @property {(ChatFormat & {senders: Sender[], replyAs: string}) | null} chat the senders, those with the most messages
 *   first; the name in the export of the sender whose turns the model writes
 * @property {Message[]} notes for the visitor: how the text was read, what was left out, what to expect
 * @property {Message[]} private what looks private; empty if nothing does
 */

const MOST_DISTINCT = 65_536; // ids have two bytes
const MANY_DISTINCT = 2_048; // with more, a step reads fewer characters: MAX_LOGITS in recipe.js
const SAMPLE = 10_000; // characters that show whether a text is a chat export

/**
 * Reads a text.
 * @param {Uint8Array | string} source
 * @param {ReadOptions} options
 * @returns {ReadText}
 * @throws {Refusal} it is no text, in another encoding, too short, or not the chat that it should be
 */
export function readAll(source, { name, chat, replyAs = null }) {
  const whole = typeof source === "string" ? checkText(source, name) : decode(source, name);
  if (!whole) throw new Refusal({ id: "text.empty", values: { name } });
  const found = chatOrText(whole, name, chat, replyAs);
  const counts = countsOf(found.text);
  const { characters, distinct } = counts;
  if (characters < LEAST_CHARACTERS) {
    throw new Refusal({ id: "text.too_short", values: { name, count: characters, least: LEAST_CHARACTERS } });
  }
  if (distinct > MOST_DISTINCT)
    throw new Refusal({ id: "text.too_many_distinct", values: { name, distinct, most: MOST_DISTINCT } });
  if (distinct === 1) found.notes.push({ id: "text.one_character", values: { name } });
  if (distinct > MANY_DISTINCT) found.notes.push({ id: "text.many_distinct", values: { distinct } });
  const isChat = found.chat ? [{ id: "private.conversation" }] : [];
  return { ...found, ...counts, private: [...isChat, ...privateIn(found.text)] };
}

/** @returns {Pick<ReadText, "text" | "chat" | "notes">} */
function chatOrText(text, name, chat, replyAs) {
  const kind = chatKind(text.slice(0, SAMPLE));
  const notes = /** @type {Message[]} */ ([]);
  if (chat ?? kind) {
    try {
      return readChat(text, name, replyAs);
    } catch (error) {
      if (chat || replyAs !== null || !(error instanceof Refusal)) throw error;
      notes.push({ id: "text.chat_not_read", values: { reason: error.reason } });
    }
  } else if (kind) {
    notes.push({ id: `text.chat_${kind}`, values: { name } });
  }
  return { text, chat: null, notes };
}

function readChat(whole, name, replyAs) {
  const reader = new ChatReader();
  const { text, messages, leftOut } = reader.read(whole, name);
  const format = reader.format(name, replyAs);
  const senders = reader.senders();
  const called = [format.prefix, format.suffix.slice(format.stop.length)].map((each) => each.slice(0, -": ".length));
  const [asks, replies] = called.map((each) => senders.find((sender) => sender.called === each).name);
  const notes = /** @type {Message[]} */ ([]);
  notes.push({ id: "text.chat_read", values: { count: messages - leftOut, senders: senders.length, replies, asks } });
  if (asks !== called[0] || replies !== called[1]) {
    notes.push({
      id: "text.chat_letters",
      values: { asks, asks_letter: called[0], replies, replies_letter: called[1] },
    });
  }
  if (leftOut) notes.push({ id: "text.chat_left_out", values: { count: leftOut, all: messages } });
  return { text, chat: { ...format, senders, replyAs: replies }, notes };
}

/** Returns how many characters (code points), distinct characters and lines a text has; the last line may have no end. */
export function countsOf(text) {
  const seen = new Uint8Array(0x110000);
  let [characters, distinct, lines] = [0, 0, text && !text.endsWith("\n") ? 1 : 0];
  for (let at = 0; at < text.length; at++) {
    const code = text.codePointAt(at);
    if (code > 0xffff) at++;
    if (code === 10) lines++;
    characters++;
    distinct += seen[code] ? 0 : 1;
    seen[code] = 1;
  }
  return { characters, distinct, lines };
}
