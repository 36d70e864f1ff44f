/** Small helpers for the document. All text goes in as textContent: whatever a model writes stays text. */

const SVG = "http://www.w3.org/2000/svg";
const BLOCK = 1000; // characters after which a line end closes a block: the browser then lays out the last block only
const NEAR_END = 40; // pixels

/**
 * @param {string} tag
 * @param {string} [className]
 * @param {Element} [parent] gets the element as its last child
 * @returns {any} the new element
 */
export function create(tag, className = "", parent = null) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  parent?.append(node);
  return node;
}

/** Sets the text of an element. Equal text is left alone, so that a screen reader does not read it again. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Shows a paragraph of a class, of which a parent has at most one; an empty text removes it.
 * @returns {HTMLParagraphElement|null}
 */
export function paragraph(parent, className, text) {
  let node = parent.querySelector(`:scope > .${className}`);
  if (!text) {
    node?.remove();
    return null;
  }
  node ??= create("p", className, parent);
  setText(node, text);
  return node;
}

/**
 * Shows a text that grows, in blocks of some 1,000 characters. A text that does not continue the one before replaces it.
 * @param {any} reply the element; keeps the text as its property `shownText`
 * @param {string} text
 */
export function growText(reply, text) {
  const before = reply.shownText;
  if (before === text) return;
  const continues = before && text.startsWith(before);
  if (!continues) reply.replaceChildren();
  let rest = continues ? text.slice(before.length) : text;
  while (rest) {
    let block = reply.lastElementChild;
    if (!block || (block.textContent.length >= BLOCK && block.textContent.endsWith("\n"))) {
      block = create("span", block ? "block" : "", reply);
    }
    const room = Math.max(0, BLOCK - 1 - block.textContent.length);
    const end = rest.indexOf("\n", room);
    const piece = end < 0 ? rest : rest.slice(0, end + 1);
    block.append(piece);
    rest = rest.slice(piece.length);
  }
  reply.shownText = text;
}

/**
 * Changes the log or what lies around it, and scrolls to the end again if the reader was there. A log without turns
 * (an article that is a child of it) is not scrolled: the reader sees the beginning of the welcome text.
 * @param {Element|null} log
 * @param {() => void} change
 */
export function keepAtEnd(log, change) {
  const follows = log && log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END;
  change();
  if (follows && log.querySelector(":scope > article")) log.scrollTop = log.scrollHeight;
}

/** Gives a text field the height of its text, up to its max-height, in browsers without `field-sizing` in CSS. */
export function fitField(field) {
  if (CSS.supports("field-sizing", "content")) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
}

/**
 * @param {string} tag
 * @param {Element|null} parent gets the element as its last child
 * @param {Object<string, string|number>} [attributes]
 * @param {string} [text]
 * @returns {SVGElement}
 */
export function svg(tag, parent, attributes = {}, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  if (text !== undefined) node.textContent = text;
  parent?.append(node);
  return node;
}

/** @returns {string} a character as it is shown alone: line end, space and tab have signs */
export function visibleCharacter(character) {
  return { "\n": "⏎", " ": "␣", "\t": "⇥" }[character] || character;
}
