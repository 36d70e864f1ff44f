// The lens "What it remembers": the text in the colours of one cell; clamping the cell, with which the last reply is written again
// beside the one before. One step further: the other cells, a picture of their layer, and the gates.

import { computed, html } from "../vendor/preact.js";
import { refOf } from "../conversation/replies.js";
import { hasTouch, visibleCharacter } from "../document/dom.js";
import { number, render, t } from "../document/words.js";
import { lastTurn, replyText } from "../conversation/log.js";
import { authorOfReply, clampAndRewrite, engine } from "../state/actions.js";
import * as page from "../state/state.js";
import { cell, chooseCell, details, focus, frames, isOpen, lensNow, other, path, useAnswer } from "./state.js";
import { Bar, effectOf, lineCounter, lineLengths, meanOf, scoreOf } from "./names.js";
import { LayerPicture, Scale, picture } from "./layer_picture.js";
import { inspect, pump } from "./text/focus.js";
import { repaint } from "./text/drawn_text.js";

const LEVELS = 4; // colours on each side of zero
const LARGEST = 127; // the value of a byte that stands for 1
const LEAST_CHANGE = 0.05; // of a cell's value, to be called one
const [CURVE, LEAST_CURVE] = [180, 60]; // characters of the curve, and of that of a short text
const GATES = ["input", "forget", "candidate", "output"];
const CANDIDATE = 2; // the gate that may be negative
const CHOICES = { free: null, up: page.CLAMP_VALUE, off: 0, down: -page.CLAMP_VALUE };

/**
 * @import { NamedCell, PassagesAnswer } from "../engines/engine.js"
 * @import { TracedText } from "./text/traced_text.js"
 */

/** The model that wrote the text, if it is not the chosen one, whose cells mean something else; else undefined. */
const author = computed(() => {
  const turn = lastTurn(page.currentLog());
  const model = turn && authorOfReply(turn.reply)?.model;
  return model === page.model.value ? undefined : model;
});

/** @type {import("./state.js").Lens} */
export const memory = {
  Panel,
  key: () => `cell ${cell.value}`,
  wants: () => ({ cell: cell.value, layer: cell.value[0] }),
  take(answer, traced, from) {
    if (traced === path) picture.take(answer, traced, from);
    return answer.values;
  },
  mark(value) {
    const level = author.value ? 0 : Math.round(((value ?? 0) / LARGEST) * LEVELS);
    return level ? `${level < 0 ? "n" : "p"}${Math.abs(level)}` : "";
  },
  invalidate: (traced, position) => picture.cut(traced, position),
  reveal: () =>
    requestAnimationFrame(() => document.querySelector(".panel .which")?.scrollIntoView({ block: "nearest" })),
};

page.onChange([author], () => lensNow() === memory && repaint()); // only this lens's colours depend on it

/** Chooses a cell, and shows its values. @param {number[]} wanted */
export function choose(wanted) {
  const [before] = cell.value;
  chooseCell(wanted);
  if (before !== cell.value[0]) picture.clear();
  repaint();
  pump();
  if (focus.value) inspect();
}

function Panel() {
  if (author.value)
    return html`<p class="which">${t("memory.author", { name: page.choiceOf(page.site.value, author.value.name) })}</p>`;
  const [layer, index] = cell.value;
  const known = page.namedCell(layer, index);
  const { layers = 1, hidden = 1 } = page.model.value ?? {};
  const field = (value, count, take) => html`
    <input type="number" min="1" step="1" max=${count} value=${value + 1} onChange=${({ target }) => choose(take(Number(target.value) - 1))} />`;
  const open = isOpen.cells.value;
  const toggle = ({ target }) => (isOpen.cells.value = target.open);
  const others = html`
    <div class="choose"><${NamedCells} known=${known} /></div>
    <div class="closely"><${Gates} /><p class="help">${t("memory.gates.help")}</p></div>
    <div class="picture"><${LayerPicture} choose=${choose} /></div>
    <p class="about-cell" role="status">${known ? explain(known) : t("memory.unnamed")}</p>
    <${Passages} cell=${known} />
    <div class="choose">
      <label>${t("memory.layer")}${field(layer, layers, (value) => [value, index])}</label>
      <label>${t("memory.cell")}${field(index, hidden, (value) => [layer, value])}</label>
    </div>`;
  return html`
    <p class="one-cell">${t("memory.one")} <b>${page.cellName(layer, index)}</b></p>
    <${Scale} ends=${known && endsOf(known)}>${!known && t("memory.scale")}<//>
    <${ClampChoice} />
    <${Change} />
    <${Curve} />
    <details class="other-cells" open=${open} onToggle=${toggle}>
      <summary>${t("memory.others")}</summary>
      ${open && others}
    </details>`;
}

// Says what the lowest and the highest value of a named cell mean.
/** @param {NamedCell} known */
function endsOf(known) {
  const counter = lineCounter(page.model.value);
  const ofLine = (value) => (value === counter.value ? "memory.long" : "memory.begun");
  const ofValue = (value) => t(known === counter?.cell ? ofLine(value) : `way.${page.wayOf(value, known)}`);
  return [-page.CLAMP_VALUE, page.CLAMP_VALUE].map(ofValue);
}

/** @param {{known: NamedCell | undefined}} properties */
function NamedCells({ known }) {
  const named = page.model.value?.cells ?? [];
  const first = named.filter((each, at) => named.findIndex(({ name }) => name === each.name) === at);
  const option = (each) =>
    html`<option value=${named.indexOf(each)} selected=${each === known}>${describe(each)}</option>`;
  const groups = [
    ["memory.keeps", first.filter((each) => each.remembers)],
    ["memory.follows", first.filter((each) => !each.remembers)],
  ].map(([title, cells]) => {
    return cells.length > 0 && html`<optgroup label=${t(title)}>${cells.map(option)}</optgroup>`;
  });
  const take = ({ target }) => target.value && choose([named[target.value].layer, named[target.value].index]);
  return html`
    <label class="named">${t("memory.named")}
      <select value=${known ? named.indexOf(known) : ""} onChange=${take}>
        <option value="" selected=${!known}>${t(named.length ? "memory.choose" : "memory.none")}</option>
        ${groups}
      </select>
    </label>`;
}

// What the clamped cell does to the text; else how the character in focus changed the cell.
function Change() {
  const [layer, index] = cell.value;
  const held = page.clampedCells.value?.find((each) => each[0] === layer && each[1] === index);
  const effect = held && (effectOf(held) || (page.comparison.value && t("hold.compare")));
  if (effect) {
    const isCounter = lineCounter(page.model.value)?.cell === page.namedCell(layer, index);
    return html`<p class="which" role="status">${effect} ${isCounter && compareLines()}</p>`;
  }
  const about = details.value;
  if (!about) return html`<p class="which">${t(hasTouch() ? "memory.tap" : "memory.hint")}</p>`;
  return html`<p class="which"><b class="char">${visibleCharacter(about.char)}</b> ${changeOf(about)}</p>`;
}

// The value of the cell at each of the last characters, or at those around the one in focus; with another version beside the text
// its values above those of the text.
function Curve() {
  page.watch(frames, focus, page.log);
  if (!path.values(memory.key()).length) return null;
  const compared = page.comparison.value;
  const [before, now] = compared?.other === compared?.now ? [path, other] : [other, path];
  const texts = compared ? { "compared.before": before, "compared.now": now } : { "": path };
  const longest = Math.max(...Object.values(texts).map((text) => text.values(memory.key()).length));
  const width = Math.min(CURVE, Math.ceil(longest / LEAST_CURVE) * LEAST_CURVE); // the same for both texts
  const curves = Object.entries(texts).map(([id, text]) => html`${id && t(id)}${curveOf(text, width)}`);
  return html`<figure class="curve">${curves}<figcaption class="help">${t("memory.curve")}</figcaption></figure>`;
}

/** @param {TracedText} text @param {number} width */
function curveOf(text, width) {
  const all = text.values(memory.key());
  const position = focus.value?.traced === text ? focus.value.position : all.length;
  const first = Math.max(0, Math.min(all.length - CURVE, position - CURVE / 2));
  const values = all.slice(first, first + CURVE);
  const side = (sign) => values.map((value, at) => `V${-sign * Math.max(0, sign * value)}H${at + 1}`).join("");
  const line = (at) => `M${at - first + 0.5} -${LARGEST}V${LARGEST}`;
  const ends = values.map((_, at) => (text.chars[first + at] === "\n" ? line(first + at) : "")).join("");
  const box = [0, -LARGEST, width, 2 * LARGEST].join(" ");
  const [above, below] = [1, -1].map((sign) => "M0 0" + side(sign) + "V0Z");
  return html`
    <svg viewBox=${box} preserveAspectRatio="none" aria-hidden="true">
      <path class="ends" d=${ends} />
      <path class="p4" d=${above} />
      <path class="n4" d=${below} />
      <path class="place" d=${position < all.length ? line(position) : ""} />
    </svg>`;
}

// Says how long the lines of both texts are on average, once both are written; nothing where there are too few.
function compareLines() {
  if (!page.comparison.value || page.busy.value) return null;
  const { old, now } = page.comparison.value;
  const [before, after] = [old, now].map(({ reply }) => meanOf(lineLengths(replyText(reply))));
  return before && after && t("hold.lines", { before: number(before, 0), now: number(after, 0) });
}

function changeOf({ gates, held, cell }) {
  if (!gates) return t("memory.no_cell");
  if (held) return t("memory.held", { value: number(Math.tanh(cell[1]), 2) });
  const [before, after] = cell.map(Math.tanh); // as the scale and the colours
  const isSame = Math.abs(after - before) < LEAST_CHANGE;
  const id = isSame ? "memory.same" : after > before ? "memory.raised" : "memory.lowered";
  return t(id, { before: number(before, 2), after: number(after, 2) });
}

function Gates() {
  const rows = (details.value?.gates ?? []).map((gate, at) => {
    const [name, isSigned] = [`memory.${GATES[at]}`, at === CANDIDATE];
    const [from, to] = isSigned ? [Math.min(0, gate), Math.max(0, gate)].map((end) => (end + 1) / 2) : [0, gate];
    return html`
      <li class=${isSigned ? "signed" : null}>
        <span>${t(name)} <small>${t(name + ".term")}</small></span>
        <${Bar} from=${from} to=${to}>${number(gate, 2)}<//>
      </li>`;
  });
  return html`<ul class="gates" aria-label=${t("memory.gates")}>${rows}</ul>`;
}

/** @type {(cell: NamedCell) => string} */
const describe = (cell) =>
  `${page.featureOf(cell)} (${t("memory.option", { cell: cell.index + 1, layer: cell.layer + 1 })})`;

/** @type {(cell: NamedCell) => string} */
const explain = (cell) =>
  t("memory.about", { name: page.featureOf(cell), ...scoreOf(cell), baseline: number(cell.last_three, 2) });

/** The passages in which a cell is highest and lowest, if it has some. @param {{cell: ?NamedCell}} properties */
function Passages({ cell }) {
  const [open, model] = [isOpen.passages.value, page.model.value];
  const isAsked = open && cell?.passages && model;
  const ask = () => (isAsked ? engine.passages({ model: refOf(model), cell: [cell.layer, cell.index] }) : null);
  const answer = useAnswer(ask, [open, cell, model]);
  const toggle = ({ target }) => (isOpen.passages.value = target.open);
  return html`
    <details class="passages" open=${open} hidden=${!cell?.passages} onToggle=${toggle}>
      <summary>${t("passages.title")}</summary>
      <div role="status">${answer && contentOf(answer)}</div>
    </details>`;
}

/** @param {PassagesAnswer} answer */
function contentOf(answer) {
  if (answer.refusal) return render(answer.refusal);
  const about = answer.seed === null ? t("passages.held_out") : t("passages.written", { seed: answer.seed });
  const column = (title, colour, passages) => {
    const row = ([before, character, after]) =>
      html`<li><bdi>${onOneLine(before)}<mark class=${colour}>${visibleCharacter(character)}</mark>${onOneLine(after)}</bdi></li>`;
    return html`<div><h2>${t(title)}</h2><ol>${passages.map(row)}</ol></div>`;
  };
  const columns = [column("passages.high", "p4", answer.high), column("passages.low", "n4", answer.low)];
  return html`<p class="about">${about}</p><div class="both">${columns}</div>`;
}

const onOneLine = (text) => text.replaceAll("\n", "⏎");

/** The choice for the cell that the lens shows. While two models are blended no cell can be clamped. */
function ClampChoice() {
  page.watch(page.refusal); // after a refusal the choice goes back to what it was
  const [[layer, index], clamped] = [cell.value, page.clampedCells.value];
  if (!clamped) return html`<p class="cannot-hold">${t("refusal.clamps_blended")}</p>`;
  const isThis = (each) => each[0] === layer && each[1] === index;
  const now = clamped.find(isThis)?.[2] ?? null;
  const known = page.namedCell(layer, index);
  const choices = Object.entries(CHOICES).map(([name, ofFeature]) => {
    const value = ofFeature && page.isInverted(known) ? -ofFeature : ofFeature;
    const choose = () =>
      clampAndRewrite([...clamped.filter((each) => !isThis(each)), ...(value === null ? [] : [[layer, index, value]])]);
    const label = t(`hold.${value === null ? name : page.wayOf(value, known)}`);
    return html`
      <label>
        <input type="radio" name="hold" value=${name} checked=${value === now} onChange=${choose} /><span>${label}</span>
      </label>`;
  });
  return html`<fieldset class="hold"><legend>${t("hold.legend")}</legend>${choices}</fieldset>`;
}
