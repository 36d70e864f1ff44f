// Decodes the bytes of a file into text: UTF-8, and UTF-16 with or without a byte order mark. Its code points stay as they
// are, but a byte order mark is removed, and the line ends CRLF and CR become LF. Anything else is refused.

import { Refusal } from "../../engines/refusal.js";

export const LEAST_CHARACTERS = 100; // the held-out tenth of a shorter text measures nothing
const MOST_BYTES = 32_000_000; // the text, its ids and their copies in the workers then fit into the memory of a phone
const SAMPLE = 4096; // bytes that show the format and the width of a character

// The first bytes of files that are not text, the message for the visitor, and the name of the format. A .zip is unpacked
// before: see reading.js.
const FORMATS = /** @type {[string[], string, string][]} */ ([
  [["\x1f\x8b", "BZh", "\xfd7zXZ\0", "\x28\xb5\x2f\xfd", "7z\xbc\xaf", "Rar!"], "text.archive", ""],
  [["PAR1"], "text.python", "Parquet"],
  [["%PDF-"], "text.document", "PDF"],
  [["{\\rtf"], "text.document", "RTF"],
  [["\xd0\xcf\x11\xe0"], "text.document", "Microsoft Office"],
  [["SQLite format 3\0"], "text.document", "SQLite"],
]);
const PAGE = /\.x?html?$/i; // the end of a file name

/**
 * Refuses a file that is too large, before it is read.
 * @param {number} size bytes
 * @param {string} name
 */
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
  const sample = bytes.subarray(0, SAMPLE);
  const head = String.fromCharCode(...sample);
  if (PAGE.test(name)) throw new Refusal({ id: "text.python", values: { name, format: "HTML" } });
  const found = FORMATS.find(([beginnings]) => beginnings.some((each) => head.startsWith(each)));
  if (found) throw new Refusal({ id: found[1], values: { name, format: found[2] } });
  if (isUtf32(sample)) throw new Refusal({ id: "text.encoding", values: { name, encoding: "UTF-32" } });
  const utf16 = utf16Of(sample);
  const nul = utf16 ? -1 : bytes.indexOf(0);
  if (nul >= 0) throw new Refusal({ id: "text.nul", values: { name, at: nul } });
  try {
    return checkText(new TextDecoder(utf16 ?? "utf-8", { fatal: true }).decode(bytes), name);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    if (utf16) throw new Refusal({ id: "text.encoding", values: { name, encoding: "UTF-16" } });
    throw new Refusal({ id: "text.not_utf8", values: { name, ...firstInvalid(bytes) } });
  }
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

/** Whether each four bytes are the number of a character. */
function isUtf32(sample) {
  const view = new DataView(sample.buffer, sample.byteOffset, sample.length - (sample.length % 4));
  const starts = Array.from({ length: view.byteLength / 4 }, (_, n) => 4 * n);
  const isInOrder = (isLittle) => starts.every((at) => view.getUint32(at, isLittle) < 0x110000);
  return starts.length > 0 && (isInOrder(true) || isInOrder(false));
}

/** Returns the label of UTF-16 by the byte order mark or by the bytes of a text without one; null for other encodings. */
function utf16Of(sample) {
  const mark = (sample[0] << 8) | sample[1];
  if (mark === 0xfffe) return "utf-16le";
  if (mark === 0xfeff) return "utf-16be";
  return (
    ["utf-16be", "utf-16le"].find((label, first) => sample.length % 2 === 0 && isUtf16(sample, label, first)) ?? null
  );
}

/** The high byte of a character is NUL for spaces and Latin letters, and one number per alphabet for others. */
function isUtf16(sample, label, first) {
  const high = sample.filter((_, n) => n % 2 === first);
  const counts = new Uint32Array(256);
  for (const byte of high) counts[byte]++;
  const nuls = counts[0];
  const [most, next] = counts.sort().reverse();
  if (!high.length || nuls * 10 < high.length || (most + next) * 10 < high.length * 8) return false;
  const odd = new TextDecoder(label).decode(sample).match(/[^\p{L}\p{M}\p{N}\p{P}\p{S}\s]/gu) ?? [];
  return odd.length * 20 <= high.length;
}

/** Returns the first byte that is not UTF-8, in words, and its line. The decoder replaces it, but does not say where. */
function firstInvalid(bytes) {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  const replaced = new TextEncoder().encode(text);
  const at = bytes.findIndex((byte, n) => byte !== replaced[n]);
  const line = bytes.subarray(0, at).reduce((count, byte) => count + (byte === 10 ? 1 : 0), 1);
  return { byte: `0x${bytes[at].toString(16).toUpperCase().padStart(2, "0")}`, line };
}
