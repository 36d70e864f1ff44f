// Writes a reply again with the same seeds and without clamped cells, for comparison.

import { count, replyText } from "./log.js";
import { requestOf } from "./replies.js";

/**
 * @import { TextEngine } from "../engines/engine.js"
 * @import { Reply, Turn } from "./log.js"
 * @import { FindModel } from "./models.js"
 */

const MAX_LENGTH = 2000; // characters; two texts differ much earlier

/**
 * Returns the last reply from its first clamped character on, as the same seeds write it without clamps.
 *
 * @param {{turn: Turn, reply: Reply}[]} replies  see `remembered`
 * @param {TextEngine} engine
 * @param {FindModel} find
 * @param {AbortController} controller  is aborted when the connection is lost: a comparison does not wait for it
 * @returns {Promise<?{from: number, text: string}>} the text, and its position in the reply; null if no cell was clamped, or
 *   it was aborted
 */
export async function withoutClamps(replies, engine, find, controller) {
  const reply = replies.at(-1)?.reply;
  const at = reply?.parts.findIndex((part) => part.cells.length) ?? -1;
  if (at < 0) return null;
  const parts = reply.parts.slice(0, at);
  const from = count(replyText({ parts }));
  const { signal } = controller;
  const onStatus = (messages) => messages.some(({ id }) => id === "status.reconnecting") && controller.abort();
  let text = "";
  for (const part of reply.parts.slice(at)) {
    const whole = part.end && !["stop", "blocked"].includes(part.end); // a part that ended itself may be longer without clamps
    const length = Math.min(whole ? count(part.text) : part.settings.length, MAX_LENGTH - count(text));
    if (length < 1) continue;
    const free = { ...part, settings: { ...part.settings, length }, cells: [], text: "" };
    const request = requestOf(replies.slice(0, -1), { ...reply, parts }, free, null, find);
    const { end } = await engine.write(request, { onText: (more) => (free.text += more), onStatus }, signal);
    if (signal.aborted) return null;
    if (part.picked && end === "length") free.text = [...free.text].slice(0, -1).join("") + [...part.text].pop();
    text += free.text;
    parts.push({ ...free, end });
    if (end !== "length") break;
  }
  return { from, text };
}
