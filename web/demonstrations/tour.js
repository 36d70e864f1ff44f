// The tour: a card with five steps over what is on the page, each with a link of its own (#tour-1 to #tour-5).

import { html, render, useLayoutEffect, useRef } from "../vendor/preact.js";
import { lastTurn } from "../conversation/log.js";
import { Button, find } from "../document/dom.js";
import { render as textOf, t } from "../document/words.js";
import { choose } from "../lenses/memory.js";
import * as lenses from "../lenses/state.js";
import { press } from "../lenses/step.js";
import { moveTo, reveal } from "../lenses/text/focus.js";
import { clamp, clampAndRewrite, close, restore, send } from "../state/actions.js";
import { SETTINGS } from "../settings.js";
import * as state from "../state/state.js";
import { CLAMP_VALUE, lineCounter } from "../lenses/names.js";

const LENGTH = 160; // characters of the reply that the tour begins with, if there is none
const AFTER = 12; // characters that follow the line end with which the steps about memory begin, at least
const SURE = 1; // bits: a character with fewer was expected

/**
 * @import { Clamp, Message } from "../engines/engine.js"
 *
 * @typedef {object} Step
 * @property {string} lens
 * @property {() => unknown} [prepare]  puts a cell or a character in focus
 * @property {string} [shows]  what its text is about, in the panel
 * @property {[text: Message, act: () => unknown, value?: number][]} actions  the buttons, and
 *   the temperature that each sets
 */

const GATES = ".closely"; // under "Other cells"

/** @type {Step["actions"]} */
const ALONG = [
  [{ id: "tour.before" }, () => move(-1)],
  [{ id: "tour.after" }, () => move(1)],
];

/** @type {Step[]} */
const STEPS = [
  { lens: "step", shows: ".stages > :last-child", actions: [[{ id: "step.button" }, press]] },
  {
    lens: "plain",
    prepare: showUncertainCharacter,
    actions: Object.entries({ "page.calm": 0.3, "tour.normal": 0.8, "page.wild": 1.5 }).map(([id, temperature]) => [
      { id },
      () => state.type("temperature", temperature),
      temperature,
    ]),
  },
  { lens: "memory", prepare: chooseCounter, shows: ".which", actions: ALONG },
  { lens: "memory", prepare: chooseCounter, shows: GATES, actions: ALONG },
  {
    lens: "memory",
    prepare: chooseCounter,
    shows: ".hold",
    actions: [
      [{ id: "tour.hold" }, () => clampAndRewrite([heldCell()])],
      [{ id: "tour.free" }, () => clampAndRewrite([])],
    ],
  },
];

/** The visitor's own lens, settings and clamped cells. */
let before = ownChoices();
let isBegun = false; // it shows a text that was written with free cells and drawn letters, and not wildly

function ownChoices() {
  const { temperature, seed, length } = state.controls();
  return { lens: state.lens.value, settings: { temperature, seed, length }, cells: state.log.value.held.cells };
}

/** Draws the card while a step is shown, and puts the visitor's lens and settings back after it. @param {HTMLElement} root */
export function drawTour(root) {
  const box = find(root, "#tour");
  // Wherever the focus is. The Escape that stops a reply, or closes something else, leaves the card open.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented && state.tourStep.value && !state.busy.value) end();
  });
  state.onChange([state.tourStep], () => {
    const isShown = state.tourStep.value > 0;
    if (isShown !== box.hidden) return;
    box.hidden = !isShown;
    find(root, ".char-lstm").classList.toggle("on-tour", isShown);
    if (isShown) {
      [before, isBegun] = [ownChoices(), false];
      if (before.cells.length) clamp([]);
      return;
    }
    history.replaceState(history.state, "", location.pathname + location.search);
    lenses.alternatives.value = null; // of its second step
    restore(before.settings);
    if (before.cells !== ownChoices().cells) clamp(before.cells);
    state.lens.value = before.lens;
  });
  render(html`<${Card} />`, box); // now that it is shown, its heading can get the focus
}

const end = () => close(state.tourStep);

function Card() {
  const [heading, number] = [useRef(/** @type {?HTMLElement} */ (null)), state.tourStep.value];
  useLayoutEffect(() => {
    heading.current?.focus({ preventScroll: true });
    if (number) open(number);
  }, [number]);
  if (!number) return null;
  const isLast = number === STEPS.length;
  const buttons = STEPS[number - 1].actions.map(([text, act, value]) => {
    const isChosen = value === undefined ? null : Number(state.typed.temperature.value) === value;
    return html`<${Button} key=${textOf(text)} aria-pressed=${isChosen} isOff=${state.busy.value} onPress=${act}>${textOf(text)}<//>`;
  });
  const go = (by) => () => (isLast && by > 0 ? end() : (state.tourStep.value = number + by));
  const [title, text] = [t(`tour.${number}`), t(`tour.${number}.text`)];
  return html`
    <div class="words">
      <p class="count">${t("tour.count", { step: number, steps: STEPS.length })}</p>
      <h2 id="tour-title" tabindex="-1" ref=${heading}>${title}</h2>
      <p class="text">${text}</p>
    </div>
    <div class="actions">${buttons}</div>
    <div class="moves">
      <${Button} class="back" isOff=${number === 1} onPress=${go(-1)}>${t("tour.back")}<//>
      <${Button} class="next primary" onPress=${go(1)}>${t(isLast ? "tour.end" : "tour.next")}<//>
      <${Button} class="close" onPress=${end}>${t("tour.close")}<//>
    </div>`;
}

// Begins a step: the lens, and the character or the cell in focus.
/** @param {number} number */
async function open(number) {
  const step = STEPS[number - 1];
  history.replaceState(history.state, "", `#tour-${number}`);
  state.demonstration.value = "";
  restore(before.settings); // another step may have set them
  lenses.alternatives.value = null; // of the step before
  const last = lastTurn(state.log.value);
  const isUsual = ({ cells, picked, settings }) => !cells.length && !picked && !(settings?.temperature > 1);
  if (!isBegun) state.compared.value = null;
  if (!last || (!isBegun && !last.reply.parts.every(isUsual))) {
    restore({ temperature: SETTINGS.temperature.default, length: LENGTH });
    send(state.model.value?.examples[0] ?? "");
  }
  isBegun = true;
  lenses.isOpen.cells.value = step.shows === GATES;
  state.lens.value = step.lens;
  await step.prepare?.();
  const isMissing = () => step.actions === ALONG && !lenses.focus.value; // its text is about a character
  const isDrawn = () => !lenses.isAsking.value && !state.busy.value && (step.lens === "plain" || lenses.details.value);
  do {
    if (isMissing()) move(0);
    await new Promise(requestAnimationFrame); // until the lens is drawn with its values
  } while (state.tourStep.value === number && (isMissing() || !isDrawn()));
  await new Promise(requestAnimationFrame);
  if (state.tourStep.value !== number) return;
  if (step.actions === ALONG) await moveToLineEnd();
  reveal();
  document.querySelector(`.pane .panel ${step.shows ?? ""}`)?.scrollIntoView({ block: "nearest" });
}

// Shows the chances of a character where others were likely too.
async function showUncertainCharacter() {
  const turn = lenses.turns.value.at(-1);
  if (!turn) return;
  const { path, alternatives } = lenses;
  const from = turn.at + turn.given;
  const { bits = [] } = await path.ask({ from });
  const found = bits.findIndex((each, at) => at > 0 && each > SURE);
  const position = from + Math.max(0, found);
  const answer = await path.ask({ at: position });
  if (STEPS[state.tourStep.value - 1]?.prepare !== showUncertainCharacter || !answer.top?.length) return;
  moveTo(path, position, { scroll: true });
  alternatives.value = { position, turn: turn.id, char: path.chars[position], answer, choice: "" };
  scrollTo({ top: 0, behavior: "instant" }); // on a phone the chances are at the top of the window, where they cover the title alone
}

// Shows the named cell that counts the line, else the first named one.
function chooseCounter() {
  const model = state.model.value;
  const cell = (model && lineCounter(model)?.cell) ?? model?.cells[0];
  if (cell) choose([cell.layer, cell.index]);
}

// Puts the last line end that some characters follow in focus: there and after it the cell that counts the line changes.
async function moveToLineEnd() {
  const { path } = lenses;
  const at = path.chars.lastIndexOf("\n", path.chars.length - AFTER);
  if (at >= 0) await moveTo(path, at, { scroll: true });
}

// Puts the next character, or the one before, in focus.
/** @param {number} by */
function move(by) {
  const { path } = lenses;
  const last = path.chars.length - 1;
  const wanted = (lenses.focus.value?.position ?? last) + by;
  if (last >= 0) moveTo(path, Math.max(0, Math.min(last, wanted)), { scroll: true });
}

/** The cell that counts the line, clamped so that lines become short; else the one of the memory lens. @returns {Clamp} */
function heldCell() {
  const [counter, [layer, index]] = [lineCounter(state.model.value), lenses.cell.value];
  return counter ? [counter.cell.layer, counter.cell.index, counter.value] : [layer, index, CLAMP_VALUE];
}
