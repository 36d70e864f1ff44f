// Reads the conversation for the lenses and requests the values of its characters. The character in focus, which the pointer,
// the arrow keys or a lens chooses, is marked, and its values are fetched.

import { batch } from "../../vendor/preact.js";
import { turnOf as findTurn } from "../../conversation/log.js";
import { surprisalsOf } from "../../conversation/writer.js";
import { create, scrollInside, setText } from "../../document/dom.js";
import { t } from "../../document/words.js";
import { pause } from "../../engines/engine.js";
import { authorOfReply } from "../../state/actions.js";
import * as page from "../../state/state.js";
import { chance, likely, nameOf } from "../names.js";
import * as state from "../state.js";
import { changed, invalidateDrawn, keepOthers, log, nodeAt, placeOf } from "./drawn_text.js";

const WHILE_WRITING_MS = 30; // between two requests for the values of a reply that is being written
const REFUSED_MS = 2500; // until values are requested again after a refusal
const LONG = 2000; // characters of a prompt
const REST_MS = 30; // only a character under which the pointer rests this long comes into focus
const KEY_REST_MS = 150; // of quick moves with the keys only the last one is announced

/** @import { TracedText } from "./traced_text.js" */

let newest = 0; // the highest id of a turn that was read
let isPumping = false;
let refusedUntil = 0; // performance.now()

/** Reads the conversation again; called in each frame, before it is drawn. */
export function update() {
  read();
  state.lensNow().update?.();
  changed();
  pump();
}

function read() {
  const [text, before] = [state.textOf(page.log.value), state.turns.value];
  state.turns.value = text?.turns ?? [];
  const [first, last] = [state.turns.value[0], state.turns.value.at(-1)];
  if (first?.id === 0 && before[0]?.id !== 0) clear(); // of the conversation that the welcome text replaces
  keepOthers(new Set(state.turns.value.map((turn) => String(turn.id))));
  const changes = state.path.set(text);
  // A short reply may be over when it is read for the first time.
  const isNew = last && (last.writing ? last.id !== before.at(-1)?.id : last.id > newest);
  newest = Math.max(newest, last?.id ?? 0);
  const position = positionNow();
  if (isNew && position !== null && (position < last.at || position > changes.text)) clear(); // the new reply does not keep it
  invalidate(state.path, changes);
}

/** Removes what is outdated after a text or its values changed. @type {(traced: TracedText, changed: {text: number, values: number}) => void} */
export function invalidate(traced, { text, values }) {
  invalidateDrawn(traced, { text, values });
  if (traced === state.path) state.lensNow().invalidate?.(traced, values);
  else pump(); // this text is drawn after update()
  outdate(traced, Math.min(text, values));
}

// Takes the surprisals that came with a reply: every visitor sees the colours, and requests would cost a server more than the text.
// Those of a long prompt, which shows none, are not waited for.
/** @param {TracedText} traced */
function takeWritten(traced) {
  const [bits, { length }, turns] = [traced.values("bits"), traced.chars, traced.path?.turns ?? []];
  const turnOf = (id) => findTurn(page.log.value, id) ?? state.turnOf(id); // the other version is not in the path
  const unread = state.turnAt(bits.length, turns);
  const author = unread?.given > LONG && bits.length === unread.at && authorOfReply(turnOf(unread.id)?.reply);
  if (author)
    for (const char of traced.chars.slice(unread.at, unread.at + unread.given))
      bits.push(author.vocab.has(char) ? null : state.UNKNOWN);
  const { id, at, given } = state.turnAt(bits.length, turns) ?? {};
  const { reply } = turnOf(id) ?? {}; // the turn may be gone, and the text not read again yet
  if (!reply || bits.length < at + given) return;
  const written = surprisalsOf(reply);
  for (let n; bits.length < length && (n = written[bits.length - at - given]) !== undefined; changed()) bits.push(n);
}

// The text whose values are to be fetched next; undefined if none is.
function wanted() {
  const texts = [state.other, state.path]; // the other one is complete
  texts.forEach(takeWritten);
  if (state.lensNow() === state.PLAIN || document.hidden || performance.now() < refusedUntil) return undefined;
  return texts.find((text) => text.path && text.values(state.keyNow()).length < text.chars.length);
}

/** Requests the values that are missing, one request after another. */
export async function pump() {
  if (isPumping) return;
  isPumping = true;
  try {
    for (let text = wanted(); text; text = wanted()) {
      const [lens, key, { version }] = [state.lensNow(), state.keyNow(), text];
      const from = text.values(key).length;
      const answer = await text.ask({ from, ...lens.wants?.() });
      const isLate = lens !== state.lensNow() || key !== state.keyNow() || version !== text.version;
      if (isLate || from !== text.values(key).length) continue;
      state.answered(answer.refusal);
      if (answer.refusal) refusedUntil = performance.now() + REFUSED_MS;
      if (answer.refusal || !answer.bits?.length) break;
      text.values(key).push(...(lens.take?.(answer, text, from) ?? answer.bits));
      changed();
      await new Promise(requestAnimationFrame); // none comes while the page is hidden
      if (page.busy.value) await pause(WHILE_WRITING_MS);
    }
  } finally {
    isPumping = false;
  }
}

let isOutdated = false; // the values of the character in focus
let inspections = 0;
let marked = /** @type {?Element} */ (null);

/** Returns the position of the character in focus, if it is one of the conversation; else null. */
export const positionNow = () => (state.focus.value?.traced === state.path ? state.focus.value.position : null);

/**
 * Puts a character in focus. Resolves once the panel shows its values.
 * @param {TracedText} traced
 * @param {number} position
 */
export function moveTo(traced, position, { scroll = false } = {}) {
  state.focus.value = { traced, position };
  mark();
  if (scroll) reveal();
  return inspect();
}

/** Puts the character of an element in focus, if it shows one. @param {?Element} node */
export function moveToNode(node) {
  const place = node && placeOf(node);
  if (state.lensNow() !== state.PLAIN && place) moveTo(place.traced, place.position);
}

/** Scrolls to the character in focus. */
export function reveal() {
  const character = positionNow() !== null && nodeAt(state.path, positionNow());
  if (character) for (const box of [character.closest(".text"), log]) scrollInside(box, character);
  if (!marked) return;
  const { top, bottom } = marked.getBoundingClientRect(); // under a lens the text stays in the window by itself
  if (top < 0 || bottom > innerHeight) marked.scrollIntoView({ block: "nearest" });
}

/** Takes the focus from its character. */
export function clear() {
  state.focus.value = null;
  clearDetails();
  mark();
}

/** Removes the values of the character in focus. Only a character of the conversation stays in focus. */
export function clearDetails() {
  inspections++;
  batch(() => {
    if (positionNow() === null) state.focus.value = null;
    [state.details.value, state.isAsking.value] = [null, false];
  });
}

/** Fetches the values of the character in focus, which the panel of the lens shows. */
export async function inspect() {
  const [{ traced, position }, lens] = [state.focus.value, state.lensNow()];
  isOutdated = false;
  if (!lens.Panel) return;
  const inspection = ++inspections;
  state.isAsking.value = true;
  const answer = await traced.ask({ at: position, ...lens.wants?.(position) });
  if (inspection !== inspections) return;
  batch(() => {
    state.isAsking.value = false;
    state.answered(answer.refusal);
    state.details.value = answer.refusal ? null : { ...answer, traced, position, char: traced.chars[position] }; // not those of another character
  });
}

/** Call this after a text or its values changed from a position on. @param {TracedText} traced @param {number} from */
function outdate(traced, from) {
  if (state.focus.value?.traced !== traced) return;
  const { position } = state.focus.value;
  isOutdated ||= from <= position;
  if (!isOutdated) return;
  if (position < traced.chars.length) inspect();
  else if (!page.busy.value) clear(); // else the reply will reach the position again
}

/** Marks the element of the character in focus. */
export function mark() {
  const node = state.focus.value && nodeAt(state.focus.value.traced, state.focus.value.position);
  if (node === marked) return;
  marked?.classList.remove("focus");
  node?.classList.add("focus");
  marked = node;
}

/** Lets the pointer and the keys choose the character in focus. @param {HTMLElement} log */
export function bindFocus(log) {
  page.onChange([state.frames], mark);
  state.onRetry(() => {
    refusedUntil = 0;
    pump();
    if (state.focus.value) inspect();
  });
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
  // The keyboard's focus is in sight at once: on the changed letter of the welcome text, or on the last one of a conversation.
  log.addEventListener("focus", () => {
    if (!log.matches(":focus-visible") || state.lensNow().Panel || positionNow() !== null) return;
    const [chars, turns] = [state.path.chars, state.turns.value];
    const key = turns.at(-1)?.id ? "End" : "Home";
    const at = (key === "Home" ? state.welcome.marked.value : null) ?? nextPosition(key, null, chars, turns);
    const position = at === null ? null : nextInReply(key, at, chars, turns);
    if (position !== null) moveTo(state.path, position);
  });
  const announce = announcer(log);
  log.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const from = positionNow();
    let position = nextPosition(event.key, from, state.path.chars, state.turns.value);
    if (position === null) return;
    event.preventDefault();
    if (!state.lensNow().Panel)
      position = nextInReply(event.key, position, state.path.chars, state.turns.value) ?? from;
    if (position !== null) moveTo(state.path, position, { scroll: true }).then(() => announce(position));
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
  const [turn, char, about] = [state.turnAt(position), state.path.chars[position], state.details.value];
  if (!turn) return "";
  const values = { character: nameOf(char), n: position - turn.at + 1, count: turn.length };
  const isSkipped = page.model.value?.vocab.includes(char) === false;
  const isKnown = about?.traced === state.path && about.position === position;
  const answer = isSkipped ? null : isKnown ? about : await state.path.ask({ at: position });
  if (!answer?.top?.length) return t("focus.place", values);
  const rows = likely(answer, page.sampling.value, char, state.path.values("bits")[position]);
  const found = rows.find(([each]) => each === char);
  return t(found ? "focus.chance" : "focus.less", { ...values, chance: chance((found ?? rows.at(-1))[1]) });
}

/**
 * Returns the position that a key moves the focus to; null for other keys, and in an empty text.
 * @param {string} key of a keydown event
 * @param {?number} from the position in focus
 * @param {string[]} chars the text
 * @param {{at: number, length: number}[]} turns
 */
export function nextPosition(key, from, chars, turns) {
  const turn = turns.find(({ at, length }) => from !== null && from >= at && from < at + length) ?? turns.at(-1);
  if (!turn || !chars.length) return null;
  const last = turn.at + turn.length - 1;
  const position = {
    Home: () => turn.at,
    End: () => last,
    ArrowLeft: () => (from === null ? last : from - 1),
    ArrowRight: () => (from === null ? turn.at : from + 1),
    ArrowUp: () => (from === null ? last : inNextLine(chars, from, -1)),
    ArrowDown: () => (from === null ? turn.at : inNextLine(chars, from, 1)),
  }[key]?.();
  return position === undefined ? null : Math.max(0, Math.min(chars.length - 1, position));
}

/**
 * Returns the position of a character of a reply: this one, or the next in the direction of the key; null if there is none.
 * @param {string} key of a keydown event
 * @param {number} position
 * @param {string[]} chars the text
 * @param {{at: number, given: number, length: number}[]} turns
 */
export function nextInReply(key, position, chars, turns) {
  const by = ["ArrowRight", "ArrowDown", "Home"].includes(key) ? 1 : -1;
  const isInReply = (n) => turns.some(({ at, given, length }) => n >= at + given && n < at + length);
  for (let at = position; at >= 0 && at < chars.length; at += by) if (isInReply(at)) return at;
  return null;
}

// Returns the position in the line below (1) or above (-1) that is as far from its beginning; the same one if there is none.
function inNextLine(chars, from, by) {
  const startOf = (at) => chars.slice(0, at).lastIndexOf("\n") + 1;
  const endOf = (at) => (chars.indexOf("\n", at) < 0 ? chars.length - 1 : chars.indexOf("\n", at));
  const start = startOf(from);
  const next = by > 0 ? endOf(from) + 1 : startOf(start - 1);
  if (by > 0 ? next >= chars.length : start === 0) return from;
  return Math.min(next + from - start, endOf(next));
}
