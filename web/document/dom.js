/** Helpers for the document. All text is set as textContent, so a model's text is never parsed as HTML. */

import { html } from "../vendor/preact.js";

const NEAR_END = 40; // pixels

/**
 * @template {Element} [Kind=HTMLElement]
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => Kind} [kind] the class of the element
 * @returns {Kind} the first element in the root that the selector matches
 */
export function find(root, selector, kind = /** @type {any} */ (HTMLElement)) {
  const found = root.querySelector(selector);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${kind.name} at ${selector}`);
}

/**
 * @template {Element} [Kind=HTMLElement]
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => Kind} [kind]
 * @returns {Kind[]} the elements of the class that the selector matches
 */
export function findAll(root, selector, kind = /** @type {any} */ (HTMLElement)) {
  return [...root.querySelectorAll(selector)].filter(/** @returns {node is Kind} */ (node) => node instanceof kind);
}

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} [className]
 * @param {Element|null} [parent] gets the element as its last child
 * @returns {HTMLElementTagNameMap[Tag]} the new element
 */
export function create(tag, className = "", parent = null) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  parent?.append(node);
  return node;
}

/**
 * Sets the text of an element. Equal text is left alone, so that a screen reader does not read it again.
 * @param {Element} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Shows a text in the one paragraph of a class that a parent may have; an empty text removes the paragraph.
 * @param {Element} parent
 * @param {string} className
 * @param {string} text
 */
export function paragraph(parent, className, text) {
  const node = parent.querySelector(`:scope > .${className}`);
  if (text) setText(node ?? create("p", className, parent), text);
  else node?.remove();
}

/**
 * Keeps a scrolled box at its end while its content grows or the box shrinks, if it was there. The observer is called once in each
 * frame, after the browser has laid out the page, so that no script has to ask for a layout of its own. A box without turns (child
 * elements article) is not scrolled: the visitor sees the beginning of the welcome text.
 * @param {HTMLElement} box
 * @param {() => boolean} isHeld  whether the box stays where it is for now
 * @returns {() => void} scrolls the box to its end, wherever it was
 */
export function keepAtEnd(box, isHeld) {
  let [isAtEnd, top] = [true, 0];
  const toEnd = () => {
    box.scrollTop = box.scrollHeight;
    [isAtEnd, top] = [true, box.scrollTop];
  };
  // A growing text moves the end away from the box; only a visitor, or a character in focus, moves the box back.
  const note = () => {
    const { scrollTop, scrollHeight, clientHeight } = box;
    if (!clientHeight) return; // it is hidden
    isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR_END || (isAtEnd && scrollTop >= top);
    top = scrollTop;
  };
  const sizes = new ResizeObserver(() => {
    note();
    if (isAtEnd && !isHeld() && box.querySelector(":scope > article")) toEnd();
  });
  const observe = () => {
    sizes.disconnect();
    for (const each of [box, ...box.children]) sizes.observe(each);
  };
  new MutationObserver(observe).observe(box, { childList: true });
  observe();
  box.addEventListener("scroll", note);
  return toEnd;
}

/**
 * Copies a text. If the browser does not allow that, as in a frame or without https, the element that shows the text is selected.
 * @param {string} text
 * @param {?Element} shown  null if it is no longer shown
 * @returns {Promise<boolean>} whether it is copied
 */
export async function copyText(text, shown) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    if (shown instanceof HTMLInputElement || shown instanceof HTMLTextAreaElement) {
      shown.focus();
      shown.select();
    } else if (shown) getSelection()?.selectAllChildren(shown);
    return false;
  }
}

/** Returns whether the visitor prefers reduced motion. */
export function prefersReducedMotion() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** Returns whether the main pointer is a finger. */
export function hasTouch() {
  return matchMedia("(pointer: coarse)").matches;
}

/** Returns whether the window is as narrow as a phone: the same as in style.css. */
export function isNarrow() {
  return matchMedia("(max-width: 768px)").matches;
}

/** Puts the focus into the prompt; with touch on Send, because the keyboard of a phone would cover the text. */
export function focusPrompt() {
  find(document, hasTouch() ? "#ask button" : "#prompt").focus({ preventScroll: true });
}

/** @type {Object<string, string>} */
const SIGNS = { "\n": "⏎", " ": "␣", "\t": "⇥" };

/** @param {string} character @returns {string} the character, or a sign for a line end, a space or a tab */
export function visibleCharacter(character) {
  return SIGNS[character] || character;
}

const FADE = 16; // pixels at both ends of a box with text, as in style.css

/** Scrolls a box until a character in it is seen. @param {Element} box @param {Element | Range} character */
export function scrollInside(box, character) {
  const [{ top, bottom, height }, rect] = [box.getBoundingClientRect(), character.getBoundingClientRect()];
  if (rect.top < top + FADE || rect.bottom > bottom - FADE) box.scrollTop += rect.top - top - height / 2;
}

/**
 * A button. While it is off it keeps the focus, so that someone who uses the keyboard stays where they are.
 * @param {{onPress: (event: MouseEvent) => void, isOff?: boolean, children?: any, class?: string, [attribute: string]: any}} properties
 */
export function Button({ onPress, isOff = false, children, ...attributes }) {
  const press = (event) => (isOff ? event.preventDefault() : onPress(event));
  return html`<button type="button" aria-disabled=${isOff ? "true" : null} onClick=${press} ...${attributes}>${children}</button>`;
}

const LONGEST_NAME = 60; // characters: a file system allows 255 bytes, and a character may need 4

/** The name of a file without its ending: the letters and digits of a title. @param {string} title */
export function fileName(title) {
  const name = (title.match(/[\p{L}\p{M}\p{N}]+/gu) ?? []).join("-");
  return [...name].slice(0, LONGEST_NAME).join("") || "text";
}

/** Saves a file to the visitor's downloads. @param {Blob} blob @param {string} name */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser has read it by then
}
