// Earlier conversations, kept in this browser. Each tab writes its own conversation, so two tabs never overwrite each
// other; a tab that is reloaded, restored or gone back to finds its conversation by sessionStorage.

import { emptyLog, parseLog, pathTo, randomId, replyText } from "./log.js";

const PREFIX = "char-lstm/conversation/";
const TAB = "char-lstm/tab";
const CURRENT = "char-lstm/current";
const MAX_CONVERSATIONS = 100;

/** @typedef {import("./log.js").Log} Log */

/** The id of this tab for the server, which ends the replies that a reload has left behind. */
export function tabId() {
  const id = attempt(() => sessionStorage.getItem(TAB)) || randomId();
  attempt(() => sessionStorage.setItem(TAB, id));
  return id;
}

export class Storage {
  /**
   * @param {() => globalThis.Storage} local  throws where the browser refuses storage
   * @param {() => globalThis.Storage} session
   */
  constructor(local = () => localStorage, session = () => sessionStorage) {
    this.local = local;
    this.session = session;
    this.revision = null; // of the stored conversation, to notice that another tab has written it
  }

  /** The conversation of this tab, or an empty one. @returns {Log} */
  current() {
    const id = attempt(() => this.session().getItem(CURRENT));
    return (id && this.load(id)) || emptyLog();
  }

  /** @returns {?Log} */
  load(id) {
    const stored = attempt(() => JSON.parse(this.local().getItem(PREFIX + id)));
    const log = stored && parseLog(stored.log);
    if (log) this.revision = stored.revision;
    return log;
  }

  /**
   * Stores a conversation and makes it that of this tab. The oldest ones give way when there is no room.
   *
   * @param {Log} log  gets a new id if another tab has changed the same conversation meanwhile
   * @returns {boolean} whether it is stored
   */
  save(log) {
    if (!log.turns.length && !log.controls.draft && !this.has(log.id)) return true;
    log.changed = Date.now();
    const stored = attempt(() => JSON.parse(this.local().getItem(PREFIX + log.id)));
    if (stored && stored.revision !== this.revision) log.id = randomId();
    this.revision = randomId();
    attempt(() => this.session().setItem(CURRENT, log.id));
    const value = JSON.stringify({ revision: this.revision, log });
    for (let tries = 0; tries <= MAX_CONVERSATIONS; tries++) {
      try {
        this.local().setItem(PREFIX + log.id, value);
        this.#removeSurplus(log.id);
        return true;
      } catch {
        if (!this.#removeOldest(log.id)) return false; // refused altogether, or this one alone is too large
      }
    }
    return false;
  }

  has(id) {
    return Boolean(attempt(() => this.local().getItem(PREFIX + id)));
  }

  /** Makes another conversation that of this tab; the next `save` stores it. */
  leave() {
    this.revision = null;
    attempt(() => this.session().removeItem(CURRENT));
  }

  remove(id) {
    attempt(() => this.local().removeItem(PREFIX + id));
  }

  /** The stored conversations, the newest first. @returns {{id: string, changed: number, text: string}[]} */
  list() {
    return this.#stored()
      .filter(({ log }) => log.turns.length)
      .map(({ log }) => ({ id: log.id, changed: log.changed, text: textOf(log) }));
  }

  /** Whether other conversations than one are stored. */
  hasOthers(id) {
    return this.#keys().some((key) => key !== PREFIX + id);
  }

  #keys() {
    const keys = attempt(() => Array.from({ length: this.local().length }, (_, at) => this.local().key(at))) || [];
    return keys.filter((key) => key?.startsWith(PREFIX));
  }

  #stored() {
    const logs = this.#keys().map((key) => {
      const log = attempt(() => parseLog(JSON.parse(this.local().getItem(key)).log));
      return log ? { key, log } : { key, log: { ...emptyLog(), changed: 0 } }; // unreadable: the first to give way
    });
    return logs.sort((one, other) => other.log.changed - one.log.changed);
  }

  #removeOldest(keep) {
    const oldest = this.#stored().filter(({ log }) => log.id !== keep).pop();
    if (oldest) attempt(() => this.local().removeItem(oldest.key));
    return Boolean(oldest);
  }

  #removeSurplus(keep) {
    if (this.#keys().length > MAX_CONVERSATIONS) this.#removeOldest(keep);
  }
}

/** The visible text of a conversation. */
export function textOf(log) {
  return pathTo(log).map((turn) => turn.prompt + (turn.replies[0] ? replyText(turn.replies[0]) : "")).join("\n");
}

function attempt(work) {
  try {
    return work();
  } catch {
    return null; // refused, full, or not what this page has written
  }
}
