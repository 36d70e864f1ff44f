// The picture of a layer: one row per cell, one column per character, in the colours of the values between -1 and 1: violet, the
// background, green, as light or dark as the page.

import { html, useLayoutEffect, useRef } from "../vendor/preact.js";
import { hasTouch } from "../document/dom.js";
import { t } from "../document/words.js";
import * as page from "../state/state.js";
import { changed } from "./text/drawn_text.js";
import { cell, details, focus, frames, path } from "./state.js";
import { moveTo } from "./text/focus.js";

const WIDTH = 240; // columns
const FINGER = 8; // pixels from the middle of a tap within which a named cell is chosen: there are several rows to a pixel
const SWATCHES = ["n4", "n3", "n2", "n1", "", "p1", "p2", "p3", "p4"];
const NUMBERS = { n4: "−1", "": "0", p4: "1" };
const LIGHT = [0x5b1f9a, 0xffffff, 0x0b5a28]; // violet, background, green
const DARK = [0xad82d2, 0x1c1917, 0x55ad70];

/**
 * @import { TraceAnswer } from "../engines/engine.js"
 * @import { TracedText } from "./text/traced_text.js"
 * @typedef {{traced: TracedText, first: number, columns: Int8Array[]}} Stretch  the values from position `first` of a text on
 */

let stretch = /** @type {?Stretch} */ (null); // that is drawn
let requests = 0;

export const picture = {
  /** Removes all columns, as for another layer; those that are requested do not come any more. */
  clear() {
    stretch = null;
    requests++;
  },

  // Adds the columns of an answer while a text is read, unless the picture shows the character in focus.
  /** @param {TraceAnswer} answer @param {TracedText} traced @param {number} from */
  take(answer, traced, from) {
    if (traced === path && (page.busy.value || !focus.value)) add(traced, from, answer);
  },

  /** Removes the columns from a position of a text on. @param {TracedText} traced @param {number} position */
  cut(traced, position) {
    if (stretch?.traced !== traced || position === Infinity) return;
    stretch.columns.length = Math.max(0, Math.min(stretch.columns.length, position - stretch.first));
    if (!stretch.columns.length) picture.clear();
  },
};

/** @type {(traced: TracedText, from: number, answer: TraceAnswer, end?: number) => void} */
function add(traced, from, { columns, bits }, end = Infinity) {
  const hidden = page.model.value?.hidden;
  const count = columns ? columns.length / hidden : NaN;
  if (!Number.isInteger(count)) return; // the answer is from a model of another size
  const first = from + bits.length - count;
  if (has(traced, first) && has(traced, first + count - 1)) return; // `request` and `take` may ask for the same ones
  const continues = stretch?.traced === traced && stretch.first + stretch.columns.length === first;
  if (!continues) stretch = { traced, first, columns: [] };
  for (let at = 0; at < count && first + at < end; at++)
    stretch.columns.push(columns.subarray(at * hidden, (at + 1) * hidden));
  const over = stretch.columns.length - WIDTH;
  if (over > 0) stretch = { traced, first: stretch.first + over, columns: stretch.columns.slice(over) };
}

const has = (traced, position) =>
  stretch?.traced === traced && position >= stretch.first && position < stretch.first + stretch.columns.length;

// Requests the part of a text around a character, if the picture does not have it.
/** @param {TracedText} traced @param {number} position */
async function request(traced, position) {
  const isWhole = stretch?.columns.length >= Math.min(WIDTH, traced.chars.length); // it may begin where a reply went on
  if ((isWhole && has(traced, position)) || page.busy.value) return;
  picture.clear();
  const asked = requests;
  const from = Math.max(0, Math.min(position - WIDTH / 2, traced.chars.length - WIDTH));
  const to = Math.min(traced.chars.length, from + WIDTH);
  for (let at = from; at < to;) {
    const answer = await traced.ask({ from: at, cell: cell.value, layer: cell.value[0] });
    if (asked !== requests || answer.refusal || !answer.bits?.length) return;
    add(traced, at, answer, to);
    at += answer.bits.length;
  }
  changed();
}

/** The picture. A click chooses a cell and a character. @param {{choose: (cell: [layer: number, cell: number]) => void}} properties */
export function LayerPicture({ choose }) {
  page.watch(frames, focus);
  const canvas = useRef(null);
  const [hidden, about] = [page.model.value?.hidden ?? 1, details.value];
  useLayoutEffect(() => {
    picture.clear(); // the text may have changed while another lens was on
    if (!focus.value && path.chars.length) request(path, path.chars.length - 1);
  }, []);
  useLayoutEffect(() => {
    if (about) request(about.traced, about.position);
  }, [about]);
  useLayoutEffect(() => draw(canvas.current));
  const { columns, first } = stretch ?? { columns: [], first: 0 };
  const values = { layer: cell.value[0] + 1, cells: hidden, first: first + 1, last: first + columns.length };
  const caption = t(!columns.length ? "memory.empty" : hasTouch() ? "memory.caption.tap" : "memory.caption", values);
  return html`
    <canvas role="img" aria-label=${t("memory.picture")} width=${WIDTH} height=${hidden} ref=${canvas} onClick=${(event) => choose(pick(event))}></canvas>
    <p class="caption">${caption}</p>`;
}

/** @param {HTMLCanvasElement} canvas */
function draw(canvas) {
  const { columns, first } = stretch ?? { columns: [], first: 0 };
  const [pen, hidden] = [canvas.getContext("2d"), canvas.height];
  const image = pen.createImageData(WIDTH, hidden);
  const [pixels, shades] = [new Uint32Array(image.data.buffer), shadesNow()];
  columns.forEach((column, x) => {
    for (let y = 0; y < column.length; y++) pixels[y * WIDTH + x] = shades[column[y] + 128];
  });
  pen.putImageData(image, 0, 0);
  pen.fillStyle = getComputedStyle(canvas).color;
  const thickness = Math.max(1, Math.round(hidden / 160));
  for (const side of [-1, 1]) pen.fillRect(0, cell.value[1] + (side > 0 ? 1 : -thickness), WIDTH, thickness);
  const at = focus.value;
  if (at && has(at.traced, at.position)) pen.fillRect(at.position - first, 0, 1, hidden);
}

// A click chooses the cell of the row, a tap a named cell close to it, and puts the character of the column in focus.
/** @param {MouseEvent} event @returns {[layer: number, cell: number]} */
function pick({ target, clientX, clientY }) {
  const { left, top, width, height } = /** @type {HTMLElement} */ (target).getBoundingClientRect();
  const [layer] = cell.value;
  const { cells, hidden } = page.model.value;
  const row = Math.floor(((clientY - top) / height) * hidden);
  const column = Math.floor(((clientX - left) / width) * WIDTH);
  if (column < (stretch?.columns.length ?? 0)) moveTo(stretch.traced, stretch.first + column, { scroll: true });
  const reach = hasTouch() ? (FINGER / height) * hidden : 0;
  const distance = (each) => Math.abs(each.index - row);
  const near = cells.filter((each) => each.layer === layer && distance(each) <= reach);
  return [layer, near.sort((one, other) => distance(one) - distance(other))[0]?.index ?? row];
}

const tables = /** @type {Map<boolean, Uint32Array>} */ (new Map());

/** The scale of the colours with a text before it, or with what its two ends mean. @param {{children?: string | boolean, ends?: string[]}} properties */
export function Scale({ children, ends }) {
  const swatches = SWATCHES.map((mark) => html`<span class=${"swatch " + mark}>${NUMBERS[mark]}</span>`);
  const meanings = (ends ?? []).map((each) => html`<span>${each}</span> `);
  const below = ends && html`<span class="ends">${meanings}</span>`;
  return html`<p class="legend">${children} <span class="swatches">${swatches}</span> ${below}</p>`;
}

/** @returns {Uint32Array} for pictures: the pixel of each byte value from -128 to 127 */
export function shadesNow() {
  const { colorScheme } = getComputedStyle(document.body); // "light dark" follows the browser
  const isDark =
    colorScheme === "dark" || (/ /.test(colorScheme) && matchMedia("(prefers-color-scheme: dark)").matches);
  if (!tables.has(isDark)) tables.set(isDark, makeTable(isDark ? DARK : LIGHT));
  return tables.get(isDark);
}

/** @param {number[]} colours */
function makeTable(colours) {
  const [low, zero, high] = colours.map((each) => [each >> 16, (each >> 8) & 255, each & 255]);
  const shades = Array.from({ length: 256 }, (_, at) => {
    const share = Math.min(1, Math.abs(at - 128) / 127);
    const end = at < 128 ? low : high;
    return [...zero.map((part, n) => part + share * (end[n] - part)), 255];
  });
  return new Uint32Array(new Uint8ClampedArray(shades.flat()).buffer);
}
