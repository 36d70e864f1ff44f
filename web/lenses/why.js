// "Why this character?" under the lens Surprise: how much each of the characters before it mattered.

import { html, useLayoutEffect, useRef, useSignal } from "../vendor/preact.js";
import { pause, visibleCharacter } from "../document/dom.js";
import { number, render, t } from "../document/words.js";
import { useAnswer } from "./questions.js";
import { nameOf, quoted } from "./names.js";
import { details, isOpen } from "./state.js";

const REST_MS = 200; // after the last change of the character in focus
const LEVELS = 4; // colours on each side of zero
const SMALLEST = 0.1; // bits of a full bar at least, so that tiny changes get short bars
const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -Infinity, End: Infinity };

/** @import { TraceAnswer } from "../engines/engine.js" */

// The engine answers in parts. No further part is requested once another character is in focus.
/** @param {import("./state.js").Details} about @param {() => boolean} isLate @returns {Promise<TraceAnswer>} */
async function ask({ traced, position }, isLate) {
  let answer = /** @type {?TraceAnswer} */ (null);
  for (await pause(REST_MS); !isLate() && (!answer || answer.more);) answer = await traced.ask({ why: position });
  return answer;
}

export function Why() {
  const [about, open, box] = [details.value, isOpen.why.value, useRef(null)];
  const answer = useAnswer((isLate) => (open && about ? ask(about, isLate) : null), [open, about]);
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
    isOpen.why.value = target.open;
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
