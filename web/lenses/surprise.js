// The lens "How surprised?": each character in the colour of its bits, its alternatives, and the words with the most bits.

import { html } from "../vendor/preact.js";
import { hasTouch, visibleCharacter } from "../document/dom.js";
import { Button } from "../document/views.js";
import { number, t } from "../document/words.js";
import * as page from "../page/state.js";
import { Chances, chance, likely } from "./chances.js";
import { OwnText } from "./own_text.js";
import { Why } from "./questions/why.js";
import { asksFirstLayer, bits, details, focus, frames, own, path, turns } from "./state.js";
import { BOUNDS, UNKNOWN, WELCOME } from "./surprise_colours.js";
import { inspect, moveTo } from "./text/focus.js";
import { costlyWords } from "./words.js";

const COSTLY = 6; // words

/** @import { TracedText } from "./text/traced_text.js" */

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
export function Sum({ text, start, end, isWhole, children }) {
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
