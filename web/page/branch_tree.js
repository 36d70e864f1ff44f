/** The turns that a conversation has had, as a small tree from left to right. A visitor chooses the one to be shown. */

import { create, keepAtEnd, setText, svg } from "../document/dom.js";
import { t } from "../document/words.js";

const STEP = 26; // pixels between two turns

/**
 * Shows the tree, or hides it while nothing branches.
 * @param {any} box .branches
 * @param {{tree: [any, any, string][], here: any}|null} branches each turn's id, that of the turn before it (any other
 *   value for a first turn) and a label; and the id of the last turn that is shown
 * @param {{walk: (id: any) => void}} moves
 */
export function showBranches(box, branches, moves) {
  const drawing = box.querySelector(".tree");
  box.moves = moves;
  if (!box.listens) {
    box.listens = true;
    drawing.addEventListener("keydown", moveFocus);
  }
  const content = JSON.stringify([branches, t("branches.empty")]);
  if (box.content === content) return;
  box.content = content;
  const log = box.closest(".frame")?.querySelector(".log") || null;
  keepAtEnd(log, () => (box.hidden = !branches || !branches.tree.length));
  if (!box.hidden) drawTree(box, drawing, branches);
}

function drawTree(box, drawing, { tree, here }) {
  const before = new Map(tree.map(([id, parent]) => [id, parent]));
  const path = new Set();
  for (let id = here; before.has(id) && !path.has(id); id = before.get(id)) path.add(id);
  const hadFocus = drawing.contains(document.activeElement);
  const { places, rows } = placesOf(tree);
  drawing.replaceChildren(drawLines(tree, places, path, rows));
  for (const [id, , label] of tree) drawTurn(box, drawing, id, label, { ...places.get(id), here, path });
  const current = drawing.querySelector("[aria-current]") || drawing.querySelector("button");
  current.tabIndex = 0;
  // Not scrollIntoView: the page itself stays where it is.
  drawing.scrollLeft = current.offsetLeft - drawing.clientWidth / 2;
  drawing.scrollTop = current.offsetTop - drawing.clientHeight / 2;
  if (hadFocus) current.focus({ preventScroll: true });
  name(box, current.title);
}

// Each turn has a column for every turn before it, and the first of several that follow a turn has the row of that turn.
function placesOf(tree) {
  const ids = new Set(tree.map(([id]) => id));
  const following = new Map();
  for (const [id, parent] of tree) {
    const key = ids.has(parent) ? parent : null;
    following.set(key, [...(following.get(key) || []), id]);
  }
  const places = new Map();
  let rows = 0;
  const place = (id, column, row) => {
    places.set(id, { column, row });
    (following.get(id) || []).forEach((next, at) => place(next, column + 1, at ? rows++ : row));
  };
  for (const id of following.get(null) || []) place(id, 0, rows++);
  return { places, rows };
}

function drawLines(tree, places, path, rows) {
  const columns = 1 + Math.max(...[...places.values()].map((place) => place.column));
  const drawing = svg("svg", null, { width: columns * STEP, height: rows * STEP, "aria-hidden": "true" });
  const middle = ({ column, row }) => [(column + 0.5) * STEP, (row + 0.5) * STEP];
  for (const [id, parent] of tree) {
    if (!places.has(parent)) continue;
    const [[x, y], [toX, toY]] = [middle(places.get(parent)), middle(places.get(id))];
    const d = `M${x} ${y}C${x + STEP / 2} ${y} ${toX - STEP / 2} ${toY} ${toX} ${toY}`;
    svg("path", drawing, { d, class: path.has(id) ? "shown" : "" });
  }
  return drawing;
}

function drawTurn(box, drawing, id, label, { column, row, here, path }) {
  const button = create("button", path.has(id) ? "shown" : "", drawing);
  const text = label.replace(/\s+/g, " ").trim() || t("branches.empty");
  const title = t("branches.turn", { turn: column + 1, text });
  Object.assign(button, { type: "button", tabIndex: -1, title });
  button.setAttribute("aria-label", title);
  if (id === here) button.setAttribute("aria-current", "true");
  [button.style.left, button.style.top] = [`${column * STEP}px`, `${row * STEP}px`];
  Object.assign(button.dataset, { column, row });
  button.addEventListener("click", () => box.moves.walk(id));
  button.addEventListener("focus", () => name(box, title));
  // Not "mouseenter", which also fires when the tree is drawn again under a pointer that rests.
  button.addEventListener("mousemove", () => name(box, title));
}

function name(box, text) {
  setText(box.querySelector("p"), text);
}

// The arrow keys move the focus between turns; Enter shows the one in focus.
function moveFocus(event) {
  const now = event.target.closest("button");
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!now || !way) return;
  event.preventDefault();
  const place = (button) => [Number(button.dataset.column), Number(button.dataset.row)];
  const [column, row] = place(now);
  const ahead = [...now.parentElement.querySelectorAll("button")].filter((button) => {
    const [toColumn, toRow] = place(button);
    return way[0] ? Math.sign(toColumn - column) === way[0] : Math.sign(toRow - row) === way[1];
  });
  const distance = (button) => {
    const [toColumn, toRow] = place(button);
    const [along, across] = way[0] ? [toColumn - column, toRow - row] : [toRow - row, toColumn - column];
    return Math.abs(along) * 100 + Math.abs(across);
  };
  const next = ahead.sort((one, other) => distance(one) - distance(other))[0];
  if (!next) return;
  [now.tabIndex, next.tabIndex] = [-1, 0];
  next.focus();
}
