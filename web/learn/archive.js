// Packs the files of a model into one .zip with a folder inside, and reads them from a .zip or a folder. All sizes are
// checked before anything is unpacked, and the files are checked like those of any model.

import { ModelError, load } from "../worker/checkpoint.js";
import { Refusal } from "../engines/refusal.js";
import { unzipSync, zipSync } from "../vendor/fflate.js";

const FILES = ["config.json", "manifest.json", "model.safetensors", "cells.json", "samples.jsonl", "README.md"]; // others are left out
const CONFIG = FILES[0];
const MAX_BYTES = 256 << 20; // of the .zip, and of its files: 64 million weights
const MAX_SMALL = 16 << 20; // bytes of each file but the weights, as in worker/checkpoint.js
const MAX_ENTRIES = 1000; // of a .zip or a folder
const BEGINNING = [0x50, 0x4b, 3, 4]; // of a .zip with files
const [FLAGS, ENCRYPTED] = [6, 1]; // the byte of flags from the beginning of a file, and the flag
const [NO_DIRECTORY, PACKING] = [13, 14]; // codes of fflate's errors

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
  if (files.length === 1 && isZip(await bytesOf(files[0].slice(0, 4)))) return zipEntries(files[0]);
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

/** Whether a .zip, or a file in one, begins at a position. @param {Uint8Array} bytes */
function isZip(bytes, from = 0) {
  return BEGINNING.every((byte, at) => bytes[from + at] === byte);
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
  const entries = /** @type {Entry[]} */ ([]);
  const names = new Set();
  unzip(bytes, ({ name: written, originalSize: size }) => {
    const name = safeName(written);
    if (names.has(name)) throw refusal("files.twice", { name });
    if (names.add(name).size > MAX_ENTRIES) throw refusal("files.many", { most: MAX_ENTRIES });
    const read = async () => {
      const content = unzip(bytes, (each) => each.name === written, name)[written];
      if (content.length !== size) throw damaged(bytes, name);
      return content;
    };
    // Folders, and the files that macOS adds, are not files of a model.
    if (!name.endsWith("/") && !name.startsWith("__MACOSX/")) entries.push({ name, size, read });
    return false; // only the directory is read
  });
  return entries;
}

/**
 * Unpacks the files that a filter chooses; each gets at most the bytes that the directory says.
 * @param {Uint8Array} bytes of the .zip
 * @param {(entry: {name: string, originalSize: number}) => boolean} filter
 * @param {string} name of the chosen file, for messages
 * @returns {Record<string, Uint8Array<ArrayBuffer>>}
 */
function unzip(bytes, filter, name = "") {
  try {
    return unzipSync(bytes, { filter });
  } catch (error) {
    if (error instanceof Refusal) throw error;
    if (error.code === NO_DIRECTORY) throw refusal(isZip(bytes) ? "files.cut" : "files.no_zip");
    throw name ? damaged(bytes, name, error.code === PACKING) : refusal("files.damaged");
  }
}

// Returns the refusal of a file that cannot be unpacked. fflate does not say that a file is encrypted, and reads it as it is.
function damaged(bytes, name, isPackedOtherwise = false) {
  for (let at = bytes.indexOf(BEGINNING[0]); at >= 0; at = bytes.indexOf(BEGINNING[0], at + 1)) {
    if (isZip(bytes, at) && bytes[at + FLAGS] & ENCRYPTED) return refusal("files.encrypted");
  }
  return refusal(isPackedOtherwise ? "files.packing" : "files.checksum", { name });
}

// Returns the name of an entry. No file is written under it, but an unsafe name shows that the .zip is an attack.
function safeName(written) {
  const name = written.replaceAll("\\", "/");
  const isUnsafe = name.startsWith("/") || /^[a-z]:/i.test(name) || name.split("/").includes("..");
  if (!name || name.includes("\0")) throw refusal("files.damaged");
  if (isUnsafe) throw refusal("files.path", { name: name.slice(0, 100) });
  return name;
}
