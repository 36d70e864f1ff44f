// Packs the files of a model into one .zip with a folder inside, and reads them from a .zip or a folder. All sizes are
// checked before anything is unpacked, and the files are checked like those of any model.

import { ModelError, load } from "../worker/checkpoint.js";
import { Refusal } from "../engines/refusal.js";
import { Inflate, zipSync } from "../vendor/fflate.js";

const FILES = ["config.json", "manifest.json", "model.safetensors", "cells.json", "samples.jsonl", "README.md"]; // others are left out
const CONFIG = FILES[0];
const MAX_BYTES = 256 << 20; // of the .zip, and of its files: 64 million weights
const MAX_SMALL = 16 << 20; // bytes of each file but the weights, as in worker/checkpoint.js
const MAX_ENTRIES = 1000; // of a .zip or a folder
const [END, ENTRY, LOCAL] = [0x06054b50, 0x02014b50, 0x04034b50]; // the marks of a .zip's records
const [END_SIZE, ENTRY_SIZE, LOCAL_SIZE, MAX_COMMENT] = [22, 46, 30, 0xffff]; // bytes
const [ENCRYPTED, STORED, DEFLATED] = [1, 0, 8]; // a flag, and the ways to pack
const SLICE = 4096; // packed bytes that are unpacked at once: at most 4 MB, since DEFLATE makes 1,032 bytes of one
const MOST_UNPACKED = 1032;

/**
 * @typedef {Record<string, Uint8Array<ArrayBuffer>>} Files of a model, by name
 * @typedef {{name: string, size: number, read: () => Promise<Uint8Array<ArrayBuffer>>}} Entry
 */

/**
 * Returns a .zip of the files in one folder.
 * @param {Record<string, Uint8Array>} files
 * @param {string} folder its name
 */
export function zipOf(files, folder = "model") {
  const packed = Object.entries(files).map(([name, bytes]) => {
    const level = /** @type {0 | 6} */ (name.endsWith(".safetensors") ? 0 : 6); // weights hardly become smaller
    return [`${folder}/${name}`, [bytes, { level }]];
  });
  return new Blob([zipSync(Object.fromEntries(packed))], { type: "application/zip" });
}

/**
 * Returns the checked files of a model.
 * @param {Blob | Iterable<File>} source a .zip, or the files of a folder
 * @returns {Promise<Files>}
 * @throws {Refusal}
 */
export async function filesOf(source) {
  const entries = ofModel(await entriesOf(source));
  const files = /** @type {Files} */ ({});
  for (const { name, size, read } of entries) {
    if (name !== "model.safetensors" && size > MAX_SMALL) throw refusal("files.large", { name, most: MAX_SMALL >> 20 });
    files[name] = await read();
  }
  try {
    await load({ base: "", name: "", commit: "", files });
  } catch (error) {
    if (error instanceof ModelError) throw refusal("files.no_checkpoint", { reason: error.message });
    throw error;
  }
  return files;
}

function refusal(id, values = {}) {
  return new Refusal({ id, values });
}

/** @returns {Promise<Entry[]>} */
async function entriesOf(source) {
  if (source instanceof Blob) return zipEntries(source);
  const files = Array.from(source);
  if (files.length === 1 && (await isZip(files[0]))) return zipEntries(files[0]);
  if (files.length > MAX_ENTRIES) throw refusal("files.many", { most: MAX_ENTRIES });
  return files.map((file) => ({
    name: file.webkitRelativePath || file.name,
    size: file.size,
    read: () => bytesOf(file),
  }));
}

// Returns the entries of the model, which are those beside config.json, without their folder.
function ofModel(entries) {
  const [found, ...more] = entries.filter(({ name }) => name === CONFIG || name.endsWith(`/${CONFIG}`));
  if (!found) throw refusal("files.none");
  if (more.length) throw refusal("files.several", { names: [found, ...more].map(({ name }) => name) });
  const folder = found.name.slice(0, -CONFIG.length);
  const wanted = FILES.map((name) => entries.find((entry) => entry.name === folder + name)).filter(Boolean);
  if (wanted.reduce((total, { size }) => total + size, 0) > MAX_BYTES) {
    throw refusal("files.unpacked", { most: MAX_BYTES >> 20 });
  }
  return wanted.map((entry) => ({ ...entry, name: entry.name.slice(folder.length) }));
}

async function bytesOf(blob) {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch {
    throw refusal("files.unreadable", { name: blob.name ?? "" }); // it was moved or changed since it was chosen
  }
}

async function isZip(file) {
  const bytes = await bytesOf(file.slice(0, 4));
  return bytes.length === 4 && new DataView(bytes.buffer).getUint32(0, true) === LOCAL;
}

/**
 * Returns the entries of a .zip, from the directory at its end.
 * @param {Blob} blob
 * @returns {Promise<Entry[]>}
 * @throws {Refusal} the .zip is damaged, too large, or has unsafe paths
 */
export async function zipEntries(blob) {
  if (blob.size > MAX_BYTES) throw refusal("files.unpacked", { most: MAX_BYTES >> 20 });
  const bytes = await bytesOf(blob);
  const view = new DataView(bytes.buffer);
  const end = endOf(view);
  const [count, start] = [view.getUint16(end + 10, true), view.getUint32(end + 16, true)];
  if (count > MAX_ENTRIES) throw refusal("files.many", { most: MAX_ENTRIES });
  const entries = /** @type {Entry[]} */ ([]);
  for (let at = start, number = 0; number < count; number++) {
    if (at + ENTRY_SIZE > end || view.getUint32(at, true) !== ENTRY) throw refusal("files.damaged");
    const lengths = [28, 30, 32].map((offset) => view.getUint16(at + offset, true)); // of name, extra field, comment
    const name = nameOf(bytes.subarray(at + ENTRY_SIZE, at + ENTRY_SIZE + lengths[0]));
    if (entries.some((entry) => entry.name === name)) throw refusal("files.twice", { name });
    const [flags, way] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
    const [crc, packed, size, local] = [16, 20, 24, 42].map((offset) => view.getUint32(at + offset, true));
    const read = async () => {
      if (flags & ENCRYPTED) throw refusal("files.encrypted", { name });
      const content = unpack(packedBytes(view, local, packed), way, size, name);
      if (crc32(content) !== crc) throw refusal("files.checksum", { name });
      return content;
    };
    // Folders, and the files that macOS adds, are not files of a model.
    if (!name.endsWith("/") && !name.startsWith("__MACOSX/")) entries.push({ name, size, read });
    at += ENTRY_SIZE + lengths[0] + lengths[1] + lengths[2];
  }
  return entries;
}

// Returns the position of the last record of a .zip, which a comment may follow.
function endOf(view) {
  for (let at = view.byteLength - END_SIZE; at >= Math.max(0, view.byteLength - END_SIZE - MAX_COMMENT); at--) {
    if (view.getUint32(at, true) === END) return at;
  }
  const isCut = view.byteLength >= 4 && view.getUint32(0, true) === LOCAL;
  throw refusal(isCut ? "files.cut" : "files.no_zip");
}

// Returns the name of an entry. No file is written under it, but an unsafe name shows that the .zip is an attack.
function nameOf(bytes) {
  const name = new TextDecoder().decode(bytes).replaceAll("\\", "/");
  const isUnsafe = name.startsWith("/") || /^[a-z]:/i.test(name) || name.split("/").includes("..") || name.includes("\0");
  if (isUnsafe || !name) throw refusal("files.path", { name: name.slice(0, 100) });
  return name;
}

function packedBytes(view, local, packed) {
  if (local + LOCAL_SIZE > view.byteLength || view.getUint32(local, true) !== LOCAL) throw refusal("files.damaged");
  const start = local + LOCAL_SIZE + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  if (start + packed > view.byteLength) throw refusal("files.cut");
  return new Uint8Array(view.buffer, start, packed);
}

// Returns the bytes of an entry. Unpacking stops when they exceed the size in the directory.
function unpack(packed, way, size, name) {
  if (way === STORED && packed.length === size) return packed.slice();
  if (way !== DEFLATED) throw way === STORED ? refusal("files.damaged") : refusal("files.packing", { name });
  if (size > MOST_UNPACKED * packed.length) throw refusal("files.checksum", { name });
  const content = new Uint8Array(size);
  let length = 0;
  const inflate = new Inflate((part) => {
    if (length + part.length > size) throw refusal("files.checksum", { name });
    content.set(part, length);
    length += part.length;
  });
  try {
    for (let at = 0; at < packed.length; at += SLICE) {
      inflate.push(packed.subarray(at, at + SLICE), at + SLICE >= packed.length);
    }
  } catch (error) {
    throw error instanceof Refusal ? error : refusal("files.checksum", { name });
  }
  if (length !== size) throw refusal("files.checksum", { name });
  return content;
}

function crc32(bytes) {
  const table = Uint32Array.from({ length: 256 }, (_, start) => {
    let value = start;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    return value;
  });
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 255];
  return (crc ^ 0xffffffff) >>> 0;
}
