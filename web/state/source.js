// The conversation as the lenses read it: the text that the model has read, and how each character was drawn.

import { count, lastPart, lastTurn, pathTo, readText, remembered, replyText } from "../conversation/log.js";
import { welcomeTurn } from "../conversation/replies.js";
import { authorOfReply } from "./actions.js";
import * as state from "./state.js";

/** @import { Log } from "../conversation/log.js" */

/** Returns the text that the model has read and written in a conversation; null if there is none. @param {Log} log */
export function textOf(log) {
  if (!lastTurn(log)) return welcomeText();
  const replies = remembered(log);
  return replies.length ? read(replies) : null;
}

/** Returns the welcome text of the chosen model; null if it has none. */
function welcomeText() {
  if (!state.model.value?.welcome) return null;
  const turn = welcomeTurn(state.model.value);
  return read([{ turn, reply: turn.reply }]);
}

function read(replies) {
  const last = replies.at(-1).reply;
  const author = authorOfReply(last);
  const { text, clamps, turns } = readText(replies, (character) => !author || author.vocab.has(character));
  const share = lastPart(last)?.settings?.share ?? null;
  return { model: last.model, second: last.second, share, start: replies[0].reply.start, text, clamps, turns };
}

/** Returns a shown turn; 0 is that of the welcome text. @param {number} id */
function turnOf(id) {
  const turn = pathTo(state.log.value).find((each) => each.id === id);
  return turn ?? (id === 0 && state.model.value?.welcome ? welcomeTurn(state.model.value) : undefined);
}

/** Returns how character n of a turn's reply was drawn. @param {number} id of the turn @param {number} n */
export function drawOf(id, n) {
  let before = 0;
  for (const part of turnOf(id)?.reply.parts ?? []) {
    const length = count(part.text);
    const picked = part.picked && n === before + length - 1;
    if (n < before + length)
      return { settings: part.settings, draw: part.settings && !picked ? part.draw_offset + n - before : null, picked };
    before += length;
  }
  return { settings: null, draw: null, picked: false };
}

/** Returns whether a reply can be continued from a character. @param {number} id of a turn @param {number} keep how many characters stay */
export function canContinueFrom(id, keep) {
  const turn = turnOf(id);
  return turn !== undefined && !state.busy.value && keep >= 1 && keep <= count(replyText(turn.reply));
}
