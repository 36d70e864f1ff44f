// A picture of all numbers that the model remembers after one letter of the welcome text: the one in focus, else the last one that
// is shown. The cell that "What it remembers" shows is marked.

import { html, useLayoutEffect, useRef } from "../vendor/preact.js";
import { Button } from "../document/dom.js";
import { t } from "../document/words.js";
import * as page from "../state/state.js";
import { shadesNow } from "./layer_picture.js";
import { lineCounter } from "./names.js";
import { cell, focus, frames, isColoured, other, path, shownName, welcome } from "./state.js";
import { changed } from "./text/drawn_text.js";

const [COLUMNS, NARROW_COLUMNS] = [128, 64]; // at least
const ROWS = 16; // at most
const NARROW = 600; // pixels of the picture's width
const MARGIN = 4; // pixels around it, for the mark of a number at its edge

/** @import { TracedText } from "./text/traced_text.js" */

const known = /** @type {Map<TracedText, {id: string, layers: Int8Array[]}>} */ (new Map());
const asked = /** @type {Map<TracedText, string>} */ (new Map()); // the characters

// Requests the values of all layers after each character of a text, if they are not known.
/** @param {TracedText} traced @param {number} count  of layers */
async function request(traced, count) {
  const { id, text, chars } = traced;
  if (!chars.length || asked.get(traced) === id + text) return;
  asked.set(traced, id + text);
  const layers = [];
  for (let layer = 0; layer < count; layer++) {
    const { columns } = await traced.ask({ from: 0, layer });
    if (!columns || asked.get(traced) !== id + text) return;
    layers.push(columns);
  }
  known.set(traced, { id, layers });
  changed();
}

// The values after the letter in focus, else after the last one that is shown; null while they are not known.
/** @param {number} hidden */
function valuesNow(hidden) {
  const [at, ending] = [focus.value, welcome.other.value];
  const ends = /** @type {[TracedText, number][]} */ ([
    ...(at ? [[at.traced, at.position + 1]] : []),
    ...(ending ? [[other, ending.at + ending.shown]] : []),
    [path, welcome.shown.value],
  ]);
  const [traced, end] = ends.find(([each]) => known.get(each)?.id === each.id) ?? [];
  const layers = known.get(traced)?.layers ?? [];
  const last = Math.min(end, ...layers.map(({ length }) => length / hidden)) - 1; // an answer may be about fewer characters
  return last < 0 || !layers.length
    ? null
    : layers.map((columns) => columns.subarray(last * hidden, (last + 1) * hidden));
}

/**
 * The picture, and under it how many numbers there are, with buttons that show the text in the colours of one, and what happens while
 * that one is held.
 * @param {{showHeld: () => void}} properties
 */
export function MemoryPicture({ showHeld }) {
  page.watch(frames, focus, welcome.other, welcome.shown);
  const canvas = useRef(/** @type {?HTMLCanvasElement} */ (null));
  const model = page.model.value;
  const isShown = model?.welcome && page.hasLenses.value && !page.blendName.value && !page.hasTurns.value;
  const isWritten = welcome.shown.value >= welcome.end.value;
  const isDrawn = isShown && isWritten && isColoured.value && shownName.value === "plain";
  const values = isDrawn ? valuesNow(model.hidden) : null;
  useLayoutEffect(() => {
    if (isDrawn) for (const traced of [path, other]) request(traced, model.layers);
    if (values && canvas.current.clientWidth) draw(canvas.current, values);
  });
  useLayoutEffect(() => {
    const observer = new ResizeObserver(changed);
    if (canvas.current) observer.observe(canvas.current);
    return () => observer.disconnect();
  }, [values === null]);
  if (!values) return null;
  const show = () => (page.lens.value = "memory");
  const [counter, [layer, index]] = [lineCounter(model)?.cell, cell.value];
  const ofCounter =
    counter &&
    counter === page.namedCell(layer, index) &&
    html`<${Button} class="line" onPress=${show}>${t("page.memory.line")}<//><${Button} class="held" onPress=${showHeld}>${t("demo.lines")}<//>`;
  return html`
    <canvas aria-hidden="true" ref=${canvas} onClick=${show}></canvas>
    <div>${t("page.memory", { count: model.layers * model.hidden })} ${ofCounter}<${Button} class="watch" onPress=${show}>${t(ofCounter ? "page.memory.length" : "page.memory.see")}<//><span class="ends"><span>${t("way.down")}</span><span>${t("way.up")}</span></span></div>`;
}

/** @param {HTMLCanvasElement} canvas @param {Int8Array[]} layers */
function draw(canvas, layers) {
  const [values, scale] = [layers.flatMap((each) => [...each]), devicePixelRatio];
  const width = canvas.clientWidth - 2 * MARGIN;
  const columns = Math.max(width < NARROW ? NARROW_COLUMNS : COLUMNS, Math.ceil(values.length / ROWS));
  const rows = Math.ceil(values.length / columns);
  const [pen, shades, size] = [canvas.getContext("2d"), shadesNow(), (width * scale) / columns];
  [canvas.width, canvas.height] = [columns, rows].map((count) => Math.round(count * size + 2 * MARGIN * scale));
  pen.translate(MARGIN * scale, MARGIN * scale);
  /** @type {(n: number, more: number) => [number, number, number, number]} */
  const square = (n, more) => {
    const [left, top] = [n % columns, Math.floor(n / columns)];
    const [x, y, right, bottom] = [left, top, left + 1, top + 1].map((each) => Math.round(each * size));
    return [x - more, y - more, right - x - scale + 2 * more, bottom - y - scale + 2 * more]; // a pixel between two
  };
  const fill = (n) => {
    const shade = shades[values[n] + 128];
    pen.fillStyle = `rgb(${[0, 8, 16].map((bits) => (shade >> bits) & 255)})`;
    pen.fillRect(...square(n, 0));
  };
  for (const n of values.keys()) fill(n);
  const [layer, index] = cell.value;
  const marked = layer * layers[0].length + index;
  pen.clearRect(...square(marked, 4 * scale));
  fill(marked);
  pen.strokeStyle = getComputedStyle(canvas).color;
  pen.lineWidth = 2 * scale;
  pen.strokeRect(...square(marked, 2 * scale));
}
