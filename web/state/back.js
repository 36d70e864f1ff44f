// Back closes what covers the conversation, the last opened first, instead of leaving the page.

import { computed, effect } from "../vendor/preact.js";
import { demonstration, shareBox, tourStep } from "./state.js";

const COVERED = "char-lstm/covered"; // in the state of an entry of the browser's history

/** @type {[{value: unknown}, unknown][]} what Back closes, in this order, and its value while it is closed */
const CLOSED = [
  [shareBox, null],
  [demonstration, ""],
  [tourStep, 0],
];

/** Whether the entry of the browser's history that is shown was made by `bindBack`. */
export const isCovered = () => Boolean(history.state?.[COVERED]);

/** Gives the page an entry of its own in the browser's history while something is open. */
export function bindBack() {
  const isOpen = computed(() => CLOSED.some(([open, closed]) => open.value !== closed));
  let hasEntry = false;
  const follow = () => {
    if (isOpen.value === hasEntry) return;
    hasEntry = isOpen.value;
    if (!hasEntry) return history.back();
    history.scrollRestoration = "manual"; // closing something does not scroll the page
    history.pushState({ ...history.state, [COVERED]: true }, "");
  };
  effect(follow);
  addEventListener("popstate", () => {
    history.scrollRestoration = "auto";
    if (hasEntry && location.hash.startsWith("#tour-") && !isCovered()) return; // a link to another step was followed
    if (hasEntry) {
      hasEntry = false;
      const [open, closed] = CLOSED.find(([open, closed]) => open.value !== closed);
      open.value = closed;
      follow(); // something else may still be open
    }
    if (!hasEntry && isCovered()) history.back(); // the entry below a followed link, or one that Forward has reached
  });
}
