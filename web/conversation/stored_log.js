// Checks a conversation that the browser has stored. An older version of the page, an extension or another page of the same
// origin may have written anything. One turn that is not valid makes the whole log invalid; controls and clamped cells that
// are not valid are replaced by the defaults.
//
// Older pages stored a list of replies for each turn: that of the chosen model, and that of a second one side by side, which
// is no longer shown.

import { VERSION, emptyLog } from "./log.js";

const MAX_MESSAGE = 10_000; // characters of its JSON, which also limits its depth
const TEXTS = new Set(["model", "second", "draft"]); // controls that are not numbers
const LATEST = 8.64e15; // of a Date

/**
 * Returns the log in a stored value.
 *
 * @param {any} value
 * @returns {?import("./log.js").Log} null if it is not a valid log of this version
 */
export function parseLog(value) {
  if (!isObject(value) || value.version !== VERSION || !isText(value.id) || !Array.isArray(value.turns)) return null;
  const { version, id, here, address } = value;
  const turns = value.turns.map(withOneReply);
  if (!areTurns(turns)) return null;
  const log = { ...emptyLog(), version, id, turns };
  const ids = new Set([0, ...turns.map((turn) => turn.id)]);
  log.here = ids.has(here) ? here : Math.max(...ids);
  if (isList(value.undone, Number.isInteger)) log.undone = value.undone;
  if (isText(address)) log.address = address;
  if (isObject(value.held) && isText(value.held.model) && isList(value.held.cells, isClamp)) log.held = value.held;
  if (isObject(value.controls)) log.controls = Object.fromEntries(Object.entries(value.controls).filter(isControl));
  log.changed = isNumber(value.changed) && Math.abs(value.changed) <= LATEST ? value.changed : 0;
  return log;
}

// Returns a turn of an older page with the reply of the chosen model.
function withOneReply(turn) {
  if (!Array.isArray(turn?.replies)) return turn;
  const { replies, continued, ...rest } = turn;
  const places = isList(continued, isObject)
    ? continued.map(({ lengths, letters }) => ({ length: lengths?.[0], letters }))
    : continued;
  return { ...rest, reply: replies[0], ...(places !== undefined && { continued: places }) };
}

function isControl([name, value]) {
  return isText(value) || (isNumber(value) && !TEXTS.has(name));
}

// A turn's parent is older than the turn, so that no path is a circle; the first reply of a path is `fresh`.
function areTurns(turns) {
  if (!isList(turns, isTurn)) return false;
  const known = new Map();
  for (const turn of [...turns].sort((one, other) => one.id - other.id)) {
    const parent = known.get(turn.parent);
    if (known.has(turn.id) || turn.parent >= turn.id || turn.parent < 0 || (turn.parent && !parent)) return false;
    if (!turn.reply.fresh && !parent) return false;
    known.set(turn.id, turn);
  }
  return true;
}

function isTurn(turn) {
  const numbers = [turn?.id, turn?.parent, turn?.replaced].every(Number.isInteger);
  if (!numbers || turn.id < 1 || !isText(turn.prompt) || !isList(turn.check, isMessage)) return false;
  if (turn.continued !== undefined && !isList(turn.continued, isContinued)) return false;
  return isReply(turn.reply);
}

function isContinued(place) {
  return isObject(place) && typeof place.letters === "boolean" && Number.isInteger(place.length) && place.length >= 0;
}

function isReply(reply) {
  if (!isObject(reply) || !isModelRef(reply.model) || !(reply.second === null || isModelRef(reply.second)))
    return false;
  const texts = isText(reply.given) && isText(reply.before);
  const flags = [reply.fresh, reply.start, reply.chat].every((each) => typeof each === "boolean");
  return texts && flags && isList(reply.notices, isMessage) && isList(reply.parts, isPart);
}

function isPart(part) {
  if (!isObject(part) || !isText(part.text) || !Number.isInteger(part.draw_offset) || !isList(part.cells, isClamp))
    return false;
  const settings = part.settings === null ? part.end !== null : isSettings(part.settings);
  return settings && (part.end === null || isText(part.end)) && (part.error === null || isMessage(part.error));
}

function isSettings(settings) {
  return (
    isObject(settings) &&
    isNumber(settings.seed) &&
    isNumber(settings.length) &&
    Object.values(settings).every((each) => each === null || isNumber(each))
  );
}

function isModelRef(model) {
  return isObject(model) && isText(model.name) && isText(model.commit);
}

function isClamp(clamp) {
  return isList(clamp, isNumber) && clamp.length === 3;
}

function isMessage(message) {
  const { id, values } = isObject(message) ? message : {};
  return isText(id) && (values === undefined || isObject(values)) && JSON.stringify(message).length <= MAX_MESSAGE;
}

function isList(value, isEach) {
  return Array.isArray(value) && value.every((each) => isEach(each));
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value) {
  return typeof value === "string";
}

function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}
