/** The picture of a layer: one row per cell, one column per character, in the colours of the values. */

import { create, hasTouch, scrollInside, setText } from "../document/dom.js";
import { t } from "../document/words.js";
import { shadesNow } from "./value_colours.js";

const WIDTH = 240; // columns
const FINGER = 8; // pixels from the middle of a tap within which a named cell is chosen: there are several rows to a pixel

/**
 * @import { TraceAnswer } from "../engines/engine.js"
 * @import { Lenses } from "./lens.js"
 * @import { MemoryLens } from "./memory.js"
 * @import { TracedText } from "./text/traced_text.js"
 */

export class LayerPicture {
  /**
   * @param {Lenses} lenses
   * @param {MemoryLens} memory
   */
  constructor(lenses, memory) {
    this.lenses = lenses;
    this.memory = memory;
    this.clear();
    this.showing = 0;
  }

  clear() {
    this.stretch = /** @type {{traced: TracedText, first: number, columns: Int8Array[]} | null} */ (null);
    this.wanted = NaN; // the version of the text whose end was requested
  }

  /** @param {HTMLElement} panel */
  build(panel) {
    this.panel = panel;
    this.canvas = create("canvas", "", panel);
    this.canvas.role = "img";
    this.canvas.ariaLabel = t("memory.picture");
    this.canvas.addEventListener("click", (event) => this.choose(event));
    this.caption = create("p", "caption", panel);
  }

  /**
   * Adds the columns of an answer while a text is read, unless the picture shows the character in focus.
   * @param {TraceAnswer} answer
   * @param {TracedText} traced
   * @param {number} from
   */
  take(answer, traced, from) {
    const follows = traced === this.lenses.path && (this.lenses.source.busy() || !this.lenses.focus.at);
    if (follows) this.add(traced, from, answer);
  }

  /** @type {(traced: TracedText, from: number, answer: TraceAnswer, end?: number) => void} */
  add(traced, from, { columns, bits }, end = Infinity) {
    const hidden = this.memory.about?.hidden;
    const count = columns ? columns.length / hidden : NaN;
    if (!Number.isInteger(count)) return; // the answer is from a model of another size
    const first = from + bits.length - count;
    const now = this.stretch;
    const continues = now && now.traced === traced && now.first + now.columns.length === first;
    if (!continues) this.stretch = { traced, first, columns: [] };
    const stretch = this.stretch;
    for (let at = 0; at < count && first + at < end; at++) {
      stretch.columns.push(columns.subarray(at * hidden, (at + 1) * hidden));
    }
    const over = stretch.columns.length - WIDTH;
    if (over > 0) [stretch.columns, stretch.first] = [stretch.columns.slice(over), stretch.first + over];
  }

  /** Removes the columns from a position of a text on. @param {TracedText} traced @param {number} position */
  cut(traced, position) {
    const now = this.stretch;
    if (!now || now.traced !== traced || position === Infinity) return;
    now.columns.length = Math.max(0, Math.min(now.columns.length, position - now.first));
    if (!now.columns.length) this.clear();
  }

  /** Shows the part of the text around a character, if the picture does not have it. @param {TracedText} traced @param {number} position */
  async showPosition(traced, position) {
    const now = this.stretch;
    const isThere = now?.traced === traced && position >= now.first && position < now.first + now.columns.length;
    if (isThere || this.lenses.source.busy()) return this.lenses.changed();
    const showing = ++this.showing;
    const from = Math.max(0, Math.min(position - WIDTH / 2, traced.chars.length - WIDTH));
    const to = Math.min(traced.chars.length, from + WIDTH);
    this.clear();
    this.wanted = this.lenses.path.version; // so that a frame before the answer does not request the end of the text
    for (let at = from; at < to;) {
      const answer = await traced.ask({ from: at, ...this.memory.wants() });
      if (showing !== this.showing || answer.refusal || !answer.bits?.length) return undefined;
      this.add(traced, at, answer, to);
      at += answer.bits.length;
    }
    return this.lenses.changed();
  }

  /** Draws the picture. If there is none although all characters are known, it shows the end of the text. */
  show() {
    const { path } = this.lenses;
    const isRead = path.chars.length > 0 && path.values(this.memory.key()).length === path.chars.length;
    if (!this.stretch && isRead && this.wanted !== path.version && !this.lenses.source.busy()) {
      this.wanted = path.version;
      this.showPosition(path, path.chars.length - 1);
    }
    this.draw();
  }

  draw() {
    const { about, cell } = this.memory;
    if (!this.canvas?.isConnected || !about) return;
    const { columns, first, traced } = this.stretch ?? { columns: [], first: 0, traced: null };
    const [canvas, { hidden }] = [this.canvas, about];
    if (canvas.width !== WIDTH || canvas.height !== hidden) [canvas.width, canvas.height] = [WIDTH, hidden];
    const pen = canvas.getContext("2d");
    const image = pen.createImageData(WIDTH, hidden);
    const [pixels, shades] = [new Uint32Array(image.data.buffer), shadesNow()];
    columns.forEach((column, x) => {
      for (let y = 0; y < column.length; y++) pixels[y * WIDTH + x] = shades[column[y] + 128];
    });
    pen.putImageData(image, 0, 0);
    pen.fillStyle = getComputedStyle(this.panel).color;
    const thickness = Math.max(1, Math.round(hidden / 160));
    for (const side of [-1, 1]) pen.fillRect(0, cell[1] + (side > 0 ? 1 : -thickness), WIDTH, thickness);
    const { at } = this.lenses.focus;
    const x = at?.traced === traced ? at.position - first : -1;
    if (x >= 0 && x < columns.length) pen.fillRect(x, 0, 1, hidden);
    const values = { layer: cell[0], cells: hidden, first: first + 1, last: first + columns.length };
    setText(
      this.caption,
      columns.length ? t(hasTouch() ? "memory.caption.tap" : "memory.caption", values) : t("memory.empty"),
    );
  }

  /** A click chooses the cell of the row, a tap a named cell close to it, and the character of the column. @param {MouseEvent} event */
  choose(event) {
    const box = this.canvas.getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * this.canvas.height);
    const column = Math.floor(((event.clientX - box.left) / box.width) * WIDTH);
    const { stretch } = this;
    const { focus, log } = this.lenses;
    if (stretch && column < stretch.columns.length) {
      focus.moveTo(stretch.traced, stretch.first + column);
      if (focus.node && log.contains(focus.node)) scrollInside(log, focus.node);
    }
    const reach = hasTouch() ? (FINGER / box.height) * this.canvas.height : 0;
    this.memory.choose([this.memory.cell[0], this.#namedNear(row, reach) ?? row]);
  }

  /** The named cell of the layer that is nearest to a row, if one is within reach. @param {number} row @param {number} reach in rows */
  #namedNear(row, reach) {
    const { about, cell } = this.memory;
    const distance = (/** @type {number} */ index) => Math.abs(index - row);
    const near = about.cells
      .filter(({ layer, index }) => layer === cell[0] && distance(index) <= reach)
      .map(({ index }) => index);
    return near.sort((one, other) => distance(one) - distance(other))[0];
  }
}
