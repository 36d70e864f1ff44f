// The core of the lenses: a switch over the text, what the server tells of each character, and the character in focus.
// A lens is an object in LENSES (see lens_surprise.js). Text goes into the page as textContent, as everywhere.
const LENSES = { plain: {} };
const lens = { name: "plain", key: "", notes: new Map(), focus: null, looked: null, pumping: false, looking: 0 };
const panel = element.querySelector(".panel");
const OWN = 0; // the number of the visitor's own text, beside the turns
const RESTS_MS = 30;
const WRITING_MS = 30; // between two questions while a reply is being written

function lensNow() {
  return LENSES[lens.name];
}

// What is known of a text: its characters, and for each what the lenses have asked for.
function noteOf(number) {
  if (!lens.notes.has(number)) lens.notes.set(number, { number, given: null, chars: [], units: 0, values: {} });
  return lens.notes.get(number);
}

function forget(number) {
  lens.notes.delete(number);
  if (lens.focus && lens.focus.number === number) lens.focus = null;
}

// The characters of a turn, as code points: what it was given to read, then what it wrote.
function charsOf(turn, note) {
  if (note.given === null) return note.chars;
  const all = note.given + turn.text;
  if (all.length < note.units) [note.chars, note.units] = [[], 0];
  for (const char of all.slice(note.units)) note.chars.push(char);
  note.units = all.length;
  return note.chars;
}

function valuesOf(note) {
  const key = lensNow().key();
  return (note.values[key] = note.values[key] || []);
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const frame = () => new Promise(requestAnimationFrame); // none comes while the page is hidden

// The server knows a conversation's key once the page has told it; it forgets when it is started anew.
async function ask(question) {
  if (!lens.key) {
    lens.key = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    trigger("look", { key: lens.key });
  }
  for (let tries = 1; tries <= 40; tries++) {
    try {
      const body = JSON.stringify({ key: lens.key, ...question });
      const headers = { "content-type": "application/json" };
      const answer = await (await fetch(`${ROOT}/lens`, { method: "POST", headers, body })).json();
      if (!answer.unknown) return answer;
    } catch {
      return { refusal: { id: "fault.connection" } };
    }
    if (tries % 10 === 0) trigger("look", { key: lens.key });
    await pause(50);
  }
  return { refusal: { id: "fault.forgotten" } };
}

// What is still to be asked for: the newest text first.
function wanted() {
  if (!lensNow().key) return null;
  const own = lens.notes.get(OWN);
  if (own && own.chars.length > valuesOf(own).length) return own;
  for (const turn of [...talk.turns].reverse()) {
    const note = noteOf(turn.turn);
    if (note.given === null || charsOf(turn, note).length > valuesOf(note).length) return note;
  }
  return null;
}

async function pump() {
  if (lens.pumping) return;
  lens.pumping = true;
  try {
    for (let note; (note = wanted()); ) {
      const [values, key] = [valuesOf(note), lensNow().key()];
      const answer = await ask({ turn: note.number, from: values.length, ...lensNow().wants() });
      if (answer.refusal) break;
      await frame(); // what can be seen is drawn once
      if (lens.notes.get(note.number) !== note || lens.name === "plain" || lensNow().key() !== key) continue;
      if (answer.given !== undefined && note.given === null) note.given = answer.given;
      const news = lensNow().take(answer, note, values.length);
      values.push(...news);
      paint(note);
      lensNow().show(note);
      if (!news.length) break;
      const writing = talk.turns.length && !talk.turns[talk.turns.length - 1].foot;
      if (writing) await pause(WRITING_MS);
    }
  } finally {
    lens.pumping = false;
  }
}

// One element a character, one a line: layout then looks at the last line only.
function addChars(box, chars, from, number) {
  let line = box.lastElementChild;
  for (let n = from; n < from + chars.length; n++) {
    const char = chars[n - from];
    if (!line || line.over) line = make("span", line ? "line block" : "line", box);
    const node = document.createElement("i");
    node.textContent = char;
    node.number = number;
    node.n = n;
    if (char === "\n") [node.className, line.over] = ["end", true];
    line.append(node);
    box.nodes.push(node);
  }
}

function fill(box, chars, from, number) {
  if (!box.nodes) {
    box.replaceChildren();
    box.nodes = [];
  }
  if (box.nodes.length > chars.length) {
    for (const node of box.nodes.splice(chars.length)) node.remove();
    while (box.lastElementChild && !box.lastElementChild.childNodes.length) box.lastElementChild.remove();
    if (box.lastElementChild) box.lastElementChild.over = box.nodes[box.nodes.length - 1].textContent === "\n";
  }
  addChars(box, chars.slice(box.nodes.length), from + box.nodes.length, number);
}

function boxesOf(note) {
  if (note.number === OWN) return [...panel.querySelectorAll(".own .under")];
  return [...log.querySelectorAll(`:scope > [data-turn="${note.number}"] > .text > *`)];
}

// A turn's text as the lens shows it. Returns whether it could: before the first answer it is not known what was given.
function showThroughLens(turn, node) {
  const note = noteOf(turn.turn);
  if (note.given === null) return false;
  const chars = charsOf(turn, note);
  const given = [...note.given].length;
  const [prompt, reply] = node.querySelector(".text").children;
  fill(prompt, chars.slice(0, given), 0, turn.turn);
  fill(reply, chars.slice(given), given, turn.turn);
  colour(note);
  return true;
}

function paint(note) {
  const turn = talk.turns.find((each) => each.turn === note.number);
  const node = log.querySelector(`:scope > [data-turn="${note.number}"]`);
  follow(() => (turn && node ? showThroughLens(turn, node) : colour(note)));
}

// Gives each character that is told of now its class; ``painted`` of a box is how many have theirs.
function colour(note) {
  const values = valuesOf(note);
  for (const box of boxesOf(note)) {
    if (!box.nodes || !box.nodes.length) continue;
    const first = box.nodes[0].n;
    for (let at = box.painted | 0; at < box.nodes.length && first + at < values.length; at++) {
      const mark = lensNow().mark(values[first + at]);
      if (mark) box.nodes[at].classList.add(mark);
      box.painted = at + 1;
    }
  }
}

// All boxes anew, in the way of the lens that is chosen.
function repaint() {
  for (const box of element.querySelectorAll(".talk .prompt, .talk .reply, .own .under")) {
    box.replaceChildren();
    [box.nodes, box.painted, box.written, box.dataset.length] = [null, 0, null, 0];
  }
  const own = lens.notes.get(OWN);
  const under = panel.querySelector(".own .under");
  if (own && under) fill(under, own.chars, 0, OWN);
}

function choose(name) {
  lens.name = name;
  lens.looked = null;
  element.querySelector(`.lenses input[value="${name}"]`).checked = true;
  log.classList.toggle("lensed", name !== "plain");
  panel.replaceChildren();
  panel.hidden = name === "plain";
  panel.className = `panel ${name}`;
  if (name !== "plain") {
    panel.ariaLabel = t("lens.panel", { name: t(`lens.${name}`) });
    lensNow().build();
  }
  repaint();
  show();
  if (name !== "plain") {
    for (const note of lens.notes.values()) colour(note);
    lensNow().show();
    if (lens.focus) look(lens.focus);
  }
}

// The character in focus, looked at closely.
async function look(focus) {
  lens.focus = focus;
  for (const node of element.querySelectorAll("i.focus")) node.classList.remove("focus");
  const note = lens.notes.get(focus.number);
  const node = nodeAt(focus);
  if (node) node.classList.add("focus");
  if (!note || !lensNow().look) return;
  const turn = ++lens.looking;
  const answer = await ask({ turn: focus.number, at: focus.n, ...lensNow().wants() });
  if (turn !== lens.looking || answer.refusal) return; // someone has moved on meanwhile
  lens.looked = { ...focus, char: note.chars[focus.n], ...answer };
  lensNow().look(lens.looked);
}

function nodeAt({ number, n }) {
  const note = lens.notes.get(number);
  for (const box of note ? boxesOf(note) : []) {
    const node = box.nodes && box.nodes[n - (box.nodes.length ? box.nodes[0].n : 0)];
    if (node && node.n === n) return node;
  }
  return null;
}

function bring(focus) {
  const node = nodeAt(focus);
  if (node) node.scrollIntoView({ block: "nearest" });
  look(focus);
}

// Moves along the characters with the arrow keys: through the lines too, and over the turns.
function stepFocus(key) {
  const order = talk.turns.map((turn) => turn.turn).filter((number) => lens.notes.has(number));
  const last = order[order.length - 1];
  if (last === undefined) return false;
  let { number, n } = lens.focus || { number: last, n: -1 };
  if (!order.includes(number)) [number, n] = [last, -1];
  const length = (which) => noteOf(which).chars.length;
  if (key === "Home") n = 0;
  else if (key === "End") n = length(number) - 1;
  else if (key === "ArrowRight") n += 1;
  else if (key === "ArrowLeft") n -= 1;
  else if (key === "ArrowUp" || key === "ArrowDown") {
    const chars = noteOf(number).chars;
    const [start, end] = [lineStart(chars, n), lineEnd(chars, n)];
    if (key === "ArrowDown" && end < chars.length - 1) n = Math.min(end + 1 + n - start, lineEnd(chars, end + 1));
    if (key === "ArrowUp" && start > 0) n = Math.min(lineStart(chars, start - 1) + n - start, start - 1);
  } else return false;
  const at = order.indexOf(number);
  if (n < 0 && at > 0) [number, n] = [order[at - 1], length(order[at - 1]) - 1];
  if (n >= length(number) && at < order.length - 1) [number, n] = [order[at + 1], 0];
  bring({ number, n: Math.max(0, Math.min(n, length(number) - 1)) });
  return true;
}

function lineStart(chars, n) {
  while (n > 0 && chars[n - 1] !== "\n") n--;
  return n;
}

function lineEnd(chars, n) {
  const end = chars.indexOf("\n", n);
  return end < 0 ? chars.length - 1 : end;
}

// A character for people: what cannot be seen is named.
function shown(char) {
  return { "\n": "⏎", " ": "␣", "\t": "⇥" }[char] || char;
}

function named(char) {
  return { "\n": t("character.line_end"), " ": t("character.space"), "\t": t("character.tab") }[char] || char;
}

// A setting as it is on the page just now, by its element.
function setting(id) {
  const slider = document.querySelector(`#${id} input[type="range"]`);
  const value = Number((slider || {}).value);
  return Number.isFinite(value) ? value : 1;
}

function startLenses() {
  const box = element.querySelector(".lenses");
  for (const name of Object.keys(LENSES)) {
    const choice = make("label", "", box);
    const input = make("input", "", choice);
    [input.type, input.name, input.value, input.checked] = ["radio", second ? "second-lens" : "lens", name, name === "plain"];
    input.addEventListener("change", () => choose(name));
    make("span", "", choice).dataset.text = `lens.${name}`;
  }
  let [timer, over] = [0, null];
  // Not mouseover: a text that grows moves under a hand that rests, and would be looked at all along.
  log.addEventListener("mousemove", (event) => {
    const node = lens.name !== "plain" && event.target.closest("i");
    if (node === over) return;
    over = node;
    clearTimeout(timer); // a hand that sweeps over the text asks for where it rests
    if (node) timer = setTimeout(look, RESTS_MS, { number: node.number, n: node.n });
  });
  log.addEventListener("click", (event) => {
    const node = lens.name !== "plain" && event.target.closest("i");
    if (node) look({ number: node.number, n: node.n });
  });
  log.addEventListener("keydown", (event) => {
    if (lens.name === "plain" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (stepFocus(event.key)) event.preventDefault();
  });
  document.addEventListener("input", (event) => {
    if (lens.looked && event.target.closest("#settings")) lensNow().look(lens.looked);
  });
}
