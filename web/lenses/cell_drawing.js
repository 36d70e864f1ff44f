/** The drawing of nn.LSTMCell from docs/lecture.md with the numbers of one cell: c along the top, h along the bottom. */

import { svg } from "../document/dom.js";
import { number, t } from "../document/words.js";

/** @import { LayerStep } from "../engines/engine.js" */

/**
 * @param {LayerStep} step
 * @param {{layer: number, cell: number, inputs: number, hidden: number}} place
 * @returns {SVGElement}
 */
export function drawCell({ cell: numbers, held }, { layer, cell, inputs, hidden }) {
  const [h, c, i, f, g, o, after, shown] = numbers.map((value) => number(value, 2));
  const index = Math.min(cell, hidden - 1);
  const what = held ? t("step.c_held", { value: after }) : t("step.c_changes", { f, c, i, g, after });
  const label = t("step.drawing", { cell: index, layer, what, o, h: shown });
  const picture = svg("svg", null, { viewBox: "0 0 392 236", class: "cell-drawing", role: "img", "aria-label": label });
  svg("rect", picture, { x: 58, y: 8, width: 280, height: 200, rx: 12, class: "outline" });
  drawWires(picture);
  const signs = /** @type {const} */ ([
    [84, 34, "×"],
    [188, 34, "+"],
    [188, 88, "×"],
    [288, 100, "×"],
  ]);
  for (const [x, y, sign] of signs) {
    svg("circle", picture, { cx: x, cy: y, r: 9 });
    write(picture, x, y + 4, sign, "sign", "middle");
  }
  const gates = /** @type {const} */ ([
    [84, "f", f, "σ"],
    [156, "i", i, "σ"],
    [220, "g", g, "tanh"],
    [288, "o", o, "σ"],
  ]);
  for (const [x, name, value, sign] of gates) {
    svg("rect", picture, { x: x - 19, y: 140, width: 38, height: 24, rx: 5, class: "gate" });
    write(picture, x, 157, sign, "sign", "middle");
    write(picture, x + 5, 130, `${name} ${value}`, "value");
  }
  svg("rect", picture, { x: 266, y: 58, width: 44, height: 20, rx: 10, class: "gate" });
  write(picture, 288, 72, "tanh", "sign", "middle");
  write(picture, 4, 26, `c ${c}`, "value");
  write(picture, 390, 26, `c ${after}`, "value", "end");
  write(picture, 4, 178, `h ${h}`, "value");
  write(picture, 390, 92, `h ${shown}`, "value", "end");
  for (const y of [48, 200]) write(picture, 4, y, `(1, ${hidden})`, "shape");
  for (const y of [48, 114]) write(picture, 390, y, `(1, ${hidden})`, "shape", "end");
  write(picture, 74, 228, "x", "value");
  write(picture, 86, 228, `(1, ${inputs})`, "shape");
  write(picture, 134, 200, t("step.gates", { cells: hidden }), "shape");
  write(picture, 390, 228, t("step.cell_number", { cell: index }), "number", "end");
  return picture;
}

function drawWires(picture) {
  const wire = (d, className) => svg("path", picture, { d, class: className });
  wire("M288 34 V58", "wire");
  for (const x of [84, 156, 220]) wire(`M${x} 186 V164`, "wire");
  wire("M68 232 V186", "wire");
  for (const d of [
    "M4 34 H386",
    "M84 140 V43",
    "M156 140 V88 H179",
    "M220 140 V88 H197",
    "M188 79 V43",
    "M288 78 V91",
    "M288 140 V109",
    "M297 100 H386",
    "M4 186 H288 V164",
  ]) {
    wire(d, "wire end");
  }
}

function write(picture, x, y, text, className, anchor = "start") {
  svg("text", picture, { x, y, class: className, "text-anchor": anchor }, text);
}
