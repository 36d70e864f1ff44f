// Recognises what is not UTF-8 text, from the first bytes of a file: the rules of training/corpus/decode.py.

import { isPrintable } from "./strings.js";

/** @typedef {"archive" | "document" | "table" | "pointer" | "other"} Kind `text.${Kind}` is the message with what to do */

// Offset, first bytes, kind, and the name of the format, which is the same in every language.
const MAGIC = /** @type {[number, string, Kind, string][]} */ ([
  [0, "\x1f\x8b", "archive", "gzip"],
  [0, "BZh", "archive", "bzip2"],
  [0, "\xfd7zXZ\0", "archive", "xz"],
  [0, "\x28\xb5\x2f\xfd", "archive", "zstd"],
  [0, "7z\xbc\xaf\x27\x1c", "archive", "7-Zip"],
  [0, "Rar!\x1a\x07", "archive", "RAR"],
  [257, "ustar", "archive", "tar"],
  [0, "%PDF-", "document", "PDF"],
  [0, "{\\rtf", "document", "RTF"],
  [0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "document", "Microsoft Office"],
  [0, "\x89PNG\r\n", "other", "PNG"],
  [0, "\xff\xd8\xff", "other", "JPEG"],
  [0, "GIF87a", "other", "GIF"],
  [0, "GIF89a", "other", "GIF"],
  [0, "OggS\0", "other", "Ogg"],
  [0, "ID3\x03", "other", "MP3"],
  [0, "ID3\x04", "other", "MP3"],
  [4, "ftyp", "other", "MP4"],
  [0, "SQLite format 3\0", "table", "SQLite"],
  [0, "PAR1", "table", "Parquet"],
  [0, "ARROW1\0", "table", "Arrow"],
  [0, "\x93NUMPY", "other", "NumPy"],
  [0, "\x89HDF\r\n", "other", "HDF5"],
  [0, "\x7fELF", "other", "ELF"],
  [8, '{"__metadata__"', "other", "safetensors"],
  [0, "version https://git-lfs.", "pointer", "Git LFS"],
]);
const IN_ZIP = /** @type {[string, Kind, string][]} */ ([
  ["word/", "document", "Word (.docx)"],
  ["xl/", "table", "Excel (.xlsx)"],
  ["ppt/", "document", "PowerPoint (.pptx)"],
  ["application/epub+zip", "document", "EPUB"],
  ["application/vnd.oasis.opendocument", "document", "OpenDocument"],
  ["/data.pkl", "other", "PyTorch"],
]);
const SEARCHED = 1 << 20; // bytes of a zip archive that are searched for names
const SAMPLE = 4096; // bytes that show the width of a character
const WIDTHS = { "UTF-32LE": 4, "UTF-32BE": 4, "UTF-16LE": 2, "UTF-16BE": 2 };

/**
 * Returns the encoding of a text whose characters have two or four bytes, by its byte order mark or its NUL bytes; or null.
 * @param {Uint8Array} bytes the beginning of a file
 * @returns {keyof typeof WIDTHS | null}
 */
export function wideEncoding(bytes) {
  if (begins(bytes, "\xff\xfe\0\0")) return "UTF-32LE";
  if (begins(bytes, "\0\0\xfe\xff")) return "UTF-32BE";
  if (begins(bytes, "\xff\xfe")) return "UTF-16LE";
  if (begins(bytes, "\xfe\xff")) return "UTF-16BE";
  const first = bytes.subarray(0, SAMPLE);
  const sample = first.subarray(0, first.length - (first.length % (first.length < 4 ? 2 : 4)));
  if (!sample.includes(0)) return null;
  for (const [encoding, width] of Object.entries(WIDTHS)) {
    if (sample.length % width === 0 && isWide(sample, encoding, width))
      return /** @type {keyof typeof WIDTHS} */ (encoding);
  }
  return null;
}

// The highest byte of a character is NUL for spaces and Latin letters, and one number per alphabet for others.
function isWide(sample, encoding, width) {
  const counts = Array.from({ length: 256 }, () => 0);
  const units = sample.length / width;
  for (let at = encoding.endsWith("LE") ? width - 1 : 0; at < sample.length; at += width) counts[sample[at]]++;
  const nuls = counts[0];
  const [most, next] = counts.sort((a, b) => b - a);
  if (nuls * 10 < units || (most + next) * 10 < units * 8) return false;
  const text = width === 2 ? new TextDecoder(encoding).decode(sample) : utf32(sample, encoding === "UTF-32LE");
  const characters = Array.from(text);
  const odd = characters.filter((each) => each === "\ufffd" || !(isPrintable(each) || "\n\r\t\f\ufeff".includes(each)));
  return odd.length * 20 <= characters.length;
}

function utf32(sample, isLittle) {
  const view = new DataView(sample.buffer, sample.byteOffset, sample.length);
  const codes = Array.from({ length: sample.length / 4 }, (_, n) => view.getUint32(4 * n, isLittle));
  return codes
    .map((code) => (code > 0x10ffff || (code & 0x1ff800) === 0xd800 ? "\ufffd" : String.fromCodePoint(code)))
    .join("");
}

/**
 * Returns what kind of file begins with these bytes and the name of its format, or null if it may be text.
 * @param {Uint8Array} bytes
 * @returns {[Kind, string] | null}
 */
export function formatOf(bytes) {
  if (begins(bytes, "PK\x03\x04")) {
    const searched = new TextDecoder("latin1").decode(bytes.subarray(0, SEARCHED));
    const found = IN_ZIP.find(([inside]) => searched.includes(inside));
    return found ? [found[1], found[2]] : ["archive", "zip"];
  }
  const found = MAGIC.find(([offset, magic]) => begins(bytes, magic, offset));
  if (found) return [found[2], found[3]];
  // Eight bytes of length, then a JSON header. The upper bytes of the length are zero, which no text has.
  if (begins(bytes, '{"', 8) && begins(bytes, "\0\0\0", 5)) return ["other", "safetensors"];
  if (bytes[0] === 0x80 && bytes[1] >= 2 && bytes[1] <= 5) return ["other", "pickle"];
  return null;
}

function begins(bytes, text, offset = 0) {
  return (
    bytes.length >= offset + text.length &&
    Array.from(text).every((each, n) => bytes[offset + n] === each.charCodeAt(0))
  );
}
