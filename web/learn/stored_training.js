// What training stores in this browser (IndexedDB): the run that can be continued, and the models that were trained.
// The page and workers use this module.

import { Refusal } from "../engines/refusal.js";

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
  return transact([RUN], "readwrite", ([run]) => {
    for (const [name, value] of Object.entries(parts)) run.put(value, name);
  });
}

/**
 * Returns all parts of the stored run; null if there is none.
 * @returns {Promise<Record<string, any> | null>}
 */
export async function loadRun() {
  const [names, values] = await transact([RUN], "readonly", ([run]) => [run.getAllKeys(), run.getAll()]);
  return names.length ? Object.fromEntries(names.map((name, at) => [name, values[at]])) : null;
}

/** Returns one part of the stored run; undefined if there is none. @param {string} name */
export async function loadPart(name) {
  const [value] = await transact([RUN], "readonly", ([run]) => [run.get(name)]);
  return value;
}

/** Deletes the stored run. */
export function deleteRun() {
  return transact([RUN], "readwrite", ([run]) => void run.clear());
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
  const ref = {
    name: freeName(
      name,
      known.map((model) => model.name),
    ),
    commit,
  };
  const bytes = Object.values(files).reduce((total, file) => total + file.length, 0);
  await transact([MODELS, FILES], "readwrite", ([models, stored]) => {
    models.put({ ...ref, created: Date.now(), bytes, privateThings }, ref.name);
    stored.put(files, ref.name);
  });
  return ref;
}

/**
 * Returns the stored models, the newest first, without their files.
 * @returns {Promise<StoredModel[]>}
 */
export async function listModels() {
  const [found] = await transact([MODELS], "readonly", ([models]) => [models.getAll()]);
  return found.sort((one, other) => other.created - one.created);
}

/**
 * Returns a stored model with its files; null if this browser has none of this name.
 * @param {string} name local/NAME
 * @returns {Promise<(StoredModel & {files: Files}) | null>}
 */
export async function loadModel(name) {
  const [model, files] = await transact([MODELS, FILES], "readonly", (stores) =>
    stores.map((store) => store.get(name)),
  );
  return model && files ? { ...model, files } : null;
}

/**
 * Deletes a stored model.
 * @param {string} name local/NAME
 */
export function deleteModel(name) {
  return transact([MODELS, FILES], "readwrite", (stores) => {
    for (const store of stores) store.delete(name);
  });
}

/**
 * Returns the commit of a local model: the first 40 hex digits of the SHA-256 of its weights, from manifest.json.
 * @param {Files} files
 */
export function commitOf(files) {
  const manifest = JSON.parse(new TextDecoder().decode(files["manifest.json"]));
  return String(manifest.sha256["model.safetensors"]).slice(0, 40);
}

/**
 * Returns a name for a local model: local/my-text, or local/my-text-2 … if that name is taken.
 * @param {string} text
 * @param {string[]} taken
 */
export function freeName(text, taken = []) {
  const plain = text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{Mn}/gu, "")
    .replace(/\.\w{1,5}$/, "");
  const slug =
    plain
      .replace(/[^a-z0-9]+/g, "-")
      .slice(0, MAX_SLUG)
      .replace(/^-+|-+$/g, "") || "text";
  for (let number = 1; ; number++) {
    const name = `${OWNER}/${slug}${number > 1 ? `-${number}` : ""}`;
    if (!taken.includes(name)) return name;
  }
}

/**
 * Runs requests in one transaction. Resolves to their results once the transaction is complete.
 * @param {string[]} names of object stores
 * @param {IDBTransactionMode} mode
 * @param {(stores: IDBObjectStore[]) => IDBRequest[] | void} act returns the requests whose results are wanted
 * @returns {Promise<any[]>}
 */
async function transact(names, mode, act) {
  const database = await open().catch((error) => {
    throw asRefusal(error);
  });
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(names, mode);
      const requests = act(names.map((name) => transaction.objectStore(name))) || [];
      transaction.oncomplete = () => resolve(requests.map((request) => request.result));
      transaction.onabort = transaction.onerror = () => reject(asRefusal(transaction.error));
    });
  } finally {
    database.close(); // an open connection would keep another tab from deleting the database
  }
}

/** @returns {Promise<IDBDatabase>} */
function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => [RUN, MODELS, FILES].forEach((name) => request.result.createObjectStore(name));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function asRefusal(error) {
  if (error?.name === "QuotaExceededError") return new Refusal({ id: "train.storage_full" });
  return new Refusal({ id: "train.no_storage", values: { reason: error?.name ?? "" } });
}
