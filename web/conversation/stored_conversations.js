// Conversations in this browser's IndexedDB. Each tab writes only its own conversation, and only after a change, so two tabs
// never overwrite each other. A tab finds its conversation by the state of its session history entry, also after a reload or
// Back; a new entry finds it by sessionStorage, which also has what was typed in the last moment before a reload.

import { openDB } from "../vendor/idb.js";
import { randomId } from "../engines/engine.js";
import { VERSION, emptyLog, turnOf, wholeText } from "./log.js";

const NAME = "char-lstm-conversations"; // of the database, and of the channel on which tabs tell each other of changes
const STORE = "conversations";
const WAITING = "char-lstm/conversation/"; // before the id in localStorage, of conversations of older pages
const TAB = "char-lstm/tab";
const CURRENT = "char-lstm/current";
const CONTROLS = "char-lstm/settings"; // of this tab: {id} of the conversation, and its controls
const ENTRY = "char-lstm/conversation"; // in the state of an entry of the session history
const MAX_CONVERSATIONS = 100;
// Names of unknown characters in notices that older pages stored; this page has no texts for them.
const GONE = /"unknown\.(space|tab|line_break|no_break_space|times|invisible_times)"/;

/**
 * @import { Log } from "./log.js"
 *
 * @typedef {{id: string, changed: number, text: string}} StoredConversation  an entry of the list
 */

/** Returns the id of this tab for the server, which ends replies of the same tab from before a reload. */
export function tabId() {
  const stored = attempt(() => sessionStorage.getItem(TAB)) ?? "";
  const id = /^[0-9a-f]{32}$/.test(stored) ? stored : randomId();
  attempt(() => sessionStorage.setItem(TAB, id));
  return id;
}

export class Storage {
  #revisions = /** @type {Map<string, string>} */ (new Map()); // of the conversations that this tab knows, by id
  #saved = /** @type {WeakMap<Log, string>} */ (new WeakMap()); // what is stored of a conversation, as JSON
  #channel = new BroadcastChannel(NAME);
  #shown = /** @type {?Log} */ (null); // the conversation of this tab
  #last = /** @type {Promise<unknown>} */ (Promise.resolve()); // the last save, which the next one follows

  /** @param {?any} database  null where the browser refuses storage */
  constructor(database) {
    this.database = database;
  }

  /**
   * Opens the conversations of this browser. Those that an older page has stored in localStorage are moved into the database.
   */
  static async open() {
    const upgrade = (database) => void database.createObjectStore(STORE, { keyPath: "id" });
    const opened = async () => openDB(NAME, 1, { upgrade });
    const storage = new Storage(await opened().catch(() => null));
    // All entries of this document have the conversation that is shown.
    addEventListener("popstate", () => storage.#setCurrent(attempt(() => sessionStorage.getItem(CURRENT)) ?? ""));
    await storage.#moveWaiting().catch(() => {}); // they stay where they are
    return storage;
  }

  async #moveWaiting() {
    const keys = attempt(() => Object.keys(localStorage).filter((key) => key.startsWith(WAITING))) ?? [];
    if (!this.database || !keys.length) return;
    const moved = [];
    const { store, done } = this.database.transaction(STORE, "readwrite");
    for (const key of keys) {
      const { log } = attempt(() => JSON.parse(localStorage.getItem(key))) ?? {};
      if (!parseLog(log)) continue; // of another version, perhaps: it stays
      moved.push(key);
      const id = (await store.get(log.id)) ? randomId() : log.id; // the database may have it with other turns
      store.put({ id, revision: randomId(), changed: log.changed, log: { ...log, id } });
    }
    await done;
    for (const key of moved) localStorage.removeItem(key);
  }

  /** Returns the conversation of this tab, or an empty one with the settings of this tab. @returns {Promise<Log>} */
  async current() {
    const ids = [attempt(() => history.state[ENTRY]), attempt(() => sessionStorage.getItem(CURRENT))];
    const own = ids.find((id) => typeof id === "string"); // an entry with "" has no conversation
    const { id = "", ...controls } = attempt(() => JSON.parse(sessionStorage.getItem(CONTROLS))) ?? {};
    const log = own ? await this.load(own) : null;
    if (log?.id === id) log.controls = { ...log.controls, ...controls };
    const isOwn = !own || own === id; // also if the page was closed before the conversation was stored
    return log ?? parseLog({ ...emptyLog(), controls: { ...controls, draft: (isOwn && controls.draft) || "" } });
  }

  /** @param {string} id @returns {Promise<?Log>} null if no valid conversation is stored under it */
  async load(id) {
    const stored = await this.database?.get(STORE, id).catch(() => undefined);
    const log = stored ? parseLog(stored.log) : null;
    if (!log) return null;
    this.#revisions.set(log.id, stored.revision);
    this.#saved.set(log, contentOf(log));
    return log;
  }

  /**
   * Stores a conversation, if it has changed, and makes it that of this tab; one without turns and prompt is removed.
   * @param {Log} log  gets a new id if another tab has changed the same conversation meanwhile
   * @returns {Promise<boolean>} false if the browser refuses storage or has no room
   */
  save(log) {
    attempt(() => sessionStorage.setItem(CONTROLS, JSON.stringify({ ...log.controls, id: log.id })));
    this.#shown = log;
    if (log.turns.length) this.#setCurrent(log.id);
    const saved = this.#last.then(() => this.#save(log));
    this.#last = saved;
    return saved;
  }

  async #save(log) {
    if (contentOf(log) === this.#saved.get(log)) return true;
    const isEmpty = !log.turns.length && !log.controls.draft;
    if (!this.database) return isEmpty;
    try {
      const { store, done } = this.database.transaction(STORE, "readwrite");
      const [stored, known] = [await store.get(log.id), this.#revisions.get(log.id)];
      const isNew = !stored;
      if (stored ? stored.revision !== known : known !== undefined) {
        if (isNew || isEmpty) return true; // another tab has deleted it; an empty one is not worth a copy
        log.id = randomId();
      }
      const content = contentOf(log); // it may change until the transaction is done
      if (isEmpty) {
        store.delete(log.id);
        this.#revisions.delete(log.id); // what is written next is a new conversation
      } else await this.#put(store, log, isNew);
      await done;
      if (!isEmpty && this.#shown === log) this.#setCurrent(log.id);
      if (isEmpty ? !isNew : isNew || log.id !== stored.id) this.#channel.postMessage({});
      this.#saved.set(log, content);
      return true;
    } catch {
      return false;
    }
  }

  async #put(store, log, isNew) {
    const revision = randomId();
    log.changed = Date.now();
    store.put({ id: log.id, revision, changed: log.changed, log });
    this.#revisions.set(log.id, revision);
    const keys = isNew ? await store.getAllKeys() : [];
    if (keys.length <= MAX_CONVERSATIONS) return;
    const [oldest] = (await store.getAll()).sort((one, other) => one.changed - other.changed);
    store.delete(oldest.id);
  }

  // Makes a conversation that of this tab and of its current history entry; "" is none.
  #setCurrent(id) {
    attempt(() => (id ? sessionStorage.setItem(CURRENT, id) : sessionStorage.removeItem(CURRENT)));
    attempt(() => history.state?.[ENTRY] === id || history.replaceState({ ...history.state, [ENTRY]: id }, ""));
  }

  /** Leaves this tab without a conversation until the next `save`. */
  leave() {
    this.#shown = null;
    this.#setCurrent("");
  }

  /** Removes a conversation, which every tab stops to show. @param {string} id */
  async remove(id) {
    await this.#last;
    await this.database?.delete(STORE, id);
    this.#channel.postMessage({ removed: id });
  }

  /** Calls a function after another tab has added or removed conversations. @param {(removed?: string) => void} act */
  onChange(act) {
    this.#channel.onmessage = ({ data }) => act(data.removed);
  }

  /** Returns the ids of the stored conversations. @returns {Promise<string[]>} */
  async ids() {
    return (await this.database?.getAllKeys(STORE).catch(() => [])) ?? [];
  }

  /** Returns the stored conversations, the newest first. @returns {Promise<StoredConversation[]>} */
  async list() {
    const stored = (await this.database?.getAll(STORE).catch(() => [])) ?? [];
    return stored
      .flatMap(({ log }) => parseLog(log) ?? [])
      .map((log) => ({ id: log.id, changed: log.changed, text: wholeText(log) || log.controls.draft || "" }))
      .sort((one, other) => other.changed - one.changed);
  }
}

/**
 * Returns the log in a stored value.
 * @param {any} value
 * @returns {?Log} null if it is no log of this version
 */
export function parseLog(value) {
  try {
    if (value.version !== VERSION || typeof value.id !== "string") return null;
    const log = { ...emptyLog(), ...value, turns: value.turns.map(asNow) };
    const isWhole = [log.undone, log.held.cells].every(Array.isArray) && log.controls === Object(log.controls);
    if (!isWhole || !areWhole(log.turns)) return null;
    if (log.here !== 0 && !turnOf(log, log.here)) log.here = log.turns.at(-1)?.id ?? 0;
    return log;
  } catch {
    return null; // a field that every log has is missing
  }
}

// Returns a turn with its reply, without notices that are GONE. Older pages stored a list of replies: that of the chosen model,
// and that of a second one side by side, which is no longer shown.
function asNow({ replies, ...turn }) {
  const [old] = replies ?? [turn.reply];
  const reply = { ...old, notices: old.notices.filter((notice) => !GONE.test(JSON.stringify(notice))) };
  if (!replies) return { ...turn, reply };
  const continued = turn.continued?.map(({ lengths, letters }) => ({ length: lengths[0], letters }));
  return { ...turn, reply, ...(continued && { continued }) };
}

// A turn's parent is stored before the turn, so that no path is a circle; the first reply of a path is `fresh`.
function areWhole(turns) {
  const known = new Set([0]);
  return turns.every(({ id, parent, prompt, check, reply: { fresh, model, notices, parts } }) => {
    const isAfter = id > parent && known.has(parent) && !known.has(id) && (parent > 0 || fresh);
    known.add(id);
    const areTexts = [prompt, model.name, ...parts.map(({ text }) => text)].every((text) => typeof text === "string");
    return isAfter && areTexts && [check, notices, ...parts.map(({ cells }) => cells)].every(Array.isArray);
  });
}

// Everything that is stored of a conversation but the time of its last change. Settings alone are no change of a conversation.
function contentOf({ controls, ...log }) {
  return JSON.stringify({ ...log, changed: 0, draft: controls.draft ?? "" });
}

/**
 * Returns the result of a function; null if it throws: storage is refused or full, or holds other data than this page's.
 * @template T
 * @param {() => T} work
 */
export function attempt(work) {
  try {
    return work();
  } catch {
    return null;
  }
}
