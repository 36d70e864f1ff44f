// The drawing of nn.LSTMCell from docs/lecture.md with the numbers of one cell: c along the top, h along the bottom.

import { html } from "../vendor/preact.js";
import { number, t } from "../document/words.js";

/** @import { LayerStep } from "../engines/engine.js" */

const WIRES =
  "M288 34 V58 M84 186 V164 M156 186 V164 M220 186 V164 M68 232 V186 M4 34 H386 M84 140 V43 M156 140 V88 H179" +
  "M220 140 V88 H197 M188 79 V43 M288 78 V91 M288 140 V109 M297 100 H386 M4 186 H288 V164";
const SIGNS = /** @type {const} */ ([
  [84, 34, "×"],
  [188, 34, "+"],
  [188, 88, "×"],
  [288, 100, "×"],
]);

/** @param {{step: LayerStep, layer: number, cell: number, inputs: number, hidden: number}} properties */
export function CellDrawing({ step, layer, cell, inputs, hidden }) {
  const [h, c, i, f, g, o, after, shown] = step.cell.map((value) => number(value, 2));
  const index = Math.min(cell, hidden - 1);
  const what = step.held ? t("step.c_held", { value: after }) : t("step.c_changes", { f, c, i, g, after });
  const label = t("step.drawing", { cell: index, layer, what, o, h: shown });
  const gates = /** @type {const} */ ([
    [84, "f", f, "σ"],
    [156, "i", i, "σ"],
    [220, "g", g, "tanh"],
    [288, "o", o, "σ"],
  ]);
  const signs = SIGNS.map(
    ([x, y, sign]) => html`<circle cx=${x} cy=${y} r="9" />${write(x, y + 4, sign, "sign", "middle")}`,
  );
  const boxes = gates.map(
    ([x, name, value, sign]) => html`
      <rect x=${x - 19} y="140" width="38" height="24" rx="5" class="gate" />
      ${write(x, 157, sign, "sign", "middle")}
      ${write(x + 5, 130, name + " " + value, "value")}`,
  );
  const shape = `(1, ${hidden})`;
  const values = [
    write(4, 26, `c ${c}`, "value"),
    write(390, 26, `c ${after}`, "value", "end"),
    write(4, 178, `h ${h}`, "value"),
    write(390, 92, `h ${shown}`, "value", "end"),
    write(74, 228, "x", "value"),
    write(86, 228, `(1, ${inputs})`, "shape"),
    write(134, 200, t("step.gates", { cells: hidden }), "shape"),
    write(390, 228, t("step.cell_number", { cell: index }), "number", "end"),
    ...[48, 200].map((y) => write(4, y, shape, "shape")),
    ...[48, 114].map((y) => write(390, y, shape, "shape", "end")),
  ];
  return html`
    <svg viewBox="0 0 392 236" class="cell-drawing" role="img" aria-label=${label}>
      <rect x="58" y="8" width="280" height="200" rx="12" class="outline" />
      <path d=${WIRES} class="wire" />
      ${signs}${boxes}
      <rect x="266" y="58" width="44" height="20" rx="10" class="gate" />
      ${write(288, 72, "tanh", "sign", "middle")}
      ${values}
    </svg>`;
}

function write(x, y, text, className, anchor = "start") {
  return html`<text x=${x} y=${y} class=${className} text-anchor=${anchor}>${text}</text>`;
}
