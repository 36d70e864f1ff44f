// Conversations in this browser's localStorage. Each tab writes only its own conversation, so two tabs never overwrite each
// other. A tab finds its conversation by the state of its session history entry, also after a reload or Back; a new entry
// finds it by sessionStorage.

import { randomId } from "./hash.js";
import { emptyLog, wholeText } from "./log.js";
import { parseLog } from "./stored_log.js";

const PREFIX = "char-lstm/conversation/";
const TAB = "char-lstm/tab";
const CURRENT = "char-lstm/current";
const SETTINGS = "char-lstm/settings"; // of this tab, before its conversation has a turn
const ENTRY = "char-lstm/conversation"; // in the state of an entry of the session history
const MAX_CONVERSATIONS = 100;

/** @import { Log } from "./log.js" */

/** Returns the id of this tab for the server, which ends replies of the same tab from before a reload. */
export function tabId() {
  const stored = attempt(() => sessionStorage.getItem(TAB)) ?? "";
  const id = /^[0-9a-f]{32}$/.test(stored) ? stored : randomId();
  attempt(() => sessionStorage.setItem(TAB, id));
  return id;
}

export class Storage {
  /**
   * @param {() => globalThis.Storage} local  throws where the browser refuses storage
   * @param {() => globalThis.Storage} session
   * @param {() => Pick<History, "state" | "replaceState">} entries
   */
  constructor(local = () => localStorage, session = () => sessionStorage, entries = () => history) {
    this.local = local;
    this.session = session;
    this.entries = entries;
    this.revisions = /** @type {Map<string, string>} */ (new Map()); // of stored conversations, by id; another tab stores another one
    this.unsaved = /** @type {WeakSet<Log>} */ (new WeakSet()); // conversations that the visitor did not write, as that of the tour
  }

  /** Returns the conversation of this tab, or an empty one with the settings of this tab. @returns {Log} */
  current() {
    const ids = [attempt(() => this.entries().state[ENTRY]), attempt(() => this.session().getItem(CURRENT))];
    const own = ids.find((id) => typeof id === "string"); // an entry with "" has no conversation
    const controls = attempt(() => JSON.parse(this.session().getItem(SETTINGS)));
    return (own && this.load(own)) || parseLog({ ...emptyLog(), controls });
  }

  /** @param {string} id @returns {?Log} */
  load(id) {
    const stored = attempt(() => JSON.parse(this.local().getItem(PREFIX + id)));
    const log = stored && parseLog(stored.log);
    if (log) this.revisions.set(log.id, stored.revision);
    return log;
  }

  /**
   * Stores a conversation and makes it that of this tab. Without room, the oldest conversations are removed; if even that
   * makes too little room, they are restored.
   *
   * @param {Log} log  gets a new id if another tab has changed the same conversation meanwhile
   * @returns {boolean} whether it is stored; true for an unsaved one
   */
  save(log) {
    if (this.unsaved.has(log)) return true;
    attempt(() => this.session().setItem(SETTINGS, JSON.stringify({ ...log.controls, draft: "" })));
    const stored = attempt(() => JSON.parse(this.local().getItem(PREFIX + log.id)));
    const isOthers = stored && stored.revision !== this.revisions.get(log.id);
    if (!log.turns.length && !log.controls.draft) {
      if (!isOthers) this.remove(log.id);
      return true;
    }
    log.changed = Date.now();
    if (isOthers) log.id = randomId();
    const revision = randomId();
    this.#setCurrent(log.id);
    const value = JSON.stringify({ revision, log });
    const removed = [];
    for (;;) {
      try {
        this.local().setItem(PREFIX + log.id, value);
        this.revisions.set(log.id, revision);
        this.#removeSurplus(log.id);
        return true;
      } catch (error) {
        const oldest = error?.name === "QuotaExceededError" ? this.#removeOldest(log.id) : null;
        if (!oldest) break; // the browser stores nothing, or this conversation alone is too large
        removed.push(oldest);
      }
    }
    for (const [key, each] of removed) attempt(() => this.local().setItem(key, each));
    return false;
  }

  // Makes a conversation that of this tab and of its current history entry; "" is none.
  #setCurrent(id) {
    attempt(() => (id ? this.session().setItem(CURRENT, id) : this.session().removeItem(CURRENT)));
    attempt(
      () =>
        this.entries().state?.[ENTRY] === id ||
        this.entries().replaceState({ ...this.entries().state, [ENTRY]: id }, ""),
    );
  }

  has(id) {
    return Boolean(attempt(() => this.local().getItem(PREFIX + id)));
  }

  /** Leaves this tab without a conversation until the next `save`. */
  leave() {
    this.#setCurrent("");
  }

  /** Removes a stored conversation. @param {string} id @returns {?string} the stored value, for `restore` */
  remove(id) {
    const value = attempt(() => this.local().getItem(PREFIX + id));
    attempt(() => this.local().removeItem(PREFIX + id));
    return value;
  }

  /** @param {string} id @param {?string} removed @returns {boolean} whether the conversation is stored again */
  restore(id, removed) {
    if (removed !== null) attempt(() => this.local().setItem(PREFIX + id, removed));
    return this.has(id);
  }

  /** Returns the stored conversations that have turns or a prompt that was not sent, the newest first. */
  list() {
    return this.#stored()
      .filter(({ log }) => log.turns.length || log.controls.draft)
      .map(({ log }) => ({ id: log.id, changed: log.changed, text: wholeText(log) || log.controls.draft || "" }));
  }

  /** Returns whether conversations with another id are stored. */
  hasOthers(id) {
    return this.#keys().some((key) => key !== PREFIX + id);
  }

  #keys() {
    const keys = attempt(() => Array.from({ length: this.local().length }, (_, at) => this.local().key(at))) || [];
    return keys.filter((key) => key?.startsWith(PREFIX));
  }

  #stored() {
    const unreadable = { ...emptyLog(), changed: 0 }; // is removed first
    const logs = this.#keys().map((key) => ({
      key,
      log: attempt(() => parseLog(JSON.parse(this.local().getItem(key)).log)) ?? unreadable,
    }));
    return logs.sort((one, other) => other.log.changed - one.log.changed);
  }

  // Returns the key and the value that were removed; null if there was none.
  #removeOldest(keep) {
    const key = this.#stored()
      .filter((each) => each.key !== PREFIX + keep)
      .pop()?.key;
    const value = key && attempt(() => this.local().getItem(key));
    if (key) attempt(() => this.local().removeItem(key));
    return key ? [key, value] : null;
  }

  #removeSurplus(keep) {
    if (this.#keys().length > MAX_CONVERSATIONS) this.#removeOldest(keep);
  }
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
