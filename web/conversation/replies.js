// Finds models of the page by name: an author is a model, or a blend of two, with its vocabulary and chat format. Makes replies
// and requests: what a model reads before it writes. That is the prompt in its chat format, and after an update the text so far:
// a state is valid for one commit only, so a newer commit reads the text again. Pure functions on the log.

import { LIMITS, SAMPLING } from "../settings.js";
import { count, randomId, refusal, shortened } from "../engines/engine.js";
import { lastPart, lastTurn, newPart, readText, remembered, replyText, sameModels } from "./log.js";
import { tabId } from "./stored_conversations.js";

const MAX_CARRIED = 4000; // characters that a newer commit reads again: more than an LSTM remembers
const MAX_NAMED = 8; // unknown characters that a notice lists

/**
 * @import { ChatFormat, Message, Model, ModelRef, Settings, Site, WriteRequest } from "../engines/engine.js"
 * @import { Link } from "./links.js"
 * @import { Log, Part, Reply, Turn } from "./log.js"
 *
 * @typedef {object} Author  a model, or two that are blended
 * @property {Model} model
 * @property {?Model} second
 * @property {?ChatFormat} chat
 * @property {Set<string>} vocab
 */

/** @type {(model: ModelRef) => ModelRef} */
export function refOf({ name, commit }) {
  return { name, commit };
}

/** Returns the names and commits of an author, as a reply of the log stores them. @param {Author} author */
export function refsOf({ model, second }) {
  return { model: refOf(model), second: second && refOf(second) };
}

const vocabularies = /** @type {WeakMap<Model, Set<string>>} */ (new WeakMap());

function vocabularyOf(model) {
  if (!vocabularies.has(model)) vocabularies.set(model, new Set(model.vocab));
  return vocabularies.get(model);
}

/** @type {(model: Model, second?: ?Model) => Author} */
export function authorOf(model, second = null) {
  const vocab = vocabularyOf(model);
  if (!second) return { model, second, chat: model.chat, vocab };
  const other = vocabularyOf(second);
  const chat = JSON.stringify(model.chat) === JSON.stringify(second.chat) ? model.chat : null;
  return { model, second, chat, vocab: new Set(model.vocab.filter((character) => other.has(character))) };
}

/**
 * Returns the author of a reply, at the commits that are served now; null if a model is no longer served.
 * @typedef {(name: string) => ?Model} FindModel  the model that is served under a name now
 * @type {(reply: {model: ModelRef, second: ?ModelRef}, find: FindModel) => ?Author}
 */
export function authorNow({ model, second }, find) {
  const [one, two] = [find(model.name), second && find(second.name)];
  return one && (two || !second) ? authorOf(one, two) : null;
}

/** Returns the models that can write now. @param {Pick<Site, "models">} site */
export function readyModels(site) {
  return site.models.filter((model) => !model.failure && !model.loading);
}

/** @type {Record<string, string | undefined>} the default bundled model in the app and on a static page, by its names in older links and conversations */
const RENAMED = { bundled: "shakespeare", tinyshakespeare: "Shakespeare" };

/** Returns the model with a name that can write now, or null. @type {(site: Pick<Site, "models">, name: ?string) => ?Model} */
export function findModel(site, name) {
  const ready = readyModels(site);
  const named = ready.find((model) => model.name === name);
  return named ?? ready.find((model) => model.name === RENAMED[name ?? ""] && !model.commit) ?? null;
}

/**
 * Returns the models of a link, one, or two for a blend: each at the link's commit if that is served.
 * @param {Link} link
 * @param {Site} site
 * @throws {Refusal}
 */
export function modelsOfLink(link, site) {
  const isChecked = Boolean(link.text) || link.damaged;
  const [one, ...more] = [link.model, ...(link.second ? [link.second] : [])].map((ref) =>
    modelOfLink(ref, site, isChecked),
  );
  if (more.includes(one)) throw refusal("link.second_same", { name: one.name });
  return [one, ...more];
}

/** @type {(ref: ModelRef, site: Site, isChecked: boolean) => Model} isChecked: the link has the hash of its text */
function modelOfLink(ref, site, isChecked) {
  const ready = readyModels(site);
  if (!ref.name && ready.length) return ready[0];
  const same = findModel(site, ref.name);
  const named = [...(same ? [same] : []), ...ready.filter((model) => repoOf(model) === repoOf(ref))];
  const loading = site.models.some((model) => model.loading);
  // A model from a folder is named after the folder, so a page's only model may be the same one under another name. The hash tells.
  const only = isChecked && !ref.commit && ready.length === 1 && !ready[0].commit && !loading ? ready : [];
  const found = named.find((model) => model.commit === ref.commit) ?? named[0] ?? only[0];
  if (found) return found;
  if (loading) throw refusal("refusal.loading");
  const failure = ready.length ? null : site.models.find((model) => model.failure)?.failure;
  if (failure) throw refusal(failure.id, failure.values);
  throw refusal("link.no_model", { name: shortened(ref.name) });
}

/** Returns the refusal of a prompt that is too long; null for another one. @param {string} prompt */
export function tooLong(prompt) {
  const [length, most] = [count(prompt), LIMITS.prompt];
  return length > most ? refusal("refusal.characters", { field: "prompt", length, most }) : null;
}

/** Returns the name of a model without its branch or tag ("user/name@main"). @param {ModelRef} ref */
export function repoOf({ name, commit }) {
  return commit ? name.split("@")[0] : name;
}

/**
 * Returns what is known to differ between this page and the page that made a link: commits, inference version.
 * @param {Link} link
 * @param {Model[]} models
 */
export function differences(link, models) {
  const found = /** @type {Message[]} */ ([]);
  models.forEach(({ commit: here }, at) => {
    const there = (at ? link.second : link.model).commit;
    if (there === here || !(there || link.text)) return;
    const values = { there: origin(there), here: origin(here) };
    found.push({ id: at ? "difference.second_commit" : "difference.commit", values });
  });
  const here = versionOf(models);
  if (link.version && link.version !== here) {
    found.push({ id: "difference.arithmetic", values: { there: precision(link.version), here: precision(here) } });
  }
  return found;
}

/** Returns the version of int8 inference, or "float32" if one of the models runs in it. @param {Model[]} models */
export function versionOf(models) {
  return (models.find((model) => model.version === "float32") ?? models[0]).version;
}

function origin(commit) {
  return commit ? { id: "origin.commit", values: { commit: commit.slice(0, 7) } } : { id: "origin.folder" };
}

function precision(version) {
  return version === "float32" ? { id: "arithmetic.float32" } : { id: "arithmetic.exact", values: { version } };
}

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
  const read = { model, second, text, start: replies[0].reply.start, clamps, boundaries };
  return { id: randomId(), client: tabId(), ...read, ...options };
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
  const isRead = author.vocab.has("\n") && knowsAny(prompt, author);
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

/** The names of characters that a reader knows and does not see. @type {Record<string, string>} */
export const NAMES = { "\n": "line_end", " ": "space", "\t": "tab" };

// Isolated: a right-to-left character would reorder the list.
function nameOf(character) {
  const code = codeOf(character);
  if (NAMES[character]) return { id: `character.${NAMES[character]}` };
  return code ? { id: "unknown.invisible", values: { code } } : `\u2068'${character}'\u2069`;
}

/** Returns the code point of a character of which a reader sees nothing, as "U+2028"; "" for another one. @param {string} character */
export function codeOf(character) {
  if (!/^[\p{Default_Ignorable_Code_Point}\p{C}\p{Z}]$/u.test(character)) return "";
  return `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}
