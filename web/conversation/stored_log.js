// Reads a conversation that the browser has stored. One of another version, or damaged, is none.
//
// Older pages stored a list of replies for each turn: that of the chosen model, and that of a second one side by side, which
// is no longer shown.

import { VERSION, emptyLog } from "./log.js";

/**
 * Returns the log in a stored value.
 * @param {any} value
 * @returns {?import("./log.js").Log} null if it is no log of this version
 */
export function parseLog(value) {
  try {
    if (value.version !== VERSION || typeof value.id !== "string") return null;
    const turns = value.turns.map(withOneReply);
    return areWhole(turns) ? { ...emptyLog(), ...value, turns } : null;
  } catch {
    return null; // a field that every log has is missing
  }
}

// Returns a turn of an older page with the reply of the chosen model.
function withOneReply({ replies, ...turn }) {
  if (!replies) return turn;
  const continued = turn.continued?.map(({ lengths, letters }) => ({ length: lengths[0], letters }));
  return { ...turn, reply: replies[0], ...(continued && { continued }) };
}

// A turn's parent is stored before the turn, so that no path is a circle; the first reply of a path is `fresh`.
function areWhole(turns) {
  const known = new Set([0]);
  return turns.every(({ id, parent, prompt, check, reply: { fresh, model, notices, parts } }) => {
    const isAfter = id > parent && known.has(parent) && !known.has(id) && (parent > 0 || fresh);
    known.add(id);
    const areTexts = [prompt, model.name, ...parts.map(({ text }) => text)].every((text) => typeof text === "string");
    return isAfter && areTexts && [check, notices, ...parts.map(({ cells }) => cells)].every(Array.isArray);
  });
}
