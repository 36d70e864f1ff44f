/** The turns that a conversation has had, as a small tree from left to right. A visitor chooses the one to be shown. */

import { addButton, find, findAll, hasTouch, isOutdated, keepAtEnd, setText, svg } from "../document/dom.js";
import { t } from "../document/words.js";

const STEP = hasTouch() ? 36 : 26; // pixels between two turns, as in style.css

/**
 * @typedef {(readonly [id: number, before: number, label: string])[]} Tree each turn, the turn before it (of no turn for a first one)
 * @typedef {{column: number, row: number}} Place
 */

/** @type {WeakMap<Element, (id: number) => void>} what shows a turn of the tree in a box */
const walks = new WeakMap();
/** @type {WeakMap<Element, Tree>} */
const trees = new WeakMap();

/**
 * Shows the tree, or hides it while nothing branches.
 * @param {HTMLElement} box .branches
 * @param {{tree: Tree, here: number}|null} branches with the id of the last turn that is shown
 * @param {{walk: (id: number) => void}} moves
 */
export function showBranches(box, branches, { walk }) {
  const drawing = find(box, ".tree");
  if (!walks.has(box)) {
    drawing.addEventListener("keydown", moveFocus);
    for (const left of ["mouseleave", "focusout"]) drawing.addEventListener(left, () => nameCurrent(box, drawing));
    for (const [way, move] of /** @type {const} */ ([["previous", -1], ["next", 1]])) find(box, `.${way}`).addEventListener("click", () => show(box, move));
  }
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
  const path = pathTo(tree, here);
  const { at, versions, turn } = versionsAt(tree, here);
  trees.set(box, tree);
  box.dataset.here = String(here);
  setText(find(box, ".count"), t(path.size > 1 ? "branches.count_of" : "branches.count", { turn, version: at + 1, versions: versions.length }));
  [find(box, ".previous", HTMLButtonElement).ariaDisabled, find(box, ".next", HTMLButtonElement).ariaDisabled] = [at === 0, at === versions.length - 1].map(String);
  const hadFocus = drawing.contains(document.activeElement);
  const { places, rows } = placesOf(tree);
  drawing.replaceChildren(drawLines(tree, places, path, rows));
  for (const [id, , label] of tree) {
    const place = places.get(id);
    if (place) drawTurn(box, drawing, id, label, { ...place, here, path, ...versionsOf(tree, id) });
  }
  const [current] = [...findAll(drawing, "[aria-current]"), ...findAll(drawing, "button")];
  current.tabIndex = 0;
  // Not scrollIntoView: the page itself stays where it is.
  drawing.scrollLeft = current.offsetLeft - (drawing.clientWidth - STEP) / 2;
  drawing.scrollTop = current.offsetTop - (drawing.clientHeight - STEP) / 2;
  if (hadFocus) current.focus({ preventScroll: true });
  nameCurrent(box, drawing);
}

/** The turn that is shown last, and those before it. @param {Tree} tree @param {number} here */
function pathTo(tree, here) {
  const before = new Map(tree.map(([id, parent]) => [id, parent]));
  const path = new Set();
  for (let id = here; before.has(id) && !path.has(id); id = before.get(id) ?? here) path.add(id);
  return path;
}

/** The turns that follow the same turn as one of them, and its place among them. @param {Tree} tree @param {number} id */
function versionsOf(tree, id) {
  const ids = new Set(tree.map(([each]) => each));
  const parentOf = (/** @type {number} */ parent) => (ids.has(parent) ? parent : null);
  const parent = parentOf(tree.find(([each]) => each === id)?.[1] ?? 0);
  const versions = tree.filter((turn) => parentOf(turn[1]) === parent).map(([each]) => each);
  return { at: versions.indexOf(id), versions };
}

/** The versions of the last turn on the path that has several, and the number of the turn. @param {Tree} tree @param {number} here */
function versionsAt(tree, here) {
  const found = [...pathTo(tree, here)].map((id, at, { length }) => ({ ...versionsOf(tree, id), turn: length - at }));
  return found.find(({ versions }) => versions.length > 1) ?? found[0] ?? { at: 0, versions: [here], turn: 1 };
}

/** Shows the version before or after the one that is shown, with the newest turns after it. @param {HTMLElement} box @param {-1 | 1} move */
function show(box, move) {
  const tree = trees.get(box) ?? [];
  const { at, versions } = versionsAt(tree, tree.find(([id]) => String(id) === box.dataset.here)?.[0]);
  let id = versions[at + move];
  if (id === undefined) return;
  for (let next = id; next !== undefined; next = tree.findLast(([, parent]) => parent === id)?.[0]) id = next;
  walks.get(box)?.(id);
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
 * @param {Place & {here: number, path: Set<number>, at: number, versions: number[]}} place
 */
function drawTurn(box, drawing, id, label, { column, row, here, path, at, versions }) {
  const text = label.replace(/[\u202a-\u202e]/g, "").replace(/\s+/g, " ").trim();
  const quoted = text ? t("quoted", { text }) : t("branches.empty");
  const title = t("branches.turn", { turn: column + 1, version: at + 1, versions: versions.length, text: quoted });
  const button = addButton(drawing, path.has(id) ? "shown" : "", "", () => walks.get(box)?.(id));
  [button.tabIndex, button.title, button.ariaLabel] = [-1, title, title];
  if (id === here) button.ariaCurrent = "true";
  [button.style.left, button.style.top] = [`${column * STEP}px`, `${row * STEP}px`];
  Object.assign(button.dataset, { column, row, text: quoted });
  button.addEventListener("focus", () => name(box, quoted));
  // Not "mouseenter", which also fires when the tree is drawn again under a pointer that rests.
  button.addEventListener("mousemove", () => name(box, quoted));
}

// Shows the text of the turn that is shown, or of the first one.
/** @param {HTMLElement} box @param {HTMLElement} drawing */
function nameCurrent(box, drawing) {
  name(box, [...findAll(drawing, "[aria-current]"), ...findAll(drawing, "button")][0]?.dataset.text ?? "");
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
