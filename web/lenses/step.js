/**
 * The lens "One letter at a time": one press writes one character. It shows which characters were likely and how one was
 * drawn and, when the visitor opens them, the layers between: their numbers, shapes, and the lines of code that compute them.
 */

import { addButton, create, find, findAll, hasTouch, setText, svg, visibleCharacter } from "../document/dom.js";
import { number, t } from "../document/words.js";
import { drawCell } from "./cell_drawing.js";
import { addChance, chance } from "./chances.js";
import { quoted } from "./names.js";
import { addScale, shadesNow } from "./value_colours.js";

const ROWS = ["h_before", "c_before", "i", "f", "g", "o", "c_after", "h_after"]; // of a layer, as the engine sends them
const NAMED = 0.035; // of the strip: a narrower share does not show its character
const MOST_PRESSES = 8; // of the button that can wait
// The lines of code that the lens shows, each with its file.
const CODE = {
  row: ["model/lstm.py", "x = self.embedding(ids)"],
  gates: ["model/lstm.py", "i, f, g, o = (x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh).chunk(4, dim=1)"],
  cell: ["docs/lecture.md", "c = f.sigmoid() * c + i.sigmoid() * g.tanh()"],
  shown: ["docs/lecture.md", "h = o.sigmoid() * c.tanh()"],
  above: ["docs/lecture.md", "x = h[layer]  # the layer above reads this"],
  output: ["docs/lecture.md", "columns.append(network.output(x))  # (B, V)"],
  weigh: ["model/int8/sampling.py", "running = np.cumsum(weights(logits, params))"],
  draw: [
    "model/int8/sampling.py",
    'return int(np.searchsorted(running, int(running[-1]) * number >> 64, side="right"))',
  ],
};

/**
 * @import { LayerStep, StepAnswer } from "../engines/engine.js"
 * @import { Details, Lens, Lenses } from "./lens.js"
 */

/** @implements {Lens} */
export class StepLens {
  /**
   * @param {Lenses} lenses
   * @param {{cell: number[]}} memory the memory lens, whose cell is shown until the visitor chooses one
   */
  constructor(lenses, memory) {
    this.lenses = lenses;
    this.memory = memory;
    this.cell = /** @type {number | null} */ (null);
    this.showsLayers = false;
    this.showsCode = false;
    this.presses = 0;
    this.wasPressed = false;
    this.queue = Promise.resolve();
    this.followed = ""; // the last end of the path that came into focus
  }

  /** @type {Lens["wants"]} */
  wants(position) {
    if (position === undefined) return {};
    const { turns, source } = this.lenses;
    const turn = turns.find((each) => position >= each.at + each.given && position < each.at + each.length);
    const drawn = turn && source.draw(turn.id, position - turn.at - turn.given);
    return { cell: [0, this.cellNow()], step: drawn || { settings: null, draw: null, picked: false } };
  }

  /** @param {HTMLElement} panel */
  build(panel) {
    this.panel = panel;
    const top = create("div", "press", panel);
    addButton(top, "primary", t("step.button"), () => this.press());
    create("p", "wrote", top).role = "status";
    this.report(hint());
    const stages = create("ol", "stages", panel);
    stages.ariaLabel = t("step.stages");
    this.network = create("li", "network", stages);
    this.network.hidden = true; // until there is a character to show
    const details = create("details", "", this.network);
    details.open = this.showsLayers;
    create("summary", "", details).textContent = t("step.network");
    const options = create("div", "options", details);
    const label = create("label", "", options);
    label.append(t("step.cell"));
    this.field = create("input", "", label);
    Object.assign(this.field, { type: "number", min: 0, step: 1, value: this.cellNow() });
    this.field.addEventListener("change", () => this.chooseCell(Number(this.field.value)));
    const option = create("label", "", options);
    const code = create("input", "", option);
    [code.type, code.checked] = ["checkbox", this.showsCode];
    option.append(t("step.code"));
    this.layers = create("ol", "layers", details);
    const show = () => {
      [this.showsLayers, this.showsCode] = [details.open, code.checked];
      stages.classList.toggle("with-code", details.open && code.checked);
    };
    details.addEventListener("toggle", show);
    code.addEventListener("change", show);
    show();
  }

  // Without a character in focus, the marked one of the welcome text is shown, or the last one, which is shown after each press.
  update() {
    const turn = this.lenses.turns.at(-1);
    if (!turn || turn.writing || !turn.length || this.lenses.source.busy()) return;
    const end = `${turn.id} ${turn.length}`;
    const isNew = end !== this.followed && this.wasPressed;
    if (!isNew && this.lenses.focus.at) return;
    [this.followed, this.wasPressed] = [end, false];
    const marked = isNew ? null : this.lenses.source.marked();
    this.lenses.focus.moveTo(this.lenses.path, marked ?? turn.at + turn.length - 1, { scroll: isNew });
  }

  // A press while a character is written waits. The button stays enabled, and so keeps the focus.
  press() {
    if (this.presses >= MOST_PRESSES) return;
    this.presses++;
    this.queue = this.queue
      .then(() => this.step())
      .catch(() => {})
      .finally(() => this.presses--);
  }

  async step() {
    const { source } = this.lenses;
    if (source.busy()) return;
    this.wasPressed = true;
    await source.step();
    this.lenses.update();
  }

  /** @param {Details | null} details */
  inspect(details) {
    const stages = find(this.panel, ".stages");
    const step = details?.step;
    stages.style.minHeight = step ? "" : `${stages.offsetHeight}px`; // while a reply is written nothing below moves
    for (const each of findAll(stages, ":scope > li:not(.network)")) each.remove(); // the focus may be in the others
    this.network.hidden = !step?.layers;
    if (!step) return void this.report(hint());
    if (step.mixed) return void this.report(t("step.blended"));
    if (!step.layers) return void this.report(`${quoted(details.char)} ${t("surprise.first")}`);
    stages.classList.toggle("again"); // switches between two equal animations, so that it starts again
    this.report(summary(details.char, step));
    this.layers.replaceChildren();
    showRead(this.layers, step);
    step.layers.forEach((layer, at) => this.showLayer(this.layers, step, layer, at));
    showExpected(stages, step, details.char);
    showDraw(stages, step, details.char);
    findAll(stages, ":scope > li").forEach((each, at) => each.style.setProperty("--at", String(at)));
  }

  cellNow() {
    return this.cell ?? this.memory.cell[1];
  }

  chooseCell(cell) {
    this.cell = Math.max(0, Math.trunc(cell) || 0);
    if (this.lenses.focus.at) this.lenses.focus.inspect();
  }

  report(text) {
    setText(find(this.panel, ".wrote"), text);
  }

  /** @type {(list: HTMLElement, step: StepAnswer, layer: LayerStep, at: number) => void} */
  showLayer(list, step, layer, at) {
    const [{ sizes }, isLast] = [step, at === step.layers.length - 1];
    const item = stage(list, t("step.layer", { layer: at }));
    item.append(drawCell(layer, { layer: at, cell: this.cellNow(), inputs: at ? sizes.H : sizes.E, hidden: sizes.H }));
    if (layer.held) create("p", "", item).textContent = t("step.held");
    const cells = layer.bytes.length / ROWS.length;
    const rows = create("div", "rows", item);
    ROWS.forEach((name, row) => {
      const label = name.length > 1 ? t(`step.${name}`) : name;
      create("span", "", rows).textContent = label;
      const part = layer.bytes.subarray(row * cells, (row + 1) * cells);
      const canvas = strip(rows, part, t("step.strip", { row: label, layer: at }));
      canvas.addEventListener("click", (event) => {
        this.chooseCell(Math.floor((cells * event.offsetX) / canvas.clientWidth));
        this.field.value = String(this.cell);
      });
    });
    if (cells < sizes.H) create("p", "", item).textContent = t("step.first_cells", { count: cells, cells: sizes.H });
    showCode(
      item,
      isLast ? `h (1, ${sizes.H})` : t("step.x_above", { cells: sizes.H }),
      "gates",
      "cell",
      "shown",
      ...(isLast ? [] : ["above"]),
    );
  }
}

function hint() {
  return t(hasTouch() ? "step.tap" : "step.hint");
}

/** @type {(char: string, step: StepAnswer) => string} */
function summary(char, step) {
  const values = { read: quoted(step.read), drawn: quoted(char), chance: chance(chanceOf(step, char)) };
  return t(step.draw ? "step.drawn" : step.picked ? "step.picked" : "step.given", values);
}

/** @type {(step: StepAnswer, char: string) => number} */
function chanceOf({ likely, strip: places }, char) {
  const [found, place] = [likely.find((each) => each[0] === char), places.find((each) => each[0] === char)];
  return found ? found[1] : place ? place[2] - place[1] : 0;
}

function stage(list, title) {
  const item = create("li", "", list);
  create("h2", "", item).textContent = title;
  return item;
}

// Shows the lines of code of a stage and the shape of its result, if the visitor wants to see code.
function showCode(item, result, ...lines) {
  const box = create("div", "code", item);
  for (const name of lines) {
    const line = create("p", "line-of-code", box);
    create("code", "", line).textContent = CODE[name][1];
    create("small", "", line).textContent = CODE[name][0];
  }
  if (result) create("p", "arrow", box).textContent = `↓ ${result}`;
}

/** @type {(list: HTMLElement, step: StepAnswer) => void} */
function showRead(list, { read, id, row, sizes }) {
  const item = stage(list, t("step.row"));
  const line = create("p", "which", item);
  create("b", "char", line).textContent = visibleCharacter(read);
  line.append(` ${t("step.row_text", { id, vocab: sizes.V, size: sizes.E })}`);
  strip(item, row, t("step.row_picture", { id, size: sizes.E }));
  showCode(item, `x (1, ${sizes.E})`, "row");
  const terms = create("ul", "which terms", item); // above the drawings of all layers
  for (const term of t("step.legend").split("\n")) create("li", "", terms).textContent = term;
  create("p", "which code", item).textContent = t("step.shapes", { cells: sizes.H });
  addScale(item, t("step.scale"));
}

/** @type {(parent: HTMLElement, bytes: Int8Array, text: string) => HTMLCanvasElement} */
function strip(parent, bytes, text) {
  const canvas = create("canvas", "strip", parent);
  [canvas.width, canvas.height] = [bytes.length, 1];
  canvas.role = "img";
  canvas.ariaLabel = text;
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(bytes.length, 1);
  const shades = shadesNow();
  new Uint32Array(image.data.buffer).set(Array.from(bytes, (byte) => shades[byte + 128]));
  pen.putImageData(image, 0, 0);
  return canvas;
}

/** @type {(list: HTMLElement, step: StepAnswer, char: string) => void} */
function showExpected(list, { likely, sizes, temperature, filters }, char) {
  const item = stage(list, t("step.expects"));
  const limits = filters.map(([label, value]) => t("step.limit", { name: label.toLowerCase(), value })).join("");
  create("p", "which", item).textContent = t("step.logits", { vocab: sizes.V, temperature, limits });
  const rows = create("ol", "likely", item);
  rows.ariaLabel = t("surprise.likely");
  for (const [each, share] of likely) addChance(rows, each, share, each === char);
  showCode(item, t("step.weights", { vocab: sizes.V }), "output", "weigh");
}

/** @type {(step: StepAnswer, char: string) => string} */
function whereItLands({ draw, picked, strip: places, temperature }, char) {
  if (picked) return t("step.put_here");
  if (!draw) return t("step.not_drawn");
  if (temperature === 0) return t("step.greedy");
  const place = places.find((each) => each[0] === char);
  const values = { number: draw.number, seed: draw.seed, value: number(draw.value, 4), character: quoted(char) };
  if (!place) return t("step.lands", values);
  return t("step.lands_in", { ...values, low: number(place[1], 3), high: number(place[2], 3) });
}

/** @type {(list: HTMLElement, step: StepAnswer, char: string) => void} */
function showDraw(list, step, char) {
  const item = stage(list, t("step.draw"));
  const text = whereItLands(step, char);
  const picture = svg("svg", item, { viewBox: "0 0 360 58", class: "draw", role: "img", "aria-label": text });
  step.strip.forEach(([each, from, to], at) => {
    const kind = each === char ? "place there" : `place ${at % 2 ? "odd" : ""}`;
    svg("rect", picture, { x: 360 * from, y: 20, width: Math.max(0.5, 360 * (to - from)), height: 24, class: kind });
    if (to - from < NAMED) return;
    const name = {
      x: 180 * (from + to),
      y: 36,
      class: `name ${each === char ? "there" : ""}`,
      "text-anchor": "middle",
    };
    svg("text", picture, name, visibleCharacter(each));
  });
  if (step.draw && step.temperature > 0) {
    const x = 360 * step.draw.value;
    svg("path", picture, { d: `M${x} 6 V26`, class: "needle" });
    svg("path", picture, { d: `M${x - 5} 2 H${x + 5} L${x} 12 Z`, class: "needle-head" });
  }
  const line = create("p", "which", item);
  line.append(`${text} `);
  create("b", "char", line).textContent = visibleCharacter(char);
  showCode(item, "", "draw");
}
