// Packs the files of a model into one .zip with a folder inside, and reads them from a .zip or a folder. Their sizes are
// checked before anything is unpacked, and the files are checked like those of any model.

import { CONFIG, MANIFEST, ModelError, WEIGHTS, load } from "../worker/checkpoint.js";
import { refusal } from "../engines/engine.js";
import { unzipSync, zipSync } from "../vendor/fflate.js";

const FILES = [CONFIG, MANIFEST, WEIGHTS, "cells.json", "samples.jsonl", "README.md"]; // others are left out
const MAX_BYTES = 256 << 20; // of the .zip, and of its files: 64 million weights

/** @typedef {{name: string, size: number, read: () => Promise<Uint8Array<ArrayBuffer>>}} Entry */

/** Returns a .zip of files by name, in one folder. @param {Record<string, Uint8Array>} files @param {string} folder its name */
export function zipOf(files, folder) {
  const packed = Object.entries(files).map(([name, bytes]) => {
    const level = /** @type {0 | 6} */ (name.endsWith(".safetensors") ? 0 : 6); // weights hardly become smaller
    return [`${folder}/${name}`, [bytes, { level }]];
  });
  return new Blob([zipSync(Object.fromEntries(packed))], { type: "application/zip" });
}

/**
 * Returns the checked files of a model by name: those beside config.json.
 * @param {Blob | File[]} source a .zip, or the files of a folder
 * @returns {Promise<Record<string, Uint8Array<ArrayBuffer>>>}
 * @throws {Refusal}
 */
export async function filesOf(source) {
  const entries = source instanceof Blob ? await zipEntries(source) : source.map(entryOf);
  const found = entries.find(({ name }) => name === CONFIG || name.endsWith(`/${CONFIG}`));
  if (!found) throw refusal("files.none");
  const folder = found.name.slice(0, -CONFIG.length);
  const wanted = entries.filter(({ name }) => name.startsWith(folder) && FILES.includes(name.slice(folder.length)));
  checkSize(wanted.reduce((total, { size }) => total + size, 0));
  const read = wanted.map(async (entry) => [entry.name.slice(folder.length), await entry.read()]);
  const files = Object.fromEntries(await Promise.all(read));
  try {
    await load({ base: "", name: "", commit: "", files });
  } catch (error) {
    throw error instanceof ModelError ? refusal("files.no_checkpoint", { reason: error.message }) : error;
  }
  return files;
}

function checkSize(bytes) {
  if (bytes > MAX_BYTES) throw refusal("files.unpacked", { most: MAX_BYTES >> 20 });
}

/** @param {File} file @returns {Entry} */
function entryOf(file) {
  return { name: file.webkitRelativePath || file.name, size: file.size, read: () => bytesOf(file) };
}

async function bytesOf(blob) {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch {
    throw refusal("files.unreadable", { name: blob.name ?? "" }); // it was moved or changed since it was chosen
  }
}

/**
 * Returns the entries of a .zip, from the directory at its end; each is unpacked to at most the size in the directory.
 * @param {Blob} blob
 * @returns {Promise<Entry[]>}
 * @throws {Refusal} the .zip is damaged or too large
 */
export async function zipEntries(blob) {
  checkSize(blob.size);
  const bytes = await bytesOf(blob);
  const entries = /** @type {Entry[]} */ ([]);
  unzip(bytes, ({ name, originalSize: size }) => {
    const read = async () => unzip(bytes, (each) => each.name === name)[name];
    // Folders, and the files that macOS adds, are not files of a model.
    if (!name.endsWith("/") && !name.startsWith("__MACOSX/")) entries.push({ name, size, read });
    return false; // only the directory is read
  });
  return entries;
}

// Unpacks the files that a filter chooses.
function unzip(bytes, filter) {
  try {
    return unzipSync(bytes, { filter });
  } catch {
    throw refusal("files.damaged");
  }
}
