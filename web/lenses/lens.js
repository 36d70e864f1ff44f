// The text under a lens: reads the conversation, draws its characters in their colours, and requests their values.

import { effect, html, render, untracked } from "../vendor/preact.js";
import { find, findAll, keepAtEnd, pause } from "../document/dom.js";
import { render as write, t } from "../document/words.js";
import { changed as redraw } from "../state/actions.js";
import { textOf } from "../state/source.js";
import * as page from "../state/state.js";
import * as state from "./state.js";
import { bindAlternatives, open } from "./text/alternatives.js";
import { rangeOf } from "./text/caret.js";
import { CharacterBox } from "./text/character_box.js";
import * as focus from "./text/focus.js";

const AT_ONCE = 100; // characters that are drawn as soon as they arrive
const PER_FRAME = 500; // characters that are drawn or coloured between two frames: some milliseconds with their layout
const LOST_MS = 3000; // between two requests while the connection is lost
const WHILE_WRITING_MS = 30; // between two requests for the values of a reply that is being written

/**
 * @import { Message } from "../engines/engine.js"
 * @import { TracedText } from "./text/traced_text.js"
 */

const { path } = state;
const boxes = /** @type {Map<Element, CharacterBox>} */ (new Map());
/** @type {HTMLElement} */
export let log;
let newest = 0; // the highest id of a turn that was read
let retry = 0; // timer of the next request while the connection is lost
let [isScheduled, isPumping] = [false, false];

/** Binds the lenses to the elements of the conversation. @param {HTMLElement} pane */
export function bindLenses(pane) {
  const panel = find(pane, ".panel");
  log = find(pane, ".log");
  focus.bindFocus(log);
  bindAlternatives(pane);
  render(html`<${Panel} />`, panel);
  document.addEventListener("visibilitychange", pump);
  addEventListener("online", askAgain);
  effect(() => {
    if (page.lens.value !== "plain" && !state.panels.value) loadPanels();
  });
  effect(() => {
    const name = state.shownName.value;
    untracked(() => show(pane, panel, name));
  });
  effect(() => (panel.ariaBusy = state.isAsking.value ? "true" : null)); // it still shows the character that was in focus before
}

/** Imports the lenses that have a panel; few visitors use them at once. */
export async function loadPanels() {
  const { panels } = await import("./lens_list.js");
  state.panels.value = panels;
}

function Panel() {
  const name = state.shownName.value;
  const lens = state.panels.value?.[name];
  if (!lens) return null;
  const problem = isLost(state.problem.value) ? { id: "status.reconnecting" } : state.problem.value;
  const help = t(`lens.${name}.help`);
  return html`
    <p class="help">${help}</p>
    <p class="problem" role="status">${write(problem)}</p>
    <${lens.Panel} />`;
}

/** Returns whether a question was refused because the connection is lost. @param {?Message} [refusal] */
export const isLost = (refusal) => refusal?.id === "fault.connection";

function show(pane, panel, name) {
  for (const hint of findAll(log, "article > .hint.done")) hint.remove(); // it only kept its room
  // The panel makes the text shorter.
  keepAtEnd(log, () => {
    pane.classList.toggle("lensed", name !== "plain");
    panel.hidden = name === "plain";
    panel.className = `panel ${name}`;
    panel.ariaLabel = t("lens.panel", { name: t(`lens.${name}`) });
  });
  repaint();
  focus.clearDetails();
  redraw();
  update();
  for (const article of findAll(log, "article[data-turn]")) draws(article);
  const last = path.chars.length - 1;
  const isFree = !page.busy.value && state.turns.value[0]?.id !== 0; // page/arrival.js chooses a character of a welcome text
  if (state.focus.value && !state.isAsking.value) focus.inspect();
  else if (!state.focus.value && name !== "plain" && isFree && last >= 0) focus.moveTo(path, last); // the panel has values to show
  if (state.lensNow()) focus.reveal();
}

/** Colours all characters again, or leaves the conversation as plain text where no lens is on. */
export function repaint() {
  const isOn = state.lensNow() !== undefined;
  for (const box of boxes.values()) box[isOn ? "repaint" : "release"]();
  if (!isOn) boxes.clear();
  changed();
}

/** Reads the conversation again; called in each frame, before it is drawn. */
export function update() {
  if (state.lensNow() || state.focus.value || state.alternatives.value) read();
  if (!state.lensNow()) return focus.mark();
  state.lensNow().update?.();
  changed();
  pump();
}

/**
 * Draws the text of a turn, if a lens is on and the path has the turn.
 * @param {HTMLElement} article with data-turn
 * @returns {boolean} whether it did
 */
export function draws(article) {
  if (!state.lensNow()) {
    if (boxes.size) repaint();
    return false;
  }
  const turn = state.turns.value.find((each) => String(each.id) === article.dataset.turn);
  if (!turn) return false;
  const given = turn.at + turn.given;
  const isSeparated = turn.at > 0 && turn.given > 0 && path.chars[turn.at] === "\n" && !article.matches(".chat");
  drawIn(find(article, ".prompt"), turn.at + Number(isSeparated), given); // the view shows no line break there, either
  const shown = turn.id === 0 ? state.welcome.shown.value : Infinity;
  drawIn(find(article, ".reply"), given, turn.at + Math.min(turn.length, shown));
  changed();
  return true;
}

/** Draws a part of a text in an element. @param {HTMLElement} element @param {number} start @param {number} end @param {TracedText} traced */
export function drawIn(element, start, end, traced = path) {
  const box = boxes.get(element) ?? new CharacterBox(element, traced);
  boxes.set(element, box);
  box.setRange(start, end);
  box.draw(AT_ONCE);
}

/** Reads the conversation. */
export function read() {
  const [text, before] = [textOf(page.log.value), state.turns.value];
  state.turns.value = text?.turns ?? [];
  const [first, last] = [state.turns.value[0], state.turns.value.at(-1)];
  if (first?.id === 0 && before[0]?.id !== 0) focus.clear(); // of the conversation that the welcome text replaces
  const changes = path.set(text);
  // A short reply may be over when it is read for the first time.
  const isNew = last && (last.writing ? last.id !== before.at(-1)?.id : last.id > newest);
  newest = Math.max(newest, last?.id ?? 0);
  const position = focus.positionNow();
  if (isNew && position !== null && (position < last.at || position > changes.text)) focus.clear(); // the new reply does not keep it
  invalidate(path, changes);
  for (const element of boxes.keys()) if (!element.isConnected) boxes.delete(element);
}

/** Removes what is outdated after a text or its values changed. @type {(traced: TracedText, changed: {text: number, values: number}) => void} */
export function invalidate(traced, { text, values }) {
  for (const box of boxes.values()) if (box.traced === traced) box.invalidate(text, values);
  state.lensNow()?.invalidate?.(traced, values);
  focus.invalidate(traced, Math.min(text, values));
}

/** Draws in the next frame what may look different now. */
export function changed() {
  if (!isScheduled) requestAnimationFrame(frame);
  isScheduled = true;
}

function frame() {
  isScheduled = false;
  const lens = state.lensNow();
  if (!lens) return;
  let left = PER_FRAME;
  keepAtEnd(log, () => {
    for (const box of [...boxes.values()].reverse()) {
      if (left > 0) left -= box.draw(left);
      if (left > 0) left -= box.paint(box.traced.values(state.keyNow()), lens.mark, left);
    }
  });
  if (left <= 0) changed();
  focus.mark();
  state.frames.value++;
}

// The text whose values are to be fetched next: the visitor's own text before the conversation; undefined if none is.
function wanted() {
  if (!state.lensNow() || document.hidden) return undefined;
  const texts = state.shownName.value === "surprise" && state.own.value ? [state.own.value, path] : [path];
  return texts.find((text) => text.path && text.values(state.keyNow()).length < text.chars.length);
}

/** Requests the values that are missing, one request after another. */
export async function pump() {
  if (isPumping) return;
  isPumping = true;
  try {
    for (let text = wanted(); text; text = wanted()) {
      const [lens, key, { version }] = [state.lensNow(), state.keyNow(), text];
      const from = text.values(key).length;
      const answer = await text.ask({ from, ...lens.wants?.() });
      if (lens !== state.lensNow() || key !== state.keyNow() || version !== text.version) continue;
      answered(answer.refusal);
      if (answer.refusal || !answer.bits?.length) break;
      text.values(key).push(...(lens.take?.(answer, text, from) ?? answer.bits));
      changed();
      await new Promise(requestAnimationFrame); // none comes while the page is hidden
      if (page.busy.value) await pause(WHILE_WRITING_MS);
    }
  } finally {
    isPumping = false;
  }
}

/** Shows why the engine refused a question, and asks again later if the connection is lost. @param {Message} [refusal] */
export function answered(refusal) {
  state.problem.value = refusal ?? null;
  if (isLost(refusal)) retry ||= setTimeout(askAgain, LOST_MS);
}

function askAgain() {
  clearTimeout(retry);
  if (retry && state.focus.value) focus.inspect();
  const box = state.alternatives.value;
  if (isLost(box?.answer.refusal)) open(box.position);
  retry = 0;
  pump();
}

/** Returns the element of a character; undefined if none shows it. @param {TracedText} traced @param {number} position */
export function nodeAt(traced, position) {
  return [...boxes.values()].find((box) => box.traced === traced && box.nodeAt(position))?.nodeAt(position);
}

/** The element of a character of the conversation, or its range in a reply without a lens; null if it is not shown. @param {number} position */
export function characterAt(position) {
  const turn = state.turnAt(position);
  const reply = turn && log.querySelector(`article[data-turn="${turn.id}"] .reply`);
  return nodeAt(path, position) ?? (reply && rangeOf(reply, position - turn.at - turn.given));
}
