// The text of the conversation on the screen: the elements of its characters, in the colours of the lens. All numbers are in code
// points.

import { count } from "../../engines/engine.js";
import { create, find, setText } from "../../document/dom.js";
import * as state from "../state.js";

const AT_ONCE = 100; // characters that are drawn as soon as they arrive
const NEAR = 24; // pixels behind the end of a line that a click may miss it by
const PER_FRAME = 500; // characters that are drawn or coloured between two frames: some milliseconds with their layout

/**
 * @import { TracedText } from "./traced_text.js"
 * @typedef {{traced: TracedText, position: number}} Place
 */

const { path } = state;
const boxes = /** @type {Map<Element, CharacterBox>} */ (new Map());
/** @type {HTMLElement} */
export let log;
let isScheduled = false;

const places = /** @type {WeakMap<Element, Place>} */ (new WeakMap());

/** Returns the text and the position of the character that an element of a box shows. @param {Element} node */
export const placeOf = (node) => places.get(node);

/** Notes the element of the conversation. @param {HTMLElement} element */
export function bindText(element) {
  log = element;
}

/** Colours all characters again. */
export function repaint() {
  for (const box of boxes.values()) box.repaint();
  changed();
}

/**
 * Draws the text of a turn, if the path has the turn. Only a chosen lens shows the chat format around a prompt.
 * @param {HTMLElement} article with data-turn
 * @returns {{prompt: boolean, reply: boolean}} what it has drawn
 */
export function draws(article) {
  const turn = state.turns.value.find((each) => String(each.id) === article.dataset.turn);
  if (!turn) return { prompt: false, reply: false };
  const given = turn.at + turn.given;
  const [element, isChat] = [find(article, ".prompt"), article.matches(".chat")];
  const isSeparated = turn.at > 0 && turn.given > 0 && path.chars[turn.at] === "\n" && !isChat;
  const prompt = !isChat || state.lensNow().Panel !== undefined;
  if (prompt)
    drawIn(element, turn.at + Number(isSeparated), given); // the view shows no line break there, either
  else boxes.delete(element);
  const [shown, end] = [turn.id === 0 ? state.welcome.shown.value : Infinity, turn.at + turn.length];
  drawIn(find(article, ".reply"), given, Math.min(end, turn.at + shown), path, end);
  for (const n of state.picksOf(turn.id)) nodeAt(path, given + n)?.classList.add("picked");
  changed();
  return { prompt, reply: true };
}

/** Leaves the elements of other turns as they are: the text that is read next has other positions. @param {Set<string>} ids of the turns in it */
export function keepOthers(ids) {
  for (const element of boxes.keys()) {
    const { turn } = element.closest("article")?.dataset ?? {};
    if (turn !== undefined && !ids.has(turn)) boxes.delete(element);
  }
}

/**
 * Draws a part of a text in an element.
 * @param {HTMLElement} element
 * @param {number} start
 * @param {number} end
 * @param {TracedText} traced
 * @param {number} limit  up to which characters are known that will be shown later
 */
export function drawIn(element, start, end, traced = path, limit = end) {
  const box = boxes.get(element) ?? new CharacterBox(element, traced);
  boxes.set(element, box);
  box.setRange(start, end, limit);
  box.draw(AT_ONCE);
}

/** Dims the first characters of an element that is drawn, and marks the one after them; -1 marks none. @param {Element} element @param {number} n */
export function splitAt(element, n) {
  boxes.get(element)?.splitAt(n);
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
  const { mark } = state.lensNow();
  let left = PER_FRAME;
  for (const box of [...boxes.values()].reverse()) {
    if (left > 0) left -= box.draw(left);
    if (left > 0) left -= box.paint(box.traced.values(state.keyNow()), mark, left);
  }
  if (left <= 0) changed();
  state.frames.value++;
}

/** Returns the element of a character; undefined if none shows it. @param {TracedText} traced @param {number} position */
export function nodeAt(traced, position) {
  return [...boxes.values()].find((box) => box.traced === traced && box.nodeAt(position))?.nodeAt(position);
}

/**
 * Draws a stretch of a text into an element: one <i> per character, one <span> per line, so that the browser lays out
 * the last line only when the text grows. Characters that are not drawn yet are shown as plain text after the others. The rest
 * of a word that is written character by character is there and invisible, so that the word does not move to the next line.
 */
class CharacterBox {
  /** @param {HTMLElement} element @param {TracedText} traced */
  constructor(element, traced) {
    this.element = element;
    this.traced = traced;
    this.nodes = /** @type {HTMLElement[]} */ ([]);
    this.marks = /** @type {string[]} */ ([]); // the class of each node's colour
    this.rest = document.createTextNode("");
    this.unwritten = create("span", "unwritten");
    this.start = this.end = this.limit = 0; // positions in the text
    this.painted = 0; // nodes that have their colour
    this.same = -1; // how many of the first nodes are dimmed; -1 if none is marked after them
    element.replaceChildren();
  }

  /** Sets the positions in the text that the element shows, now and later. @param {number} start @param {number} end @param {number} limit */
  setRange(start, end, limit) {
    if (start !== this.start) this.cut(0);
    [this.start, this.end, this.limit] = [start, end, limit];
    this.cut(end - start);
  }

  /** Removes all but the first nodes. @param {number} count */
  cut(count) {
    if (count >= this.nodes.length) return;
    for (const node of this.nodes.splice(count)) node.remove();
    this.marks.length = count;
    this.rest.remove();
    this.unwritten.remove();
    for (let line = this.element.lastChild; line && !line.hasChildNodes(); line = this.element.lastChild) line.remove();
    this.painted = Math.min(this.painted, count);
  }

  /** Removes characters and outdates colours, from positions of the text on. @param {number} text @param {number} values */
  invalidate(text, values) {
    this.cut(Math.max(0, text - this.start));
    if (values - this.start < this.painted) this.repaint(Math.max(0, values - this.start));
  }

  /** Dims the first nodes, and marks the one after them. @param {number} same */
  splitAt(same) {
    this.nodes[this.same]?.classList.remove("changed");
    for (let at = Math.min(same, this.same); at < Math.max(same, this.same); at++)
      this.nodes[at]?.classList.toggle("same", at < same);
    this.same = same;
    this.nodes[same]?.classList.add("changed");
  }

  /** Removes the colours of the nodes from one on, which other values will have. */
  repaint(from = 0) {
    while (this.painted > from) this.#mark(--this.painted, "");
  }

  /** Draws at most `most` characters more; returns how many. @param {number} most */
  draw(most) {
    const [chars, before] = [this.traced.chars, this.nodes.length];
    const wanted = Math.min(this.end - this.start, before + most);
    while (this.nodes.length < wanted) this.#add(chars[this.start + this.nodes.length]);
    const rest = chars.slice(this.start + wanted, this.end).join("");
    const unwritten = /^\S*/.exec(chars.slice(this.end, this.limit).join(""))[0];
    if (!rest) this.rest.remove();
    else if (this.rest.parentNode !== this.#line()) this.#line().append(this.rest);
    if (this.rest.data !== rest) this.rest.data = rest;
    setText(this.unwritten, unwritten);
    if (this.end >= this.limit) this.unwritten.remove();
    else if (this.#line().lastChild !== this.unwritten) this.#line().append(this.unwritten);
    return wanted - before;
  }

  #add(character) {
    const [line, node] = [this.#line(), document.createElement("i")];
    node.textContent = character;
    if (character === "\n") node.className = "end";
    places.set(node, { traced: this.traced, position: this.start + this.nodes.length });
    line.insertBefore(node, [this.rest, this.unwritten].find((each) => each.parentNode === line) ?? null);
    if (this.nodes.length <= this.same) node.classList.add(this.nodes.length < this.same ? "same" : "changed");
    this.nodes.push(node);
    this.marks.push("");
  }

  // Returns the line that the next character belongs to.
  #line() {
    const [line, last] = [this.element.lastElementChild, this.nodes.at(-1)];
    const isOver = !line || (last?.parentNode === line && last.textContent === "\n");
    return isOver ? create("span", line ? "line block" : "line", this.element) : line;
  }

  /**
   * Colours at most `most` characters; returns how many. `mark` gives the class of a value.
   * @type {(values: (number | null)[], mark: (value: number | null) => string, most: number) => number}
   */
  paint(values, mark, most) {
    let count = 0;
    const known = Math.min(this.nodes.length, values.length - this.start);
    for (; this.painted < known && count < most; count++)
      this.#mark(this.painted, mark(values[this.start + this.painted++]));
    return count;
  }

  #mark(at, mark) {
    if (this.marks[at] === mark) return;
    if (this.marks[at]) this.nodes[at].classList.remove(this.marks[at]);
    if (mark) this.nodes[at].classList.add(mark);
    this.marks[at] = mark;
  }

  /** The element of the character at a position, if it is drawn. @param {number} position */
  nodeAt(position) {
    return position >= this.start && position < this.end ? this.nodes[position - this.start] : undefined;
  }
}

/**
 * Returns the place of the character under the pointer, or of the last one of a line just behind its end.
 * @param {MouseEvent} event
 * @param {Element} element
 */
export function placeUnder({ clientX, clientY }, element) {
  const position = document.caretPositionFromPoint?.(clientX, clientY);
  const range = position ? null : document.caretRangeFromPoint?.(clientX, clientY);
  const node = position?.offsetNode ?? range?.startContainer;
  if (!node || !element.contains(node)) return undefined;
  const before = document.createRange();
  before.setStart(element, 0);
  before.setEnd(node, position?.offset ?? range?.startOffset ?? 0);
  const after = count(before.toString()); // the pointer is next to the border before this character
  const [characters, nodes] = [[...element.textContent], boxes.get(element)?.nodes ?? []];
  const isEmptyLine = characters[after] === "\n" && (characters[after - 1] ?? "\n") === "\n";
  const isUnder = (/** @type {number} */ n) => {
    const rect = nodes[n]?.getBoundingClientRect();
    return rect !== undefined && clientX >= rect.left && clientX < rect.right;
  };
  const found = isEmptyLine ? after : ([after, after - 1].find(isUnder) ?? Math.max(0, after - 1));
  const rect = nodes[found]?.getBoundingClientRect();
  return rect && clientX < rect.right + NEAR ? placeOf(nodes[found]) : undefined;
}
