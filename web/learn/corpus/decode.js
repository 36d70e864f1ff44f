// Decodes the bytes of a file into text: UTF-8, and UTF-16 with or without a byte order mark. Its code points stay as they
// are, but a byte order mark is removed, and the line ends CRLF and CR become LF. Anything else is refused.

import { Refusal } from "../../engines/refusal.js";
import { formatOf, wideEncoding } from "./formats.js";

export const LEAST_CHARACTERS = 100; // the held-out tenth of a shorter text measures nothing
const MOST_BYTES = 32_000_000; // the text, its ids and their copies in the workers then fit into the memory of a phone
const PIECE = 1 << 16; // bytes that are decoded at once while an error is located

/**
 * Refuses a file that is too large, before it is read.
 * @param {number} size bytes
 * @param {string} name
 */
export function checkSize(size, name) {
  if (size <= MOST_BYTES) return;
  const megabytes = (/** @type {number} */ bytes) => Math.ceil(bytes / 1e6);
  throw new Refusal({
    id: "text.too_large",
    values: { name, megabytes: megabytes(size), most: megabytes(MOST_BYTES) },
  });
}

/**
 * Returns the text of a file.
 * @param {Uint8Array} bytes
 * @param {string} name of the file, for messages
 * @throws {Refusal} it is no text, or in another encoding
 */
export function decode(bytes, name) {
  const encoding = wideEncoding(bytes);
  if (encoding?.startsWith("UTF-32")) throw new Refusal({ id: "text.encoding", values: { name, encoding: "UTF-32" } });
  const format = encoding ? null : formatOf(bytes);
  if (format) throw new Refusal({ id: `text.${format[0]}`, values: { name, format: format[1] } });
  const nul = encoding ? -1 : bytes.indexOf(0);
  if (nul >= 0) throw new Refusal({ id: "text.nul", values: { name, at: nul } });
  return checkText(encoding ? utf16(bytes, encoding, name) : utf8(bytes, name), name);
}

/**
 * Returns a text that was pasted, or decoded, with LF line ends and without unpaired surrogates.
 * @param {string} text
 * @param {string} name
 * @throws {Refusal} it holds a NUL
 */
export function checkText(text, name) {
  const nul = text.indexOf("\0");
  if (nul >= 0) throw new Refusal({ id: "text.nul", values: { name, at: nul } });
  return text.replace(/\r\n?/g, "\n").toWellFormed();
}

function utf16(bytes, encoding, name) {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw new Refusal({ id: "text.encoding", values: { name, encoding: "UTF-16" } });
  }
}

function utf8(bytes, name) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const at = firstInvalid(bytes);
    let line = 1;
    for (let n = 0; n < at; n++) line += bytes[n] === 10 ? 1 : 0;
    const byte = `0x${bytes[at].toString(16).toUpperCase().padStart(2, "0")}`;
    throw new Refusal({ id: "text.not_utf8", values: { name, byte, line } });
  }
}

/** The place of the first byte that is not UTF-8, which the decoder does not say. */
function firstInvalid(bytes) {
  let start = 0; // of the piece in which the decoder fails, or of an unfinished character before it
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    for (let at = 0; at < bytes.length; at += PIECE) {
      decoder.decode(bytes.subarray(at, at + PIECE), { stream: true });
      start = Math.max(0, Math.min(at + PIECE, bytes.length) - 3);
      while (start && (bytes[start] & 0xc0) === 0x80) start--;
    }
  } catch {}
  const slow = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    for (let at = start; at < bytes.length; at++)
      if (slow.decode(bytes.subarray(at, at + 1), { stream: true })) start = at + 1;
  } catch {}
  return Math.min(start, bytes.length - 1);
}
