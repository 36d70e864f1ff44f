// Back closes what covers the conversation, the last opened first, instead of leaving the page.

import { computed, effect } from "../vendor/preact.js";
import { demonstration, shareBox, tourStep } from "./state.js";

const COVERED = "char-lstm/covered"; // in the state of an entry of the browser's history

/**
 * What Back closes, in this order: its value while it is closed, and the control that opens it.
 * @typedef {{value: any}} Open
 * @type {[Open, closed: unknown, opener: (value: any) => string][]}
 */
const CLOSED = [
  [shareBox, null, () => '[data-move="share"]'],
  [demonstration, "", (name) => `[data-demonstration="${name}"]`],
  [tourStep, 0, () => "#demonstrations .tour"],
];

/** Whether the entry of the browser's history that is shown was made by `bindBack`. */
export const isCovered = () => Boolean(history.state?.[COVERED]);

/** Closes the share box, the demonstration or the tour, and puts the focus back on the control that opens it. @param {Open} open */
export function close(open) {
  const [, closed, opener] = CLOSED.find(([each]) => each === open);
  const control = document.querySelector(opener(open.value));
  open.value = closed;
  if (control instanceof HTMLElement) control.focus({ preventScroll: true });
}

/** Gives the page an entry of its own in the browser's history while something is open. */
export function bindBack() {
  const isOpen = computed(() => CLOSED.some(([open, closed]) => open.value !== closed));
  let [hasEntry, isLeaving] = [false, false]; // isLeaving: history.back() was called, and its popstate has not come yet
  const leave = () => {
    isLeaving = true;
    history.back();
  };
  const follow = () => {
    if (isOpen.value === hasEntry || isLeaving) return;
    hasEntry = isOpen.value;
    if (!hasEntry) return leave();
    history.scrollRestoration = "manual"; // closing something does not scroll the page
    history.pushState({ ...history.state, [COVERED]: true }, "");
  };
  effect(follow);
  addEventListener("popstate", () => {
    history.scrollRestoration = "auto";
    isLeaving = false;
    if (hasEntry && location.hash.startsWith("#tour-") && !isCovered()) return; // a link to another step was followed
    if (hasEntry) {
      hasEntry = false;
      close(CLOSED.find(([open, closed]) => open.value !== closed)[0]);
    }
    if (!isOpen.value && isCovered()) leave(); // the entry below a followed link, or one that Forward has reached
    follow(); // something may still be open, or open again
  });
}
