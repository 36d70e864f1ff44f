// The welcome text of an empty page: it appears character by character, at the page's speed. Then the chances of one letter open by
// themselves, another letter is chosen, and both endings are side by side. The first touch of the visitor ends it.

import { lastTurn, newPart, partsUpTo } from "../conversation/log.js";
import { refOf, requestOf, welcomeTurn } from "../conversation/replies.js";
import { isNarrow, prefersReducedMotion } from "../document/dom.js";
import { count, pause } from "../engines/engine.js";
import { alternatives, frames, isUncertain, path, shownName, welcome } from "../lenses/state.js";
import { open } from "../lenses/text/alternatives.js";
import { changed, engine } from "../state/actions.js";
import * as state from "../state/state.js";

const FIRST = 4; // the earliest position that is marked, so that some characters precede it
const NEAR = 30; // the latest position in a phone's first line, which is preferred
const LAST = 90; // the latest position in other lines
// Characters of an ending, to the end of a word; and of a text in which no letter is marked yet.
const [ENDING, UNMARKED] = [38, 42];
const [NARROW_ENDING, NARROW_UNMARKED] = [16, 22];
const LEAST_LINE = 8; // characters of the other ending, if it is cut at its line end
const LOOK_MS = 1600; // in which the chances can be looked at
const CHOSEN_MS = 1000; // in which the chosen letter is marked among them

const MOVING = new Set(["Tab", "Shift", "Control", "Alt", "Meta"]); // keys that change nothing

let key = ""; // the model whose welcome text is shown
let began = NaN; // performance.now() of its first character
let early = NaN; // the same of what document/first_paint.js has written
let end = Infinity; // how many of its characters are shown in the end, unless a lens shows them all
let touched = new AbortController(); // aborted at the first touch of the visitor, and when another model is shown

/** Lets the visitor's first touch end the arrival. @param {HTMLElement} log */
export function bindArrival(log) {
  early = Number(log.querySelector(".welcome .reply")?.getAttribute("data-began") || NaN);
  document.addEventListener("pointerdown", touch, true);
  document.addEventListener("input", finish, true);
  document.addEventListener("keydown", ({ key }) => MOVING.has(key) || finish(), true);
  state.onChange([frames], mark);
}

/** Returns the model whose welcome text is shown; null once there is a conversation. */
const modelNow = () => (lastTurn(state.log.value) ? null : state.model.value);

// A touch of the chances that opened by themselves opens those that can be chosen; its click does not meet what is under them.
/** @param {PointerEvent} event */
function touch({ target }) {
  const isOver = touched.signal.aborted || !modelNow();
  if (isOver || !(target instanceof Element && target.closest(".alternatives"))) return finish();
  const { position } = alternatives.value;
  const show = () => {
    if (touched.signal.aborted) return; // by another touch: this one was no click
    finish();
    open(position);
  };
  document.addEventListener("click", show, { once: true });
}

function finish() {
  if (touched.signal.aborted || !modelNow()) return;
  touched.abort();
  if (alternatives.value?.choice !== undefined) alternatives.value = null;
  if (welcome.other.value) welcome.other.value = { ...welcome.other.value, shown: Infinity };
  changed();
}

/** Sets how much of the welcome text is shown; called in each frame that shows the page. */
export function advanceArrival() {
  const model = modelNow();
  if (!model?.welcome) return void (key = "");
  if (state.refusal.value) finish(); // the visitor is to read the message
  const now = JSON.stringify(refOf(model));
  if (now !== key) {
    touched.abort();
    [key, welcome.marked.value, welcome.other.value, touched] = [now, null, null, new AbortController()];
    end = endOf([...model.welcome], 0, isNarrow() ? NARROW_UNMARKED : UNMARKED);
    [began, early] = [Number.isNaN(early) ? performance.now() : early, NaN];
  }
  welcome.end.value = state.lens.value === "plain" ? end : Infinity;
  const isAtOnce = touched.signal.aborted || state.speed.value === null || document.hidden || prefersReducedMotion();
  const typed = isAtOnce ? Infinity : Math.floor(((performance.now() - began) * state.speed.value) / 1000);
  welcome.shown.value = Math.min(typed, welcome.end.value);
  if (typed < welcome.end.value) changed();
}

/**
 * Returns how many characters end with the word that is some characters after a position; with its line in a text without spaces.
 * @param {string[]} chars
 * @param {number} at
 * @param {number} after
 */
function endOf(chars, at, after) {
  const from = chars.includes(" ") ? at + after : at;
  const found = chars.findIndex((each, n) => n >= from && /\s/.test(each));
  return found < 0 ? chars.length : found;
}

// Chooses the letter that is changed, once the surprise of all characters is known.
function mark() {
  const [model, bits] = [modelNow(), path.values("bits")];
  if (welcome.marked.value !== null || !model || !bits.length || bits.length < path.chars.length) return;
  const at = placeToMark(path.chars, bits);
  if (at === null) return;
  welcome.marked.value = at;
  const ending = isNarrow() ? NARROW_ENDING : ENDING;
  end = endOf(path.chars, Math.max(at, welcome.shown.value - ending), ending);
  changed();
  const isAtOnce = prefersReducedMotion() || state.cleared.value !== null || state.draft.value !== "";
  changeLetter(at, touched.signal, isAtOnce).catch(() => {}); // a busy server: the text stays as it is
}

/**
 * Returns the first letter of a word that surprised the model most, within bounds: there others were likely, too. Null if
 * there is none.
 * @param {string[]} chars
 * @param {(number | null)[]} bits
 */
export function placeToMark(chars, bits) {
  const isLetter = (at) => /^\p{L}$/u.test(chars[at] ?? "");
  const hasWords = chars.includes(" "); // Chinese has none
  const begins = (at) => [at, at + 1].every(isLetter) && (!hasWords || chars[at - 1] === " ");
  const isPlace = (at) => begins(at) && isUncertain(bits[at]);
  const places = [...chars.keys()].slice(FIRST, LAST + 1).filter(isPlace);
  const near = places.filter((at) => at <= NEAR && !chars.slice(0, at).includes("\n"));
  return (near.length ? near : places).sort((one, other) => bits[other] - bits[one])[0] ?? null;
}

// Shows the chances of a letter, chooses the likeliest other one, and writes the ending that follows it; at once for a visitor who has
// had a conversation or a draft, or prefers no motion.
/** @param {number} at @param {AbortSignal} signal @param {boolean} isAtOnce */
async function changeLetter(at, signal, isAtOnce) {
  const [model, char] = [state.model.value, path.chars[at]];
  const answer = await path.ask({ at });
  const [pick] = answer.top?.find(([each]) => each !== char && /^\p{L}$/u.test(each)) ?? [];
  if (!pick) return;
  while (welcome.shown.value < welcome.end.value && !signal.aborted) await pause(50);
  const isOver = () => signal.aborted || !modelNow() || shownName.value !== "plain";
  const choices = /** @type {[string, number][]} */ ([
    ["", LOOK_MS],
    [pick, CHOSEN_MS],
  ]);
  for (const [choice, ms] of isAtOnce ? [] : choices) {
    if (isOver()) return;
    alternatives.value = { position: at, turn: 0, char, answer, choice };
    changed();
    await pause(ms);
  }
  if (isOver()) return;
  alternatives.value = null;
  changed();
  const { reply } = welcomeTurn(model);
  const settings = { ...reply.parts[0].settings, length: welcome.end.value - at - 1 };
  const part = newPart({ settings, draw_offset: at + 1 });
  const request = requestOf([], { ...reply, parts: partsUpTo(reply, at + 1, pick) }, part, null, () => model);
  let written = pick;
  await engine.write(request, { onText: (more) => (written += more) }, signal);
  const [line, next] = written.split("\n", 2);
  const text = next === undefined || count(line) < LEAST_LINE ? written.replace(/\s+\S*$/, "") : line; // to the end of a word
  for (let shown = isAtOnce ? count(text) : 1; shown <= count(text) && !isOver(); shown++) {
    welcome.other.value = { at, text, shown };
    changed();
    await pause(1000 / (state.speed.value ?? Infinity));
  }
}
