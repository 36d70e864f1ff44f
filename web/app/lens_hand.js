// The hand on the memory: cells that are held while it writes, and beside the reply what it would be without.
const STRONG = 4; // as in hand.py; tanh of it is all but 1
const WAYS = [["free", null], ["up", STRONG], ["off", 0], ["down", -STRONG]];
const BEFORE = 24; // characters that are shown of what is the same
const hand = { asked: "", stream: "", free: null };

// The model whose view this is.
function modelNow() {
  const chosen = document.querySelector("#model input");
  return (second ? second.querySelector(".by p")?.textContent : chosen && chosen.value) || "";
}

// The cells that are held of the model that is chosen, each [layer, number, value].
function heldCells() {
  return talk.held && talk.held.of === modelNow() ? talk.held.cells : [];
}

function isCell([layer, index]) {
  return layer === memory.cell[0] && index === memory.cell[1];
}

// The choice for the cell that is picked, under the lens Memory.
function buildHand() {
  if (second) return; // the hand is on the first model's cells
  const box = make("fieldset", "hold", panel);
  make("legend", "", box).textContent = t("hold.legend");
  for (const [name, value] of WAYS) {
    const choice = make("label", "", box);
    const input = make("input", "", choice);
    [input.type, input.name, input.value] = ["radio", "hold", name];
    input.addEventListener("change", () => hold(memory.cell, value));
    make("span", "", choice).textContent = t(`hold.${name}`);
  }
}

function hold(cell, value) {
  const others = heldCells().filter((each) => each[0] !== cell[0] || each[1] !== cell[1]);
  const cells = value === null ? others : [...others, [...cell, value]];
  talk.held = { cells, of: modelNow() }; // until the server has it so, or has refused
  showHand();
  trigger("hold", { hold: cells });
}

// What is held, under whatever lens: it is in force until it is let go.
function showHand() {
  const [bar, cells] = [element.querySelector(".hand"), heldCells()];
  const text = JSON.stringify(cells);
  if (bar.shown !== text) {
    bar.shown = text;
    const list = bar.querySelector("ul");
    list.replaceChildren();
    for (const [layer, index, value] of cells) {
      const way = WAYS.find(([, each]) => each === value);
      const name = t(`clamp.${way ? way[0] : "at"}`, { cell: index, layer, value });
      const button = make("button", "", make("li", "", list));
      [button.type, button.textContent, button.ariaLabel] = ["button", name, t("hold.release", { cell: name })];
      button.addEventListener("click", () => hold([layer, index], null));
    }
    bar.hidden = !cells.length;
  }
  const here = cells.find(isCell);
  const chosen = here ? (WAYS.find(([, value]) => value === here[2]) || [""])[0] : "free";
  for (const input of panel.querySelectorAll(".hold input")) input.checked = input.value === chosen;
}

// The last reply beside what the same seed writes with all cells free.
function buildBeside() {
  const box = make("section", "beside", panel);
  [box.hidden, box.ariaLabel] = [true, t("hold.compare")];
  make("p", "parting", box).setAttribute("role", "status");
  const both = make("div", "both", box);
  for (const id of ["hold.with", "hold.without"]) {
    const column = make("div", "", both);
    make("h3", "", column).textContent = t(id);
    make("div", "text", column).tabIndex = 0; // a long one is scrolled
  }
}

async function compare() {
  const [box, turn] = [panel.querySelector(".beside"), talk.turns[talk.turns.length - 1]];
  if (!box) return;
  box.hidden = !turn || turn.held === undefined;
  if (box.hidden) return showParting(-1);
  hand.stream = talk.stream || hand.stream;
  const wanted = `${turn.turn} ${turn.held} ${hand.stream}`;
  if (hand.asked !== wanted) {
    [hand.asked, hand.free] = [wanted, null];
    const answer = await ask({ turn: turn.turn, without: true });
    if (hand.asked !== wanted) return;
    hand.free = answer.without === undefined ? null : [...answer.without];
  }
  const now = talk.turns[talk.turns.length - 1];
  if (hand.free && now && now.turn === turn.turn && panel.contains(box)) showBeside(box, now, hand.free);
}

function showBeside(box, turn, free) {
  const held = [...turn.text].slice(turn.held, turn.held + free.length);
  let same = 0;
  while (same < held.length && held[same] === free[same]) same++;
  const [part, over] = [same < held.length, Boolean(turn.foot)];
  const characters = t("fact.characters", { count: same });
  let text = over ? t("hold.no_change", { characters }) : t("hold.same_so_far");
  if (part && same) text = t("hold.differs", { characters });
  else if (part) text = t("hold.differs_at_once");
  const line = box.querySelector(".parting");
  if (line.textContent !== text) line.textContent = text;
  box.querySelector(".both").hidden = !part;
  if (part) {
    const from = Math.max(0, same - BEFORE);
    [held, free].forEach((chars, at) => {
      const into = box.querySelectorAll(".text")[at];
      if (into.shown === chars.length && into.same === same) return;
      [into.shown, into.same] = [chars.length, same];
      into.replaceChildren((from ? "…" : "") + chars.slice(from, same).join(""));
      make("mark", "", into).textContent = chars[same] === "\n" ? "⏎\n" : chars[same] || "";
      into.append(chars.slice(same + 1).join(""));
    });
  }
  const note = lens.notes.get(turn.turn);
  showParting(part && note && note.given !== null ? [...note.given].length + turn.held + same : -1, turn.turn);
}

// Marks in the conversation where the two texts part.
function showParting(n, number) {
  const node = n < 0 ? null : nodeAt({ number, n });
  for (const old of log.querySelectorAll("i.parts")) if (old !== node) old.classList.remove("parts");
  if (node) node.classList.add("parts");
}

function startHand() {
  element.querySelector(".hand .again").addEventListener("click", () => trigger("again", {}));
}
