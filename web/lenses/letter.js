// The details of one character, under its alternatives: how much each of the characters before it mattered; behind a fold, how
// likely it was at temperature 1.

import { html, useLayoutEffect, useSignal } from "../vendor/preact.js";
import { visibleCharacter } from "../document/dom.js";
import { number, render, t } from "../document/words.js";
import { pause } from "../engines/engine.js";
import * as page from "../state/state.js";
import { chance, nameOf, quoted } from "./names.js";
import * as state from "./state.js";

const REST_MS = 150; // after the character was opened
const LEVELS = 4; // colours on each side of zero
const SHOWN = 20; // characters at least, and those before them from the first one that mattered half as much as any
const SMALLEST = 0.1; // bits of a full bar at least, so that tiny changes get short bars
const NOTICEABLE = 1.05; // a smaller change of a chance is none
const MOST = 1000; // a letter that would have been less likely by a larger factor is called almost impossible
const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -Infinity, End: Infinity };

/** The details of the character whose alternatives are shown. @param {{position: number, char: string}} about */
export function Letter({ position, char }) {
  const open = state.isOpen.why.value;
  const toggle = ({ target }) => {
    state.isOpen.why.value = target.open;
    if (target.open) requestAnimationFrame(() => target.scrollIntoView({ block: "start" })); // in a sheet, which is scrolled
  };
  const answer = html`<div class="answer"><${Why} position=${position} char=${char} /><${Numbers} position=${position} /></div>`;
  return html`
    <div class="why">
      <details open=${open} onToggle=${toggle}><summary>${t("why.title")}</summary></details>
      ${open && answer}
    </div>`;
}

function Numbers({ position }) {
  page.watch(state.frames);
  const cost = state.path.values("bits")[position];
  const surprise = cost >= 0 && t("why.chance", { bits: number(cost, 2), chance: chance(2 ** -cost) });
  return html`
    <details class="numbers">
      <summary>${t("why.numbers")}</summary>
      <p>${surprise}</p>
      <p>${t("why.help")}</p>
    </details>`;
}

/** @import { TraceAnswer } from "../engines/engine.js" */

// The engine answers in parts. No further part is requested once another character is in focus.
/** @param {number} position @param {() => boolean} isLate @returns {Promise<TraceAnswer>} */
async function ask(position, isLate) {
  let answer = /** @type {?TraceAnswer} */ (null);
  for (await pause(REST_MS); !isLate() && (!answer || answer.more);) answer = await state.path.ask({ why: position });
  return answer;
}

function Why({ position, char }) {
  const answer = state.useAnswer((isLate) => ask(position, isLate), [position, char]);
  const chosen = useSignal(-1); // -1: the character that mattered most
  useLayoutEffect(() => {
    chosen.value = -1;
  }, [answer]);
  const changes = answer?.changes ?? [];
  const isEmpty = answer?.surprisal === null || changes.every((change) => change === null);
  const sizes = isEmpty ? [] : changes.map((change) => Math.abs(change ?? 0));
  const largest = Math.max(...sizes);
  const at = chosen.value < 0 ? sizes.lastIndexOf(largest) : chosen.value;
  const left = sizes.length ? state.path.chars.slice(answer.start, position) : [];
  const first = Math.min(
    Math.max(0, left.length - SHOWN),
    sizes.findIndex((size) => size >= largest / 2),
  );
  const options = left.slice(first).map((char, after) => {
    const n = first + after;
    const part = sizes[n] / Math.max(largest, SMALLEST);
    const level = Math.round(part * LEVELS);
    const mark = level ? `${changes[n] < 0 ? "n" : "p"}${level}` : null;
    const style = `--part: ${level ? part : 0}`;
    return html`
      <i role="option" id=${"why-" + n} class=${changes[n] < 0 ? "less" : "more"} style=${style} aria-label=${nameOf(char)}
        aria-selected=${String(n === at)} onMouseMove=${() => (chosen.value = n)}><span class=${mark}>${visibleCharacter(char)}</span></i>`;
  });
  const words = /** @type {unknown[][]} */ ([]); // each is in one line
  options.forEach((option, n) => {
    if (!n || /\s/.test(left[first + n - 1])) words.push([]);
    words.at(-1).push(option);
  });
  const lines = words.map((word) => html`<span role="none">${word}</span>`);
  const onKey = (event) => {
    const step = STEPS[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    event.preventDefault();
    event.stopPropagation(); // the arrows choose another character to change
    chosen.value = Math.max(first, Math.min(left.length - 1, at + step));
  };
  const list = html`
    <p class="about">${t("why.colours")}</p>
    <div class="left-out" role="listbox" tabindex="0" aria-label=${t("why.list")} aria-activedescendant=${"why-" + at} onKeyDown=${onKey}>${lines}</div>`;
  const line = () => {
    if (!answer) return t("why.busy");
    if (answer.refusal) return render(answer.refusal);
    return sizes.length ? effectOf(changes[at], left[at], char) : t("why.nothing");
  };
  return html`
    <p class="change" role="status">${line()}</p>
    ${sizes.length > 0 && list}`;
}

// What became of the bits of a character without one before it.
function effectOf(change, leftOut, char) {
  const values = { left_out: quoted(leftOut), character: quoted(char) };
  if (change === null) return t("why.no_number", values);
  const factor = 2 ** Math.abs(change);
  if (factor < NOTICEABLE) return t("why.same", values);
  if (change > 0 && factor > MOST) return t("why.almost", values);
  return t(change > 0 ? "why.more" : "why.less", {
    ...values,
    factor: number(Number(factor.toPrecision(2)), factor < 10 ? 1 : 0),
  });
}
