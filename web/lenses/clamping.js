// Clamping a cell while the model writes: the choice under the memory lens, and what it has changed in the reply.

import { html, signal } from "../vendor/preact.js";
import { t } from "../document/words.js";
import { clamp, writer } from "../state/actions.js";
import * as page from "../state/state.js";
import { cell, path, turns } from "./state.js";

const STRONG = 4; // its tanh is 0.999
const CHOICES = { free: null, up: STRONG, off: 0, down: -STRONG };
const BEFORE = 24; // characters that are shown of the part that both texts share

/**
 * @import { ClampsOfText } from "../engines/engine.js"
 * @import { ReadTurn } from "../conversation/log.js"
 */

/** The choice for the cell that the lens shows. While two models are blended no cell can be clamped. */
export function ClampChoice() {
  page.watch(page.refusal); // after a refusal the choice goes back to what it was
  const [[layer, index], clamped] = [cell.value, page.clampedCells.value];
  if (!clamped) return html`<p class="cannot-hold">${t("refusal.clamps_blended")}</p>`;
  const isThis = (each) => each[0] === layer && each[1] === index;
  const now = clamped.find(isThis)?.[2] ?? null;
  const choices = Object.entries(CHOICES).map(([name, value]) => {
    const choose = () =>
      clamp([...clamped.filter((each) => !isThis(each)), ...(value === null ? [] : [[layer, index, value]])]);
    const label = t(`hold.${name}`);
    return html`
      <label>
        <input type="radio" name="hold" value=${name} checked=${value === now} onChange=${choose} /><span>${label}</span>
      </label>`;
  });
  return html`<fieldset class="hold"><legend>${t("hold.legend")}</legend>${choices}</fieldset>`;
}

let asked = ""; // the reply whose counterpart was requested
/** The last reply as the same seeds write it without clamps, from a position in it on; null if it is not known. */
const comparison = signal(/** @type {?{from: number, chars: string[]}} */ (null));

/** Requests the last reply without clamps once it has ended, if cells were clamped in it. */
export function compare() {
  const [turn, clamps] = [turns.value.at(-1), path.path?.clamps ?? []];
  const isWanted = turn && !turn.writing && wasClamped(turn, clamps);
  const wanted = isWanted ? `${turn.id} ${turn.length} ${JSON.stringify(clamps)}` : "";
  if (wanted === asked) return;
  [asked, comparison.value] = [wanted, null];
  const take = (free) => {
    if (wanted === asked) comparison.value = free && { from: free.from, chars: [...free.text] };
  };
  if (isWanted) writer.withoutClamps(turn.id).then(take, () => {}); // without it there is nothing to compare
}

// Whether cells were clamped in a step that drew a character of the reply, or read one of it.
/** @type {(turn: ReadTurn, clamps: ClampsOfText) => boolean} */
function wasClamped(turn, clamps) {
  const [first, last] = [turn.at + turn.given - 1, turn.at + turn.length - 1];
  return clamps.some(([position, cells], at) => {
    const end = clamps[at + 1]?.[0] ?? Infinity;
    return cells.length > 0 && position < last && end > first;
  });
}

/** The last reply beside the one that the same seeds write with no cell clamped, from the first clamp on. */
export function Comparison() {
  const turn = turns.value.at(-1);
  if (!comparison.value || !turn) return null;
  const { from, chars } = comparison.value;
  const start = turn.at + turn.given + from;
  const clamped = path.chars.slice(start, Math.min(turn.at + turn.length, start + chars.length));
  const free = chars.slice(0, clamped.length);
  const at = clamped.findIndex((character, n) => character !== free[n]); // -1: the same text
  const columns = [
    ["hold.with", clamped],
    ["hold.without", free],
  ].map(([title, chars]) => {
    const from = Math.max(0, at - BEFORE);
    const mark = html`<mark>${chars[at] === "\n" ? "⏎\n" : chars[at]}</mark>`;
    // A long text can be scrolled.
    return html`
      <div>
        <h2>${t(title)}</h2>
        <div class="text" tabindex="0">${from > 0 && "…"}${chars.slice(from, at).join("")}${mark}${chars.slice(at + 1).join("")}</div>
      </div>`;
  });
  return html`
    <section class="compared" aria-label=${t("hold.compare")}>
      <p class="difference" role="status">${summary(at, clamped.length)}</p>
      <div class="both" hidden=${at < 0}>${columns}</div>
    </section>`;
}

function summary(found, length) {
  if (found === 0) return t("hold.differs_at_once");
  const characters = t("fact.characters", { count: found < 0 ? length : found });
  return t(found < 0 ? "hold.no_change" : "hold.differs", { characters });
}
