// The six steps of the tour: which lens and which control each shows, and what its buttons do with the real controls.

import { count, lastTurn, replyText } from "../conversation/log.js";
import { find } from "../document/dom.js";
import { SAMPLING } from "../settings.js";
import { CLAMP_VALUE, lineCounter } from "./line_counter.js";

const SURE = 1; // bits: a character with fewer was expected

/**
 * @import { Page } from "../page/main.js"
 * @import { Lenses } from "../lenses/lens.js"
 * @import { Message } from "../engines/engine.js"
 *
 * @typedef {{page: Page, lenses: Lenses, report: (message: Message) => void}} Place  what a step acts on
 *
 * @typedef {object} Step
 * @property {string} lens
 * @property {string[]} targets  the controls that are marked and brought into view; where not all fit, the last one
 * @property {(place: Place) => Promise<void> | void} [prepare]  once the text of the tour is written
 * @property {string} [values]  id of the name of the setting, if the buttons choose its values
 * @property {[text: Message, act: (place: Place) => unknown, value?: number][]} actions
 */

/** @type {Step[]} */
export const STEPS = [
  {
    lens: "step",
    targets: [".panel .press", ".panel .stages"],
    prepare: showCharacter,
    actions: [[{ id: "step.button" }, ({ lenses }) => lenses.lenses.step.press()]],
  },
  {
    lens: "surprise",
    targets: ['[data-setting="temperature"]', ".panel .closely"],
    prepare: focusUncertainCharacter,
    values: "setting.temperature",
    actions: [0.2, 0.8, 1.5].map((value) => [
      { id: "demo.bolder.column", values: { temperature: value } },
      ({ page }) => set(page, { temperature: value }),
      value,
    ]),
  },
  {
    lens: "memory",
    targets: [".panel canvas"],
    prepare: chooseCounter,
    actions: [
      [{ id: "tour.before" }, move(-1)],
      [{ id: "tour.after" }, move(1)],
    ],
  },
  {
    lens: "memory",
    targets: [".panel .closely"],
    prepare: chooseCounter,
    actions: [
      [{ id: "tour.before" }, move(-1)],
      [{ id: "tour.after" }, move(1)],
    ],
  },
  {
    lens: "memory",
    targets: [".panel .hold", ".panel .compared"],
    prepare: chooseCounter,
    actions: [
      [{ id: "tour.hold" }, clamp],
      [{ id: "tour.free" }, release],
    ],
  },
  {
    lens: "plain",
    targets: [".setting:has(#seed)", ".log .turn:last-of-type .footer"],
    prepare: writeFree,
    actions: [
      [{ id: "tour.same" }, writeAgain],
      [{ id: "tour.other" }, writeOther],
    ],
  },
];

/** Returns the settings of the tour's text. */
export function tourControls() {
  return { ...SAMPLING, length: 120, speed: 60, seed: "7", second: "" };
}

/** Changes settings in the controls, as a visitor does. @param {Page} page @param {Record<string, unknown>} values */
function set(page, values) {
  page.controls.restore(values);
  page.lenses.update();
}

// Shows how a character came to be: the one in focus, else the last one. The inside of the network would be longer than the window.
function showCharacter({ lenses }) {
  find(lenses.panel, ".network details", HTMLDetailsElement).open = false;
  const turn = lenses.turns.at(-1);
  if (lenses.focus.at) return lenses.focus.inspect();
  return turn && lenses.focus.moveTo(lenses.path, turn.at + turn.length - 1);
}

// Puts a character in focus where others were likely too.
function focusUncertainCharacter({ lenses }) {
  const turn = lenses.turns.at(-1);
  if (!turn) return;
  const from = turn.at + turn.given;
  const bits = lenses.path.values("bits").slice(from, turn.at + turn.length);
  const open = bits.findIndex((each, at) => at > 0 && each > SURE);
  return lenses.focus.moveTo(lenses.path, from + Math.max(0, open));
}

// Shows the named cell that counts the line, else the first named one, and the middle of the reply.
function chooseCounter({ page, lenses }) {
  const model = lenses.source.about();
  const cell = (model && lineCounter(model)?.cell) ?? model?.cells[0];
  if (cell) lenses.lenses.memory.choose([cell.layer, cell.index]);
  const turn = lenses.turns.at(-1);
  if (!turn || page.busy) return;
  return lenses.focus.place
    ? lenses.focus.inspect()
    : lenses.focus.moveTo(lenses.path, turn.at + turn.given + Math.floor((turn.length - turn.given) / 2));
}

/** Puts the next character, or the one before, in focus. @param {number} by */
function move(by) {
  return (/** @type {Place} */ { lenses }) => {
    const turn = lenses.turns.at(-1);
    if (!turn) return;
    const last = turn.at + turn.length - 1;
    const now = lenses.focus.at?.traced === lenses.path ? lenses.focus.at.position : last;
    lenses.focus.moveTo(lenses.path, Math.max(0, Math.min(last, now + by)), { scroll: true });
  };
}

/** Clamps the shown cell, writes the reply again and compares the two texts. @param {Place} place */
async function clamp({ page, lenses }) {
  const { cell } = lenses.lenses.memory;
  const counter = lineCounter(lenses.source.about());
  const isCounter = counter && counter.cell.layer === cell[0] && counter.cell.index === cell[1];
  page.source.clamp([[cell[0], cell[1], isCounter ? counter.value : CLAMP_VALUE]]);
  await page.run(() => page.writer.rewrite(page.controls.options()));
  lenses.update(); // requests the text without the clamp
  await lenses.lenses.memory.comparison.fetched;
}

/** Releases all cells and writes the reply again. @param {Place} place */
function release({ page }) {
  page.source.clamp([]);
  return page.run(() => page.writer.rewrite(page.controls.options()));
}

// A reply that was written with a held cell would not come again from its seed.
function writeFree({ page }) {
  const isHeld = lastTurn(page.log())?.reply.parts.some((part) => part.cells.length);
  if (isHeld) return page.run(() => page.writer.rewrite({ ...page.controls.options(), speed: null }));
}

/** Writes the reply again with its seed, and reports whether the text is the same. @param {Place} place */
async function writeAgain({ page, report }) {
  const before = textNow(page);
  const settings = lastTurn(page.log())?.reply.parts[0]?.settings;
  if (!settings) return;
  set(page, { seed: settings.seed });
  const options = page.controls.options();
  // As long as the text is now, which "One letter" may have made longer.
  await page.run(() =>
    page.writer.retry({ ...options, settings: { ...settings, length: count(before) }, seed_given: false }),
  );
  report({ id: textNow(page) === before ? "tour.equal" : "tour.unequal" });
}

/** Writes the reply again with another seed. @param {Place} place */
async function writeOther({ page, report }) {
  const before = textNow(page);
  set(page, { seed: Number(page.controls.seed.value || 7) + 1 });
  await page.run(() => page.writer.retry(page.controls.options()));
  if (textNow(page) !== before) report({ id: "tour.unequal" });
}

/** @param {Page} page */
function textNow(page) {
  const turn = lastTurn(page.log());
  return turn ? replyText(turn.reply) : "";
}
