// The lens "How surprised?": each character in the colour of its bits, its alternatives, and the words with the most bits.
// "Why this character?" under it: how much each of the characters before it mattered.

import { html, useLayoutEffect, useRef, useSignal } from "../vendor/preact.js";
import { refOf } from "../conversation/replies.js";
import { Button, hasTouch, pause, visibleCharacter } from "../document/dom.js";
import { number, render, t } from "../document/words.js";
import { engine } from "../state/actions.js";
import * as page from "../state/state.js";
import { LIMITS } from "../settings.js";
import { Chances, chance, likely, nameOf, quoted } from "./names.js";
import { inspect, invalidate, moveTo, moveToNode, pump } from "./text/focus.js";
import { changed, drawIn } from "./text/drawn_text.js";
import { TracedText } from "./text/traced_text.js";
import * as state from "./state.js";

const COSTLY = 6; // words
const REST_MS = 150; // after the last key press, or the last change of the character in focus
const LEVELS = 4; // colours on each side of zero
const SMALLEST = 0.1; // bits of a full bar at least, so that tiny changes get short bars
const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -Infinity, End: Infinity };
const WORD_LENGTH = 24; // characters of a word that are shown
let timer = 0;
let over = /** @type {?Element} */ (null); // the character under the pointer

/** @type {import("./state.js").Lens} */
export const surprise = {
  Panel,
  offersChoices: true,
  wants: (position) =>
    position !== undefined && state.asksFirstLayer.value && hasFirstLayer() ? { first_layer: true } : {},
  mark: (value) => (value === state.UNKNOWN ? "unknown" : state.WELCOME.mark(value)),
};

function Panel() {
  const swatches = [...state.BOUNDS, null].map((high, level) => {
    const low = state.BOUNDS[level - 1];
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
  page.watch(state.frames);
  const isHidden = ![state.path, state.own.value].some((each) => each?.values("bits").includes(state.UNKNOWN));
  return html`<span hidden=${isHidden}><span class="swatch unknown" aria-hidden="true">§</span> ${t("surprise.unknown")}</span>`;
}

function LastTurn() {
  const { at, length, writing } = state.turns.value.at(-1) ?? { at: 0, length: 0, writing: false };
  return html`<${Sum} text=${state.path} start=${at} end=${at + length} isWhole=${!writing} />`;
}

// What the engine predicted for the character in focus.
function Character() {
  const [about, cost] = [state.details.value, state.bits.value];
  const rows = about?.top.length && cost !== state.UNKNOWN ? likely(about, page.sampling.value, about.char, cost) : [];
  const char = about && html`<b class="char">${visibleCharacter(about.char)}</b> `;
  return html`
    <p class="which">${char}${explain(rows)}</p>
    <${Chances} rows=${rows} char=${about?.char} label=${t("surprise.likely")} />`;
}

/** @param {[character: string, share: number][]} rows */
function explain(rows) {
  const [about, cost] = [state.details.value, state.bits.value];
  if (!about) return t(hasTouch() ? "surprise.tap" : "surprise.hint");
  if (cost === state.UNKNOWN) return t("surprise.not_read");
  if (!about.top.length) return t("surprise.first");
  if (!(cost >= 0)) return t("surprise.drawn_from");
  const [, now] = rows.find(([each]) => each === about.char);
  return t("surprise.chance", { bits: number(cost, 2), chance: chance(2 ** -cost), now: chance(now) });
}

// Not for one layer, whose h gives the prediction itself, nor for a blend, which has two networks.
const hasFirstLayer = () => (page.model.value?.layers ?? 0) > 1 && !state.path.path?.second;

// "What did the first layer expect?": the output layer applied to the h of the first layer.
function FirstLayer() {
  page.watch(state.frames);
  const found = state.asksFirstLayer.value ? state.details.value?.first_layer : null;
  const rows = found ? likely(found, page.sampling.value, state.details.value.char) : [];
  const ask = ({ target }) => {
    state.asksFirstLayer.value = target.checked;
    if (state.focus.value) inspect();
  };
  const answer = html`
    <p class="about">${t("first_layer.help")}</p>
    <${Chances} rows=${rows} char=${state.details.value?.char} label=${t("first_layer.likely")} />`;
  return html`
    <div class="first-layer" hidden=${!hasFirstLayer()}>
      <label><input type="checkbox" checked=${state.asksFirstLayer.value} onChange=${ask} /> ${t("first_layer.option")}</label>
      ${found && answer}
    </div>`;
}

/**
 * The total and the mean of a part of a text, and once it is whole the words with the most bits.
 * @param {{text: TracedText, start: number, end: number, isWhole: boolean, children?: any}} properties  children are shown between them
 */
function Sum({ text, start, end, isWhole, children }) {
  page.watch(state.frames);
  const values = text.values("bits").slice(start, end);
  const known = values.filter((each) => each !== null && each !== state.UNKNOWN);
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
  page.watch(state.frames);
  const [field, under, wasUsed] = [useRef(null), useRef(null), useRef(state.ownText.value !== "")];
  const [text, fault] = [state.own.value, useSignal("")];
  const draw = () => {
    if (!under.current) return; // another lens was chosen
    if (state.own.value) drawIn(under.current, 0, state.own.value.chars.length, state.own.value);
    under.current.scrollTop = field.current.scrollTop;
  };
  useLayoutEffect(draw, []);
  const type = ({ target }) => {
    state.ownText.value = target.value;
    clearTimeout(timer);
    timer = setTimeout(() => {
      const length = [...state.ownText.value].length;
      const values = { field: t("setting.text"), length, most: LIMITS.prompt };
      fault.value = length > LIMITS.prompt ? t("refusal.characters", values) : "";
      if (!fault.value) read();
      draw();
    }, REST_MS);
  };
  const point = ({ target }) => {
    const position = [...target.value.slice(0, target.selectionStart)].length - 1;
    if (position >= 0 && position < (state.own.value?.chars.length ?? 0)) moveTo(state.own.value, position);
  };
  const line = html`<p class="fault" role="alert">${fault.value}</p>`;
  const sum = html`<${Sum} text=${text} start=${0} end=${text?.chars.length} isWhole=${true}>${line}<//>`;
  return html`
    <details class="own" open=${wasUsed.current}>
      <summary>${t("surprise.own")}</summary>
      <div class="field">
        <div class="under" aria-hidden="true" ref=${under}></div>
        <textarea rows="5" spellcheck=${false} aria-label=${t("surprise.own_label")} placeholder=${t("surprise.own_hint")}
          value=${state.ownText.value} ref=${field} onInput=${type} onKeyUp=${point} onClick=${point} onMouseMove=${moveOver}
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
  const text = state.own.value ?? new TracedText(engine);
  const path = { model: refOf(model), second: null, share: null, start: true, text: state.ownText.value, clamps: [] };
  invalidate(text, text.set(path));
  state.own.value = text;
  changed();
  pump();
}

/** @import { TraceAnswer } from "../engines/engine.js" */

// The engine answers in parts. No further part is requested once another character is in focus.
/** @param {import("./state.js").Details} about @param {() => boolean} isLate @returns {Promise<TraceAnswer>} */
async function ask({ traced, position }, isLate) {
  let answer = /** @type {?TraceAnswer} */ (null);
  for (await pause(REST_MS); !isLate() && (!answer || answer.more);) answer = await traced.ask({ why: position });
  return answer;
}

function Why() {
  const [about, open, box] = [state.details.value, state.isOpen.why.value, useRef(null)];
  const answer = state.useAnswer((isLate) => (open && about ? ask(about, isLate) : null), [open, about]);
  const chosen = useSignal(-1); // -1: the character that mattered most
  useLayoutEffect(() => void (chosen.value = -1), [answer]);
  const scrolls = useRef(false); // once it is opened and has its answer
  useLayoutEffect(() => {
    if (!scrolls.current || (about && !answer)) return;
    scrolls.current = false;
    box.current.scrollIntoView({ block: "nearest" });
  });
  const toggle = ({ target }) => {
    scrolls.current = target.open && !open;
    state.isOpen.why.value = target.open;
  };
  const changes = answer?.changes ?? [];
  const isEmpty = answer?.surprisal === null || changes.every((change) => change === null);
  const sizes = isEmpty ? [] : changes.map((change) => Math.abs(change ?? 0));
  const largest = Math.max(...sizes);
  const at = chosen.value < 0 ? sizes.lastIndexOf(largest) : chosen.value;
  const left = sizes.length ? about.traced.chars.slice(answer.start, about.position) : [];
  const options = left.map((char, n) => {
    const part = sizes[n] / Math.max(largest, SMALLEST);
    const level = Math.round(part * LEVELS);
    const mark = level ? `${changes[n] < 0 ? "n" : "p"}${level}` : null;
    const style = `--part: ${part}`;
    return html`
      <i role="option" id=${"why-" + n} class=${changes[n] < 0 ? "less" : "more"} style=${style} aria-label=${nameOf(char)}
        aria-selected=${String(n === at)} onMouseMove=${() => (chosen.value = n)}><span class=${mark}>${visibleCharacter(char)}</span></i>`;
  });
  const onKey = (event) => {
    const step = STEPS[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    event.preventDefault();
    chosen.value = Math.max(0, Math.min(left.length - 1, at + step));
  };
  const list = html`
    <div class="left-out" role="listbox" tabindex="0" aria-label=${t("why.list")} aria-activedescendant=${"why-" + at} onKeyDown=${onKey}>${options}</div>`;
  const line = () => {
    if (!about) return t("surprise.hint");
    if (!answer) return open ? t("why.busy") : "";
    if (answer.refusal) return render(answer.refusal);
    return sizes.length ? effectOf(changes[at], left[at], about.char) : t("why.nothing");
  };
  return html`
    <details class="why" open=${open} onToggle=${toggle} ref=${box}>
      <summary>${t("why.title")}</summary>
      <p class="about">${t("why.help")}</p>
      ${sizes.length > 0 && list}
      <p class="change" role="status">${line()}</p>
    </details>`;
}

// What became of the bits of a character without one before it.
function effectOf(change, leftOut, char) {
  const values = { left_out: quoted(leftOut), character: quoted(char) };
  if (change === null) return t("why.no_number", values);
  const bits = number(Math.abs(change), 2);
  const id = Number(Math.abs(change).toFixed(2)) === 0 ? "why.same" : change > 0 ? "why.more" : "why.less";
  return t(id, { ...values, bits });
}

// Scripts without spaces between words: each character counts as a word. Their punctuation ends one, as a space does.
const ONE_CHARACTER = /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}/u;
const BETWEEN = /[\s\u3000-\u303f\uff00-\uff0f\uff1a-\uff20]/;

/**
 * Returns the words that cost at least one bit, the most bits first, each with the position of its character that costs the most.
 * @param {string[]} chars
 * @param {(number | null)[]} values  the bits of each character; a skipped one has none
 */
export function costlyWords(chars, values) {
  const words = /** @type {{word: string, bits: number, at: number, most: number}[]} */ ([]);
  let word = null;
  chars.forEach((char, at) => {
    if (BETWEEN.test(char)) {
      word = null;
      return;
    }
    const isAlone = ONE_CHARACTER.test(char);
    if (!word || isAlone) words.push((word = { word: "", bits: 0, at, most: 0 }));
    word.word += word.word.length < WORD_LENGTH ? char : "";
    const bits = Math.max(0, values[at] ?? 0);
    word.bits += bits;
    if (bits > word.most) [word.most, word.at] = [bits, at];
    if (isAlone) word = null;
  });
  return words.filter((each) => each.bits >= 1).sort((one, other) => other.bits - one.bits);
}
