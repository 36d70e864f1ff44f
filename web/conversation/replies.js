// What a model reads before it writes: the prompt in its chat format, and the text so far where a newer commit takes over.
// A memory belongs to the weights of one commit, so a newer one reads the text again. Pure functions on the log.

import { wrap } from "./chat.js";
import { count, lastPart, readText, remembered, replyText, sameModels } from "./log.js";
import { refsOf } from "./models.js";

const MAX_CARRIED = 4000; // characters that a newer commit reads again: more than an LSTM remembers

/**
 * The reply that a model begins to a prompt.
 *
 * @param {import("./log.js").Log} log
 * @param {number} side  0 for the chosen model, 1 for the one side by side
 * @param {number} parent  the turn before it; 0 if none
 * @param {string} prompt
 * @param {import("./models.js").Author} author
 * @returns {import("./log.js").Reply} without parts
 */
export function newReply(log, side, parent, prompt, author) {
  const replies = remembered(log, side, parent);
  const last = replies[replies.length - 1]?.reply;
  const refs = refsOf(author);
  const continues = Boolean(last) && sameModels(last, refs);
  const names = (reply) => JSON.stringify([reply.model.name, reply.second?.name]);
  const older = last && !continues && names(last) === names(refs);
  const carried = older ? lastCharacters(readText(replies, () => true).text) : "";
  const separator = author.chat && last && (continues || older) ? author.chat.stop : "";
  const given = carried + separator + (author.chat ? wrap(author.chat, prompt) : prompt);
  const notices = unknownCharacters(prompt, author.vocab);
  if (older) notices.unshift(newerCommit(last, author, Boolean(carried)));
  const start = !continues && !knowsAny(given, author);
  return { ...refs, fresh: !continues, start, given, chat: Boolean(author.chat), before: older ? last.model.commit : "", notices, parts: [] };
}

/**
 * A turn's first reply as a newer commit continues it, which has read what the older one wrote.
 *
 * @param {import("./log.js").Log} log
 * @param {import("./log.js").Turn} turn
 * @param {import("./models.js").Author} author
 * @returns {import("./log.js").Reply}
 */
export function takenOver(log, turn, author) {
  const [old] = turn.replies;
  const before = old.fresh ? [] : remembered(log, 0, turn.parent);
  const given = lastCharacters(readText(before, () => true).text) + old.given;
  const last = lastPart(old);
  const draws = last ? last.draw_offset + (last.settings ? count(last.text) : 0) : 0;
  const seed = last?.settings?.seed ?? last?.seed;
  const read = { settings: null, seed, draw_offset: draws, cells: [], text: replyText(old), end: "length", picked: false, rate: null, error: null };
  const start = !knowsAny(given, author);
  return { ...refsOf(author), fresh: true, start, given, chat: old.chat, before: old.model.commit, notices: [newerCommit(old, author, true)], parts: read.text ? [read] : [] };
}

function lastCharacters(text) {
  const characters = [...text];
  return characters.length > MAX_CARRIED ? characters.slice(-MAX_CARRIED).join("") : text;
}

function knowsAny(text, author) {
  return [...text].some((character) => author.vocab.has(character));
}

function newerCommit(old, author, read) {
  const values = { commit: author.model.commit.slice(0, 7), before: old.model.commit.slice(0, 7) };
  return { id: read ? "notice.newer_commit_read" : "notice.newer_commit", values };
}

/** Says which characters of a prompt a model does not have. @returns {object[]} messages */
export function unknownCharacters(prompt, vocab, most = 8) {
  const times = new Map();
  for (const character of prompt) if (!vocab.has(character)) times.set(character, (times.get(character) || 0) + 1);
  if (!times.size) return [];
  const names = [...times].slice(0, most).map(([character, n]) => {
    return n === 1 ? nameOf(character) : { id: "unknown.times", values: { character: nameOf(character), count: n } };
  });
  if (times.size > most) names.push({ id: "unknown.more", values: { count: times.size - most } });
  const skipped = [...times.values()].reduce((sum, n) => sum + n, 0);
  return [{ id: skipped < count(prompt) ? "notice.unknown" : "notice.unknown_all", values: { characters: names } }];
}

// A character that can be seen as it is, any other by its code point.
function nameOf(character) {
  const visible = /^[\p{L}\p{N}\p{P}\p{S}]$/u.test(character) && character.codePointAt(0) < 0x3000;
  return visible ? `'${character}'` : `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}
