// What surrounds the text: the title and the notices of the site, clamped cells, examples, the slider of the temperature, the
// buttons and the facts below the last reply, the line below the prompt, the share box, the list of earlier conversations (search,
// open, delete), and the settings.

import { effect, html, signal, useSignal } from "../vendor/preact.js";
import { lastTurn, versionsShown, wholeText } from "../conversation/log.js";
import { Button, copyText, focusPrompt, hasTouch, visibleCharacter } from "../document/dom.js";
import { language, number, percent, render, t } from "../document/words.js";
import * as actions from "../state/actions.js";
import { effectOf, likely } from "../lenses/names.js";
import { COLOURS, lensNow, textOf, welcome } from "../lenses/state.js";
import { TracedText } from "../lenses/text/traced_text.js";
import { facts } from "./conversation_view.js";
import * as state from "../state/state.js";
import { count, isLocal, shownName } from "../engines/engine.js";
import { SETTINGS, isAllowed } from "../settings.js";

const CALMEST = 0.2; // below it a text soon repeats itself
const STARTERS = 3;
const SHOWN = 50;
const EXCERPT = 80; // characters

const isEmpty = () => document.body.classList.contains("trains-alone") && !state.modelName.value;
/** The text that the chosen model was trained with in this browser; undefined for another model. */
const ownText = () =>
  state.site.value.models.find(({ name }) => name === state.modelName.value && isLocal(name))?.about[0];

/** The title of the page; "" before the site is known. */
function title() {
  if (isEmpty()) return t("train.title");
  const { version, title } = state.site.value;
  if (ownText()) return t("site.named", { name: shownName(state.modelName.value) });
  // The static page is named after its model; the title of an app is its owner's.
  return (
    version && (title && state.addsModels.value ? t("site.named", { name: title }) : state.titleOf(state.site.value))
  );
}

/** Names the window after the page. */
export function bindTitle() {
  effect(() => {
    if (title()) document.title = title();
  });
}

/** @param {{intro: string}} properties  the id of the line under the title, where the owner has set none */
export function IntroView({ intro }) {
  const site = state.site.value;
  const [corpus, second] = [
    state.corpusOf(site, state.modelName.value),
    state.corpusOf(site, state.blendName.value ?? ""),
  ];
  const of = intro === "site.greeting" ? "site.greeting_of" : "static.greeting_of";
  const read = corpus ? t(of, { corpus }) : t(intro);
  const both = corpus && second && corpus !== second ? t("site.greeting_two", { first: corpus, second }) : "";
  const own = ownText();
  const line = isEmpty() ? t("train.what") : own && !both ? t("train.greeting", { own }) : site.welcome || both || read;
  if (!corpus || line !== read || state.modelNames.value.length < 2) return html`<h1>${title()}</h1><p>${line}</p>`;
  const [before, after] = t(of, { corpus: "\0" }).split("\0");
  const readOther = (name) => {
    if (state.hasTurns.value) actions.clear(); // what the other one wrote stays among the earlier conversations
    actions.chooseModel(name);
  };
  const texts = state.modelNames.value.map((name) => [name, state.corpusOf(site, name) || state.choiceOf(site, name)]);
  const choice = html`<${Select} label=${t("page.text_read")} options=${texts} value=${state.modelName.value} onChoose=${readOther} />`;
  return html`<h1>${title()}</h1><p>${before}<span class="in-line">${choice}</span>${after.replace(/^[.。]$/, "")}</p>`; // the sign of a choice ends it
}

export function Notices() {
  const { models, notices } = state.site.value;
  const failures = models.map((model) => model.failure).filter(Boolean);
  const texts = [...new Set([...notices, ...failures].map((notice) => render(notice)))];
  return texts.map((text) => html`<p class="notice" key=${text}>${text}</p>`);
}

export function Loading() {
  if (state.downloaded.value >= 1) return null;
  return html`
    <div id="loading" class="bar">
      <p role="status">${t("static.loading")}</p>
      <progress max="1" value=${state.downloaded.value} aria-label=${t("static.progress")}></progress>
    </div>`;
}

// A second click may come before the buttons are drawn anew.
const unlessBusy = (act) => () => state.busy.value || act();
// The second click of a double click may meet another button, which has taken the place of the first.
const unlessDouble = (act) => (event) => event.detail > 1 || unlessBusy(act)();
const isFree = () => !state.busy.value && state.model.value !== null;
const canRestore = () => state.cleared.value !== null && !state.currentLog().turns.length;
const canRedo = () => state.currentLog().undone.length > 0;

/**
 * The cells that are clamped from now on, each with a button that releases it, and what one alone makes the network believe. Every
 * lens shows them.
 */
export function ClampedCells() {
  const cells = state.clampedCells.value ?? [];
  if (!cells.length) return null;
  const release = (cell) => {
    const rest = cells.filter((each) => each !== cell);
    if (state.comparison.value) actions.clampAndRewrite(rest);
    else actions.clamp(rest); // the text stays as it is
    if (cells.length === 1 && !hasTouch()) focusPrompt();
  };
  const items = cells.map((cell) => {
    const name = state.clampName(cell);
    const label = t("hold.release", { cell: name });
    return html`<li key=${name}><${Button} aria-label=${label} onPress=${() => release(cell)}>${name}<//></li>`;
  });
  const effect = cells.length === 1 && state.lens.value !== "memory" && effectOf(cells[0]); // that lens has a panel for it
  const lines = effect && html`<p class="which">${effect}</p>`;
  return html`<div class="held-cells bar" role="group" aria-label=${t("hold.group")}><ul>${items}</ul>${lines}</div>`;
}

/** Example prompts, until there is a conversation; then what its colours mean. */
export function Examples() {
  if (state.hasTurns.value)
    return (
      lensNow() === COLOURS &&
      html`<p class="legend" role="img" aria-label=${t("greeting.colours")}><span>${t("greeting.likely")}</span><span>${t("greeting.unlikely")}</span>${state.comparison.value && html`<span>${t("greeting.changed")}</span>`}</p>`
    );
  const examples = (state.model.value?.examples ?? []).slice(0, STARTERS);
  if (!examples.length) return null;
  const press = (example) => {
    focusPrompt();
    actions.send(example);
  };
  const buttons = examples.map((example) => {
    const text = example.trim().replaceAll("\n", " ⏎ ") || t("page.anywhere");
    return html`<${Button} key=${example} isOff=${!isFree()} onPress=${() => press(example)}>${text}<//>`;
  });
  return html`<div id="examples" role="group" aria-label=${t("page.start_with")}>${buttons}</div>`;
}

/** What can be done with the last reply, below it: only what is possible now. */
export function ReplyActions() {
  if (state.busy.value) return null; // drawing them for each character would cost as much as the text
  const log = state.currentLog();
  const isOff = !isFree() || state.demonstration.value !== "";
  const button = (name, act, label = t(`move.${name}`)) =>
    html`<${Button} key=${name} data-move=${name} isOff=${isOff} onPress=${unlessDouble(act)}>${label}<//>`;
  const back = [
    (state.hasTurns.value || canRestore()) &&
      button("undo", actions.undo, t(state.hasTurns.value ? "move.undo" : "move.restore")),
    canRedo() && button("redo", actions.redo),
  ];
  const reply = lastTurn(log)?.reply;
  if (!reply) return html`<div class="moves" role="group" aria-label=${t("move.group")}>${back}</div>`;
  // The button of the prompt continues the reply, unless what is sent would be a new line of a chat, or for another model.
  const isOther = state.modelName.value !== "" && reply.model.name !== state.modelName.value;
  const name = state.choiceOf(state.site.value, reply.model.name);
  const onward = isOther ? t("move.continue_with", { name }) : undefined;
  const wilder = state.sampling.value.temperature - reply.parts.at(-1)?.settings?.temperature;
  const again = wilder > 0 ? "retry_wilder" : wilder < 0 ? "retry_calmer" : "retry";
  const share = () => {
    state.isOpen.moves.value = false; // the box would cover a part of them
    return actions.run(async () => (await loadShare()).showLink());
  };
  const toggle = ({ target }) => (state.isOpen.moves.value = target.open);
  if (state.comparison.value) {
    const { old, now } = state.comparison.value;
    const choices = [button("keep_old", () => actions.keep(old)), button("keep_new", () => actions.keep(now))];
    return html`<div class="moves choices-below" role="group" aria-label=${t("move.group")}>${choices}</div>`;
  }
  return html`
    <div class="moves" role="group" aria-label=${t("move.group")}>
      ${!state.continues.value && button("continue", actions.continueReply, onward)} ${button("retry", actions.retry, t(`move.${again}`))} ${button("share", share)}
      <${Versions} />
      <details open=${state.isOpen.moves.value} onToggle=${toggle}>
        <summary>${t("move.more")}</summary>
        ${back}
        <p class="footer">${facts(reply).join(" · ")}</p>
      </details>
    </div>
    <${ShareBox} />`;
}

/** The versions of the last turn. */
function Versions() {
  const found = versionsShown(state.currentLog());
  if (!found) return null;
  const [version, versions] = [found.at + 1, found.ids.length];
  const values = { version, versions };
  const step = (name, by, sign, isEnd) => {
    const act = unlessBusy(() => actions.showVersion(by));
    const label = t(`branches.${name}`);
    return html`<${Button} class=${name} aria-label=${label} isOff=${isEnd || !isFree()} onPress=${act}>${sign}<//>`;
  };
  return html`
    <span class="branches" role="group" aria-label=${t("branches.count", values)}>
      ${step("previous", -1, "‹", version === 1)}
      <span class="count" aria-hidden="true">${version}/${versions}</span>
      ${step("next", 1, "›", version === versions)}
    </span>`;
}

async function copy() {
  const selected = hasTouch() ? "static.copy_touch" : "static.copy_selected";
  const isCopied = await copyText(wholeText(state.log.value), document.querySelector(".log"));
  state.shareBox.value = { ...state.shareBox.value, note: t(isCopied ? "static.copied" : selected) };
}

const nextText = new TracedText({ trace: (query) => actions.engine.trace(query) });
let isAsking = false;
/** What the model expects next: after the conversation, or in the place of the marked letter of a welcome text. */
const expected = signal(/** @type {?import("../engines/engine.js").TraceAnswer} */ (null));

async function askForNext() {
  const path = textOf(state.log.value);
  if (!path || isAsking || !state.hasLenses.value) return;
  isAsking = true;
  const at = (lastTurn(state.log.value) ? null : welcome.marked.value) ?? count(path.text);
  nextText.set({ ...path, text: [...path.text].slice(0, at).join("") + "\n" }); // a question is about a place that has a character
  const answer = await nextText.ask({ at });
  [isAsking, expected.value] = [false, answer.refusal ? null : answer];
}

/** The temperature as one slider between calm and wild. While it is moved, the chances of the next letter move with it. */
export function CalmWild() {
  const isMoved = useSignal(false);
  const { slider } = SETTINGS.temperature;
  const { temperature } = state.sampling.value;
  const [low, high] = [Math.min(CALMEST, temperature), Math.max(slider.maximum, temperature)];
  const label = `${t("setting.temperature")}: ${t("page.calm")} – ${t("page.wild")}`;
  const slide = ({ target }) => {
    state.type("temperature", Number(Number(target.value).toFixed(2)));
    isMoved.value = true;
    askForNext();
  };
  const end = ({ type, target }) => (isMoved.value = type === "change" && target.matches(":focus-visible")); // by a key
  const isShown = isMoved.value && !state.busy.value && expected.value?.top?.length; // a reply has gone on meanwhile
  const rows = isShown ? likely(expected.value, state.sampling.value, "") : [];
  const bars = rows.map(
    ([each, share]) =>
      html`<li key=${each}><b>${visibleCharacter(each)}</b><i style=${{ "--share": share }}></i>${percent(share)}</li>`,
  );
  const chances = html`<ol aria-hidden="true" data-title=${t("letter.after")}>${bars}</ol>`;
  return html`
    <div id="calm-wild">
      <span aria-hidden="true">${t("page.calm")}</span>
      <input type="range" min=${low} max=${high} step=${slider.step} value=${temperature} aria-label=${label}
               aria-valuetext=${number(temperature)} onInput=${slide} onChange=${end} onBlur=${end} />
      <span aria-hidden="true">${t("page.wild")}</span>
      ${bars.length > 0 && chances}
    </div>`;
}

/** The line below the prompt. */
export function MessageLine() {
  return render(state.message.value);
}

/** @import { StoredConversation } from "../conversation/stored_conversations.js" */

export function HistoryView() {
  if (!state.earlier.ids.value.some((id) => id !== state.log.value.id)) return null;
  const toggle = ({ target }) => (state.earlier.isOpen.value = target.open);
  const search = (event) => (state.earlier.search.value = event.target.value);
  const list = state.earlier.isOpen.value && html`<${List} />`;
  return html`
    <details id="history" open=${state.earlier.isOpen.value} onToggle=${toggle}>
      <summary>${t("history.title")}</summary>
      <input type="search" value=${state.earlier.search.value} onInput=${search} aria-label=${t("history.search")} placeholder=${t("history.search")} />
      ${list}
    </details>`;
}

function List() {
  const wanted = state.earlier.search.value.trim().toLowerCase();
  const found = state.earlier.stored.value
    .filter(({ id, text }) => id !== state.log.value.id && text.toLowerCase().includes(wanted))
    .slice(0, SHOWN);
  const entries = found.map((each) => html`<${Entry} key=${each.id} conversation=${each} wanted=${wanted} />`);
  return html`
    <ul aria-label=${t("history.title")}>${entries}</ul>
    <p class="none" role="status">${!found.length && t("history.none")}</p>`;
}

/** A conversation, with a button that deletes it. @param {{conversation: StoredConversation, wanted: string}} properties */
function Entry({ conversation, wanted }) {
  const { id, changed, text } = conversation;
  const excerpt = { text: excerptOf(text, wanted) };
  const day = new Date(changed).toLocaleString(language(), { dateStyle: "medium", timeStyle: "short" });
  const show = async () => (await actions.open(id)) && focusPrompt();
  const remove = async () => {
    if (!confirm(t("history.delete_sure", excerpt))) return;
    await actions.deleteEarlier(id);
    focusPrompt();
  };
  return html`
    <li>
      <${Button} class="open" title=${t("history.open", excerpt)} onPress=${show}>
        <span>${excerpt.text || t("branches.empty")}</span>
        <small>${day}</small>
      <//>
      <${Button} class="delete" aria-label=${t("history.delete", excerpt)} onPress=${remove}>✕<//>
    </li>`;
}

/** The first characters of a conversation, or those around what is searched for. @param {string} text @param {string} wanted */
function excerptOf(text, wanted) {
  const at = Math.max(0, wanted ? text.toLowerCase().indexOf(wanted) - 20 : 0);
  const rest = [...text.slice(at)];
  const excerpt = rest.slice(0, EXCERPT).join("").replace(/\s+/g, " ");
  return (at ? "…" : "") + excerpt + (rest.length > EXCERPT ? "…" : "");
}

/** Imports the module that makes and follows links. */
export const loadShare = () => import("../sharing/share.js");

/** The link to the text, and the other ways to share it. */
function ShareBox() {
  const box = state.shareBox.value;
  if (!box) return null;
  const names = ["copy", "picture", "txt", "json"];
  const ways = names.map((name) => {
    const act = name === "copy" ? copy : async () => (await loadShare()).saveAs(name);
    const label = t(`share.${name}`);
    return html`<${Button} key=${name} data-way=${name} onPress=${unlessDouble(act)}>${label}<//>`;
  });
  const address = duplicateAddress();
  const duplicate = html`<p><a href=${address} target="_blank" rel="noopener">${t("share.duplicate")}</a></p>`;
  const link = html`<input type="text" readonly value=${box.address} aria-label=${t("share.link")} />`;
  return html`
    <div id="share-link">
      ${box.address && link}
      <p role="status">${box.note}</p>
      <${Button} class="close" aria-label=${t("alternatives.close")} onPress=${() => closeShare(true)}>✕<//>
      <div class="ways" role="group" aria-label=${t("share.ways")}>${ways}</div>
      ${address && duplicate}
    </div>`;
}

// The address at which the Hub copies the Space of this page; "" if the page is not the Space that it was published as.
function duplicateAddress() {
  const { hub, space } = document.documentElement.dataset;
  const host = space?.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return space && location.hostname.startsWith(`${host}.`) ? `${hub}/spaces/${space}?duplicate=true` : "";
}

/** Closes the box, and puts the focus back on Share. @param {boolean} returnsFocus */
export function closeShare(returnsFocus) {
  if (!state.shareBox.value) return;
  getSelection()?.removeAllRanges(); // of a text that could not be copied
  if (returnsFocus) actions.close(state.shareBox);
  else state.shareBox.value = null;
}

export function SettingsView() {
  const first = state.sliders.value.filter((name) => state.FIRST.has(name));
  const more = state.sliders.value.filter((name) => !state.FIRST.has(name) && name !== "share");
  const slider = (name) => html`<${Slider} key=${name} name=${name} />`;
  const { models } = state.site.value;
  const chosen = models.find(({ name }) => name === state.modelName.value);
  const facts = chosen?.failure ? [chosen.failure] : (chosen?.about ?? []);
  const about = html`<p id="about">${chosen?.loading ? t("model.coming") : render(facts, " · ")}</p>`;
  const isUrgent = chosen?.loading || chosen?.failure;
  const names = state.modelNames.value.map((name) => [name, state.choiceOf(state.site.value, name)]);
  return html`
    <${Button} class="close" aria-label=${t("alternatives.close")} onPress=${() => actions.close(state.isOpen.settings)}>✕<//>
    <h2>${t("page.settings")}</h2>
    <div class="setting">
      <label for="model">${t("setting.model")}</label>
      <${Select} id="model" options=${names} value=${state.modelName.value} onChoose=${actions.chooseModel} />
    </div>
    ${isUrgent && about}
    <div id="sliders">${first.map(slider)}</div>
    <details id="more-settings" open=${state.isOpen.more.value} onToggle=${(event) => (state.isOpen.more.value = event.target.open)}>
      <summary>${t("page.more_settings")}</summary>
      <${SecondModel} />
      <div id="more-sliders">${more.map(slider)}</div>
      <${Seed} />
      ${!isUrgent && about}
    </details>`;
}

/** @param {{id?: string, label?: string, options: [value: string, text: string][], value: string, onChoose: (value: string) => void, describedBy?: string}} properties */
function Select({ id, label, options, value, onChoose, describedBy }) {
  const option = ([each, text]) => html`<option key=${each} value=${each} selected=${each === value}>${text}</option>`;
  const choose = (event) => onChoose(event.target.value);
  return html`<select id=${id} aria-label=${label} value=${value} onChange=${choose} aria-describedby=${describedBy}>${options.map(option)}</select>`;
}

function SecondModel() {
  const others = state.blendNames.value.map((name) => [state.blendOf(name), state.choiceOf(state.site.value, name)]);
  const options = [
    ["", t("second.none")],
    ...others,
    ...(state.addsModels.value ? [[state.OTHER, t("second.other")]] : []),
  ];
  if (options.length < 2) return null;
  const value = options.some(([each]) => each === state.chosen.second.value) ? state.chosen.second.value : "";
  const choose = (value) => (state.chosen.second.value = value);
  const fault = render(state.otherFailure.value);
  const name = (event) => actions.blendWith(event.target.value.trim());
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
        <${NumberField} name=${name} min=${minimum} max=${maximum} step=${slider.step} aria-label=${t("page.number_input", { name: label })} />
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
    onInput=${(event) => take(event, true)} onChange=${(event) => take(event, false)}
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
