// The characters of a prompt or a reply as elements, each with the colour that a lens gives it.

import { create, resetGrownText } from "../../document/dom.js";

/**
 * @import { TracedText } from "./traced_text.js"
 * @typedef {{traced: TracedText, position: number}} Place
 */

const places = /** @type {WeakMap<Element, Place>} */ (new WeakMap());

/** Returns the text and the position of the character that an element of a box shows. @param {Element} node */
export const placeOf = (node) => places.get(node);

/**
 * Draws a stretch of a text into an element: one <i> per character, one <span> per line, so that the browser lays out
 * the last line only when the text grows. Characters that are not drawn yet are shown as plain text after the others.
 */
export class CharacterBox {
  /** @param {HTMLElement} element @param {TracedText} traced */
  constructor(element, traced) {
    this.element = element;
    this.traced = traced;
    this.nodes = /** @type {HTMLElement[]} */ ([]);
    this.marks = /** @type {string[]} */ ([]); // the class of each node's colour
    this.rest = document.createTextNode("");
    this.start = this.end = 0; // positions in the text
    this.painted = 0; // nodes that have their colour
    this.outdated = 0; // nodes from `painted` to this one may have an outdated colour
    element.replaceChildren();
    resetGrownText(element);
  }

  /** Sets the positions in the text that the element shows. @param {number} start @param {number} end */
  setRange(start, end) {
    if (start !== this.start) this.cut(0);
    [this.start, this.end] = [start, end];
    this.cut(end - start);
  }

  /** Removes all but the first nodes. @param {number} count */
  cut(count) {
    if (count >= this.nodes.length) return;
    for (const node of this.nodes.splice(count)) node.remove();
    this.marks.length = count;
    this.rest.remove();
    for (let line = this.element.lastChild; line && !line.hasChildNodes(); line = this.element.lastChild) line.remove();
    this.painted = Math.min(this.painted, count);
    this.outdated = Math.min(this.outdated, count);
  }

  /** Removes characters and outdates colours, from positions of the text on. @param {number} text @param {number} values */
  invalidate(text, values) {
    this.cut(Math.max(0, text - this.start));
    if (values - this.start < this.painted) this.repaint(Math.max(0, values - this.start));
  }

  /** Colours the nodes from one on again, after another lens or another text. */
  repaint(from = 0) {
    this.outdated = Math.max(this.outdated, this.painted);
    this.painted = Math.min(this.painted, from);
  }

  /** Draws at most `most` characters more; returns how many. @param {number} most */
  draw(most) {
    const [chars, before] = [this.traced.chars, this.nodes.length];
    const wanted = Math.min(this.end - this.start, before + most);
    while (this.nodes.length < wanted) this.#add(chars[this.start + this.nodes.length]);
    const rest = chars.slice(this.start + wanted, this.end).join("");
    if (!rest) this.rest.remove();
    else if (this.rest.parentNode !== this.#line()) this.#line().append(this.rest);
    if (this.rest.data !== rest) this.rest.data = rest;
    return wanted - before;
  }

  #add(character) {
    const [line, node] = [this.#line(), document.createElement("i")];
    node.textContent = character;
    if (character === "\n") node.className = "end";
    places.set(node, { traced: this.traced, position: this.start + this.nodes.length });
    line.insertBefore(node, this.rest.parentNode === line ? this.rest : null);
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
    for (; this.outdated > this.painted && count < most; count++) this.#mark(--this.outdated, "");
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

  /** Replaces the elements by plain text. */
  release() {
    this.element.replaceChildren(this.traced.chars.slice(this.start, this.end).join(""));
  }
}
