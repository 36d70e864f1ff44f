// The lens "One letter at a time": one press writes one character. It shows which characters were likely and how one was
// drawn and, when the visitor opens them, the layers between: their numbers, shapes, and the lines of code that compute them.

import { html, useLayoutEffect, useRef } from "../vendor/preact.js";
import { Button, hasTouch, visibleCharacter } from "../document/dom.js";
import { number, t } from "../document/words.js";
import { step as writeOne } from "../state/actions.js";
import { cell, chooseCell, details, drawOf, focus, isOpen, path, turnAt, turns, welcome } from "./state.js";
import * as page from "../state/state.js";
import { Chances, SHOWN, chance, quoted } from "./names.js";
import { inspect, moveTo, update } from "./text/focus.js";
import { Scale, shadesNow } from "./layer_picture.js";

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

/** @import { LayerStep, StepAnswer } from "../engines/engine.js" */

/** @type {import("./state.js").Lens} */
export const step = {
  Panel,
  mark: () => "",
  wants(position) {
    if (position === undefined) return {};
    const turn = turnAt(position);
    const isWritten = turn && position >= turn.at + turn.given;
    const drawn = isWritten ? drawOf(turn.id, position - turn.at - turn.given) : null;
    return { cell: [0, cell.value[1]], step: drawn ?? { settings: null, draw: null, picked: false } };
  },
  update: follow,
};

let presses = 0; // the one that is carried out, and those that wait

// Without a character in focus, the marked one of the welcome text is shown, or the last one.
function follow() {
  const turn = turns.value.at(-1);
  if (!turn || turn.writing || !turn.length || page.busy.value || focus.value) return;
  moveTo(path, (turn.id === 0 ? welcome.marked.value : null) ?? turn.at + turn.length - 1);
}

/** Writes one character. A press while one is written waits; the button stays enabled, and so keeps the focus. */
export async function press() {
  presses = Math.min(MOST_PRESSES, presses + 1);
  for (let isFirst = presses === 1; isFirst && presses > 0; presses--) {
    if (page.busy.value || !(await writeOne())) continue;
    update();
    moveTo(path, path.chars.length - 1, { scroll: true });
  }
}

function Panel() {
  const [about, kept] = [details.value, useRef(/** @type {?import("./state.js").Details} */ (null))];
  if (about) kept.current = about.step?.layers ? about : null;
  const shown = kept.current; // while a reply is written, the stages of before are hidden, so that nothing below moves
  const stages = shown && html`<${Expected} ...${shown} /><${Draw} ...${shown} />`;
  const network = shown && html`<${Network} step=${shown.step} />`;
  const hasCode = isOpen.layers.value && isOpen.code.value;
  return html`
    <div class="press">
      <${Button} class="primary" onPress=${press}>${t("step.button")}<//>
      <p class="wrote" role="status">${summary(about)}</p>
    </div>
    <ol class=${hasCode ? "stages with-code" : "stages"} aria-label=${t("step.stages")} style=${about ? null : "visibility: hidden"}>
      ${stages}
      <li class="network" hidden=${!shown}>${network}</li>
    </ol>`;
}

/** @param {?import("./state.js").Details} about */
function summary(about) {
  if (!about?.step) return t(hasTouch() ? "step.tap" : "step.hint");
  const { char, step } = about;
  if (step.mixed) return t("step.blended");
  if (!step.layers) return `${quoted(char)} ${t("step.first")}`;
  const values = { read: quoted(step.read), drawn: quoted(char), chance: chance(chanceOf(step, char)) };
  return t(step.draw ? "step.drawn" : step.picked ? "step.picked" : "step.given", values);
}

/** @type {(step: StepAnswer, char: string) => number} */
function chanceOf({ likely, strip }, char) {
  const [found, place] = [likely.find((each) => each[0] === char), strip.find((each) => each[0] === char)];
  return found ? found[1] : place ? place[2] - place[1] : 0;
}

/** A stage with the lines of code that compute it. @param {{title: string, lines: string[], result?: string, children?: any}} properties */
function Stage({ title, lines, result, children }) {
  return html`<li><h2>${title}</h2>${children}<${Code} lines=${lines} result=${result} /></li>`;
}

// The lines of code of a stage and the shape of its result, which are shown if the visitor wants to see code.
function Code({ lines, result = "" }) {
  const show = ([file, code]) => html`<p class="line-of-code"><code>${code}</code><small>${file}</small></p>`;
  const items = lines.map((name) => show(CODE[name]));
  const arrow = html`<p class="arrow">↓ ${result}</p>`;
  return html`<div class="code">${items}${result && arrow}</div>`;
}

/** The inside of the network. @param {{step: StepAnswer}} properties */
function Network({ step }) {
  const layers = step.layers.map((layer, at) => html`<${Layer} step=${step} layer=${layer} at=${at} />`);
  const toggle = ({ target }) => (isOpen.layers.value = target.open);
  const check = ({ target }) => (isOpen.code.value = target.checked);
  return html`
    <details open=${isOpen.layers.value} onToggle=${toggle}>
      <summary>${t("step.network")}</summary>
      <div class="options">
        <label>${t("step.cell")}<input type="number" min="1" step="1" value=${cell.value[1] + 1} onChange=${({ target }) => choose(target.value - 1)} /></label>
        <label><input type="checkbox" checked=${isOpen.code.value} onChange=${check} />${t("step.code")}</label>
      </div>
      <ol class="layers"><${Read} ...${step} />${layers}</ol>
    </details>`;
}

// The drawings of all layers show the cell of this number.
function choose(wanted) {
  chooseCell([cell.value[0], wanted]);
  if (focus.value) inspect();
}

/** @param {StepAnswer} step */
function Read({ read, id, row, sizes }) {
  const terms = t("step.legend")
    .split("\n")
    .map((term) => html`<li>${term}</li>`); // above the drawings of all layers
  const [text, shape] = [t("step.row_text", { id, vocab: sizes.V, size: sizes.E }), `x (1, ${sizes.E})`];
  return html`
    <li>
      <h2>${t("step.row")}</h2>
      <p class="which"><b class="char">${visibleCharacter(read)}</b> ${text}</p>
      <${Strip} bytes=${row} text=${t("step.row_picture", { id, size: sizes.E })} />
      <${Code} lines=${["row"]} result=${shape} />
      <ul class="which terms">${terms}</ul>
      <p class="which code">${t("step.shapes", { cells: sizes.H })}</p>
      <${Scale}>${t("step.scale")}<//>
    </li>`;
}

/** @param {{step: StepAnswer, layer: LayerStep, at: number}} properties */
function Layer({ step, layer, at }) {
  const [{ sizes }, isLast] = [step, at === step.layers.length - 1];
  const cells = layer.bytes.length / ROWS.length;
  const press = ({ offsetX, target }) => choose((cells * offsetX) / target.clientWidth);
  const rows = ROWS.map((name, row) => {
    const label = name.length > 1 ? t(`step.${name}`) : name;
    const part = layer.bytes.subarray(row * cells, (row + 1) * cells);
    return html`<span>${label}</span><${Strip} bytes=${part} text=${t("step.strip", { row: label, layer: at + 1 })} onClick=${press} />`;
  });
  const held = html`<p>${t("step.held")}</p>`;
  const first = html`<p>${t("step.first_cells", { count: cells, cells: sizes.H })}</p>`;
  const lines = ["gates", "cell", "shown", ...(isLast ? [] : ["above"])];
  const result = isLast ? `h (1, ${sizes.H})` : t("step.x_above", { cells: sizes.H });
  return html`
    <${Stage} title=${t("step.layer", { layer: at + 1 })} lines=${lines} result=${result}>
      <${CellDrawing} step=${layer} layer=${at} cell=${cell.value[1]} inputs=${at ? sizes.H : sizes.E} hidden=${sizes.H} />
      ${layer.held && held}
      <div class="rows">${rows}</div>
      ${cells < sizes.H && first}
    <//>`;
}

/** Numbers in one row, as colours. @param {{bytes: Int8Array, text: string, onClick?: (event: MouseEvent) => void}} properties */
function Strip({ bytes, text, onClick }) {
  const canvas = useRef(null);
  useLayoutEffect(() => {
    const [pen, shades] = [canvas.current.getContext("2d"), shadesNow()];
    const image = pen.createImageData(bytes.length, 1);
    new Uint32Array(image.data.buffer).set(Array.from(bytes, (byte) => shades[byte + 128]));
    pen.putImageData(image, 0, 0);
  });
  return html`<canvas class="strip" role="img" aria-label=${text} width=${bytes.length} height="1" ref=${canvas} onClick=${onClick}></canvas>`;
}

/** Which characters were likely. @param {import("./state.js").Details} details */
function Expected({ step, char }) {
  const { likely, sizes, temperature, filters } = step;
  const shown = likely.slice(0, SHOWN);
  if (!shown.some(([each]) => each === char) && chanceOf(step, char)) shown.push([char, chanceOf(step, char)]);
  const limits = filters.map(([label, value]) => t("step.limit", { name: label.toLowerCase(), value })).join("");
  return html`
    <${Stage} title=${t("step.expects")} lines=${["output", "weigh"]} result=${t("step.weights", { vocab: sizes.V })}>
      <p class="which">${t("step.logits", { vocab: sizes.V, temperature, limits })}</p>
      <${Chances} rows=${shown} char=${char} label=${t("step.likely")} />
    <//>`;
}

/** @type {(step: StepAnswer, char: string) => string} */
function whereItLands({ draw, picked, strip, temperature }, char) {
  if (picked) return t("step.put_here");
  if (!draw) return t("step.not_drawn");
  if (temperature === 0) return t("step.greedy");
  const place = strip.find((each) => each[0] === char);
  const values = { value: number(draw.value, 4), character: quoted(char) };
  if (!place) return t("step.lands", values);
  return t("step.lands_in", { ...values, low: number(place[1], 3), high: number(place[2], 3) });
}

/** How the character was drawn. @param {import("./state.js").Details} details */
function Draw({ step, char }) {
  const text = whereItLands(step, char);
  const places = step.strip.map(([each, from, to], at) => {
    const kind = each === char ? "place there" : `place ${at % 2 ? "odd" : ""}`;
    const name = html`<text x=${180 * (from + to)} y="36" class=${each === char ? "name there" : "name"} text-anchor="middle">${visibleCharacter(each)}</text>`;
    return html`<rect x=${360 * from} y="20" width=${Math.max(0.5, 360 * (to - from))} height="24" class=${kind} />${to - from >= NAMED && name}`;
  });
  const x = 360 * (step.draw?.value ?? 0);
  const [line, head] = [`M${x} 6 V26`, `M${x - 5} 2 H${x + 5} L${x} 12 Z`];
  const needle = html`<path d=${line} class="needle" /><path d=${head} class="needle-head" />`;
  return html`
    <${Stage} title=${t("step.draw")} lines=${["draw"]}>
      <svg viewBox="0 0 360 58" class="draw" role="img" aria-label=${text}>${places}${step.draw && step.temperature > 0 && needle}</svg>
      <p class="which">${text}</p>
      ${step.draw && html`<p class="code">${t("step.random", { number: step.draw.number, seed: step.draw.seed })}</p>`}
    <//>`;
}

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
function CellDrawing({ step, layer, cell, inputs, hidden }) {
  const [h, c, i, f, g, o, after, shown] = step.cell.map((value) => number(value, 2));
  const index = Math.min(cell, hidden - 1);
  const what = step.held ? t("step.c_held", { value: after }) : t("step.c_changes", { f, c, i, g, after });
  const label = t("step.drawing", { cell: index + 1, layer: layer + 1, what, o, h: shown });
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
    write(390, 228, t("step.cell_number", { cell: index + 1 }), "number", "end"),
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
