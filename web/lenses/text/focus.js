// The character in focus, which the pointer, the arrow keys or a lens chooses: its element is marked, its values fetched.

import { batch, effect, untracked } from "../../vendor/preact.js";
import { create, scrollInside, setText } from "../../document/dom.js";
import { t } from "../../document/words.js";
import * as page from "../../state/state.js";
import { chance, likely } from "../chances.js";
import { answered, onRetry } from "../questions.js";
import { nameOf } from "../names.js";
import { alternatives, details, focus, frames, isAsking, lensNow, path, turnAt, turns } from "../state.js";
import { characterAt, log, nodeAt, placeOf } from "./drawn_text.js";
import { nextInReply, nextPosition } from "./keys.js";

const CARET = "shown-character"; // the highlight of the character in focus in a text without a lens
const REST_MS = 30; // only a character under which the pointer rests this long comes into focus
const KEY_REST_MS = 150; // of quick moves with the keys only the last one is announced

/** @import { TracedText } from "./traced_text.js" */

let isOutdated = false; // the values of the character in focus
let inspections = 0;
let marked = /** @type {?Element} */ (null);

/** Returns the position of the character in focus, if it is one of the conversation; else null. */
export const positionNow = () => (focus.value?.traced === path ? focus.value.position : null);

/**
 * Puts a character in focus. Resolves once the panel shows its values.
 * @param {TracedText} traced
 * @param {number} position
 */
export function moveTo(traced, position, { scroll = false } = {}) {
  focus.value = { traced, position };
  mark();
  if (scroll) reveal();
  return inspect();
}

/** Puts the character of an element in focus, if it shows one. @param {?Element} node */
export function moveToNode(node) {
  const place = node && placeOf(node);
  if (lensNow() && place) moveTo(place.traced, place.position);
}

/** Scrolls to the character in focus. */
export function reveal() {
  const character = positionNow() !== null && characterAt(positionNow());
  if (character) scrollInside(log, character);
  if (!marked) return;
  const { top, bottom } = marked.getBoundingClientRect(); // under a lens the text stays in the window by itself
  if (top < 0 || bottom > innerHeight) marked.scrollIntoView({ block: "nearest" });
}

/** Takes the focus from its character. */
export function clear() {
  focus.value = null;
  clearDetails();
  mark();
}

/** Removes the values of the character in focus. Only a character of the conversation stays in focus. */
export function clearDetails() {
  inspections++;
  batch(() => {
    if (positionNow() === null) focus.value = null;
    [details.value, isAsking.value] = [null, false];
  });
}

/** Fetches the values of the character in focus, which the panel of the lens shows. */
export async function inspect() {
  const [{ traced, position }, lens] = [focus.value, lensNow()];
  isOutdated = false;
  if (!lens?.Panel) return;
  const inspection = ++inspections;
  isAsking.value = true;
  const answer = await traced.ask({ at: position, ...lens.wants?.(position) });
  if (inspection !== inspections) return;
  batch(() => {
    isAsking.value = false;
    answered(answer.refusal);
    details.value = answer.refusal ? null : { ...answer, traced, position, char: traced.chars[position] }; // not those of another character
  });
}

/** Call this after a text or its values changed from a position on. @param {TracedText} traced @param {number} from */
export function invalidate(traced, from) {
  if (focus.value?.traced !== traced) return;
  const { position } = focus.value;
  isOutdated ||= from <= position;
  if (!isOutdated) return;
  if (position < traced.chars.length) inspect();
  else if (!page.busy.value) clear(); // else the reply will reach the position again
}

/** Marks the character in focus: its element, or without a lens, while the text or the alternatives are used, its range. */
export function mark() {
  const node = focus.value && nodeAt(focus.value.traced, focus.value.position);
  if (node !== marked) {
    marked?.classList.remove("focus");
    node?.classList.add("focus");
    marked = node;
  }
  const isUsed = !lensNow() && (document.activeElement === log || alternatives.value);
  const at = isUsed ? positionNow() : null;
  let from = at;
  while (path.chars[from] === "\n") from--; // a line end has no visible mark
  const shown = at === null ? [] : [...new Set([from, at])];
  const ranges = shown.map(characterAt).filter((character) => character instanceof Range);
  if (ranges.length) CSS.highlights?.set(CARET, new Highlight(...ranges));
  else CSS.highlights?.delete(CARET);
}

/** Lets the pointer and the keys choose the character in focus. @param {HTMLElement} log @param {() => void} read  reads the conversation */
export function bindFocus(log, read) {
  effect(() => {
    page.watch(frames);
    untracked(mark);
  });
  onRetry(() => focus.value && inspect());
  const nodeUnder = ({ target }) => (target instanceof Element && placeOf(target) ? target : null);
  let over = /** @type {?Element} */ (null);
  let [timer, pointer] = [0, ""];
  // "mousemove", because "mouseover" also fires when a growing text moves under a pointer that rests; at times Chromium sends
  // a "mousemove" then, too.
  log.addEventListener("mousemove", (event) => {
    const [node, where] = [nodeUnder(event), `${event.screenX} ${event.screenY}`];
    const rests = where === pointer;
    pointer = where;
    if (rests || node === over) return;
    over = node;
    clearTimeout(timer);
    timer = setTimeout(() => node?.isConnected && moveToNode(node), REST_MS);
  });
  log.addEventListener("click", (event) => moveToNode(nodeUnder(event)));
  for (const name of ["focus", "blur"]) log.addEventListener(name, mark);
  const announce = announcer(log);
  log.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (!lensNow()) read();
    const from = positionNow();
    let position = nextPosition(event.key, from, path.chars, turns.value);
    if (position === null) return;
    event.preventDefault();
    if (!lensNow()) position = nextInReply(event.key, position, path.chars, turns.value) ?? from;
    if (position !== null) moveTo(path, position, { scroll: true }).then(() => announce(position));
  });
}

// Returns what announces a character that a key has put in focus to users of screen readers, once no other key follows.
function announcer(log) {
  const region = create("div", "for-readers moves-announced", log.parentElement);
  region.ariaLive = "polite";
  let timer = 0;
  log.addEventListener("blur", () => {
    clearTimeout(timer);
    setText(region, ""); // the text is in the page, too
  });
  return (position) => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const text = await announcementOf(position);
      if (positionNow() === position && document.activeElement === log) setText(region, text);
    }, KEY_REST_MS);
  };
}

// The character with its chance with the current settings, as the box of the alternatives shows it, if that is known.
async function announcementOf(position) {
  const [turn, char, about] = [turnAt(position), path.chars[position], details.value];
  if (!turn) return "";
  const values = { character: nameOf(char), n: position - turn.at + 1, count: turn.length };
  const isSkipped = page.model.value?.vocab.includes(char) === false;
  const isKnown = about?.traced === path && about.position === position;
  const answer = isSkipped ? null : isKnown ? about : await path.ask({ at: position });
  if (!answer?.top?.length) return t("focus.place", values);
  const rows = likely(answer, page.sampling.value, char, path.values("bits")[position]);
  const found = rows.find(([each]) => each === char);
  return t(found ? "focus.chance" : "focus.less", { ...values, chance: chance((found ?? rows.at(-1))[1]) });
}
