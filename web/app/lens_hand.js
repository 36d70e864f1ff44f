// The hand on the memory: cells that are held while it writes, and beside the reply what it would be without.
const STRONG = 4; // as in hand.py; tanh of it is all but 1
const WAYS = [["Free", null], ["Up", STRONG], ["Off", 0], ["Down", -STRONG]];
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
  make("legend", "", box).textContent = t("Hold this cell while it writes");
  for (const [name, value] of WAYS) {
    const choice = make("label", "", box);
    const input = make("input", "", choice);
    [input.type, input.name, input.value] = ["radio", "hold", name];
    input.addEventListener("change", () => hold(memory.cell, value));
    make("span", "", choice).textContent = t(name);
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
      const name = t("cell {} of layer {} {*}", index, layer, wayOf(value));
      const button = make("button", "", make("li", "", list));
      [button.type, button.textContent, button.ariaLabel] = ["button", name, t("Let go of {}", name)];
      button.addEventListener("click", () => hold([layer, index], null));
    }
    bar.hidden = !cells.length;
  }
  const here = cells.find(isCell);
  const chosen = here ? (WAYS.find(([, value]) => value === here[2]) || [""])[0] : "Free";
  for (const input of panel.querySelectorAll(".hold input")) input.checked = input.value === chosen;
}

function wayOf(value) {
  const way = WAYS.find(([, each]) => each === value);
  return way ? t(way[0].toLowerCase()) : t("at {}", value);
}

// The last reply beside what the same seed writes with all cells free.
function buildBeside() {
  const box = make("section", "beside", panel);
  [box.hidden, box.ariaLabel] = [true, t("With and without the hand")];
  make("p", "parting", box).setAttribute("role", "status");
  const both = make("div", "both", box);
  for (const name of ["With the hand", "Without it"]) {
    const column = make("div", "", both);
    make("h3", "", column).textContent = t(name);
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
  const count = t(same === 1 ? "{} character" : "{} characters", same.toLocaleString("en"));
  let text = over ? t("The hand changed nothing: {} written with it are the same.", count) : t("Still the same …");
  if (part && same) text = t("By the same seed the same for {}, then they part.", count);
  else if (part) text = t("They part at the first character.");
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
