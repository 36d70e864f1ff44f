// Turns a file or a pasted text into the text to train on, with notes for the visitor and a list of what looks private in it.
// This takes seconds for a large file, so this module runs as a worker.

import { Refusal, count } from "../../engines/engine.js";
import { isOtherChat, isWhatsapp, readChat } from "./whatsapp.js";
import { LEAST_CHARACTERS, checkSize, checkText, decode, noText } from "./decode.js";
import { privateIn } from "./privacy.js";

/**
 * @import { Message } from "../../engines/engine.js"
 * @import { Chat } from "./whatsapp.js"
 * @typedef {object} ReadOptions
 * @property {string} name of the file or text, for messages
 * @property {boolean} [chat] false: a chat export is read as it is
 * @property {string | null} [replyAs] the sender whose turns the model writes; if omitted, the one with the most messages
 * @typedef {object} ReadText
 * @property {string} text
 * @property {number} characters
 * @property {number} distinct
 * @property {number} lines
 * @property {Chat | null} chat
 * @property {Message[]} notes for the visitor: how the text was read, what was left out, what to expect
 * @property {Message[]} private what looks private; empty if nothing does
 */

const MOST_DISTINCT = 65_536; // ids have two bytes
const SAMPLE = 10_000; // characters that show whether a text is a chat export
const ZIP = [0x50, 0x4b, 3, 4]; // the first bytes
const CHAT_IN_ZIP = "_chat.txt"; // what an iPhone names the text among the pictures of an export

/**
 * Reads a file, the one text in a .zip, or a text.
 * @param {Blob | string} source
 * @param {ReadOptions} options
 * @returns {Promise<ReadText>}
 * @throws {Refusal} it is no text, in another encoding, too short, or too large
 */
export async function readSource(source, options) {
  if (typeof source === "string") return readText(checkText(source, options.name), options);
  const bytes = new Uint8Array(
    await source.arrayBuffer().catch((error) => {
      // It was changed or deleted after it was chosen, or may not be read.
      throw new Refusal({ id: "text.unreadable", values: { name: options.name, reason: error.message } });
    }),
  );
  if (!ZIP.every((byte, n) => bytes[n] === byte)) return readText(decode(bytes, options.name), options);
  const entry = await textInZip(source, options.name);
  const read = readText(decode(await entry.read(), entry.name), options);
  return { ...read, notes: [{ id: "text.unpacked", values: { file: entry.name } }, ...read.notes] };
}

async function textInZip(source, name) {
  const { zipEntries } = await import("../archive.js");
  const entries = await zipEntries(source);
  const texts = entries.filter((entry) => /\.txt$/i.test(entry.name));
  const text = texts.find((entry) => entry.name === CHAT_IN_ZIP) ?? (texts.length === 1 ? texts[0] : null);
  if (!text) throw noText(name);
  checkSize(text.size, text.name);
  return text;
}

/** @param {string} whole @param {ReadOptions} options @returns {ReadText} */
function readText(whole, { name, chat = true, replyAs }) {
  if (!whole) throw new Refusal({ id: "text.empty", values: { name } });
  const found = chatOrText(whole, name, chat, replyAs);
  const { text } = found;
  const [characters, distinct] = [count(text), new Set(text).size];
  const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0); // the last one may have no end
  if (characters < LEAST_CHARACTERS)
    throw new Refusal({ id: "text.too_short", values: { name, count: characters, least: LEAST_CHARACTERS } });
  if (distinct > MOST_DISTINCT)
    throw new Refusal({ id: "text.too_many_distinct", values: { name, distinct, most: MOST_DISTINCT } });
  const isChat = found.chat ? [{ id: "private.conversation" }] : [];
  return { ...found, characters, distinct, lines, private: [...isChat, ...privateIn(text)] };
}

/** @returns {Pick<ReadText, "text" | "chat" | "notes">} */
function chatOrText(text, name, isChat, replyAs) {
  const head = text.slice(0, SAMPLE);
  if (!isWhatsapp(head)) {
    if (isOtherChat(head)) throw new Refusal({ id: "text.python_chat", values: { name } });
    return { text, chat: null, notes: [] };
  }
  if (!isChat) return { text, chat: null, notes: [{ id: "text.chat_whatsapp", values: { name } }] };
  try {
    return readChat(text, name, replyAs);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { text, chat: null, notes: [{ id: "text.chat_not_read", values: { reason: error.reason } }] };
  }
}

/** The messages of the worker: {source, options} to it, {read} or {refusal} or {error} from it. See read.js. */
globalThis.onmessage = async ({ data: { source, options } }) => {
  try {
    postMessage({ read: await readSource(source, options) });
  } catch (error) {
    postMessage(error instanceof Refusal ? { refusal: error.reason } : { error: `${error}` });
  }
};
