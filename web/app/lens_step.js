// The lens Step: one press, one character. How it came to be, from the character that was read to the one that was drawn,
// with the numbers that there were, the shapes, and the lines of code that do it.
const SVG = "http://www.w3.org/2000/svg";
const ROWS = ["h_before", "c_before", "i", "f", "g", "o", "c_after", "h_after"]; // of a layer, as steps.py tells them
const NAMED = 0.035; // of the strip: narrower places bear no name
// The files that these lines are from; a test finds them there.
const CODE = {
  row: ["model/lstm.py", "x = self.embedding(ids)"],
  gates: ["model/lstm.py", "i, f, g, o = (x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh).chunk(4, dim=1)"],
  cell: ["docs/lecture.md", "c = f.sigmoid() * c + i.sigmoid() * g.tanh()"],
  shown: ["docs/lecture.md", "h = o.sigmoid() * c.tanh()"],
  above: ["docs/lecture.md", "x = h[layer]  # the layer above reads this"],
  output: ["docs/lecture.md", "columns.append(network.output(x))  # (B, V)"],
  weigh: ["model/int8/sampling.py", "running = np.cumsum(weights(logits, params))"],
  draw: ["model/int8/sampling.py", "return int(np.searchsorted(running, int(running[-1]) * number >> 64, side=\"right\"))"],
};
const [TAKEN_MS, FOCUS_MS] = [1000, 3000]; // until a prompt is taken, and its field made anew, at most
const stepping = { presses: 0, seen: "", sent: -Infinity, met: false, cell: null };

LENSES.step = {
  key: () => "bits",
  wants: () => ({ step: true, cell: [0, cellNow()] }),
  take: (answer) => answer.bits,
  mark: () => "",

  build() {
    const top = make("div", "press", panel);
    const button = make("button", "if-idle", top);
    [button.type, button.textContent, button.disabled] = ["button", t("step.button"), Boolean(talk.stream)];
    button.addEventListener("click", stepOn);
    if (second) button.remove(); // one steps in the first view
    make("p", "wrote", top).setAttribute("role", "status");
    sayWhat(t("step.hint"));
    const label = make("label", "", top);
    label.append(t("step.cell"));
    const cell = make("input", "", label);
    [cell.type, cell.min, cell.step, cell.value] = ["number", 0, 1, cellNow()];
    cell.addEventListener("change", () => pickNumbers(Number(cell.value)));
    make("ol", "stages", panel).ariaLabel = t("step.stages");
  },

  show() {
    const turn = talk.turns[talk.turns.length - 1];
    const note = turn && lens.notes.get(turn.turn);
    if (!note || note.given === null) return;
    const last = charsOf(turn, note).length - 1;
    const seen = `${turn.turn} ${turn.text.length}`;
    const more = turn.foot && stepping.seen !== seen;
    stepping.seen = turn.foot ? seen : "";
    if (more && stepping.presses) {
      stepping.presses--;
      bring({ number: turn.turn, n: last });
    } else if (!lens.focus && last >= 0 && turn.foot) look({ number: turn.turn, n: last });
  },

  look(looked) {
    const stages = panel.querySelector(".stages");
    stages.replaceChildren();
    const { step } = looked;
    if (!step) return;
    if (step.mixed) return sayWhat(t("step.blended"));
    if (!step.layers) return sayWhat(`${quoted(looked.char)} ${t("surprise.first")}`);
    stages.classList.toggle("anew", !stages.classList.contains("anew")); // so that they come in one after another again
    sayWhat(ended(looked, step));
    stageRead(stages, step);
    step.layers.forEach((layer, at) => stageLayer(stages, step, layer, at));
    stageWeigh(stages, step, looked.char);
    stageDraw(stages, step, looked.char);
    stages.querySelectorAll(":scope > li").forEach((stage, at) => stage.style.setProperty("--at", at));
  },
};

function cellNow() {
  return stepping.cell === null ? memory.cell[1] : stepping.cell;
}

function pickNumbers(cell) {
  stepping.cell = Math.max(0, Math.trunc(cell) || 0);
  if (lens.focus) look(lens.focus);
}

// The prompt's field is made anew when it is emptied, and takes the focus: the next press would go there.
function keepFocus(button) {
  const back = ({ target }) => target.closest("#ask") && setTimeout(() => (button.focus(), end()));
  const end = () => document.removeEventListener("focusin", back);
  document.addEventListener("focusin", back);
  document.addEventListener("pointerdown", end, { once: true });
  setTimeout(end, FOCUS_MS);
}

async function stepOn() {
  const prompt = document.querySelector("#ask textarea").value;
  if (prompt) {
    if (performance.now() - stepping.sent < TAKEN_MS) return; // it is on its way: it would be sent twice
    stepping.sent = performance.now();
    keepFocus(panel.querySelector(".press button"));
  }
  // What is asked of Gradio while the page still arrives may be lost; once the lens has an answer it is not.
  stepping.met = stepping.met || !(await ask({ about: null })).refusal;
  stepping.presses++;
  trigger("step", { prompt });
}

function sayWhat(text) {
  const line = panel.querySelector(".wrote");
  if (line.textContent !== text) line.textContent = text;
}

function quoted(char) {
  return `“${named(char)}”`;
}

function ended({ char }, step) {
  const values = { read: quoted(step.read), drawn: quoted(char), chance: chance(shareOf(step, char)) };
  return t(step.draw ? "step.drawn" : step.picked ? "step.picked" : "step.given", values);
}

function shareOf({ likely, strip }, char) {
  const [found, place] = [likely.find((each) => each[0] === char), strip.find((each) => each[0] === char)];
  return found ? found[1] : place ? place[2] - place[1] : 0;
}

// A stage of the way, with its title, the lines of code and the shape of what leaves it.
function stage(list, title, ...lines) {
  const item = make("li", "", list);
  make("h3", "", item).textContent = title;
  for (const name of lines) {
    const line = make("p", "line-of-code", item);
    make("code", "", line).textContent = CODE[name][1];
    make("small", "", line).textContent = CODE[name][0];
  }
  return item;
}

function arrow(item, text) {
  make("p", "arrow", item).textContent = `↓ ${text}`;
}

function stageRead(list, { read, id, row, sizes }) {
  const item = stage(list, t("step.row"), "row");
  const line = make("p", "which", item);
  make("b", "char", line).textContent = shown(read);
  const is = t("step.row_text", { id, vocab: sizes.V, size: sizes.E });
  line.append(` ${is}`);
  strip(item, bytesOf(row), t("step.row_picture", { id, size: sizes.E }));
  arrow(item, `x (1, ${sizes.E})`);
}

function stageLayer(list, step, layer, at) {
  const { sizes } = step;
  const item = stage(list, t("step.layer", { layer: at }), "gates", "cell", "shown", ...(at < step.layers.length - 1 ? ["above"] : []));
  item.append(drawBox(layer, at, at ? sizes.H : sizes.E, sizes.H));
  if (layer.held) make("p", "", item).textContent = t("step.held");
  const bytes = bytesOf(layer.bytes);
  const cells = bytes.length / ROWS.length;
  const rows = make("div", "rows", item);
  ROWS.forEach((name, row) => {
    const label = name.length > 1 ? t(`step.${name}`) : name;
    make("span", "", rows).textContent = label;
    const part = bytes.subarray(row * cells, (row + 1) * cells);
    const canvas = strip(rows, part, t("step.strip", { row: label, layer: at }));
    canvas.addEventListener("click", (event) => {
      const cell = Math.floor((cells * event.offsetX) / canvas.clientWidth);
      panel.querySelector(".press input").value = cell;
      pickNumbers(cell);
    });
  });
  if (cells < sizes.H) make("p", "", item).textContent = t("step.first_cells", { count: cells, cells: sizes.H });
  arrow(item, at < step.layers.length - 1 ? t("step.x_above", { cells: sizes.H }) : `h (1, ${sizes.H})`);
}

function strip(parent, bytes, text) {
  const canvas = make("canvas", "strip", parent);
  [canvas.width, canvas.height, canvas.ariaLabel] = [bytes.length, 1, text];
  canvas.setAttribute("role", "img");
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(bytes.length, 1);
  const shades = shadesNow();
  new Uint32Array(image.data.buffer).set(Array.from(bytes, (byte) => shades[byte + 128]));
  pen.putImageData(image, 0, 0);
  return canvas;
}

function svg(tag, parent, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.append(node);
  return node;
}

// The lecture's drawing of nn.LSTMCell with the numbers of one cell on its wires: c along the top, h along the bottom.
function drawBox({ cell, held }, at, inputs, hidden) {
  const [h, c, i, f, g, o, after, shows] = cell.map((value) => number(value, 2));
  const index = Math.min(cellNow(), hidden - 1);
  const does = held
    ? t("step.c_held", { value: after })
    : t("step.c_changes", { f, c, i, g, after });
  const picture = svg("svg", null, {
    viewBox: "0 0 392 236",
    class: "box",
    role: "img",
    "aria-label": t("step.drawing", { cell: index, layer: at, what: does, o, h: shows }),
  });
  const wire = (d, end) => svg("path", picture, { d, class: end ? "wire end" : "wire" });
  const text = (x, y, value, kind, anchor = "start") => svg("text", picture, { x, y, class: kind, "text-anchor": anchor }, value);
  const node = (x, y, sign) => {
    svg("circle", picture, { cx: x, cy: y, r: 9 });
    text(x, y + 4, sign, "sign", "middle");
  };
  svg("rect", picture, { x: 58, y: 8, width: 280, height: 200, rx: 12, class: "frame" });
  wire("M4 34 H386", true);
  wire("M84 140 V43", true);
  wire("M156 140 V88 H179", true);
  wire("M220 140 V88 H197", true);
  wire("M188 79 V43", true);
  wire("M288 34 V58");
  wire("M288 78 V91", true);
  wire("M288 140 V109", true);
  wire("M297 100 H386", true);
  wire("M4 186 H288 V164");
  for (const x of [84, 156, 220]) wire(`M${x} 186 V164`);
  wire("M68 232 V186");
  node(84, 34, "×");
  node(188, 34, "+");
  node(188, 88, "×");
  node(288, 100, "×");
  for (const [x, name, value, sign] of [[84, "f", f, "σ"], [156, "i", i, "σ"], [220, "g", g, "tanh"], [288, "o", o, "σ"]]) {
    svg("rect", picture, { x: x - 19, y: 140, width: 38, height: 24, rx: 5, class: "gate" });
    text(x, 157, sign, "sign", "middle");
    text(x + 5, 130, `${name} ${value}`, "value");
  }
  svg("rect", picture, { x: 266, y: 58, width: 44, height: 20, rx: 10, class: "gate" });
  text(288, 72, "tanh", "sign", "middle");
  text(4, 26, `c ${c}`, "value");
  text(390, 26, `c ${after}`, "value", "end");
  text(4, 178, `h ${h}`, "value");
  text(390, 92, `h ${shows}`, "value", "end");
  for (const y of [48, 200]) text(4, y, `(1, ${hidden})`, "shape");
  for (const y of [48, 114]) text(390, y, `(1, ${hidden})`, "shape", "end");
  text(74, 228, `x (1, ${inputs})`, "shape");
  text(134, 200, t("step.gates", { cells: hidden }), "shape");
  text(390, 228, t("step.cell_number", { cell: index }), "shape", "end");
  return picture;
}

function stageWeigh(list, { likely, sizes, temperature, filters }, char) {
  const item = stage(list, t("step.expects"), "output", "weigh");
  const limits = filters.map(([label, value]) => `, ${label.toLowerCase()} ${value}`).join("");
  make("p", "which", item).textContent = t("step.logits", { vocab: sizes.V, temperature, limits });
  const rows = make("ol", "likely", item);
  rows.ariaLabel = t("surprise.likely");
  for (const [each, share] of likely) {
    const row = make("li", each === char ? "there" : "", rows);
    make("b", "char", row).textContent = shown(each);
    make("span", "bar", make("span", "track", row)).style.width = `${100 * share}%`;
    make("span", "share", row).textContent = chance(share);
    row.ariaLabel = `${named(each)}: ${chance(share)}`;
  }
  arrow(item, t("step.weights", { vocab: sizes.V }));
}

function whereItLands(draw, char, place) {
  const values = { number: draw.number, seed: draw.seed, value: number(draw.value, 4), character: quoted(char) };
  if (!place) return t("step.lands", values);
  return t("step.lands_in", { ...values, low: number(place[1], 3), high: number(place[2], 3) });
}

function stageDraw(list, step, char) {
  const item = stage(list, t("step.draw"), "draw");
  const { draw, strip: places } = step;
  const place = places.find((each) => each[0] === char);
  let text = t("step.not_drawn");
  if (step.picked) text = t("step.put_here");
  if (draw && step.temperature === 0) text = t("step.greedy");
  else if (draw) text = whereItLands(draw, char, place);
  const picture = svg("svg", item, { viewBox: "0 0 360 58", class: "draw", role: "img", "aria-label": text });
  places.forEach(([each, from, to], at) => {
    const kind = each === char ? "place there" : `place ${at % 2 ? "odd" : ""}`;
    svg("rect", picture, { x: 360 * from, y: 20, width: Math.max(0.5, 360 * (to - from)), height: 24, class: kind });
    if (to - from < NAMED) return;
    const style = { x: 180 * (from + to), y: 36, class: `name ${each === char ? "there" : ""}`, "text-anchor": "middle" };
    svg("text", picture, style, shown(each));
  });
  if (draw && step.temperature > 0) {
    const x = 360 * draw.value;
    svg("path", picture, { d: `M${x} 6 V54`, class: "needle" });
    svg("path", picture, { d: `M${x - 5} 2 H${x + 5} L${x} 12 Z`, class: "needle-head" });
  }
  const line = make("p", "which", item);
  line.append(`${text} `);
  make("b", "char", line).textContent = shown(char);
}
