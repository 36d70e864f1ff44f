// Turns a WhatsApp export into text: its messages become turns, "NAME: text". The text and the chat format are those of
// training/corpus/chats.
//
// An empty line ends a turn and never occurs inside one: it is the stop string of a model trained on such a text.
// Consecutive messages of one speaker are one turn of several lines. Times, pictures, calls and notices of the messenger are
// left out and counted. The speakers are called A, B, … in the order of their first messages, so that no name becomes a part
// of the model's format.

import { Refusal } from "../../engines/refusal.js";
import { messagesOf } from "./whatsapp.js";

/**
 * @import { ChatFormat, Message } from "../../engines/engine.js"
 * @typedef {{name: string, called: string, messages: number}} Sender the name in the export and in the text
 * @typedef {ChatFormat & {senders: Sender[], replyAs: string}} Chat the senders, those with the most messages first; the name
 *   in the export of the sender whose turns the model writes
 */

const TURN_END = "\n\n";
// The beginnings of chats that only Python reads: JSON of messengers and data sets (the rules of training/corpus/chats/formats.json),
// then Discord, LINE and Signal.
const IN_JSON = [
  String.raw`"type": ?"\w+_(?:chat|group|supergroup|channel)"|"ts": ?"\d{9,11}\.\d+"|"guild": ?\{|"sender_?[nN]ame":`,
  String.raw`"mapping": ?\{|"chat_messages": ?\[|"(?:instruction|prompt|question)": ?"[^]*"(?:output|response|completion|answer)":`,
  String.raw`"(?:role|from|name|speaker|sender|author|user|username)": ?"[^"\n]*"\}?,\s*"(?:content|text|message|value|body)":`,
];
const OTHERS = [
  new RegExp(String.raw`^\s*[{[][^]*(?:${IN_JSON.join("|")})`),
  /^={20,}\nGuild: |^\[LINE\] |^(?:Conversation: .*\n+)?From: .*\n(?:To: .*\n)?Type: /,
];

/** Returns whether a text begins like a chat that this page does not read. @param {string} head */
export function isOtherChat(head) {
  return OTHERS.some((pattern) => pattern.test(head));
}

/**
 * Returns the turns of an export as text, the format in which a model of it is prompted, and notes for the visitor.
 * @param {string} export_ with LF line ends
 * @param {string} name of the file, for messages
 * @param {string | null} [replyAs] the sender whose turns the model writes; without one, the sender with the most messages
 * @returns {{text: string, chat: Chat, notes: Message[]}}
 * @throws {Refusal} the export has no message, or messages of one sender only
 */
export function readChat(export_, name, replyAs = null) {
  const found = /** @type {Map<string, Sender>} */ (new Map());
  const turns = /** @type {string[][]} */ ([]); // a turn is a list of messages
  let [previous, count, all] = ["", 0, 0];
  for (const { speaker, text } of messagesOf(export_)) {
    all++;
    if (!speaker || !text) continue;
    const sender = found.get(speaker) ?? { name: speaker, called: lettersOf(found.size), messages: 0 };
    found.set(speaker, sender);
    sender.messages++;
    count++;
    if (speaker === previous) turns.at(-1).push(text);
    else turns.push([`${sender.called}: ${text}`]);
    previous = speaker;
  }
  const senders = [...found.values()].sort((a, b) => b.messages - a.messages);
  if (!senders.length) throw new Refusal({ id: "text.chat_empty", values: { name } });
  const replies = senders.find((each) => each.name === replyAs) ?? senders[0];
  const asks = senders.find((each) => each !== replies);
  if (!asks) throw new Refusal({ id: "text.chat_one_speaker", values: { name, speaker: replies.name } });
  const names = { replies: replies.name, asks: asks.name };
  const notes = [
    { id: "text.chat_read", values: { count, senders: senders.length, ...names } },
    { id: "text.chat_letters", values: { ...names, replies_letter: replies.called, asks_letter: asks.called } },
    ...(all > count ? [{ id: "text.chat_left_out", values: { count: all - count, all } }] : []),
  ];
  const format = { prefix: `${asks.called}: `, suffix: `${TURN_END}${replies.called}: `, stop: TURN_END };
  const text = `${turns.map((turn) => turn.join("\n")).join(TURN_END)}\n`;
  return { text, chat: { ...format, senders, replyAs: replies.name }, notes };
}

/** Returns A, B, …, Z, AA, AB, … for 0, 1, …. @param {number} number */
function lettersOf(number) {
  const last = String.fromCharCode(65 + (number % 26));
  return number < 26 ? last : lettersOf(Math.floor(number / 26) - 1) + last;
}
