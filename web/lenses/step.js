// The lens "One letter at a time": one press writes one character. It shows which characters were likely and how one was
// drawn and, when the visitor opens them, the layers between: their numbers, shapes, and the lines of code that compute them.

import { html, useLayoutEffect, useRef } from "../vendor/preact.js";
import { hasTouch, visibleCharacter } from "../document/dom.js";
import { Button } from "../document/views.js";
import { number, t } from "../document/words.js";
import { step as writeOne } from "../state/actions.js";
import { drawOf } from "../state/source.js";
import * as page from "../state/state.js";
import { CellDrawing } from "./cell_drawing.js";
import { Chances, chance } from "./chances.js";
import { update } from "./reading.js";
import { quoted } from "./names.js";
import { cell, chooseCell, details, focus, isOpen, path, turnAt, turns, welcome } from "./state.js";
import { inspect, moveTo } from "./text/focus.js";
import { Scale, shadesNow } from "./value_colours.js";

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
      <li class="network" hidden=${!shown}>${network}</li>
      ${stages}
    </ol>`;
}

/** @param {?import("./state.js").Details} about */
function summary(about) {
  if (!about?.step) return t(hasTouch() ? "step.tap" : "step.hint");
  const { char, step } = about;
  if (step.mixed) return t("step.blended");
  if (!step.layers) return `${quoted(char)} ${t("surprise.first")}`;
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
  const items = lines.map(
    (name) => html`<p class="line-of-code"><code>${CODE[name][1]}</code><small>${CODE[name][0]}</small></p>`,
  );
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
        <label>${t("step.cell")}<input type="number" min="0" step="1" value=${cell.value[1]} onChange=${({ target }) => choose(target.value)} /></label>
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
    return html`<span>${label}</span><${Strip} bytes=${part} text=${t("step.strip", { row: label, layer: at })} onClick=${press} />`;
  });
  const held = html`<p>${t("step.held")}</p>`;
  const first = html`<p>${t("step.first_cells", { count: cells, cells: sizes.H })}</p>`;
  const lines = ["gates", "cell", "shown", ...(isLast ? [] : ["above"])];
  const result = isLast ? `h (1, ${sizes.H})` : t("step.x_above", { cells: sizes.H });
  return html`
    <${Stage} title=${t("step.layer", { layer: at })} lines=${lines} result=${result}>
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
function Expected({ step: { likely, sizes, temperature, filters }, char }) {
  const limits = filters.map(([label, value]) => t("step.limit", { name: label.toLowerCase(), value })).join("");
  return html`
    <${Stage} title=${t("step.expects")} lines=${["output", "weigh"]} result=${t("step.weights", { vocab: sizes.V })}>
      <p class="which">${t("step.logits", { vocab: sizes.V, temperature, limits })}</p>
      <${Chances} rows=${likely} char=${char} label=${t("surprise.likely")} />
    <//>`;
}

/** @type {(step: StepAnswer, char: string) => string} */
function whereItLands({ draw, picked, strip, temperature }, char) {
  if (picked) return t("step.put_here");
  if (!draw) return t("step.not_drawn");
  if (temperature === 0) return t("step.greedy");
  const place = strip.find((each) => each[0] === char);
  const values = { number: draw.number, seed: draw.seed, value: number(draw.value, 4), character: quoted(char) };
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
      <p class="which">${text} <b class="char">${visibleCharacter(char)}</b></p>
    <//>`;
}
