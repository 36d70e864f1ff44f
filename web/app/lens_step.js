// The lens Step: one press, one character. How it came to be, from the character that was read to the one that was drawn,
// with the numbers that there were, the shapes, and the lines of code that do it.
const SVG = "http://www.w3.org/2000/svg";
const ROWS = ["h before", "c before", "i", "f", "g", "o", "c after", "h after"]; // of a layer, as steps.py tells them
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
  label: "Step",
  key: () => "bits",
  wants: () => ({ step: true, cell: [0, cellNow()] }),
  take: (answer) => answer.bits,
  mark: () => "",

  build() {
    const top = make("div", "press", panel);
    const button = make("button", "if-idle", top);
    [button.type, button.textContent, button.disabled] = ["button", t("Step"), Boolean(talk.stream)];
    button.addEventListener("click", stepOn);
    if (second) button.remove(); // one steps in the first view
    make("p", "wrote", top).setAttribute("role", "status");
    sayWhat(t("Each press writes one character: space or Enter, while the button has the focus."));
    const label = make("label", "", top);
    label.append(t("Numbers of cell"));
    const cell = make("input", "", label);
    [cell.type, cell.min, cell.step, cell.value] = ["number", 0, 1, cellNow()];
    cell.addEventListener("change", () => pickNumbers(Number(cell.value)));
    make("ol", "stages", panel).ariaLabel = t("How the character came to be");
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
    if (step.mixed) return sayWhat(t("Two models wrote this together: the drawing is of one."));
    if (!step.layers) return sayWhat(`${quoted(looked.char)} ${t("is where the text begins: nothing was read before it.")}`);
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
  const both = [quoted(step.read), quoted(char)];
  if (step.draw) return t("It read {} and drew {}: a chance of {}.", ...both, percent(shareOf(step, char)));
  return step.picked ? t("After {} came {}, which was put there by hand.", ...both) : t("After {} came {}, which was given, not drawn.", ...both);
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
  const item = stage(list, t("The character that is read, and its row"), "row");
  const line = make("p", "which", item);
  make("b", "char", line).textContent = shown(read);
  const is = t("is number {0} of {1}: ids (1,). Its row of the embedding ({1}, {2}), {2} numbers:", id, sizes.V, sizes.E);
  line.append(` ${is}`);
  strip(item, bytesOf(row), t("Row {} of the embedding, {} numbers", id, sizes.E));
  arrow(item, `x (1, ${sizes.E})`);
}

function stageLayer(list, step, layer, at) {
  const { sizes } = step;
  const item = stage(list, t("Layer {}: the box", at), "gates", "cell", "shown", ...(at < step.layers.length - 1 ? ["above"] : []));
  item.append(drawBox(layer, at, at ? sizes.H : sizes.E, sizes.H));
  if (layer.held) make("p", "", item).textContent = t("This cell was held: whatever the gates say, c stays where it is.");
  const bytes = bytesOf(layer.bytes);
  const cells = bytes.length / ROWS.length;
  const rows = make("div", "rows", item);
  ROWS.forEach((name, row) => {
    make("span", "", rows).textContent = t(name);
    const part = bytes.subarray(row * cells, (row + 1) * cells);
    const canvas = strip(rows, part, t("{} of layer {}, a column a cell", t(name), at));
    canvas.addEventListener("click", (event) => {
      const cell = Math.floor((cells * event.offsetX) / canvas.clientWidth);
      panel.querySelector(".press input").value = cell;
      pickNumbers(cell);
    });
  });
  if (cells < sizes.H) make("p", "", item).textContent = t("The first {} of {} cells.", cells, sizes.H);
  arrow(item, at < step.layers.length - 1 ? t("h (1, {}), the x of the layer above", sizes.H) : `h (1, ${sizes.H})`);
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
  const [h, c, i, f, g, o, after, shows] = cell.map((number) => number.toFixed(2));
  const index = Math.min(cellNow(), hidden - 1);
  const does = held
    ? t("c is held at {}", after)
    : t("forget gate f {} times c {}, plus input gate i {} times candidate g {}, makes c {}", f, c, i, g, after);
  const picture = svg("svg", null, {
    viewBox: "0 0 392 236",
    class: "box",
    role: "img",
    "aria-label": t("Cell {} of layer {}: {}; output gate o {} times tanh of it makes h {}.", index, at, does, o, shows),
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
  for (const [x, name, number, sign] of [[84, "f", f, "σ"], [156, "i", i, "σ"], [220, "g", g, "tanh"], [288, "o", o, "σ"]]) {
    svg("rect", picture, { x: x - 19, y: 140, width: 38, height: 24, rx: 5, class: "gate" });
    text(x, 157, sign, "sign", "middle");
    text(x + 5, 130, `${name} ${number}`, "value");
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
  text(134, 200, t("gates (1, 4 · {})", hidden), "shape");
  text(390, 228, t("cell {}", index), "shape", "end");
  return picture;
}

function stageWeigh(list, { likely, sizes, temperature, filters }, char) {
  const item = stage(list, t("What it expects"), "output", "weigh");
  const limits = filters.map(([label, value]) => `, ${label.toLowerCase()} ${value}`).join("");
  make("p", "which", item).textContent = t("logits (1, {}), with temperature {}{}:", sizes.V, temperature, limits);
  const rows = make("ol", "likely", item);
  rows.ariaLabel = t("The likeliest characters");
  for (const [each, share] of likely) {
    const row = make("li", each === char ? "there" : "", rows);
    make("b", "char", row).textContent = shown(each);
    make("span", "bar", make("span", "track", row)).style.width = `${100 * share}%`;
    make("span", "share", row).textContent = percent(share);
    row.ariaLabel = `${named(each)}: ${percent(share)}`;
  }
  arrow(item, t("weights ({},), whole numbers", sizes.V));
}

function whereItFalls({ number, seed, value }, char, place) {
  const facts = [number, seed, value.toFixed(4), quoted(char)];
  if (!place) return t("Number {} of seed {} is {}, and falls on {} of all, in the order of the ids.", ...facts);
  const ends = place.slice(1).map((end) => end.toFixed(3));
  return t("Number {} of seed {} is {}, and falls on {}, from {} to {} of all, in the order of the ids.", ...facts, ...ends);
}

function stageDraw(list, step, char) {
  const item = stage(list, t("The draw"), "draw");
  const { draw, strip: places } = step;
  const place = places.find((each) => each[0] === char);
  let text = t("Nothing was drawn here: the character was given.");
  if (step.picked) text = t("Somebody put this character here instead of what was drawn.");
  if (draw && step.temperature === 0) text = t("At temperature 0 the likeliest character is taken, whatever the number.");
  else if (draw) text = whereItFalls(draw, char, place);
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
