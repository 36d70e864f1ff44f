// The welcome text of an empty page: it appears character by character, at the page's speed, and one character with likely
// alternatives is marked. The model wrote the text before, so the visitor does not wait for it.

import { count } from "../engines/engine.js";
import { effect, untracked } from "../vendor/preact.js";
import { lastTurn } from "../conversation/log.js";
import { refOf } from "../conversation/replies.js";
import { addButton, find, hasTouch, prefersReducedMotion } from "../document/dom.js";
import { t } from "../document/words.js";
import { nodeAt } from "../lenses/text/drawn_text.js";
import { focus, frames, hasOpened, lensNow, path, welcome } from "../lenses/state.js";
import { open } from "../lenses/text/alternatives.js";
import { moveTo } from "../lenses/text/focus.js";
import { changed } from "../state/actions.js";
import * as state from "../state/state.js";

const FIRST = 4; // the earliest position that is marked, so that some characters precede it
const NEAR = 30; // the latest position in a phone's first line, which is preferred: the label appears above the text
const LAST = 90; // the latest position in other lines: it is shown within two seconds
const [LEAST_BITS, MOST_BITS] = [1, 5];

let key = ""; // the model whose welcome text is shown
let began = NaN; // performance.now() of its first character
let early = NaN; // the same of what document/first_paint.js has written
let isWhole = false;

/** Lets a click or a key show the whole welcome text. @param {HTMLElement} log */
export function bindArrival(log) {
  early = Number(log.querySelector(".welcome .reply")?.getAttribute("data-began") || NaN);
  for (const name of ["pointerdown", "keydown"]) log.addEventListener(name, finish);
  log.addEventListener("click", changed); // label and hint are removed once alternatives were opened
  effect(() => {
    state.watch(frames);
    untracked(mark);
  });
}

/** Returns the model whose welcome text is shown; null once there is a conversation. */
const modelNow = () => (lastTurn(state.log.value) ? null : state.model.value);

function finish() {
  if (isWhole || !modelNow()) return;
  isWhole = true;
  changed();
}

/** Sets how much of the welcome text is shown; called in each frame that shows the page. */
export function advanceArrival() {
  const model = modelNow();
  if (!model?.welcome) return;
  if (state.refusal.value) isWhole = true; // the visitor is to read the message
  const now = JSON.stringify(refOf(model));
  if (now !== key) {
    [key, welcome.marked.value] = [now, null];
    [began, early] = [Number.isNaN(early) ? performance.now() : early, NaN];
  }
  const speed = state.speed.value;
  const isAtOnce = speed === null || document.hidden || prefersReducedMotion() || state.lens.value !== "plain";
  const shown = isWhole || isAtOnce ? Infinity : Math.floor(((performance.now() - began) * speed) / 1000);
  isWhole = shown >= count(model.welcome);
  welcome.shown.value = isWhole ? Infinity : shown;
  if (!isWhole) changed();
}

// Chooses the character that is marked, once the surprise of all is known.
function mark() {
  const bits = path.values("bits");
  if (welcome.marked.value !== null || !modelNow() || !bits.length || bits.length < path.chars.length) return;
  welcome.marked.value = placeToMark(path.chars, bits);
  if (welcome.marked.value !== null) changed();
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
  const isPlace = (at) => begins(at) && bits[at] >= LEAST_BITS && bits[at] <= MOST_BITS;
  const places = [...chars.keys()].slice(FIRST, LAST + 1).filter(isPlace);
  const near = places.filter((at) => at <= NEAR && !chars.slice(0, at).includes("\n"));
  return (near.length ? near : places).sort((one, other) => bits[other] - bits[one])[0] ?? null;
}

/** Marks the character that was found, with a label above it; called after the text was drawn. */
export function showMark() {
  const article = document.querySelector(".log .welcome article");
  const [at, lens] = [welcome.marked.value, lensNow()];
  if (!article || !modelNow()) return;
  if (at !== null && lens?.Panel && !focus.value) moveTo(path, at); // its panel has something to show at once
  const isShown = at !== null && welcome.shown.value > at + 1 && lens?.offersChoices;
  const character = isShown ? nodeAt(path, at) : undefined;
  let label = /** @type {?HTMLElement} */ (article.querySelector(".try-label"));
  if (!character) return label?.remove();
  character.classList.add("try");
  label ??= addButton(article, "try-label", t(hasTouch() ? "greeting.tap" : "greeting.click"), () => open(at));
  label.classList.toggle("done", hasOpened.value);
  const left = Math.max(0, Math.min(character.offsetLeft - 12, article.clientWidth - label.offsetWidth));
  label.classList.toggle("far", character.offsetTop > find(article, ".text").offsetTop + character.offsetHeight); // not in the first line
  label.style.left = `${left}px`;
  label.style.setProperty("--arrow", `${character.offsetLeft + character.offsetWidth / 2 - left}px`);
}
