/** The turns that a conversation has had, as a small tree from left to right. A visitor chooses the one to be shown. */

import { addButton, find, findAll, hasTouch, isOutdated, keepAtEnd, setText, svg } from "../document/dom.js";
import { t } from "../document/words.js";

const STEP = hasTouch() ? 32 : 26; // pixels between two turns, as in style.css

/**
 * @typedef {(readonly [id: number, before: number, label: string])[]} Tree each turn, the turn before it (of no turn for a first one)
 * @typedef {{column: number, row: number}} Place
 */

/** @type {WeakMap<Element, (id: number) => void>} what shows a turn of the tree in a box */
const walks = new WeakMap();

/**
 * Shows the tree, or hides it while nothing branches.
 * @param {HTMLElement} box .branches
 * @param {{tree: Tree, here: number}|null} branches with the id of the last turn that is shown
 * @param {{walk: (id: number) => void}} moves
 */
export function showBranches(box, branches, { walk }) {
  const drawing = find(box, ".tree");
  if (!walks.has(box)) drawing.addEventListener("keydown", moveFocus);
  walks.set(box, walk);
  if (!isOutdated(box, [branches, t("branches.empty")])) return;
  const log = box.closest(".frame")?.querySelector(".log") || null;
  keepAtEnd(log, () => (box.hidden = !branches?.tree.length));
  if (branches?.tree.length) drawTree(box, drawing, branches);
}

/**
 * @param {HTMLElement} box
 * @param {HTMLElement} drawing
 * @param {{tree: Tree, here: number}} branches
 */
function drawTree(box, drawing, { tree, here }) {
  const before = new Map(tree.map(([id, parent]) => [id, parent]));
  const path = new Set();
  for (let id = here; before.has(id) && !path.has(id); id = before.get(id) ?? here) path.add(id);
  const hadFocus = drawing.contains(document.activeElement);
  const { places, rows } = placesOf(tree);
  drawing.replaceChildren(drawLines(tree, places, path, rows));
  for (const [id, , label] of tree) {
    const place = places.get(id);
    if (place) drawTurn(box, drawing, id, label, { ...place, here, path });
  }
  const [current] = [...findAll(drawing, "[aria-current]"), ...findAll(drawing, "button")];
  current.tabIndex = 0;
  // Not scrollIntoView: the page itself stays where it is. By whole turns, so that no circle is cut at the edge.
  drawing.scrollLeft = current.offsetLeft - STEP * Math.floor(drawing.clientWidth / STEP / 2);
  drawing.scrollTop = current.offsetTop - STEP * Math.floor(drawing.clientHeight / STEP / 2);
  if (hadFocus) current.focus({ preventScroll: true });
  name(box, current.title);
}

/**
 * Each turn has a column for every turn before it, and the first of several that follow a turn has the row of that turn.
 * @param {Tree} tree
 */
function placesOf(tree) {
  const ids = new Set(tree.map(([id]) => id));
  const following = /** @type {Map<number | null, number[]>} */ (new Map());
  for (const [id, parent] of tree) {
    const key = ids.has(parent) ? parent : null;
    following.set(key, [...(following.get(key) || []), id]);
  }
  const places = /** @type {Map<number, Place>} */ (new Map());
  let rows = 0;
  const place = (/** @type {number} */ id, /** @type {number} */ column, /** @type {number} */ row) => {
    places.set(id, { column, row });
    (following.get(id) || []).forEach((next, at) => place(next, column + 1, at ? rows++ : row));
  };
  for (const id of following.get(null) || []) place(id, 0, rows++);
  return { places, rows };
}

/**
 * @param {Tree} tree
 * @param {Map<number, Place>} places
 * @param {Set<number>} path
 * @param {number} rows
 */
function drawLines(tree, places, path, rows) {
  const columns = 1 + Math.max(...[...places.values()].map((place) => place.column));
  const drawing = svg("svg", null, { width: columns * STEP, height: rows * STEP, "aria-hidden": "true" });
  const middle = (/** @type {Place} */ { column, row }) => [(column + 0.5) * STEP, (row + 0.5) * STEP];
  for (const [id, parent] of tree) {
    const [from, to] = [places.get(parent), places.get(id)];
    if (!from || !to) continue;
    const [[x, y], [toX, toY]] = [middle(from), middle(to)];
    const d = `M${x} ${y}C${x + STEP / 2} ${y} ${toX - STEP / 2} ${toY} ${toX} ${toY}`;
    svg("path", drawing, { d, class: path.has(id) ? "shown" : "" });
  }
  return drawing;
}

/**
 * @param {HTMLElement} box
 * @param {HTMLElement} drawing
 * @param {number} id
 * @param {string} label
 * @param {Place & {here: number, path: Set<number>}} place
 */
function drawTurn(box, drawing, id, label, { column, row, here, path }) {
  const text = label.replace(/[\u202a-\u202e]/g, "").replace(/\s+/g, " ").trim() || t("branches.empty");
  const title = t("branches.turn", { turn: column + 1, text });
  const button = addButton(drawing, path.has(id) ? "shown" : "", "", () => walks.get(box)?.(id));
  [button.tabIndex, button.title, button.ariaLabel] = [-1, title, title];
  if (id === here) button.ariaCurrent = "true";
  [button.style.left, button.style.top] = [`${column * STEP}px`, `${row * STEP}px`];
  Object.assign(button.dataset, { column, row });
  button.addEventListener("focus", () => name(box, title));
  // Not "mouseenter", which also fires when the tree is drawn again under a pointer that rests.
  button.addEventListener("mousemove", () => name(box, title));
}

/**
 * @param {HTMLElement} box
 * @param {string} text
 */
function name(box, text) {
  setText(find(box, "p"), text);
}

/** @type {Object<string, [number, number]>} columns and rows */
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * The arrow keys move the focus between turns; Enter shows the one in focus.
 * @param {KeyboardEvent} event
 */
function moveFocus(event) {
  const now = document.activeElement;
  const way = WAYS[event.key];
  if (!(now instanceof HTMLButtonElement) || !way) return;
  event.preventDefault();
  const place = (/** @type {HTMLElement} */ { dataset: { column, row } }) => [Number(column), Number(row)];
  const [column, row] = place(now);
  const distance = (/** @type {HTMLElement} */ button) => {
    const [toColumn, toRow] = place(button);
    const [along, across] = way[0] ? [toColumn - column, toRow - row] : [toRow - row, toColumn - column];
    return Math.sign(along) === way[0] + way[1] ? Math.abs(along) * 100 + Math.abs(across) : Infinity;
  };
  const ahead = findAll(/** @type {HTMLElement} */ (event.currentTarget), "button").filter((button) => distance(button) < Infinity);
  const next = ahead.sort((one, other) => distance(one) - distance(other))[0];
  if (!next) return;
  [now.tabIndex, next.tabIndex] = [-1, 0];
  next.focus();
}
