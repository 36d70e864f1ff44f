// A mark in localStorage while a run is stored: the next visit opens the panel, see static.js.

import { attempt } from "../../conversation/stored_conversations.js";

const MARK = "char-lstm/training";

/** Notes whether a run is stored. A browser without storage has no stored run either. @param {boolean} isStored */
export function mark(isStored) {
  attempt(() => (isStored ? localStorage.setItem(MARK, "1") : localStorage.removeItem(MARK)));
}
