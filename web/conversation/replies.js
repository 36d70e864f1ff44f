// Makes replies and requests: what a model reads before it writes. That is the prompt in its chat format, and after an update
// the text so far: a state is valid for one commit only, so a newer commit reads the text again. Pure functions on the log.

import { SAMPLING } from "../settings.js";
import { randomId } from "./hash.js";
import { count, lastPart, lastTurn, newPart, readText, remembered, replyText, sameModels } from "./log.js";
import { authorNow, authorOf, refsOf } from "./models.js";
import { tabId } from "./stored_conversations.js";

/**
 * @import { ChatFormat, Message, Model, Settings, WriteRequest } from "../engines/engine.js"
 * @import { Log, Part, Reply, Turn } from "./log.js"
 * @import { Author, FindModel } from "./models.js"
 */

const MAX_CARRIED = 4000; // characters that a newer commit reads again: more than an LSTM remembers
const MAX_NAMED = 8; // unknown characters that a notice lists

/**
 * Returns the text that the model reads before it replies in a chat; model/chat.py defines the format.
 * @param {ChatFormat} chat
 * @param {string} message  "" for another turn of the model without a message
 */
export function wrap({ prefix, suffix, stop }, message) {
  const parts = message.split(stop).map((part) => part.trim());
  const [first, ...more] = stop; // code points, as in Python
  const inside = parts.filter(Boolean).join(more.length ? first : " "); // a stop text would end the turn
  if (inside) return prefix + inside + suffix;
  return suffix.startsWith(stop) ? suffix.slice(stop.length) : suffix;
}

/**
 * Returns a new reply to a prompt, without parts.
 * @param {Log} log
 * @param {number} parent  the turn before it; 0 if none
 * @param {string} prompt
 * @param {Author} author
 * @returns {Reply}
 */
export function newReply(log, parent, prompt, author) {
  const replies = remembered(log, parent);
  const last = replies.at(-1)?.reply;
  const refs = refsOf(author);
  const continues = Boolean(last) && sameModels(last, refs);
  const older = last && !continues && sameNames(last, refs);
  const carried = older ? lastCharacters(readText(replies, () => true).text) : "";
  const separator = author.chat && (continues || older) ? author.chat.stop : "";
  const given = carried + separator + (author.chat ? wrap(author.chat, prompt) : prompt);
  const notices = unknownCharacters(prompt, author.vocab);
  if (older) notices.unshift(newerCommit(last, author, Boolean(carried)));
  const start = !continues && !knowsAny(given, author);
  const before = older ? last.model.commit : "";
  return replyBy(author, { fresh: !continues, start, given, chat: Boolean(author.chat), before, notices });
}

// Returns a reply from a zero state, but for what is known of it.
/** @param {Author} author @param {Partial<Reply>} known @returns {Reply} */
function replyBy(author, known) {
  const plain = { fresh: true, start: true, given: "", chat: false, before: "", notices: [], parts: [] };
  return { ...refsOf(author), ...plain, ...known };
}

/**
 * Returns the turn of a model's welcome text, which the model wrote from a zero state, with the default settings and a known
 * seed. So the lenses can show how it was drawn, and a visitor can change it like any reply.
 * @param {Model} model
 * @returns {Turn}
 */
export function welcomeTurn(model) {
  const settings = /** @type {Settings} */ ({ length: count(model.welcome), ...SAMPLING, seed: model.welcome_seed });
  const part = newPart({ settings, text: model.welcome, end: "length" });
  const reply = replyBy(authorOf(model), { parts: [part] });
  return { id: 0, parent: 0, replaced: 0, prompt: "", shared: false, check: [], reply };
}

/**
 * Returns a turn's reply for a newer commit, which reads the text of the older one and continues it.
 * @param {Log} log
 * @param {Pick<Turn, "parent" | "reply">} turn
 * @param {Author} author
 * @returns {Reply}
 */
export function takenOver(log, { parent, reply: old }, author) {
  const before = old.fresh ? [] : remembered(log, parent);
  const given = lastCharacters(readText(before, () => true).text) + old.given;
  const last = lastPart(old);
  const draws = last ? last.draw_offset + (last.settings ? count(last.text) : 0) : 0;
  const seed = last?.settings?.seed ?? last?.seed;
  const read = newPart({ settings: null, seed, draw_offset: draws, text: replyText(old), end: "length" });
  const [start, notices] = [!knowsAny(given, author), [newerCommit(old, author, true)]];
  const { chat, model } = old;
  return replyBy(author, { start, given, chat, before: model.commit, notices, parts: read.text ? [read] : [] });
}

/**
 * Returns the request that writes the next part of a reply.
 * @param {{turn: {id: number}, reply: Reply}[]} before  the replies that the model remembers, see `remembered`
 * @param {Reply} reply  with the parts before this one
 * @param {Part} part
 * @param {?number} speed  characters per second; null is full speed
 * @param {FindModel} find
 * @returns {WriteRequest}
 */
export function requestOf(before, reply, part, speed, find) {
  const { model, second, chat } = reply;
  const author = authorNow(reply, find);
  const replies = [...before, { turn: { id: 0 }, reply }];
  const { text, clamps, boundaries } = readText(replies, (character) => !author || author.vocab.has(character));
  const settings = { ...part.settings, stop: (chat && author?.chat?.stop) || "" };
  const options = { settings, draw_offset: part.draw_offset, cells: part.cells, speed, received: part.text };
  return {
    id: randomId(),
    client: tabId(),
    model,
    second,
    text,
    start: replies[0].reply.start,
    clamps,
    boundaries,
    ...options,
  };
}

/**
 * Returns the prompt of a new turn, after a line break: without it the model would read the prompt as the end of the word or
 * line with which the last reply ends. A prompt that begins with a space gets no line break.
 * @param {Log} log
 * @param {string} prompt
 * @param {Author} author
 */
export function onNewLine(log, prompt, author) {
  const last = lastTurn(log);
  const before = last ? last.prompt + replyText(last.reply) : "";
  const isSeparate =
    author.chat || !before || before.endsWith("\n") || /^\s/.test(prompt) || !sameNames(last.reply, refsOf(author));
  const isRead = author.vocab.has("\n") && (prompt === "" || knowsAny(prompt, author));
  return isSeparate || !isRead ? prompt : `\n${prompt}`;
}

function sameNames(one, other) {
  return one.model.name === other.model.name && one.second?.name === other.second?.name;
}

function lastCharacters(text) {
  return [...text].slice(-MAX_CARRIED).join("");
}

function knowsAny(text, author) {
  return [...text].some((character) => author.vocab.has(character));
}

function newerCommit(old, author, read) {
  const values = { commit: author.model.commit.slice(0, 7), before: old.model.commit.slice(0, 7) };
  return { id: read ? "notice.newer_commit_read" : "notice.newer_commit", values };
}

/** Returns a notice with the characters of a prompt that a model does not have; none if it has all. @returns {Message[]} */
function unknownCharacters(prompt, vocab) {
  const unknown = [...prompt].filter((character) => !vocab.has(character));
  if (!unknown.length) return [];
  const different = [...new Set(unknown)];
  const more = different.length - MAX_NAMED;
  /** @type {(string | Message)[]} */
  const characters = different.slice(0, MAX_NAMED).map(nameOf);
  if (more > 0) characters.push({ id: "unknown.more", values: { count: more } });
  return [{ id: unknown.length < count(prompt) ? "notice.unknown" : "notice.unknown_all", values: { characters } }];
}

// Isolated: a right-to-left character would reorder the list.
function nameOf(character) {
  const code = codeOf(character);
  return code ? { id: "unknown.invisible", values: { code } } : `\u2068'${character}'\u2069`;
}

/** Returns the code point of a character of which a reader sees nothing, as "U+2028"; "" for another one. @param {string} character */
export function codeOf(character) {
  if (!/^[\p{Default_Ignorable_Code_Point}\p{C}\p{Z}]$/u.test(character)) return "";
  return `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}
