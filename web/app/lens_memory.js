// The lens Memory: what the cells hold. The text in the colours of one cell, a picture of its layer, and its gates.
const WIDTH = 240; // columns of the picture, one a character
const LEVELS = 4; // colours on each side of zero
const GATES = ["memory.input", "memory.forget", "memory.candidate", "memory.output"];
const memory = { about: null, of: "", cell: [0, 0], map: null, drawing: 0 };

LENSES.memory = {
  key: () => `cell ${memory.cell}`,
  wants: () => ({ cell: memory.cell, layer: memory.cell[0] }),

  take(answer, note, from) {
    if (follows(note.number)) addColumns(note, from, answer);
    return answer.values;
  },

  mark(value) {
    if (value === null) return "";
    const level = Math.round((value / 127) * LEVELS);
    return level ? `${level < 0 ? "n" : "p"}${Math.abs(level)}` : "";
  },

  build() {
    const pick = make("div", "pick", panel);
    const named = field(pick, "named", t("memory.named"), "select");
    const layer = field(pick, "", t("memory.layer"), "input");
    const index = field(pick, "", t("memory.cell"), "input");
    for (const input of [layer, index]) {
      [input.type, input.min, input.step] = ["number", 0, 1];
      input.addEventListener("change", () => pickCell([Number(layer.value), Number(index.value)]));
    }
    named.addEventListener("change", () => named.value && pickCell(JSON.parse(named.value)));
    make("p", "about-cell", panel).setAttribute("role", "status");
    buildHand();
    buildBeside();
    const legend = make("p", "legend", panel);
    legend.append(t("memory.scale"), " ");
    for (const [mark, text] of [["n4", "−1"], ["n3", ""], ["n2", ""], ["n1", ""], ["", "0"], ["p1", ""], ["p2", ""], ["p3", ""], ["p4", "1"]]) {
      make("span", `swatch ${mark}`, legend).textContent = text;
    }
    const canvas = make("canvas", "", panel);
    canvas.setAttribute("role", "img");
    canvas.ariaLabel = t("memory.picture");
    canvas.addEventListener("click", (event) => pickInPicture(canvas, event));
    make("p", "under-picture", panel);
    const closely = make("div", "closely", panel);
    make("p", "which", closely).textContent = t("memory.hint");
    make("ul", "gates", closely).ariaLabel = t("memory.gates");
    meet();
  },

  show() {
    draw();
    compare();
  },

  look(looked) {
    const [which, list] = [panel.querySelector(".which"), panel.querySelector(".gates")];
    which.replaceChildren();
    list.replaceChildren();
    make("b", "char", which).textContent = shown(looked.char);
    if (!looked.gates) return which.append(` ${t("memory.no_cell")}`);
    const [before, after] = looked.cell.map((c) => number(c, 2));
    which.append(` ${looked.held ? t("memory.held", { value: after }) : t("memory.change", { before, after })}`);
    looked.gates.forEach((gate, at) => {
      const row = make("li", "", list);
      make("span", "", row).textContent = t(GATES[at]);
      const bar = make("span", "bar", make("span", "track", row));
      const [low, high] = at === 2 ? [Math.min(0, gate), Math.max(0, gate)].map((x) => (x + 1) / 2) : [0, gate];
      [bar.style.left, bar.style.width] = [`${100 * low}%`, `${100 * (high - low)}%`];
      make("span", "share", row).textContent = number(gate, 2);
    });
    turnPicture(looked);
  },
};

function field(parent, name, text, tag) {
  const label = make("label", name, parent);
  label.append(text);
  return make(tag, "", label);
}

// The sizes of the model that is chosen, and its cells with names.
async function meet() {
  const name = modelNow();
  if (!memory.about || memory.of !== name) {
    const about = await ask({ about: name || null });
    if (about.refusal) return;
    [memory.about, memory.of] = [about, name];
    const first = about.cells[0];
    memory.cell = first ? [first.layer, first.index] : [0, 0];
  }
  if (lens.name !== "memory") return;
  const select = panel.querySelector("select");
  select.replaceChildren();
  const { cells, layers, hidden } = memory.about;
  add(select, "", t(cells.length ? "memory.choose" : "memory.none"));
  for (const [title, remembers] of [["memory.keeps", true], ["memory.follows", false]]) {
    const some = cells.filter((cell) => cell.remembers === remembers);
    if (!some.length) continue;
    const group = document.createElement("optgroup");
    group.label = t(title);
    select.append(group);
    for (const cell of some) add(group, JSON.stringify([cell.layer, cell.index]), describe(cell));
  }
  const [layer, index] = panel.querySelectorAll(".pick input");
  [layer.max, index.max] = [layers - 1, hidden - 1];
  pickCell(memory.cell);
}

function add(parent, value, text) {
  const option = document.createElement("option");
  [option.value, option.textContent] = [value, text];
  parent.append(option);
}

function describe({ layer, index, name, kind, score }) {
  return t("memory.option", { name: tracked(name), cell: index, layer, measure: kind === "auc" ? "AUC" : "r", score: number(score, 2) });
}

function tellName({ name, kind, score, last_three }) {
  const measure = kind === "auc" ? "AUC" : "r";
  return t("memory.about", { name: tracked(name), measure, score: number(score, 2), baseline: number(last_three, 2) });
}

// What a cell tracks: the checkpoint has it in English.
function tracked(name) {
  return has(`cell.${name}`) ? t(`cell.${name}`) : name;
}

function pickCell([layer, index]) {
  const { layers, hidden, cells } = memory.about || { layers: 1, hidden: 1, cells: [] };
  const within = (value, most) => Math.max(0, Math.min(most - 1, Math.trunc(value) || 0));
  const other = memory.cell[0] !== within(layer, layers);
  memory.cell = [within(layer, layers), within(index, hidden)];
  const known = cells.find((cell) => cell.layer === memory.cell[0] && cell.index === memory.cell[1]);
  panel.querySelector("select").value = known ? JSON.stringify(memory.cell) : "";
  const inputs = panel.querySelectorAll(".pick input");
  [inputs[0].value, inputs[1].value] = memory.cell;
  panel.querySelector(".about-cell").textContent = known ? tellName(known) : t("memory.unnamed");
  if (other) memory.map = null;
  showHand();
  repaint();
  show();
  for (const note of lens.notes.values()) colour(note);
  if (lens.focus) look(lens.focus);
  else draw();
}

// The picture: columns of a layer's cells, a byte each, for a stretch of one text.
function bytesOf(base64) {
  const text = atob(base64);
  return Int8Array.from(text, (char) => char.charCodeAt(0));
}

// The picture follows what is being written; else it stays with the character in focus.
function follows(number) {
  const last = talk.turns[talk.turns.length - 1];
  const writing = last && !last.foot;
  return writing ? last.turn === number : number !== OWN && !lens.focus;
}

// What lies behind ``end`` is left out.
function addColumns(note, from, { columns, bits }, end = Infinity) {
  if (!columns || !memory.about) return;
  const bytes = bytesOf(columns);
  const height = memory.about.hidden;
  const count = bytes.length / height;
  if (!Number.isInteger(count)) return; // of a model of another size
  const first = from + bits.length - count;
  const map = memory.map;
  const goesOn = map && map.number === note.number && map.first + map.columns.length === first;
  if (!goesOn) memory.map = { number: note.number, first, columns: [] };
  const now = memory.map;
  for (let at = 0; at < count && first + at < end; at++) now.columns.push(bytes.subarray(at * height, (at + 1) * height));
  const over = now.columns.length - WIDTH;
  if (over > 0) [now.columns, now.first] = [now.columns.slice(over), now.first + over];
}

// Brings the character in focus into the picture.
async function turnPicture({ number, n }) {
  const map = memory.map;
  const there = map && map.number === number && n >= map.first && n < map.first + map.columns.length;
  const last = talk.turns[talk.turns.length - 1];
  if (there || (last && !last.foot)) return draw();
  const note = noteOf(number);
  const turn = ++memory.drawing;
  const [from, to] = [Math.max(0, n - WIDTH / 2), Math.min(note.chars.length, Math.max(0, n - WIDTH / 2) + WIDTH)];
  memory.map = null;
  for (let at = from; at < to; ) {
    const answer = await ask({ turn: number, from: at, ...LENSES.memory.wants() });
    if (turn !== memory.drawing || answer.refusal || !answer.bits.length) return;
    addColumns(note, at, answer, to);
    at += answer.bits.length;
  }
  draw();
}

function draw() {
  const canvas = panel.querySelector("canvas");
  if (!canvas || !memory.about) return;
  const { hidden } = memory.about;
  const map = memory.map || { columns: [], first: 0, number: -1 };
  if (canvas.width !== WIDTH || canvas.height !== hidden) [canvas.width, canvas.height] = [WIDTH, hidden];
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(WIDTH, hidden);
  const [pixels, shades] = [new Uint32Array(image.data.buffer), shadesNow()];
  map.columns.forEach((column, x) => {
    for (let y = 0; y < hidden; y++) pixels[y * WIDTH + x] = shades[column[y] + 128];
  });
  pen.putImageData(image, 0, 0);
  pen.fillStyle = getComputedStyle(panel).color;
  const thick = Math.max(1, Math.round(hidden / 160));
  const [y, x] = [memory.cell[1], lens.focus && lens.focus.number === map.number ? lens.focus.n - map.first : -1];
  for (const side of [-1, 1]) pen.fillRect(0, y + (side > 0 ? 1 : -thick), WIDTH, thick);
  if (x >= 0 && x < map.columns.length) pen.fillRect(x, 0, 1, hidden);
  panel.querySelector(".under-picture").textContent = map.columns.length
    ? t("memory.caption", { layer: memory.cell[0], cells: hidden, first: map.first + 1, last: map.first + map.columns.length })
    : t("memory.empty");
}

// From -128 to 127 the colour of each value, as a pixel: blue, the paper, orange, as light or dark as the page.
function shadesNow() {
  const dark = document.body.classList.contains("dark");
  if (memory.dark === dark) return memory.shades;
  const [low, zero, high] = dark
    ? [[103, 171, 221], [28, 25, 23], [238, 154, 69]]
    : [[8, 64, 126], [255, 255, 255], [122, 47, 4]];
  memory.dark = dark;
  const shades = Array.from({ length: 256 }, (_, at) => {
    const share = Math.min(1, Math.abs(at - 128) / 127);
    return [0, 1, 2].map((c) => zero[c] + share * ((at < 128 ? low : high)[c] - zero[c])).concat(255);
  });
  memory.shades = new Uint32Array(new Uint8ClampedArray(shades.flat()).buffer);
  return memory.shades;
}

function pickInPicture(canvas, event) {
  const box = canvas.getBoundingClientRect();
  const row = Math.floor(((event.clientY - box.top) / box.height) * canvas.height);
  const column = Math.floor(((event.clientX - box.left) / box.width) * WIDTH);
  const map = memory.map;
  if (map && column < map.columns.length) lens.focus = { number: map.number, n: map.first + column };
  pickCell([memory.cell[0], row]);
}
