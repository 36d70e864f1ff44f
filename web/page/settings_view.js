// The column of the settings: models, sliders, seed.

import { html } from "../vendor/preact.js";
import { render, number, t } from "../document/words.js";
import { SETTINGS, isAllowed } from "../settings.js";
import { blendWith, chooseModel } from "../state/actions.js";
import { choiceOf } from "../state/names.js";
import * as state from "../state/state.js";

/** @param {{openModel: ?(() => void)}} properties  opens a model from a file, where the page can */
export function SettingsView({ openModel }) {
  const [first, more] = [true, false].map((isFirst) =>
    state.sliders.value.filter((name) => state.FIRST.has(name) === isFirst),
  );
  const slider = (name) => html`<${Slider} key=${name} name=${name} />`;
  const { models } = state.site.value;
  const chosen = models.find(({ name }) => name === state.modelName.value);
  const facts = chosen?.failure ? [chosen.failure] : (chosen?.about ?? []);
  const names = state.modelNames.value.map((name) => [name, choiceOf(state.site.value, name)]);
  const button = html`<button type="button" id="open-model" onClick=${openModel}>${t("train.open")}</button>`;
  return html`
    <div class="setting">
      <label for="model">${t("setting.model")}</label>
      <${Select} id="model" options=${names} value=${state.modelName.value} onChoose=${chooseModel} />
    </div>
    <div id="about">${chosen?.loading ? t("model.coming") : render(facts, " · ")}</div>
    ${openModel && button}
    <div id="sliders">${first.map(slider)}</div>
    <details id="more-settings" open=${state.isOpen.more.value} onToggle=${(event) => (state.isOpen.more.value = event.target.open)}>
      <summary>${t("page.more_settings")}</summary>
      <${SecondModel} />
      <div id="more-sliders">${more.filter((name) => name !== "share").map(slider)}</div>
      <${Seed} />
    </details>`;
}

/** @param {{id: string, options: [value: string, text: string][], value: string, onChoose: (value: string) => void, describedBy?: string}} properties */
function Select({ id, options, value, onChoose, describedBy }) {
  const found = options.map(
    ([each, text]) => html`<option key=${each} value=${each} selected=${each === value}>${text}</option>`,
  );
  const choose = (event) => onChoose(event.target.value);
  return html`<select id=${id} value=${value} onChange=${choose} aria-describedby=${describedBy}>${found}</select>`;
}

function SecondModel() {
  const others = state.blendNames.value.map((name) => [state.blendOf(name), choiceOf(state.site.value, name)]);
  const options = [
    ["", t("second.none")],
    ...others,
    ...(state.addsModels.value ? [[state.OTHER, t("second.other")]] : []),
  ];
  if (options.length < 2) return null;
  const value = options.some(([each]) => each === state.chosen.second.value) ? state.chosen.second.value : "";
  const choose = (value) => (state.chosen.second.value = value);
  const fault = render(state.otherFailure.value);
  const name = (event) => blendWith(event.target.value.trim());
  const other = html`<input type="text" class="other-model" placeholder="user/name" aria-label=${t("second.other_name")} aria-invalid=${fault ? "true" : null} onChange=${name} />`;
  const line = fault && html`<p class="fault" role="alert">${fault}</p>`;
  const share = state.blendName.value !== null && html`<${Slider} name="share" />`;
  return html`
    <div id="second-choice">
      <div class="setting">
        <label for="second-model">${t("second.choice")}</label>
        <${Select} id="second-model" options=${options} value=${value} onChoose=${choose} describedBy="second-help" />
        ${value === state.OTHER && [other, line]}
        <small class="help" id="second-help">${t("second.help")}</small>
      </div>
      ${share}
    </div>`;
}

/** A slider and a number field, which may go beyond the slider. @param {{name: string}} properties */
function Slider({ name }) {
  const { slider, whole, minimum, maximum } = SETTINGS[name];
  const [text, label] = [state.typed[name].value, t(`setting.${name}`)];
  const value = text !== "" && isAllowed(SETTINGS[name], Number(text)) ? Number(text) : SETTINGS[name].default;
  const isBetween = !whole && Math.abs(value / slider.step - Math.round(value / slider.step)) > 1e-9; // two steps
  const [low, high] = [Math.min(slider.minimum, value), Math.max(slider.maximum, value)];
  const slide = (event) =>
    state.type(name, Number((Math.round(event.target.value / slider.step) * slider.step).toFixed(6)));
  const [help, helpText] = [`${name}-help`, t(`setting.${name}.help`)];
  return html`
    <div class="setting" data-setting=${name}>
      <div class="head">
        <label for=${name}>${label}</label>
        <${NumberField} name=${name} min=${minimum} max=${maximum} aria-label=${t("page.number_input", { name: label })} />
      </div>
      <input type="range" id=${name} min=${low} max=${high} step=${isBetween ? "any" : slider.step} value=${value}
        aria-describedby=${help} aria-valuetext=${number(value)} onInput=${slide} />
      <small class="help" id=${help}>${helpText}</small>
      <${Fault} name=${name} />
    </div>`;
}

/** The field of a setting. A value that is no number stays in it. @param {{name: string, [attribute: string]: any}} properties */
function NumberField({ name, ...attributes }) {
  const text = state.typed[name].value;
  const take = ({ target }, isTyping) => state.type(name, target.validity.badInput ? NaN : target.value, isTyping);
  const fault = state.shownFault(name) ? `${name}-fault` : null;
  return html`<input type="number" step="any" autocomplete="off" value=${text === "NaN" ? undefined : text}
    onInput=${(event) => take(event, true)} onBlur=${(event) => take(event, false)}
    aria-invalid=${fault && "true"} aria-errormessage=${fault} ...${attributes} />`;
}

/** @param {{name: string}} properties */
function Fault({ name }) {
  const [fault, id] = [state.shownFault(name), `${name}-fault`];
  return fault && html`<p class="fault" id=${id} role="alert">${render(fault)}</p>`;
}

function Seed() {
  return html`
    <div class="setting">
      <label for="seed">${t("setting.seed")}</label>
      <${NumberField} name="seed" id="seed" min="0" max="4294967295" placeholder=${t("setting.seed.random")} aria-describedby="seed-help" />
      <small class="help" id="seed-help">${t("setting.seed.help")}</small>
      <${Fault} name="seed" />
    </div>`;
}
