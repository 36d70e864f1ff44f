// Finds characters in a text that is not drawn character by character. All numbers are in code points.

import { count } from "../../conversation/log.js";

/**
 * Returns the number of the character under the pointer; -1 if there is none.
 * @param {MouseEvent} event
 * @param {Element} element
 */
export function characterUnder({ clientX, clientY }, element) {
  const position = document.caretPositionFromPoint?.(clientX, clientY);
  const range = position ? null : document.caretRangeFromPoint?.(clientX, clientY);
  const node = position?.offsetNode ?? range?.startContainer;
  if (!node || !element.contains(node)) return -1;
  const before = document.createRange();
  before.setStart(element, 0);
  before.setEnd(node, position?.offset ?? range?.startOffset ?? 0);
  const after = count(before.toString()); // the pointer is next to the border before this character
  const characters = [...element.textContent];
  const isEmptyLine = characters[after] === "\n" && (characters[after - 1] ?? "\n") === "\n";
  if (isEmptyLine || !characters.length) return isEmptyLine ? after : -1;
  const isUnder = (/** @type {number} */ n) => {
    const rect = rangeOf(element, n)?.getBoundingClientRect();
    return rect !== undefined && clientX >= rect.left && clientX < rect.right;
  };
  return [after, after - 1].find(isUnder) ?? Math.max(0, after - 1);
}

/**
 * Returns the range of a character of an element's text; null if there is none.
 * @param {Element} element
 * @param {number} n
 */
export function rangeOf(element, n) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let left = n;
  for (let node = walker.nextNode(); node && n >= 0; node = walker.nextNode()) {
    const characters = [...node.textContent];
    if (left < characters.length) {
      const range = document.createRange();
      const start = characters.slice(0, left).join("").length;
      range.setStart(node, start);
      range.setEnd(node, start + characters[left].length);
      return range;
    }
    left -= characters.length;
  }
  return null;
}
