// "What did the first layer expect?" under the lens Surprise: the output layer applied to the h of the first layer.

import { html } from "../../vendor/preact.js";
import { t } from "../../document/words.js";
import * as page from "../../page/state.js";
import { Chances, likely } from "../chances.js";
import { asksFirstLayer, details, focus, frames, path } from "../state.js";
import { inspect } from "../text/focus.js";

// Not for one layer, whose h gives the prediction itself, nor for a blend, which has two networks.
const isOffered = () => (page.model.value?.layers ?? 0) > 1 && !path.path?.second;

/** Returns what is asked about a character. @returns {import("../../engines/engine.js").TraceQuestion} */
export const wantsFirstLayer = () => (asksFirstLayer.value && isOffered() ? { first_layer: true } : {});

export function FirstLayer() {
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
    <div class="first-layer" hidden=${!isOffered()}>
      <label><input type="checkbox" checked=${asksFirstLayer.value} onChange=${ask} /> ${t("first_layer.option")}</label>
      ${found && answer}
    </div>`;
}
