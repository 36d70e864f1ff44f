// The list of the models of this browser, with buttons for each.

import { language, number, t } from "../../document/words.js";
import { shownName } from "../../engines/refusal.js";
import { html } from "../../vendor/preact.js";
import { button } from "./elements.js";
import { download, publish, remove, toggle } from "./models.js";
import { canGoBack, isTraining, state, usesTrained } from "./state.js";

/** The models that were trained or opened in this browser. */
export function StoredModels() {
  const lines = state.models.value.map((model) => html`<${Line} key=${model.name} model=${model} />`);
  if (!lines.length) return null;
  return html`<div class="trained">
    <h2>${t("train.models")}</h2>
    <p>${t("train.models_where")}</p>
    <ul aria-label=${t("train.models")}>
      ${lines}
    </ul>
  </div>`;
}

function Line({ model: { name, created, bytes } }) {
  const isUsed = name === state.chosen.value.name;
  const isOffered = usesTrained.value && isUsed && !isTraining.value; // its buttons are above
  const day = new Date(created).toLocaleString(language(), { dateStyle: "medium", timeStyle: "short" });
  const back = isUsed && canGoBack.value && t("train.back_to", { name: shownName(state.first.value) });
  const act = (/** @type {string} */ kind, /** @type {() => void} */ run) => {
    const label = t(`train.${kind}_name`, { name: shownName(name) });
    return button(kind, t(`train.${kind}`), run, { "aria-label": label });
  };
  const use = () => toggle(name);
  return html`<li data-model=${name}>
    <b>${shownName(name)}</b>
    <small>${t("train.model_facts", { day, megabytes: number(bytes / 1e6, 1) })}</small>
    <small class="in-use" hidden=${!isUsed}>${t("train.in_use")}</small>
    <span class="row">
      ${back ? button("use", back, use) : act("use", use)}
      ${!isOffered && act("download", () => download(name))}
      ${!isOffered && act("publish", () => publish(name))}
      ${act("delete", () => remove(name))}
    </span>
  </li>`;
}
