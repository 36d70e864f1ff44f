// The temperature as one slider between calm and wild. While it is moved, the chances of the next letter move with it.

import { count } from "../engines/engine.js";
import { html, signal, useSignal } from "../vendor/preact.js";
import { lastTurn } from "../conversation/log.js";
import { visibleCharacter } from "../document/dom.js";
import { number, t } from "../document/words.js";
import { likely } from "../lenses/names.js";
import { textOf, welcome } from "../lenses/state.js";
import { TracedText } from "../lenses/text/traced_text.js";
import { SETTINGS } from "../settings.js";
import { engine } from "../state/actions.js";
import * as state from "../state/state.js";

const text = new TracedText({ trace: (query) => engine.trace(query) });
let isAsking = false;
/** What the model expects next: after the conversation, or in the place of the marked letter of a welcome text. */
const expected = signal(/** @type {?import("../engines/engine.js").TraceAnswer} */ (null));

async function ask() {
  const path = textOf(state.log.value);
  if (!path || isAsking || !state.hasLenses.value) return;
  isAsking = true;
  const at = (lastTurn(state.log.value) ? null : welcome.marked.value) ?? count(path.text);
  text.set({ ...path, text: [...path.text].slice(0, at).join("") + "\n" }); // a question is about a place that has a character
  const answer = await text.ask({ at });
  [isAsking, expected.value] = [false, answer.refusal ? null : answer];
}

/** The slider, and the chances while it is moved. */
export function CalmWild() {
  const isMoved = useSignal(false);
  const { slider } = SETTINGS.temperature;
  const { temperature } = state.sampling.value;
  const [low, high] = [Math.min(slider.minimum, temperature), Math.max(slider.maximum, temperature)];
  const slide = ({ target }) => {
    state.type("temperature", Number(Number(target.value).toFixed(2)));
    isMoved.value = true;
    ask();
  };
  const end = () => (isMoved.value = false);
  const isShown = isMoved.value && expected.value?.top?.length;
  const rows = isShown ? likely(expected.value, state.sampling.value, "") : [];
  const bars = rows.map(
    ([each, share]) => html`<li key=${each}><b>${visibleCharacter(each)}</b><i style=${{ "--share": share }}></i></li>`,
  );
  return html`
    <div id="calm-wild">
      <span aria-hidden="true">${t("page.calm")}</span>
      <input type="range" min=${low} max=${high} step=${slider.step} value=${temperature} aria-label=${t("setting.temperature")}
        aria-valuetext=${number(temperature)} onInput=${slide} onChange=${end} onBlur=${end} />
      <span aria-hidden="true">${t("page.wild")}</span>
      ${bars.length > 0 && html`<ol aria-hidden="true">${bars}</ol>`}
    </div>`;
}
