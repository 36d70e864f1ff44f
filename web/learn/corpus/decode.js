// Decodes the bytes of a file into text: UTF-8, or UTF-16 with a byte order mark. Its code points stay as they are, but the mark
// is removed, and the line ends CRLF and CR become LF. Anything else is refused.

import { Refusal } from "../../engines/engine.js";

export const LEAST_CHARACTERS = 100; // the held-out tenth of a shorter text measures nothing
const MOST_BYTES = 32_000_000; // the text, its ids and their copies in the workers then fit into the memory of a phone
const MARKUP = /\.(?:x?html?|rtf)$/i; // the end of the name of a file whose text only Python extracts

/** Returns the refusal of what is no plain text. @param {string} name of the file */
export function noText(name) {
  return new Refusal({ id: "text.no_text", values: { name } });
}

/** Refuses a file that is too large, before it is read. @param {number} size bytes @param {string} name */
export function checkSize(size, name) {
  const [megabytes, most] = [size, MOST_BYTES].map((bytes) => Math.ceil(bytes / 1e6));
  if (size > MOST_BYTES) throw new Refusal({ id: "text.too_large", values: { name, megabytes, most } });
}

/**
 * Returns the text of a file.
 * @param {Uint8Array} bytes
 * @param {string} name of the file, for messages
 * @throws {Refusal} it is no text, a web page, or in another encoding
 */
export function decode(bytes, name) {
  if (MARKUP.test(name)) throw noText(name);
  const mark = (bytes[0] << 8) | bytes[1];
  const encoding = mark === 0xfffe ? "utf-16le" : mark === 0xfeff ? "utf-16be" : "utf-8";
  let text;
  try {
    text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw noText(name);
  }
  return checkText(text, name);
}

/**
 * Returns a text that was pasted, or decoded, with LF line ends and without unpaired surrogates.
 * @param {string} text
 * @param {string} name
 * @throws {Refusal} it holds a NUL, as binary data does
 */
export function checkText(text, name) {
  if (text.includes("\0")) throw noText(name);
  return text.replace(/\r\n?/g, "\n").toWellFormed();
}
