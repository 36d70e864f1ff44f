// The log of a conversation: all of its turns as plain data. The browser stores it, share links are made from it, and
// any engine can compute the model's state from it. Pure functions: no page, no engine, no storage.

import { count, randomId } from "../engines/engine.js";

/**
 * @import { Clamp, ClampsOfText, Ending, Message, ModelRef, Settings } from "../engines/engine.js"
 *
 * @typedef {object} Part  a part of a reply that was written with the same settings
 * @property {?Settings} settings  null for a text that an older commit wrote and this one has only read
 * @property {number} [seed]  with such a text, the seed of the next part
 * @property {number} draw_offset  how many random numbers of the seed were used before its first character
 * @property {Clamp[]} cells  the cells that were clamped while it was written
 * @property {string} text
 * @property {?Ending["end"] | "changed"} end  null while it is being written; "changed": settings were changed while it was being written
 * @property {boolean} picked  its last character was chosen by a person
 * @property {?number} rate  characters per second
 * @property {?Message} error
 *
 * @typedef {object} Reply  what one model read and wrote in a turn
 * @property {ModelRef} model
 * @property {?ModelRef} second  the model that it was blended with
 * @property {boolean} fresh  whether the model's state was zero before this turn
 * @property {boolean} start  whether the model read its start character first
 * @property {string} given  the text that the model read before it wrote, with the chat format around the prompt
 * @property {boolean} chat
 * @property {string} before  the older commit that wrote the text so far; "" if none
 * @property {Message[]} notices
 * @property {Part[]} parts
 *
 * @typedef {object} Turn
 * @property {number} id
 * @property {number} parent  the turn before it; 0 for a first turn
 * @property {number} replaced  the turn that was shown when this one took its place; 0 if none. Undo shows it again
 * @property {string} prompt
 * @property {boolean} shared  the prompt comes from a shared link
 * @property {Message[]} check  whether the text is that of the shared link
 * @property {Reply} reply
 * @property {Continued[]} [continued]  one entry for each Continue, the last one last; Undo cuts the reply there
 *
 * @typedef {object} Continued
 * @property {number} length  how many characters the reply had before
 * @property {boolean} letters  whether it was continued letter by letter
 *
 * @typedef {object} Log
 * @property {number} version
 * @property {string} id
 * @property {number} changed  Date.now() of the last change
 * @property {number} here  the id of the last turn that is shown; 0 if none
 * @property {number[]} undone  the ids of the turns that Undo removed, the last one last
 * @property {Turn[]} turns
 * @property {string} [address]  the parameters of the page's address at its start, which may be those of a link
 * @property {{model: string, cells: Clamp[]}} held  the cells that are clamped from now on
 * @property {Record<string, any>} controls  settings and the text that was typed but not sent, see `controls` in state/state.js
 *
 * @typedef {object} ReadTurn  where a turn is in the text that a model has read; numbers are in code points
 * @property {number} id
 * @property {number} at  the position of its beginning
 * @property {number} given  the length of the text that the model read before it wrote
 * @property {number} length  of that text and the reply together
 * @property {boolean} writing
 */

export const VERSION = 1;
const MAX_TURNS = 60; // of the tree, the shown path included
const MAX_TREE_TEXT = 200_000; // characters of all replies and prompts in the tree

/** @returns {Log} an empty conversation */
export function emptyLog() {
  const [id, held] = [randomId(), { model: "", cells: [] }];
  return { version: VERSION, id, changed: Date.now(), here: 0, undone: [], turns: [], held, controls: {} };
}

/** Returns a part without text. @param {Partial<Part> & Pick<Part, "settings">} known @returns {Part} */
export function newPart(known) {
  return { draw_offset: 0, cells: [], text: "", end: null, picked: false, rate: null, error: null, ...known };
}

/** @type {(log: Log, id: number) => Turn | undefined} */
export function turnOf(log, id) {
  return log.turns.find((turn) => turn.id === id);
}

/** Returns the turns that are shown, the first one first. @param {Log} log */
export function pathTo(log) {
  const path = /** @type {Turn[]} */ ([]);
  for (let turn = lastTurn(log); turn; turn = turnOf(log, turn.parent)) path.unshift(turn);
  return path;
}

/** Returns the last turn that is shown; undefined without one. @param {Log} log */
export function lastTurn(log) {
  return turnOf(log, log.here);
}

/** Returns the prompt of a turn as it was typed, without the line break that `onNewLine` adds. @param {Pick<Turn, "parent" | "prompt">} turn */
export function typedPrompt({ parent, prompt }) {
  return parent ? prompt.replace(/^\n/, "") : prompt;
}

/** Returns the text of a reply. @param {Pick<Reply, "parts">} reply */
export function replyText(reply) {
  return reply.parts.map((part) => part.text).join("");
}

/** Returns the prompts and replies that are shown, as one text. @param {Log} log */
export function wholeText(log) {
  return pathTo(log)
    .map((turn) => typedPrompt(turn) + replyText(turn.reply))
    .join("\n");
}

/** @param {Reply} reply */
export function lastPart(reply) {
  return reply.parts.at(-1);
}

/** Returns whether the model of a chat has ended its turn with the stop text. @param {Reply} reply */
export function isOver(reply) {
  return reply.chat && lastPart(reply)?.end === "stop";
}

/**
 * Returns whether two replies were written by the same model, or the same blend.
 * @typedef {Pick<Reply, "model" | "second">} Refs
 * @type {(one: Refs, other: Refs) => boolean}
 */
export function sameModels(one, other) {
  return ["model", "second"].every(
    (which) => one[which]?.name === other[which]?.name && one[which]?.commit === other[which]?.commit,
  );
}

/**
 * Returns the replies since the model's state was zero, oldest first, up to a turn; none if the first of them is no longer kept.
 * @param {Log} log
 */
export function remembered(log, id = log.here) {
  const found = /** @type {{turn: Turn, reply: Reply}[]} */ ([]);
  for (let turn = turnOf(log, id); turn; turn = turnOf(log, turn.parent)) {
    found.unshift({ turn, reply: turn.reply });
    if (turn.reply.fresh) return found;
  }
  return [];
}

/**
 * Returns the text that a model has read and written at the end of some replies; positions are in code points.
 * @param {{turn: {id: number}, reply: Reply}[]} replies  see `remembered`
 * @param {(character: string) => boolean} knows  whether the model has a character
 */
export function readText(replies, knows) {
  let [text, length] = ["", 0];
  const clamps = /** @type {ClampsOfText} */ ([]);
  const boundaries = /** @type {number[]} */ ([]);
  const turns = /** @type {ReadTurn[]} */ ([]);
  for (const { turn, reply } of replies) {
    const [at, given] = [length, count(reply.given)];
    [text, length] = [text + reply.given, length + given];
    for (const part of reply.parts) {
      if (part.cells.length) clamp(clamps, [...text].findLastIndex(knows), part.cells);
      [text, length] = [text + part.text, length + count(part.text)];
      // The last character is read by the step that draws the next one, which may have other clamps; a part that is being
      // written keeps them.
      if (part.cells.length && part.end !== null) clamp(clamps, length - 1, []);
      boundaries.unshift(length);
    }
    turns.push({ id: turn.id, at, given, length: length - at, writing: lastPart(reply)?.end === null });
  }
  return { text, clamps, boundaries: [...new Set(boundaries)].slice(0, 16), turns };
}

function clamp(clamps, position, cells) {
  while (clamps.at(-1)?.[0] >= position) clamps.pop();
  if (JSON.stringify(clamps.at(-1)?.[1] ?? []) !== JSON.stringify(cells)) clamps.push([position, cells]);
}

/**
 * Adds a turn and shows it.
 * @typedef {Pick<Turn, "parent" | "prompt" | "reply"> & Partial<Turn>} NewTurn
 * @param {Log} log
 * @param {NewTurn} turn
 */
export function addTurn(log, { parent, prompt, replaced = 0, shared = false, reply }) {
  const id = 1 + Math.max(0, ...log.turns.map((turn) => turn.id));
  const turn = { id, parent, replaced, prompt, shared, check: [], reply, continued: [] };
  log.turns.push(turn);
  [log.here, log.undone] = [id, []];
  removeOldest(log);
  return turn;
}

// Removes the oldest turns that are not shown and that no other turn follows, while there are too many.
function removeOldest(log) {
  const size = () => log.turns.map((turn) => turn.prompt + replyText(turn.reply)).join("").length;
  const shown = new Set(pathTo(log));
  while (log.turns.length > MAX_TURNS || size() > MAX_TREE_TEXT) {
    const parents = new Set(log.turns.map((turn) => turn.parent));
    const at = log.turns.findIndex((turn) => !shown.has(turn) && !parents.has(turn.id));
    if (at < 0) break;
    log.turns.splice(at, 1);
  }
}

/**
 * Records that the reply of a turn is continued from here. Letters that are written one by one are undone together.
 * @param {Turn} turn
 * @param {boolean} letters
 */
export function markContinued(turn, letters) {
  turn.continued ??= [];
  if (letters && turn.continued.at(-1)?.letters) return;
  turn.continued.push({ length: count(replyText(turn.reply)), letters });
}

/**
 * Shows the conversation as it was before the last prompt, version or Continue.
 * @param {Log} log
 * @returns {boolean} whether there was a turn
 */
export function undo(log) {
  const last = lastTurn(log);
  if (!last) return false;
  const [undone, shorter] = [[...log.undone, last.id], beforeContinue(last)];
  if (shorter) addTurn(log, shorter).continued = shorter.continued;
  else log.here = (turnOf(log, last.replaced) ?? turnOf(log, last.parent))?.id ?? 0;
  log.undone = undone;
  return true;
}

// Returns a turn with the reply as it was before it was continued last; null if it never was.
/** @param {Turn} turn @returns {?Turn} */
function beforeContinue({ continued = [], ...turn }) {
  const at = continued.findLastIndex(({ length }) => count(replyText(turn.reply)) > length);
  const length = continued[at]?.length;
  if (!length) return null;
  const reply = { ...turn.reply, notices: [], parts: partsUpTo(turn.reply, length) };
  return { ...turn, reply, continued: continued.slice(0, at) };
}

/** Shows the turn again that Undo removed last. @param {Log} log @returns {boolean} whether there was one */
export function redo(log) {
  while (log.undone.length) {
    const turn = turnOf(log, log.undone.pop());
    if (turn) log.here = turn.id;
    if (turn) return true;
  }
  return false;
}

/**
 * Returns the versions of the last turn: the turns that follow the same turn, oldest first. Null if there is only one.
 * @param {Log} log
 */
export function versionsShown(log) {
  const turn = lastTurn(log);
  const ids = log.turns.filter(({ parent }) => parent === turn?.parent).map(({ id }) => id);
  return ids.length > 1 ? { ids, at: ids.indexOf(turn.id) } : null;
}

/** Shows a version of a turn, with the newest turns after it that were not undone. @param {Log} log @param {number} id */
export function showVersion(log, id) {
  const follows = (turn) => turn.parent === log.here && !log.undone.includes(turn.id);
  for (let next = turnOf(log, id); next; next = log.turns.findLast(follows)) log.here = next.id;
}

/**
 * Returns copies of the parts of a reply up to a character.
 * @param {Reply} reply
 * @param {number} keep  the number of characters that stay, at least 1
 * @param {string} pick  the character that replaces the last of them; "" keeps it
 */
export function partsUpTo(reply, keep, pick = "") {
  const parts = /** @type {Part[]} */ ([]);
  for (const part of reply.parts) {
    const text = [...part.text].slice(0, keep);
    const isWhole = keep >= count(part.text);
    keep -= count(part.text);
    const isPicked = pick !== "" && keep <= 0;
    if (isPicked) text[text.length - 1] = pick;
    const end = isWhole && !isPicked ? part.end : "length";
    if (text.length) parts.push({ ...part, text: text.join(""), end, picked: isPicked || (isWhole && part.picked) });
    if (keep <= 0) break;
  }
  return parts;
}

/** Joins the last two parts of a reply if one request would have written both. @param {Reply} reply */
export function joinParts(reply) {
  const [one, two] = reply.parts.slice(-2);
  if (!one?.settings || !two?.settings || one.picked || one.error || two.end === null) return;
  if (!["length", "abort", "changed"].includes(one.end)) return;
  const alike = (part) => JSON.stringify([{ ...part.settings, length: 0 }, part.cells]);
  if (alike(one) !== alike(two) || two.draw_offset !== one.draw_offset + count(one.text)) return;
  const settings = { ...two.settings, length: count(one.text) + two.settings.length };
  const [text, rate] = [one.text + two.text, two.rate || one.rate];
  reply.parts.splice(-2, 2, { ...two, settings, draw_offset: one.draw_offset, text, rate });
}
