// Another way from a character on: which one is chosen, in the text or under a lens, and what can be done there.
const AROUND = 12; // characters that are shown of what is kept

const place = { number: -1, keep: 0 }; // a turn, and how many characters of its reply are kept

// The character of the last reply that a click met, as the number of those up to it; 0 for none.
function keptAt(event, turn) {
  if (second) return 0;
  const reply = log.querySelector(`:scope > [data-turn="${turn.turn}"] .reply`);
  if (!reply || !reply.contains(event.target)) return 0;
  if (lens.name !== "plain") {
    const node = event.target.closest("i");
    return node ? keptOf(turn, node.n) : 0;
  }
  if (!getSelection().isCollapsed) return 0; // a hand that selects wants to copy
  const caret = document.caretPositionFromPoint
    ? document.caretPositionFromPoint(event.clientX, event.clientY)
    : document.caretRangeFromPoint(event.clientX, event.clientY);
  const [node, offset] = caret ? [caret.offsetNode || caret.startContainer, caret.offset ?? caret.startOffset] : [];
  if (!node || !reply.contains(node)) return 0;
  const before = document.createRange();
  before.setStart(reply, 0);
  before.setEnd(node, offset);
  return [...before.toString()].length;
}

function keptOf(turn, n) {
  if (second) return 0;
  const note = lens.notes.get(turn.turn);
  return note && note.given !== null ? n + 1 - [...note.given].length : 0;
}

// Offers the place where a click or the keyboard stands; hides the offer where there is none.
function choosePlace(keep) {
  const turn = talk.turns[talk.turns.length - 1];
  [place.number, place.keep] = turn && keep > 0 ? [turn.turn, keep] : [-1, 0];
  showPlace();
}

function showPlace() {
  const box = element.querySelector(".rewind");
  const turn = talk.turns[talk.turns.length - 1];
  const chars = turn && turn.turn === place.number ? [...turn.text] : [];
  const there = Boolean(turn) && !talk.stream && place.keep > 0 && place.keep < chars.length;
  box.hidden = !there;
  if (!there) return;
  const kept = chars.slice(Math.max(0, place.keep - AROUND), place.keep).map((char) => (char === " " ? char : shown(char)));
  box.querySelector("b").textContent = (place.keep > AROUND ? "…" : "") + kept.join("");
}

function rewind(newSeed) {
  trigger("rewind", { turn: place.number, keep: place.keep, new_seed: newSeed });
  choosePlace(0);
}

// Makes buttons of the likeliest characters under a lens: each may stand there instead, and it goes on after it.
function offerPicks(list, looked) {
  const turn = talk.turns[talk.turns.length - 1];
  const keep = turn && turn.turn === looked.number && !talk.stream ? keptOf(turn, looked.n) : 0;
  if (keep < 1) return;
  for (const row of list.querySelectorAll("li:not(.there)")) {
    const char = looked.top[[...list.children].indexOf(row)][0];
    const button = document.createElement("button");
    [button.type, button.className, button.textContent] = ["button", "char", shown(char)];
    button.title = button.ariaLabel = t("rewind.pick", { character: named(char) });
    button.addEventListener("click", () => trigger("rewind", { turn: turn.turn, keep, pick: char, new_seed: false }));
    row.querySelector(".char").replaceWith(button);
  }
}

function startRewind() {
  const [same, newSeed] = element.querySelectorAll(".rewind button");
  same.addEventListener("click", () => rewind(false));
  newSeed.addEventListener("click", () => rewind(true));
  log.addEventListener("click", (event) => {
    const turn = talk.turns[talk.turns.length - 1];
    if (turn) choosePlace(keptAt(event, turn));
  });
  log.addEventListener("keydown", (event) => {
    const turn = talk.turns[talk.turns.length - 1];
    if (turn && lens.name !== "plain" && lens.focus) choosePlace(lens.focus.number === turn.turn ? keptOf(turn, lens.focus.n) : 0);
  });
}
