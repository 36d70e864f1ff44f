// The panel "Train on your text": its messages and buttons, around the views of the other modules.

import { hasTouch } from "../../document/dom.js";
import { language, number, render as renderMessage, t } from "../../document/words.js";
import { shownName } from "../../engines/engine.js";
import * as page from "../../state/state.js";
import { html, render, useEffect } from "../../vendor/preact.js";
import { MINUTES } from "../recipe.js";
import { FileButton, button } from "./elements.js";
import { isTraining, messageNow, state } from "./state.js";
import { download, loadModels, openModel, remove, use } from "./models.js";
import { ProgressView } from "./progress.js";
import { PublishForm, openForm, resume as resumePublishing } from "./publishing.js";
import { TextField, called } from "./text.js";
import * as training from "./training.js";

/**
 * Shows the panel, with a training that can be continued and the stored models.
 * @param {HTMLElement} box gets the panel
 * @param {{isBack: boolean, isWanted: boolean}} arrival whether the visitor returns from signing in on the Hub, and whether
 *   the page's address opens the panel
 */
export async function openPanel(box, { isBack, isWanted }) {
  const lacks = globalThis.crypto?.subtle ? null : { id: "train.no_https" };
  state.lacks.value = lacks;
  if (!lacks) await Promise.all([training.loadKept(), loadModels()]);
  drawPanel(box);
  if (lacks) return;
  training.keepScreenOn();
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && training.store());
  if (isBack) return resumePublishing();
  const isUnused = !page.draft.value && document.activeElement.matches("body, #prompt");
  if (isWanted && isUnused) focusOn(box, state.kept.value ? ".continue" : "textarea");
}

/** @param {HTMLElement} box @param {string} selector */
function focusOn(box, selector) {
  /** @type {HTMLElement | null} */ (box.querySelector(selector))?.focus({ preventScroll: true });
}

/** Draws the state. @param {HTMLElement} box */
export function drawPanel(box) {
  box.replaceChildren();
  render(html`<${Panel} box=${box} />`, box);
}

function Panel({ box }) {
  const { progress, lacks, fault, focus } = state;
  useEffect(() => {
    if (isTraining.value) box.parentElement.scrollIntoView({ block: "start" });
  }, [isTraining.value]);
  useEffect(() => {
    if (focus.value && document.activeElement === document.body) focusOn(box, focus.value);
    focus.value = "";
  }, [focus.value]);
  return html`
    <p class="what" hidden=${isTraining.value || progress.value !== null}>${t("train.what")}</p>
    <p class="said" role="status">${renderMessage(messageNow.value)}</p>
    <p class="fault" role="alert">${renderMessage(lacks.value ?? fault.value)}</p>
    <${ProgressView} />
    <${Kept} />
    <${Choose} />
    <${StoredModels} />
    <div class="row own-model">
      <span>${t("train.have")}</span>
      <${FileButton} name="open-model" text="train.open" field="model-file" accept=".zip" take=${openModel} />
      <${FileButton} name="open-folder" text="train.open_folder" field="model-folder" webkitdirectory take=${openModel} />
    </div>
    <div class="publishing"><${PublishForm} /></div>
  `;
}

function Kept() {
  const kept = state.kept.value;
  if (!kept) return null;
  return html`<div class="kept">
    <p>${t("train.kept", { ...kept, name: called(kept.name) })}</p>
    <div class="row">
      ${button("primary continue", t("train.continue"), training.resume)}
      ${button("discard", t("train.discard"), training.discard)}
    </div>
  </div>`;
}

// The text, and the options of a training.
function Choose() {
  const { text, minutes, lacks } = state;
  if (isTraining.value || lacks.value) return null;
  const start = t("train.start");
  const choose = (event) => (minutes.value = Number(event.target.value));
  const phone = hasTouch() && text.value; // a phone locks its screen and freezes background tabs
  return html`<${TextField} start=${start}>
    <div class="options">
      <${Origin} />
      <label class="minutes">
        <span>${t("train.minutes")}</span>
        <input type="range" min=${MINUTES.least} max=${MINUTES.most} step="1" value=${minutes.value} onInput=${choose}
          aria-valuetext=${t("train.minutes_value", { minutes: minutes.value })} />
        <output>${number(minutes.value)}</output>
      </label>
      <div class="row">${button("primary start", start, () => training.begin(), { disabled: !text.value })}</div>
      <p class="phone" hidden=${!phone}>${t("train.phone")}</p>
    </div>
  <//>`;
}

// Whether a training starts from a new network, or from the chosen model if that can be used.
function Origin() {
  const { isFineTuning } = state;
  const model = page.model.value;
  if (!model) return null;
  const tuned = t("train.fine_tune", { name: shownName(model.name) || t("train.this_model") });
  const choice = (value, label) => {
    const isParent = value === "parent";
    const choose = () => (isFineTuning.value = isParent);
    return html`<label>
      <input type="radio" name="train-from" value=${value} checked=${isParent === isFineTuning.value} onChange=${choose} />
      <span class=${value}>${label}</span>
    </label>`;
  };
  return html`<fieldset class="from">
    <legend>${t("train.from")}</legend>
    ${choice("scratch", t("train.scratch"))} ${choice("parent", tuned)}
  </fieldset>`;
}

// The models that were trained or opened in this browser.
function StoredModels() {
  const lines = state.models.value.map((model) => html`<${Line} key=${model.name} model=${model} />`);
  if (!lines.length) return null;
  return html`<div class="trained">
    <h2>${t("train.models")}</h2>
    <p>${t("train.models_where")}</p>
    <ul aria-label=${t("train.models")}>${lines}</ul>
  </div>`;
}

function Line({ model: { name, created, bytes } }) {
  const isUsed = name === page.modelName.value;
  const day = new Date(created).toLocaleString(language(), { dateStyle: "medium", timeStyle: "short" });
  const act = (kind, run) => {
    const label = t(`train.${kind}_name`, { name: shownName(name) });
    return button(kind, t(`train.${kind}`), () => run(name), { "aria-label": label });
  };
  return html`<li data-model=${name}>
    <b>${shownName(name)}</b>
    <small>${t("train.model_facts", { day, megabytes: number(bytes / 1e6, 1) })}</small>
    <small class="in-use" hidden=${!isUsed}>${t("train.in_use")}</small>
    <span class="row">
      ${!isUsed && act("use", use)} ${act("download", download)} ${act("publish", openForm)} ${act("delete", remove)}
    </span>
  </li>`;
}
