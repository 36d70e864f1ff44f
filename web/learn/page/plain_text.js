// Reads a text to train on from what the visitor gave.

import { Refusal } from "../../engines/engine.js";

const LEAST = 500; // characters, from which something can be learned
const MOST = 30_000_000;

/**
 * @import { Message } from "../../engines/engine.js"
 * @typedef {object} ReadText
 * @property {string} text
 * @property {number} characters
 * @property {number} distinct
 * @property {number} lines
 * @property {import("../../engines/engine.js").ChatFormat | null} chat
 * @property {Message[]} notes
 * @property {Message[]} private
 */

/**
 * Reads a text.
 * @param {Blob | string} file
 * @returns {Promise<ReadText>}
 * @throws {Refusal} it is no text, too short or too long
 */
export async function readText(file) {
  const bytes = typeof file === "string" ? null : file;
  if ((bytes?.size ?? 0) > MOST) throw new Refusal({ id: "train.too_long", values: { most: MOST } });
  const text = (bytes ? await decoded(bytes) : /** @type {string} */ (file)).replace(/\r\n?/g, "\n");
  const [characters, found, lines] = [Array.from(text).length, new Set(text), text.split("\n").length];
  if (characters < LEAST) throw new Refusal({ id: "train.too_short", values: { count: characters, least: LEAST } });
  return { text, characters, distinct: found.size, lines, chat: null, notes: [], private: [] };
}

async function decoded(file) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    if (!text.includes("\0")) return text;
  } catch {}
  throw new Refusal({ id: "train.not_text" });
}
