// The lens "How surprised?": each character in the colour of its bits, its alternatives, and the words with the most bits.

import { html, useLayoutEffect, useRef, useSignal } from "../vendor/preact.js";
import { refOf } from "../conversation/models.js";
import { hasTouch, visibleCharacter } from "../document/dom.js";
import { Button } from "../document/views.js";
import { number, t } from "../document/words.js";
import { engine } from "../state/actions.js";
import * as page from "../state/state.js";
import { LIMITS } from "../settings.js";
import { Chances, chance, likely } from "./chances.js";
import { invalidate, pump } from "./reading.js";
import { changed, drawIn } from "./text/drawn_text.js";
import { Why } from "./why.js";
import { asksFirstLayer, bits, details, focus, frames, own, ownText, path, turns } from "./state.js";
import { BOUNDS, UNKNOWN, WELCOME } from "./surprise_colours.js";
import { inspect, moveTo, moveToNode } from "./text/focus.js";
import { TracedText } from "./text/traced_text.js";
import { costlyWords } from "./words.js";

const COSTLY = 6; // words
const REST_MS = 150; // after the last key press
let timer = 0;
let over = /** @type {?Element} */ (null); // the character under the pointer

/** @type {import("./state.js").Lens} */
export const surprise = {
  Panel,
  offersChoices: true,
  wants: (position) => (position !== undefined && asksFirstLayer.value && hasFirstLayer() ? { first_layer: true } : {}),
  mark: (value) => (value === UNKNOWN ? "unknown" : WELCOME.mark(value)),
};

function Panel() {
  const swatches = [...BOUNDS, null].map((high, level) => {
    const low = BOUNDS[level - 1];
    const range = !low ? `< ${high}` : !high ? `${low} +` : `${low}–${high}`;
    return html`<span class=${"swatch b" + level}>${range}</span>`;
  });
  return html`
    <p class="legend">${t("surprise.scale")} ${swatches}<${Skipped} /></p>
    <div class="sides">
      <div class="sums"><${LastTurn} /></div>
      <div class="closely"><${Character} /><${FirstLayer} /></div>
    </div>
    <${Why} />
    <${OwnText} />`;
}

// The sample of a skipped character and its text stay together.
function Skipped() {
  page.watch(frames);
  const isHidden = ![path, own.value].some((each) => each?.values("bits").includes(UNKNOWN));
  return html`<span hidden=${isHidden}><span class="swatch unknown" aria-hidden="true">§</span> ${t("surprise.unknown")}</span>`;
}

function LastTurn() {
  const { at, length, writing } = turns.value.at(-1) ?? { at: 0, length: 0, writing: false };
  return html`<${Sum} text=${path} start=${at} end=${at + length} isWhole=${!writing} />`;
}

// What the engine predicted for the character in focus.
function Character() {
  const [about, cost] = [details.value, bits.value];
  const rows = about?.top.length && cost !== UNKNOWN ? likely(about, page.sampling.value, about.char, cost) : [];
  const char = about && html`<b class="char">${visibleCharacter(about.char)}</b> `;
  return html`
    <p class="which">${char}${explain(rows)}</p>
    <${Chances} rows=${rows} char=${about?.char} label=${t("surprise.likely")} />`;
}

/** @param {[character: string, share: number][]} rows */
function explain(rows) {
  const [about, cost] = [details.value, bits.value];
  if (!about) return t(hasTouch() ? "surprise.tap" : "surprise.hint");
  if (cost === UNKNOWN) return t("surprise.not_read");
  if (!about.top.length) return t("surprise.first");
  if (!(cost >= 0)) return t("surprise.drawn_from");
  const [, now] = rows.find(([each]) => each === about.char);
  return t("surprise.chance", { bits: number(cost, 2), chance: chance(2 ** -cost), now: chance(now) });
}

// Not for one layer, whose h gives the prediction itself, nor for a blend, which has two networks.
const hasFirstLayer = () => (page.model.value?.layers ?? 0) > 1 && !path.path?.second;

// "What did the first layer expect?": the output layer applied to the h of the first layer.
function FirstLayer() {
  page.watch(frames);
  const found = asksFirstLayer.value ? details.value?.first_layer : null;
  const rows = found ? likely(found, page.sampling.value, details.value.char) : [];
  const ask = ({ target }) => {
    asksFirstLayer.value = target.checked;
    if (focus.value) inspect();
  };
  const answer = html`
    <p class="about">${t("first_layer.help")}</p>
    <${Chances} rows=${rows} char=${details.value?.char} label=${t("first_layer.likely")} />`;
  return html`
    <div class="first-layer" hidden=${!hasFirstLayer()}>
      <label><input type="checkbox" checked=${asksFirstLayer.value} onChange=${ask} /> ${t("first_layer.option")}</label>
      ${found && answer}
    </div>`;
}

/**
 * The total and the mean of a part of a text, and once it is whole the words with the most bits.
 * @param {{text: TracedText, start: number, end: number, isWhole: boolean, children?: any}} properties  children are shown between them
 */
function Sum({ text, start, end, isWhole, children }) {
  page.watch(frames);
  const values = text.values("bits").slice(start, end);
  const known = values.filter((each) => each !== null && each !== UNKNOWN);
  const total = known.reduce((sum, each) => sum + each, 0);
  const facts = { mean: number(total / known.length, 2), total: Math.round(total), count: known.length };
  const words = isWhole && values.length === end - start ? costlyWords(text.chars.slice(start, end), values) : [];
  const buttons = words.slice(0, COSTLY).map(({ word, bits, at }) => {
    const cost = t("surprise.bits", { bits: Math.round(bits) });
    const open = () => moveTo(text, start + at, { scroll: true });
    return html`<${Button} onPress=${open}>${word} <small>${cost}</small><//>`;
  });
  const lead = html`<span class="lead">${t("surprise.words")}</span>`;
  return html`
    <p class="sum" role="status" aria-live=${isWhole ? "polite" : "off"}>${known.length ? t("surprise.sum", facts) : ""}</p>
    ${children}
    <div class="costly">${words.length > 1 && [lead, buttons]}</div>`;
}

// The visitor's own text: a text field, with the colours of its characters behind it.
function OwnText() {
  page.watch(frames);
  const [field, under, wasUsed] = [useRef(null), useRef(null), useRef(ownText.value !== "")];
  const [text, fault] = [own.value, useSignal("")];
  const draw = () => {
    if (!under.current) return; // another lens was chosen
    if (own.value) drawIn(under.current, 0, own.value.chars.length, own.value);
    under.current.scrollTop = field.current.scrollTop;
  };
  useLayoutEffect(draw, []);
  const type = ({ target }) => {
    ownText.value = target.value;
    clearTimeout(timer);
    timer = setTimeout(() => {
      const length = [...ownText.value].length;
      const values = { field: t("setting.text"), length, most: LIMITS.prompt };
      fault.value = length > LIMITS.prompt ? t("refusal.characters", values) : "";
      if (!fault.value) read();
      draw();
    }, REST_MS);
  };
  const point = ({ target }) => {
    const position = [...target.value.slice(0, target.selectionStart)].length - 1;
    if (position >= 0 && position < (own.value?.chars.length ?? 0)) moveTo(own.value, position);
  };
  const line = html`<p class="fault" role="alert">${fault.value}</p>`;
  const sum = html`<${Sum} text=${text} start=${0} end=${text?.chars.length} isWhole=${true}>${line}<//>`;
  return html`
    <details class="own" open=${wasUsed.current}>
      <summary>${t("surprise.own")}</summary>
      <div class="field">
        <div class="under" aria-hidden="true" ref=${under}></div>
        <textarea rows="5" spellcheck=${false} aria-label=${t("surprise.own_label")} placeholder=${t("surprise.own_hint")}
          value=${ownText.value} ref=${field} onInput=${type} onKeyUp=${point} onClick=${point} onMouseMove=${moveOver}
          onScroll=${() => (under.current.scrollTop = field.current.scrollTop)}></textarea>
      </div>
      ${text ? sum : line}
    </details>`;
}

// Puts the character behind the pointer in focus.
function moveOver({ clientX, clientY }) {
  const node = document.elementsFromPoint(clientX, clientY).find((each) => each.matches(".under i")) ?? null;
  if (node !== over) moveToNode(node);
  over = node;
}

function read() {
  const model = page.model.value;
  if (!model) return;
  const text = own.value ?? new TracedText(engine);
  const path = { model: refOf(model), second: null, share: null, start: true, text: ownText.value, clamps: [] };
  invalidate(text, text.set(path));
  own.value = text;
  changed();
  pump();
}
