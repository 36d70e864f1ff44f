// The tour: a card with three steps over what is on the page.

import { html, render, useLayoutEffect, useRef } from "../vendor/preact.js";
import { lastTurn } from "../conversation/log.js";
import { Button, find, findAll } from "../document/dom.js";
import { t } from "../document/words.js";
import { choose } from "../lenses/memory.js";
import { lineCounter } from "../lenses/names.js";
import * as lenses from "../lenses/state.js";
import { press } from "../lenses/step.js";
import { clear as clearFocus, moveTo, reveal } from "../lenses/text/focus.js";
import { clamp, close, keep, send } from "../state/actions.js";
import * as state from "../state/state.js";
import { show } from "./stage.js";

const AFTER = 12; // characters that follow the line end with which the step about memory begins, at least

/**
 * @typedef {object} Step
 * @property {string} lens
 * @property {string} shows  what its text is about, in the panel
 * @property {Record<string, () => unknown>} actions  what each button does, by the id of its text
 */

/** @type {Step["actions"]} */
const ALONG = { "letter.before": () => move(-1), "letter.after": () => move(1) };

/** @type {Step[]} */
const STEPS = [
  { lens: "step", shows: ".stages > :nth-last-child(2)", actions: { "step.button": press } },
  { lens: "memory", shows: ".which", actions: ALONG },
  { lens: "memory", shows: ".hold", actions: { "demo.lines": () => show("lines") } },
];

/** How many steps there are now: the last is about a cell that counts the line. */
const stepCount = () => (state.model.value && lineCounter(state.model.value) ? STEPS.length : STEPS.length - 1);

let before = state.lens.peek(); // the visitor's own lens

/** Draws the card while a step is shown, and puts the visitor's lens back after it. @param {HTMLElement} root */
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
    if (isShown) {
      before = state.lens.value;
      release();
      return;
    }
    mark(null);
    state.lens.value = before;
    if (before === "plain") clearFocus(); // else its panel goes on to show the character
  });
  render(html`<${Card} />`, box); // now that it is shown, its heading can get the focus
}

const end = () => close(state.tourStep);

// Goes on with the text that was written before a cell was held: a held cell does not change, and the tour shows how one does.
function release() {
  const { comparison, clampedCells } = state;
  const isHeld = clampedCells.value?.length > 0;
  if (isHeld && comparison.value) return keep(comparison.value.old);
  state.compared.value = null;
  if (isHeld) clamp([]);
}

function Card() {
  const [heading, steps] = [useRef(/** @type {?HTMLElement} */ (null)), stepCount()];
  const number = Math.min(state.tourStep.value, steps);
  useLayoutEffect(() => {
    heading.current?.focus({ preventScroll: true });
    if (number) open(number);
  }, [number]);
  useLayoutEffect(() => showSubject(number), [lenses.details.value]);
  if (!number) return null;
  const isLast = number === steps;
  const buttons = Object.entries(STEPS[number - 1].actions).map(
    ([id, act]) => html`<${Button} key=${id} isOff=${state.busy.value} onPress=${act}>${t(id)}<//>`,
  );
  const go = (by) => () => (isLast && by > 0 ? end() : (state.tourStep.value = number + by));
  const [title, text] = [t(`tour.${number}`), t(`tour.${number}.text`, { ...lineCounter(state.model.value) })];
  return html`
    <div class="words">
      <p class="count">${t("tour.count", { step: number, steps })}</p>
      <h2 id="tour-title" tabindex="-1" ref=${heading}>${title}</h2>
      <p class="text">${text}</p>
    </div>
    <div class="actions">${buttons}</div>
    <div class="moves">
      <${Button} class="back" isOff=${number === 1} onPress=${go(-1)}>${t("tour.back")}<//>
      <${Button} class="next primary" onPress=${go(1)}>${t(isLast ? "tour.end" : "tour.next")}<//>
      <${Button} class="close" hidden=${isLast} onPress=${end}>${t("tour.close")}<//>
    </div>`;
}

// Begins a step: the lens, and the character or the cell in focus.
/** @param {number} number */
async function open(number) {
  const step = STEPS[number - 1];
  state.demonstration.value = "";
  lenses.alternatives.value = null; // they would cover what the step is about
  const model = state.model.value;
  if (!lastTurn(state.log.value) && !model?.welcome) send(model?.examples[0] ?? "");
  lenses.isOpen.cells.value = lenses.isOpen.layers.value = false;
  state.lens.value = step.lens;
  if (step.lens === "memory") chooseNamed(step.actions === ALONG);
  const isMissing = () => step.actions === ALONG && !lenses.focus.value; // its text is about a character
  const isDrawn = () => !lenses.isAsking.value && !state.busy.value && lenses.details.value;
  do {
    if (isMissing()) move(0);
    await new Promise(requestAnimationFrame); // until the lens is drawn with its values
  } while (state.tourStep.value === number && (isMissing() || !isDrawn()));
  await new Promise(requestAnimationFrame);
  if (state.tourStep.value !== number) return;
  if (step.actions === ALONG) await moveToLineEnd();
  if (number === 1) await moveTo(lenses.path, lenses.lastUncertain(), { scroll: true });
  reveal();
  showSubject(number);
}

// Scrolls the panel to what the text of a step is about, and marks it.
function showSubject(number) {
  const { shows } = STEPS[number - 1] ?? {};
  const subject = document.querySelector(`.pane .panel ${shows}`);
  subject?.scrollIntoView({ block: "nearest" });
  mark(subject);
}

/** @param {?Element} subject */
function mark(subject) {
  for (const each of findAll(document, ".panel .subject")) each.classList.remove("subject");
  subject?.classList.add("subject");
}

// Shows the named cell that counts the line, else the first whose high values mean yes, else the first.
/** @param {boolean} changes  whether the step is about how the cell changes: then none that was held while the text was written */
function chooseNamed(changes) {
  const model = state.model.value;
  const counter = model && lineCounter(model)?.cell;
  const held = lenses.path.path?.clamps.flatMap(([, cells]) => cells) ?? [];
  const isHeld = ({ layer, index }) => held.some((each) => each[0] === layer && each[1] === index);
  const named = (model?.cells ?? []).filter((each) => !changes || !isHeld(each));
  const cell = named.find((each) => each === counter) ?? named.find((each) => !state.isInverted(each)) ?? named[0];
  if (cell) choose([cell.layer, cell.index]);
}

// Puts the last line end that some characters follow in focus: there and after it the cell that counts the line changes.
async function moveToLineEnd() {
  const { path } = lenses;
  const isEnd = (char, at) => char === "\n" && at < path.chars.length - AFTER && path.chars[at - 1] !== "\n"; // of a line with letters
  const at = path.chars.findLastIndex(isEnd);
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
