// The turns that there were, as a small tree from left to right: one is chosen, and the conversation is as it was then.
const STEP = 26; // pixels between two turns

// Where each turn stands: a column for every turn before it; what branches off takes a row of its own.
function placed(tree) {
  const children = new Map();
  for (const [number, before] of tree) children.set(before, [...(children.get(before) || []), number]);
  const places = new Map();
  let rows = 0;
  const place = (number, column, row) => {
    places.set(number, { column, row });
    (children.get(number) || []).forEach((child, index) => place(child, column + 1, index ? rows++ : row));
  };
  for (const number of children.get(0) || []) place(number, 0, rows++);
  return { places, rows };
}

function showBranches() {
  const box = element.querySelector(".branches");
  const told = JSON.stringify(talk.tree);
  box.hidden = Boolean(second) || !talk.tree; // a second view follows the first
  if (box.hidden || box.told === told) return;
  box.told = told;
  const { tree, here, redo } = talk.tree;
  box.querySelector(".redo").hidden = !redo;
  const before = new Map(tree.map(([number, parent]) => [number, parent]));
  const path = new Set();
  for (let number = here; number; number = before.get(number)) path.add(number);
  const drawing = box.querySelector(".tree");
  const hadFocus = drawing.contains(document.activeElement);
  const { places, rows } = placed(tree);
  drawing.replaceChildren(drawLines(tree, places, path, rows));
  for (const [number, , label] of tree) drawTurn(drawing, number, label, { ...places.get(number), here, path });
  const current = drawing.querySelector("[aria-current]") || drawing.querySelector("button");
  current.tabIndex = 0;
  drawing.scrollLeft = current.offsetLeft - drawing.clientWidth / 2; // the page itself stays where it is
  drawing.scrollTop = current.offsetTop - drawing.clientHeight / 2;
  if (hadFocus) current.focus({ preventScroll: true });
  tell(box, current.ariaLabel);
}

function drawLines(tree, places, path, rows) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const columns = 1 + Math.max(...[...places.values()].map((place) => place.column));
  svg.setAttribute("width", columns * STEP);
  svg.setAttribute("height", rows * STEP);
  svg.setAttribute("aria-hidden", "true");
  const middle = ({ column, row }) => [(column + 0.5) * STEP, (row + 0.5) * STEP];
  for (const [number, parent] of tree) {
    if (!parent) continue;
    const [[x, y], [toX, toY]] = [middle(places.get(parent)), middle(places.get(number))];
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    line.setAttribute("d", `M${x} ${y}C${x + STEP / 2} ${y} ${toX - STEP / 2} ${toY} ${toX} ${toY}`);
    line.setAttribute("class", path.has(number) ? "on" : "");
    svg.append(line);
  }
  return svg;
}

function drawTurn(drawing, number, label, { column, row, here, path }) {
  const button = make("button", path.has(number) ? "on if-idle" : "if-idle", drawing);
  const begins = label.replace(/\s+/g, " ").trim() || t("branches.empty");
  const name = t("branches.turn", { turn: column + 1, text: begins });
  [button.type, button.tabIndex, button.title, button.ariaLabel] = ["button", -1, name, name];
  if (number === here) button.setAttribute("aria-current", "true");
  button.style.left = `${column * STEP}px`;
  button.style.top = `${row * STEP}px`;
  Object.assign(button.dataset, { number, column, row });
  button.addEventListener("click", () => trigger("walk", { turn: number }));
  button.addEventListener("focus", () => tell(drawing.parentElement, name));
  button.addEventListener("mouseenter", () => tell(drawing.parentElement, name));
}

function tell(box, text) {
  box.querySelector("p").textContent = text;
}

// The arrows lead from turn to turn; Enter shows the one that was come to.
function moveInTree(event) {
  const now = event.target.closest("button[data-number]");
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!now || !way) return;
  event.preventDefault();
  const at = (button) => [Number(button.dataset.column), Number(button.dataset.row)];
  const [column, row] = at(now);
  const ahead = [...now.parentElement.querySelectorAll("button")].filter((button) => {
    const [toColumn, toRow] = at(button);
    return way[0] ? Math.sign(toColumn - column) === way[0] : Math.sign(toRow - row) === way[1];
  });
  const far = (button) => {
    const [toColumn, toRow] = at(button);
    const [along, across] = way[0] ? [toColumn - column, toRow - row] : [toRow - row, toColumn - column];
    return Math.abs(along) * 100 + Math.abs(across);
  };
  const next = ahead.sort((a, b) => far(a) - far(b))[0];
  if (!next) return;
  [now.tabIndex, next.tabIndex] = [-1, 0];
  next.focus();
}

function startBranches() {
  const box = element.querySelector(".branches");
  box.querySelector(".redo").addEventListener("click", () => trigger("walk", { turn: "redo" }));
  box.querySelector(".tree").addEventListener("keydown", moveInTree);
}
