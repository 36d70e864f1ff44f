/** The lens "What it remembers": the text in the colours of one cell, a picture of its layer, and its gates. */

import { create, setText, visibleCharacter } from "../document/dom.js";
import { number, t } from "../document/words.js";
import { HeldAndFree, HoldChoice } from "./holding.js";
import { LayerPicture } from "./layer_picture.js";
import { featureOf, scoreOf } from "./names.js";

const LEVELS = 4; // colours on each side of zero
const LARGEST = 127; // of the values, which are bytes
const GATES = ["memory.input", "memory.forget", "memory.candidate", "memory.output"];
const CANDIDATE = 2; // the gate that may be negative
const SWATCHES = ["n4", "n3", "n2", "n1", "", "p1", "p2", "p3", "p4"];
const NUMBERS = { n4: "−1", "": "0", p4: "1" };

export class MemoryLens {
  /** @param {import("./lens.js").Lenses} lenses */
  constructor(lenses) {
    this.lenses = lenses;
    this.cell = [0, 0];
    this.about = null; // the model: layers, hidden, cells
    this.picture = new LayerPicture(lenses, this);
    this.choice = new HoldChoice(lenses, this);
    this.comparison = new HeldAndFree(lenses);
  }

  key() {
    return `cell ${this.cell}`;
  }

  wants() {
    return { cell: this.cell, layer: this.cell[0] };
  }

  take(answer, traced, from) {
    this.picture.take(answer, traced, from);
    return answer.values;
  }

  forget(traced, position) {
    this.picture.cut(traced, position);
  }

  mark(value) {
    if (value === null) return "";
    const level = Math.round((value / LARGEST) * LEVELS);
    return level ? `${level < 0 ? "n" : "p"}${Math.abs(level)}` : "";
  }

  build(panel) {
    this.panel = panel;
    this.about = null;
    const choose = create("div", "choose", panel);
    const named = field(choose, "named", t("memory.named"), "select");
    const layer = field(choose, "", t("memory.layer"), "input");
    const index = field(choose, "", t("memory.cell"), "input");
    for (const input of [layer, index]) {
      Object.assign(input, { type: "number", min: 0, step: 1 });
      input.addEventListener("change", () => this.choose([Number(layer.value), Number(index.value)]));
    }
    named.addEventListener("change", () => named.value && this.choose(JSON.parse(named.value)));
    create("p", "about-cell", panel).setAttribute("role", "status");
    this.choice.build(panel);
    this.comparison.build(panel);
    const legend = create("p", "legend", panel);
    legend.append(t("memory.scale"), " ");
    for (const mark of SWATCHES) create("span", `swatch ${mark}`.trim(), legend).textContent = NUMBERS[mark] || "";
    this.picture.build(panel);
    const closely = create("div", "closely", panel);
    create("p", "which", closely).textContent = t("memory.hint");
    create("ul", "gates", closely).setAttribute("aria-label", t("memory.gates"));
    this.update();
  }

  update() {
    const about = this.lenses.source.about(this.lenses.side);
    if (about && about.layers && about !== this.about) this.meet(about);
    this.choice.show();
    this.comparison.update();
  }

  show() {
    this.picture.show();
    this.comparison.show();
  }

  // Shows the named cells of a model, and the first of them if it is another model than before.
  meet(about) {
    const isNew = `${about.name}@${about.commit}` !== this.of;
    [this.about, this.of] = [about, `${about.name}@${about.commit}`];
    if (isNew) this.cell = about.cells[0] ? [about.cells[0].layer, about.cells[0].index] : [0, 0];
    const select = this.panel.querySelector("select");
    select.replaceChildren();
    option(select, "", t(about.cells.length ? "memory.choose" : "memory.none"));
    for (const [title, remembers] of [["memory.keeps", true], ["memory.follows", false]]) {
      const cells = about.cells.filter((cell) => cell.remembers === remembers);
      if (!cells.length) continue;
      const group = create("optgroup", "", select);
      group.label = t(title);
      for (const cell of cells) option(group, JSON.stringify([cell.layer, cell.index]), describe(cell));
    }
    const [layer, index] = this.panel.querySelectorAll(".choose input");
    [layer.max, index.max] = [about.layers - 1, about.hidden - 1];
    this.showCell();
  }

  /** Chooses a cell: the nearest one that the model has. */
  choose([layer, index]) {
    const { layers, hidden } = this.about || { layers: 1, hidden: 1 };
    const before = this.cell;
    this.cell = [within(layer, layers), within(index, hidden)];
    if (before[0] !== this.cell[0]) this.picture.forget();
    this.showCell();
    for (const box of this.lenses.boxes.values()) box.repaint();
    this.lenses.update();
    if (this.lenses.focused) this.lenses.inspect();
  }

  showCell() {
    const known = this.about?.cells.find((cell) => cell.layer === this.cell[0] && cell.index === this.cell[1]);
    this.panel.querySelector("select").value = known ? JSON.stringify(this.cell) : "";
    const [layer, index] = this.panel.querySelectorAll(".choose input");
    [layer.value, index.value] = this.cell;
    setText(this.panel.querySelector(".about-cell"), known ? explain(known) : t("memory.unnamed"));
    this.choice.show();
    this.lenses.changed();
  }

  inspect(details) {
    const [which, list] = [this.panel.querySelector(".which"), this.panel.querySelector(".gates")];
    which.replaceChildren();
    list.replaceChildren();
    if (!details) return void which.append(t("memory.hint"));
    create("b", "char", which).textContent = visibleCharacter(details.char);
    which.append(` ${changeOf(details)}`);
    (details.gates || []).forEach((gate, at) => showGate(list, gate, at));
    this.picture.showPosition(details.traced, details.position);
  }
}

function within(value, count) {
  return Math.max(0, Math.min(count - 1, Math.trunc(value) || 0));
}

function field(parent, className, text, tag) {
  const label = create("label", className, parent);
  label.append(text);
  return create(tag, "", label);
}

function option(parent, value, text) {
  const node = create("option", "", parent);
  [node.value, node.textContent] = [value, text];
}

function describe(cell) {
  return t("memory.option", { name: featureOf(cell), cell: cell.index, layer: cell.layer, ...scoreOf(cell) });
}

function explain(cell) {
  return t("memory.about", { name: featureOf(cell), ...scoreOf(cell), baseline: number(cell.last_three, 2) });
}

function changeOf({ gates, held, cell }) {
  if (!gates) return t("memory.no_cell");
  const [before, after] = cell.map((value) => number(value, 2));
  return held ? t("memory.held", { value: after }) : t("memory.change", { before, after });
}

function showGate(list, gate, at) {
  const row = create("li", "", list);
  create("span", "", row).textContent = t(GATES[at]);
  const filled = create("span", "filled", create("span", "track", row));
  const [low, high] = at === CANDIDATE ? [(Math.min(0, gate) + 1) / 2, (Math.max(0, gate) + 1) / 2] : [0, gate];
  [filled.style.left, filled.style.width] = [`${100 * low}%`, `${100 * (high - low)}%`];
  create("span", "share", row).textContent = number(gate, 2);
}
