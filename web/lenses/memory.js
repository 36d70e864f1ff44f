/** The lens "What it remembers": the text in the colours of one cell, a picture of its layer, and its gates. */

import { create, find, hasTouch, setText, visibleCharacter } from "../document/dom.js";
import { number, t } from "../document/words.js";
import { showBar } from "./chances.js";
import { ClampedAndFree, ClampChoice } from "./clamping.js";
import { LayerPicture } from "./layer_picture.js";
import { featureOf, scoreOf } from "./names.js";
import { Passages } from "./questions/passages.js";
import { addScale } from "./value_colours.js";

const LEVELS = 4; // colours on each side of zero
const LARGEST = 127; // the value of a byte that stands for 1
const GATES = [
  ["memory.input", "memory.input.term"],
  ["memory.forget", "memory.forget.term"],
  ["memory.candidate", "memory.candidate.term"],
  ["memory.output", "memory.output.term"],
]; // what each does, and its name
const CANDIDATE = 2; // the gate that may be negative

/**
 * @import { Model, NamedCell } from "../engines/engine.js"
 * @import { Details, Lens, Lenses } from "./lens.js"
 */

/** @implements {Lens} */
export class MemoryLens {
  cell = /** @type {[layer: number, cell: number]} */ ([0, 0]);

  /** @param {Lenses} lenses */
  constructor(lenses) {
    this.lenses = lenses;
    this.about = /** @type {Model | null} */ (null);
    this.isTapped = false;
    this.known = ""; // name and commit of the model whose cells can be chosen
    this.picture = new LayerPicture(lenses, this);
    this.choice = new ClampChoice(lenses, this);
    this.comparison = new ClampedAndFree(lenses);
    this.passages = new Passages(lenses);
  }

  key() {
    return `cell ${this.cell}`;
  }

  wants() {
    return { cell: this.cell, layer: this.cell[0] };
  }

  /** @type {Lens["take"]} */
  take(answer, traced, from) {
    this.picture.take(answer, traced, from);
    return answer.values;
  }

  /** @type {Lens["invalidate"]} */
  invalidate(traced, position) {
    this.picture.cut(traced, position);
  }

  /** @type {Lens["mark"]} */
  mark(value) {
    if (value === null) return "";
    const level = Math.round((value / LARGEST) * LEVELS);
    return level ? `${level < 0 ? "n" : "p"}${Math.abs(level)}` : "";
  }

  /** @param {HTMLElement} panel */
  build(panel) {
    this.panel = panel;
    this.about = null;
    addScale(panel, t("memory.scale"));
    create("p", "which", panel).textContent = hint();
    const choose = create("div", "choose", panel);
    this.named = create("select", "", label(choose, "named", t("memory.named")));
    this.named.addEventListener("change", () => this.named.value && this.choose(JSON.parse(this.named.value)));
    this.choice.build(choose);
    this.comparison.build(panel);
    const sides = create("div", "sides", panel);
    this.picture.build(create("div", "picture", sides));
    const closely = create("div", "closely", sides);
    create("ul", "gates", closely).ariaLabel = t("memory.gates");
    create("p", "help", closely).textContent = t("memory.gates.help");
    create("p", "about-cell", panel).role = "status";
    this.passages.build(panel);
    this.#buildNumbers(create("div", "choose", panel));
    this.update();
  }

  // The last row of the panel chooses a cell by its number; most visitors choose one by its name, in the first row.
  /** @param {HTMLElement} box */
  #buildNumbers(box) {
    this.layer = create("input", "", label(box, "", t("memory.layer")));
    this.index = create("input", "", label(box, "", t("memory.cell")));
    for (const input of [this.layer, this.index]) {
      Object.assign(input, { type: "number", min: 0, step: 1 });
      input.addEventListener("change", () => this.choose([Number(this.layer.value), Number(this.index.value)]));
    }
  }

  update() {
    const about = this.lenses.source.about();
    if (about?.layers && about !== this.about) this.showModel(about);
    this.choice.show();
    this.comparison.update();
  }

  show() {
    this.picture.show();
    this.comparison.show();
  }

  /** Shows the named cells of a model, and the first of them if it is another model than before. @param {Model} about */
  showModel(about) {
    const known = `${about.name}@${about.commit}`;
    const [{ layer, index }] = about.cells.length ? about.cells : [{ layer: 0, index: 0 }];
    if (known !== this.known) this.cell = [layer, index];
    this.about = about;
    this.known = known;
    this.named.replaceChildren(new Option(t(about.cells.length ? "memory.choose" : "memory.none"), ""));
    const first = about.cells.filter((cell, at) => about.cells.findIndex(({ name }) => name === cell.name) === at);
    const groups = {
      "memory.keeps": first.filter((cell) => cell.remembers),
      "memory.follows": first.filter((cell) => !cell.remembers),
      "memory.more": about.cells.filter((cell) => !first.includes(cell)),
    };
    for (const [title, cells] of Object.entries(groups)) {
      if (!cells.length) continue;
      const group = create("optgroup", "", this.named);
      group.label = t(title);
      group.append(...cells.map((cell) => new Option(describe(cell), JSON.stringify([cell.layer, cell.index]))));
    }
    this.layer.max = String(about.layers - 1);
    this.index.max = String(about.hidden - 1);
    this.showCell();
  }

  /** Chooses a cell: the nearest one that the model has. @param {number[]} cell */
  choose([layer, index]) {
    const { layers, hidden } = this.about ?? { layers: 1, hidden: 1 };
    const [before] = this.cell;
    this.cell = [within(layer, layers), within(index, hidden)];
    if (before !== this.cell[0]) this.picture.clear();
    this.showCell();
    for (const box of this.lenses.boxes.values()) box.repaint();
    this.lenses.update();
    if (this.lenses.focus.at) this.lenses.focus.inspect();
  }

  showCell() {
    const known = this.about?.cells.find((cell) => cell.layer === this.cell[0] && cell.index === this.cell[1]);
    this.named.value = known ? JSON.stringify(this.cell) : "";
    [this.layer.value, this.index.value] = this.cell.map(String);
    setText(find(this.panel, ".about-cell"), known ? explain(known) : t("memory.unnamed"));
    this.passages.show(known);
    this.choice.show();
    this.lenses.changed();
  }

  reveal() {
    this.isTapped = true; // until the gates of the character are shown
  }

  /** @param {Details | null} details */
  inspect(details) {
    const [which, list] = [find(this.panel, ".which"), find(this.panel, ".gates")];
    which.replaceChildren();
    list.replaceChildren();
    if (!details) return void which.append(hint());
    create("b", "char", which).textContent = visibleCharacter(details.char);
    which.append(` ${changeOf(details)}`);
    details.gates?.forEach((gate, at) => showGate(list, gate, at));
    if (this.isTapped) list.scrollIntoView({ block: "nearest" });
    this.isTapped = false;
    this.picture.showPosition(details.traced, details.position);
  }
}

function hint() {
  return t(hasTouch() ? "memory.tap" : "memory.hint");
}

function within(value, count) {
  return Math.max(0, Math.min(count - 1, Math.trunc(value) || 0));
}

function label(parent, className, text) {
  const node = create("label", className, parent);
  node.append(text);
  return node;
}

/** @param {NamedCell} cell */
function describe(cell) {
  return t("memory.option", { name: featureOf(cell), cell: cell.index, layer: cell.layer, ...scoreOf(cell) });
}

/** @param {NamedCell} cell */
function explain(cell) {
  return t("memory.about", { name: featureOf(cell), ...scoreOf(cell), baseline: number(cell.last_three, 2) });
}

/** @param {Details} details */
function changeOf({ gates, held, cell }) {
  if (!gates) return t("memory.no_cell");
  if (held) return t("memory.held", { value: number(cell[1], 2) });
  const [before, after] = cell.map((value) => number(Math.tanh(value), 2)); // as the scale and the colours
  return t(before === after ? "memory.same" : "memory.change", { before, after });
}

function showGate(list, gate, at) {
  const row = create("li", at === CANDIDATE ? "signed" : "", list);
  const name = create("span", "", row);
  const [does, term] = GATES[at];
  name.append(t(does), " ");
  create("small", "", name).textContent = t(term);
  const part = at === CANDIDATE ? [Math.min(0, gate), Math.max(0, gate)].map((end) => (end + 1) / 2) : [0, gate];
  showBar(row, [part[0], part[1]], number(gate, 2));
}
