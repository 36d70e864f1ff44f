// The log of a conversation: all of its turns as plain data. The browser stores it, a share link is made from it, and
// any engine can rebuild from it what the model remembers. Pure functions: no page, no engine, no storage.

/**
 * @typedef {import("../engines/engine.js").ModelRef} ModelRef
 * @typedef {import("../engines/engine.js").Clamp} Clamp
 * @typedef {import("../engines/engine.js").Settings} Settings
 * @typedef {{id: string, values?: Object<string, any>}} Message
 *
 * @typedef {object} Part  a stretch of a reply that was written with the same settings
 * @property {?Settings} settings  null for a text that the model has read, not written (a newer commit took it over)
 * @property {number} draw_offset  how many random numbers of the seed were used before its first character
 * @property {Clamp[]} cells  the cells that were clamped while it was written
 * @property {string} text
 * @property {?string} end  null while it is being written; "changed": settings were changed while it was being written
 * @property {boolean} picked  its last character was chosen by a person
 * @property {?number} rate  characters per second
 * @property {?Message} error
 *
 * @typedef {object} Reply  what one model read and wrote in a turn
 * @property {ModelRef} model
 * @property {?ModelRef} second  the model that it was blended with
 * @property {boolean} fresh  the model's memory was empty before this turn
 * @property {boolean} start  the model read its start character first
 * @property {string} given  the text that it read before it wrote, with the chat format around the prompt
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
 * @property {Reply[]} replies  of the chosen model, and of a second one side by side
 *
 * @typedef {object} Log
 * @property {number} version
 * @property {string} id
 * @property {number} changed  Date.now() of the last change
 * @property {number} here  the last turn that is shown; 0 if none
 * @property {number[]} undone  the turns that Undo took away, the last one last
 * @property {Turn[]} turns
 * @property {string} [address]  the parameters of the page's address when it began, which may be those of a link
 * @property {{model: string, cells: Clamp[]}} held  the cells that are clamped from now on
 * @property {Object<string, any>} controls  settings and the text that was typed but not sent
 */

export const VERSION = 1;
export const MAX_TURNS = 60; // of the tree, the shown path included
export const MAX_TREE_TEXT = 200_000; // characters of all replies and prompts in the tree
export const MAX_TEXT = 100_000; // characters that a model reads and writes in one conversation

/** The number of code points, in which all positions are counted. */
export function count(text) {
  let found = text.length;
  for (let at = 0; at < text.length - 1; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00) [found, at] = [found - 1, at + 1];
  }
  return found;
}

/** A random id of 32 hex digits. */
export function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @returns {Log} an empty conversation */
export function emptyLog() {
  return { version: VERSION, id: randomId(), changed: Date.now(), here: 0, undone: [], turns: [], held: { model: "", cells: [] }, controls: {} };
}

/** @returns {?Turn} */
export function turnOf(log, id) {
  return log.turns.find((turn) => turn.id === id) || null;
}

/** The turns up to one of them: the shown ones by default. @returns {Turn[]} */
export function pathTo(log, id = log.here) {
  const path = [];
  for (let turn = turnOf(log, id); turn; turn = turnOf(log, turn.parent)) path.unshift(turn);
  return path;
}

/** @returns {?Turn} the last turn that is shown */
export function lastTurn(log) {
  return turnOf(log, log.here);
}

/** @returns {string} what was written in a reply */
export function replyText(reply) {
  return reply.parts.map((part) => part.text).join("");
}

/** @returns {?Part} */
export function lastPart(reply) {
  return reply.parts[reply.parts.length - 1] || null;
}

/** Whether the model has ended its turn in a chat by itself. */
export function isOver(reply) {
  return reply.chat && lastPart(reply)?.end === "stop";
}

export function sameModel(one, other) {
  return Boolean(one && other) && one.name === other.name && one.commit === other.commit;
}

/** Whether two replies were written by the same model, or the same blend. */
export function sameModels(one, other) {
  const alone = !one.second && !other.second;
  return sameModel(one.model, other.model) && (alone || sameModel(one.second, other.second));
}

/** The replies of a side whose text the last one's model remembers, oldest first. @returns {{turn: Turn, reply: Reply}[]} */
export function remembered(log, side, id = log.here) {
  const found = [];
  for (let turn = turnOf(log, id); turn; turn = turnOf(log, turn.parent)) {
    const reply = turn.replies[side];
    if (!reply) break;
    found.unshift({ turn, reply });
    if (reply.fresh) return found;
  }
  return [];
}

/**
 * All that a model has read and written when a turn ends.
 *
 * @param {{turn: Turn, reply: Reply}[]} replies  see `remembered`
 * @param {(character: string) => boolean} knows  whether the model has a character
 * @returns {{text: string, clamps: [number, Clamp[]][], boundaries: number[], turns: object[]}} positions in code points
 */
export function readText(replies, knows) {
  let [text, length] = ["", 0];
  const [clamps, boundaries, turns] = [[], [], []];
  for (const { turn, reply } of replies) {
    const given = count(reply.given);
    turns.push({ id: turn.id, at: length, given, length: given, writing: lastPart(reply)?.end === null, ended: Boolean(lastPart(reply)?.end) });
    [text, length] = [text + reply.given, length + given];
    for (const part of reply.parts) {
      if (part.cells.length) clamp(clamps, lastKnown(text, length, knows), part.cells);
      [text, length] = [text + part.text, length + count(part.text)];
      // The last character is read by the step that draws the next one, which may have other clamps.
      if (part.cells.length) clamp(clamps, length - 1, []);
      boundaries.unshift(length);
    }
    turns[turns.length - 1].length = length - turns[turns.length - 1].at;
  }
  return { text, clamps, boundaries: [...new Set(boundaries)].slice(0, 16), turns };
}

function clamp(clamps, position, cells) {
  while (clamps.length && clamps[clamps.length - 1][0] >= position) clamps.pop();
  const now = clamps.length ? clamps[clamps.length - 1][1] : [];
  if (JSON.stringify(now) !== JSON.stringify(cells)) clamps.push([position, cells]);
}

/** The position of the last character that the model knows; -1 if there is none. */
export function lastKnown(text, length, knows) {
  const characters = [...text];
  let at = length - 1;
  while (at >= 0 && !knows(characters[at])) at--;
  return at;
}

/** Adds a turn at the end of the shown ones, and shows it. @returns {Turn} */
export function addTurn(log, { parent, prompt, replaced = 0, shared = false, replies }) {
  const id = 1 + Math.max(0, ...log.turns.map((turn) => turn.id));
  const turn = { id, parent, replaced, prompt, shared, check: [], replies };
  log.turns.push(turn);
  [log.here, log.undone] = [id, []];
  forgetOldest(log);
  return turn;
}

/** Drops the oldest turns that are not shown and that no other turn follows, while there are too many. */
function forgetOldest(log) {
  const size = () => log.turns.reduce((sum, turn) => sum + turn.prompt.length + turn.replies.reduce((all, reply) => all + replyText(reply).length, 0), 0);
  const shown = new Set(pathTo(log).map((turn) => turn.id));
  while (log.turns.length > MAX_TURNS || size() > MAX_TREE_TEXT) {
    const parents = new Set(log.turns.map((turn) => turn.parent));
    const at = log.turns.findIndex((turn) => !shown.has(turn.id) && !parents.has(turn.id));
    if (at < 0) break;
    log.turns.splice(at, 1);
  }
}

/** Takes the last turn away and shows what it replaced. @returns {boolean} whether there was one */
export function undo(log) {
  const last = lastTurn(log);
  if (!last) return false;
  log.undone.push(last.id);
  log.here = (turnOf(log, last.replaced) || turnOf(log, last.parent))?.id || 0;
  return true;
}

/** Shows again what Undo took away last. @returns {boolean} whether there was something */
export function redo(log) {
  while (log.undone.length) {
    const id = log.undone.pop();
    if (turnOf(log, id)) return Boolean((log.here = id));
  }
  return false;
}

/** Shows a turn of the tree with the turns before it. @returns {boolean} whether there is such a turn */
export function walk(log, id) {
  if (turnOf(log, id)) log.here = id;
  return log.here === id;
}

/** The tree for the page; null while nothing branches. Labels show the first difference from the replaced turn. */
export function tree(log) {
  if (log.turns.length === pathTo(log).length) return null;
  const nodes = log.turns.map((turn) => [turn.id, turnOf(log, turn.parent)?.id || 0, label(log, turn)]);
  return { tree: nodes, here: log.here, redo: log.undone.some((id) => turnOf(log, id)) };
}

function label(log, turn) {
  const [reply, other] = [turn, turnOf(log, turn.replaced)].map((each) => [...(each ? replyText(each.replies[0]) : "")]);
  let same = 0;
  while (same < reply.length && same < other.length && reply[same] === other[same]) same++;
  if (same > 8 && same < reply.length) return `…${reply.slice(same - 8, same + 40).join("")}`;
  return [...turn.prompt].slice(-40).join("") + reply.slice(0, 40).join("");
}

/**
 * The parts of a reply up to a character.
 *
 * @param {number} keep  the number of characters that stay, at least 1
 * @param {string} pick  the character that replaces the last of them; "" keeps it
 * @returns {Part[]} copies
 */
export function partsUpTo(reply, keep, pick = "") {
  const parts = [];
  for (const part of reply.parts) {
    const characters = [...part.text];
    const whole = keep >= characters.length;
    const text = whole ? characters : characters.slice(0, keep);
    const picked = pick && keep <= characters.length;
    if (picked) text[text.length - 1] = pick;
    if (text.length) parts.push({ ...part, text: text.join(""), end: whole && !picked ? part.end : "length", picked: Boolean(picked) || (whole && part.picked) });
    keep -= characters.length;
    if (keep <= 0) break;
  }
  return parts;
}

/** Joins the last two parts of a reply if one request would have written both. */
export function joinParts(reply) {
  const [one, two] = reply.parts.slice(-2);
  if (!two || !one.settings || !two.settings || one.picked || one.error || two.end === null || !["length", "abort", "changed"].includes(one.end)) return;
  const alike = (part) => JSON.stringify([{ ...part.settings, length: 0 }, part.cells]);
  if (alike(one) !== alike(two) || two.draw_offset !== one.draw_offset + count(one.text)) return;
  const settings = { ...two.settings, length: count(one.text) + two.settings.length };
  const rate = two.rate || one.rate;
  reply.parts.splice(-2, 2, { ...two, settings, draw_offset: one.draw_offset, text: one.text + two.text, rate });
}
