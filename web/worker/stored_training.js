// What training stores in this browser (IndexedDB): the run that can be continued, and the models that were trained.
// The page and workers use this module.

import { Refusal } from "../engines/engine.js";
import { openDB } from "../vendor/idb.js";

const DATABASE = "char-lstm-training";
const [RUN, MODELS, FILES] = ["run", "models", "files"]; // the object stores
const OWNER = "local"; // see isLocal in engines/engine.js
const MAX_SLUG = 40; // characters

/**
 * @import { Message } from "../engines/engine.js"
 * @typedef {Record<string, Uint8Array>} Files of a checkpoint, by name
 * @typedef {object} StoredModel
 * @property {string} name local/NAME
 * @property {string} commit the first 40 hex digits of the SHA-256 of model.safetensors
 * @property {number} created milliseconds since 1970
 * @property {number} bytes
 * @property {Message[]} [privateThings] what looks private in its text
 */

/**
 * Stores parts of the run, each in place of the one that was stored under its name.
 * @param {Record<string, any>} parts
 * @throws {Refusal} the browser refuses storage, or has no room
 */
export function saveRun(parts) {
  return use(async (database) => {
    const { store, done } = database.transaction(RUN, "readwrite");
    await Promise.all([...Object.entries(parts).map(([name, value]) => store.put(value, name)), done]);
  });
}

/** Returns all parts of the stored run; null if there is none. @returns {Promise<Record<string, any> | null>} */
export function loadRun() {
  return use(async (database) => {
    const { store } = database.transaction(RUN);
    const [names, values] = await Promise.all([store.getAllKeys(), store.getAll()]);
    return names.length ? Object.fromEntries(names.map((name, at) => [name, values[at]])) : null;
  });
}

/** Returns one part of the stored run; undefined if there is none. @param {string} name */
export function loadPart(name) {
  return use((database) => database.get(RUN, name));
}

/** Deletes the stored run. */
export function deleteRun() {
  return use((database) => database.clear(RUN));
}

/**
 * Stores the files of a checkpoint as a model under a name of its own; the same weights are stored once.
 * @param {{name: string, files: Files, privateThings?: Message[]}} model any text as its name
 * @returns {Promise<{name: string, commit: string}>} its ref
 * @throws {Refusal} the browser refuses storage, or has no room
 */
export async function saveModel({ name, files, privateThings = [] }) {
  const commit = commitOf(files);
  const known = await listModels();
  const same = known.find((model) => model.commit === commit);
  if (same) return { name: same.name, commit };
  const ref = { name: freeName(name, known), commit };
  const bytes = Object.values(files).reduce((total, file) => total + file.length, 0);
  await use(async (database) => {
    const transaction = database.transaction([MODELS, FILES], "readwrite");
    const [models, stored] = [MODELS, FILES].map((each) => transaction.objectStore(each));
    const model = { ...ref, created: Date.now(), bytes, privateThings };
    await Promise.all([models.put(model, ref.name), stored.put(files, ref.name), transaction.done]);
  });
  return ref;
}

/** Returns the stored models, the newest first, without their files. @returns {Promise<StoredModel[]>} */
export async function listModels() {
  const found = await use((database) => database.getAll(MODELS));
  return found.sort((one, other) => other.created - one.created);
}

/**
 * Returns a stored model with its files; null if this browser has none of this name.
 * @param {string} name local/NAME
 * @returns {Promise<(StoredModel & {files: Files}) | null>}
 */
export function loadModel(name) {
  return use(async (database) => {
    const [model, files] = await Promise.all([database.get(MODELS, name), database.get(FILES, name)]);
    return model && files ? { ...model, files } : null;
  });
}

/** Deletes a stored model. @param {string} name local/NAME */
export function deleteModel(name) {
  return use((database) => Promise.all([MODELS, FILES].map((store) => database.delete(store, name))));
}

/** Returns the commit of a local model: 40 hex digits of the SHA-256 of its weights, from manifest.json. @param {Files} files */
export function commitOf(files) {
  const manifest = JSON.parse(new TextDecoder().decode(files["manifest.json"]));
  return String(manifest.sha256["model.safetensors"]).slice(0, 40);
}

/**
 * Returns a name for a local model: local/my-text, or local/my-text-2 … if that name is taken.
 * @param {string} text
 * @param {{name: string}[]} taken
 */
export function freeName(text, taken = []) {
  const plain = text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{Mn}/gu, "")
    .replace(/\.\w{1,5}$/, "");
  const short = plain.replace(/[^a-z0-9]+/g, "-").slice(0, MAX_SLUG);
  const slug = `${OWNER}/${short.replace(/^-+|-+$/g, "") || "text"}`;
  let name = slug;
  for (let number = 2; taken.some((each) => each.name === name); number++) name = `${slug}-${number}`;
  return name;
}

/**
 * Opens the database for one use; an open connection would keep another tab from deleting it.
 * @template Result
 * @param {(database: any) => Promise<Result>} act
 * @returns {Promise<Result>}
 * @throws {Refusal}
 */
async function use(act) {
  const upgrade = (database) => [RUN, MODELS, FILES].forEach((name) => database.createObjectStore(name));
  let database = null;
  try {
    database = await openDB(DATABASE, 1, { upgrade });
    return await act(database);
  } catch (error) {
    if (error?.name === "QuotaExceededError") throw new Refusal({ id: "train.storage_full" });
    throw new Refusal({ id: "train.no_storage", values: { reason: error?.name ?? "" } });
  } finally {
    database?.close();
  }
}
