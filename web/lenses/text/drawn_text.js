// The text of the conversation on the screen: the elements of its characters, in the colours of the lens.

import { find, keepAtEnd } from "../../document/dom.js";
import * as state from "../state.js";
import { rangeOf } from "./caret.js";
import { CharacterBox } from "./character_box.js";

const AT_ONCE = 100; // characters that are drawn as soon as they arrive
const PER_FRAME = 500; // characters that are drawn or coloured between two frames: some milliseconds with their layout

/** @import { TracedText } from "./traced_text.js" */

const { path } = state;
const boxes = /** @type {Map<Element, CharacterBox>} */ (new Map());
/** @type {HTMLElement} */
export let log;
let isScheduled = false;

/** Notes the element of the conversation. @param {HTMLElement} element */
export function bindText(element) {
  log = element;
}

/** Colours all characters again, or leaves the conversation as plain text where no lens is on. */
export function repaint() {
  const isOn = state.lensNow() !== undefined;
  for (const box of boxes.values()) box[isOn ? "repaint" : "release"]();
  if (!isOn) boxes.clear();
  changed();
}

/**
 * Draws the text of a turn, if a lens is on and the path has the turn.
 * @param {HTMLElement} article with data-turn
 * @returns {boolean} whether it did
 */
export function draws(article) {
  if (!state.lensNow()) {
    if (boxes.size) repaint();
    return false;
  }
  const turn = state.turns.value.find((each) => String(each.id) === article.dataset.turn);
  if (!turn) return false;
  const given = turn.at + turn.given;
  const isSeparated = turn.at > 0 && turn.given > 0 && path.chars[turn.at] === "\n" && !article.matches(".chat");
  drawIn(find(article, ".prompt"), turn.at + Number(isSeparated), given); // the view shows no line break there, either
  const shown = turn.id === 0 ? state.welcome.shown.value : Infinity;
  drawIn(find(article, ".reply"), given, turn.at + Math.min(turn.length, shown));
  changed();
  return true;
}

/** Draws a part of a text in an element. @param {HTMLElement} element @param {number} start @param {number} end @param {TracedText} traced */
export function drawIn(element, start, end, traced = path) {
  const box = boxes.get(element) ?? new CharacterBox(element, traced);
  boxes.set(element, box);
  box.setRange(start, end);
  box.draw(AT_ONCE);
}

/** Removes what is outdated after a text or its values changed. @type {(traced: TracedText, changed: {text: number, values: number}) => void} */
export function invalidateDrawn(traced, { text, values }) {
  for (const element of boxes.keys()) if (!element.isConnected) boxes.delete(element);
  for (const box of boxes.values()) if (box.traced === traced) box.invalidate(text, values);
}

/** Draws in the next frame what may look different now. */
export function changed() {
  if (!isScheduled) requestAnimationFrame(frame);
  isScheduled = true;
}

function frame() {
  isScheduled = false;
  const lens = state.lensNow();
  if (!lens) return;
  let left = PER_FRAME;
  keepAtEnd(log, () => {
    for (const box of [...boxes.values()].reverse()) {
      if (left > 0) left -= box.draw(left);
      if (left > 0) left -= box.paint(box.traced.values(state.keyNow()), lens.mark, left);
    }
  });
  if (left <= 0) changed();
  state.frames.value++;
}

/** Returns the element of a character; undefined if none shows it. @param {TracedText} traced @param {number} position */
export function nodeAt(traced, position) {
  return [...boxes.values()].find((box) => box.traced === traced && box.nodeAt(position))?.nodeAt(position);
}

/** The element of a character of the conversation, or its range in a reply without a lens; null if it is not shown. @param {number} position */
export function characterAt(position) {
  const turn = state.turnAt(position);
  const reply = turn && log.querySelector(`article[data-turn="${turn.id}"] .reply`);
  return nodeAt(path, position) ?? (reply && rangeOf(reply, position - turn.at - turn.given));
}
