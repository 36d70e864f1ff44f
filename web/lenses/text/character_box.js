/** The characters of a prompt or a reply as elements, each with the colour that a lens gives it. */

import { create, resetGrownText } from "../../document/dom.js";

/**
 * @import { TracedText } from "./traced_text.js"
 * @typedef {{traced: TracedText, position: number}} Place
 */

const places = /** @type {WeakMap<Element, Place>} */ (new WeakMap());

/**
 * Draws a stretch of a text into an element: one <i> per character, one <span> per line, so that the browser lays out
 * the last line only when the text grows. Characters that are not drawn yet are shown as plain text after the others.
 */
export class CharacterBox {
  /**
   * @param {HTMLElement} element
   * @param {TracedText} traced
   */
  constructor(element, traced) {
    this.element = element;
    this.traced = traced;
    this.nodes = /** @type {HTMLElement[]} */ ([]);
    this.marks = /** @type {string[]} */ ([]); // the class of each character's colour
    this.rest = /** @type {Text | null} */ (null);
    this.line = /** @type {Element | null} */ (null);
    this.lineEnded = false;
    this.start = 0;
    this.end = 0;
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
    this.rest?.remove();
    while (this.element.lastElementChild && !this.element.lastElementChild.hasChildNodes()) {
      this.element.lastElementChild.remove();
    }
    this.line = this.element.lastElementChild;
    this.lineEnded = this.nodes[count - 1]?.textContent === "\n";
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
    while (this.nodes.length < wanted) this.add(chars[this.start + this.nodes.length]);
    this.showRest(chars.slice(this.start + this.nodes.length, this.end).join(""));
    return this.nodes.length - before;
  }

  add(character) {
    const line = this.openLine();
    const node = document.createElement("i");
    node.textContent = character;
    places.set(node, { traced: this.traced, position: this.start + this.nodes.length });
    line.insertBefore(node, this.rest?.parentNode === line ? this.rest : null);
    this.nodes.push(node);
    this.marks.push("");
    if (character === "\n") {
      node.className = "end";
      this.lineEnded = true;
    }
  }

  openLine() {
    if (!this.line || this.lineEnded) {
      this.line = create("span", this.line ? "line block" : "line", this.element);
      this.lineEnded = false;
    }
    return this.line;
  }

  showRest(text) {
    if (!text) {
      this.rest?.remove();
      this.rest = null;
      return;
    }
    this.rest ??= document.createTextNode("");
    const line = this.openLine();
    if (this.rest.parentNode !== line) line.append(this.rest);
    if (this.rest.data !== text) this.rest.data = text;
  }

  /**
   * Colours at most `most` characters; returns how many. `mark` gives the class of a value.
   * @type {(values: (number | null)[], mark: (value: number | null) => string, most: number) => number}
   */
  paint(values, mark, most) {
    let count = 0;
    while (this.painted < this.nodes.length && count < most) {
      const value = values[this.start + this.painted];
      if (value === undefined) break;
      this.setMark(this.painted++, mark(value));
      count++;
    }
    while (this.outdated > this.painted && count < most) {
      this.setMark(--this.outdated, "");
      count++;
    }
    return count;
  }

  setMark(at, mark) {
    const { classList } = this.nodes[at];
    if (this.marks[at] === mark) return;
    if (this.marks[at]) classList.remove(this.marks[at]);
    if (mark) classList.add(mark);
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

/** The text and the position of the character that an element of a box shows. @param {Element | null} node */
export function placeOf(node) {
  return places.get(node);
}
