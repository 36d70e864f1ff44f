// The state of the page: everything that decides what is on the screen, as signals. Actions (actions.js) change it and call
// the text engine, views draw it, and nothing is read back from the document.

import { computed, effect, signal, untracked } from "../vendor/preact.js";
import { emptyLog, lastTurn, turnOf } from "../conversation/log.js";
import { authorOf, findModel } from "../conversation/replies.js";
import { Refusal, shortened, shownName } from "../engines/engine.js";
import { SAMPLING, SETTINGS, isAllowed, randomSeed, samplingOf } from "../settings.js";
import { has, number, t } from "../document/words.js";

export const CLAMP_VALUE = 4; // tanh of it is 0.999
const BLENDED = "blended "; // before the name of a second model, which may be ""
export const OTHER = "other"; // the choice to name another model of the Hub
const NOT_A_NUMBER = "NaN"; // what is typed into a field is no number
const SLIDERS = Object.keys(SETTINGS).filter((name) => SETTINGS[name].slider);
const BUNDLED = "bundled"; // the name of the model that is part of the app

/**
 * @import { Link } from "../conversation/links.js"
 * @import { Log } from "../conversation/log.js"
 * @import { StoredConversation } from "../conversation/stored_conversations.js"
 * @import { Clamp, Message, Model, NamedCell, Settings, Site } from "../engines/engine.js"
 */

/** @type {Site} the site before the engine has described it */
export const NO_SITE = { version: "", again_s: null, title: "", welcome: "", notices: [], models: [], address: "" };

export const site = signal(NO_SITE);
/** How much of a model has been downloaded, 0 to 1; 1 while nothing is. */
export const downloaded = signal(0);
/** Whether the conversation of this tab is shown. */
export const isStarted = signal(false);

/** The names of the chosen model, and of the second one: "", `blendOf(name)` or OTHER. */
export const chosen = { model: signal(""), second: signal("") };
/** Why the model that was named under OTHER cannot be used; null if it can. */
export const otherFailure = signal(/** @type {?Message} */ (null));
/** Whether the page can load other models of the Hub. */
export const addsModels = signal(false);
/** The names of the models that this browser has stored; they are loaded when they are chosen. */
export const ownModels = signal(/** @type {string[]} */ ([]));

/** What is typed into the field of each setting, by its name; "" for a random seed. */
export const typed = Object.fromEntries(
  [...SLIDERS, "seed"].map((name) => [name, signal(name === "seed" ? "" : `${SETTINGS[name].default}`)]),
);
/** The last allowed value of each slider, by the name of the setting. */
const allowed = Object.fromEntries(SLIDERS.map((name) => [name, signal(SETTINGS[name].default)]));
/** Whether a wrong value in a field is shown as wrong: not while it is being typed. */
const checked = Object.fromEntries(Object.keys(typed).map((name) => [name, signal(false)]));
/** Which sections of the settings are open. */
export const isOpen = { settings: signal(false), more: signal(false), moves: signal(false) };

/** The conversation before the stored one is shown. */
export const NO_LOG = emptyLog();
/** The conversation that is shown. It is changed in place: `changes` counts the changes. */
export const log = signal(NO_LOG);
export const changes = signal(0);
/** The text in the prompt that was not sent yet. */
export const draft = signal("");
/** Whether a reply is being written. */
export const isWriting = signal(false);
/** Why the reply that is being written has to wait; empty if it does not. */
export const waits = signal(/** @type {Message[]} */ ([]));
/** The link whose text is being written. */
export const followed = signal(/** @type {?Link} */ (null));
/** Why the last move was refused, which the conversation shows. */
export const refusal = signal(/** @type {?Message} */ (null));
/** The line below the prompt. */
export const message = signal(/** @type {Message | Message[] | null} */ (null));
/**
 * The settings before the link in the address has set others, and after it; null without one. A preset is a link that writes nothing:
 * new conversations keep its settings.
 */
export const beforeLink = signal(
  /** @type {?{before: Record<string, string>, after: Record<string, string>, isPreset: boolean}} */ (null),
);
/** The conversation that Clear ended, for Undo; also where the browser stores nothing. */
export const cleared = signal(/** @type {?Log} */ (null));

/** What Share shows: the link, "" if there is none; a line about it. */
export const shareBox = signal(/** @type {?{address: string, note: string}} */ (null));
/** The list of earlier conversations; `stored` has those of this browser, the newest first, once the list was opened. */
export const earlier = {
  isOpen: signal(false),
  search: signal(""),
  ids: signal(/** @type {string[]} */ ([])),
  stored: signal(/** @type {StoredConversation[]} */ ([])),
};
/** Whether each character has the colour of its surprise where no lens is chosen. */
export const colours = signal(true);
/** The ids of two versions of a turn that are shown side by side, of which one is the last turn; null without. */
export const compared = signal(/** @type {?{now: number, old: number}} */ (null));
/** The name of the lens over the text, and of the demonstration that is shown instead of the conversation, "" for none. */
export const lens = signal("plain");
export const demonstration = signal("");
/** The step of the tour that is shown, from 1; 0 for none. */
export const tourStep = signal(0);

/** Returns the values of signals, so that what calls it runs again after a change. @param {{value: unknown}[]} signals */
export const watch = (...signals) => signals.map((each) => each.value);

/** Calls a function once, as soon as a condition on the state is true. @param {() => unknown} isTrue @param {() => void} act */
export function once(isTrue, act) {
  const stop = effect(() => {
    if (isTrue()) queueMicrotask(() => (stop(), act()));
  });
}

/** Calls a function now and after each change of some signals; other signals that it reads do not matter. @param {{value: unknown}[]} signals @param {() => unknown} act */
export function onChange(signals, act) {
  effect(() => {
    watch(...signals);
    untracked(act);
  });
}

/** Returns the conversation; what calls it runs again after each change of it. */
export function currentLog() {
  watch(changes);
  return log.value;
}

/** Whether a reply, or the text of a link, is being written. */
export const busy = computed(() => isWriting.value || followed.value !== null);

const offered = computed(() => site.value.models.filter((model) => !model.failure).map((model) => model.name));

/** The names of the models that can be chosen. */
export const modelNames = computed(() => [
  ...offered.value,
  ...ownModels.value.filter((name) => !site.value.models.some((model) => model.name === name)),
]);

/** The name of the chosen model; "" before the models are known. */
export const modelName = computed(() =>
  modelNames.value.includes(chosen.model.value) ? chosen.model.value : (modelNames.value[0] ?? ""),
);

/** The names of the models that the chosen one can be blended with. */
export const blendNames = computed(() => offered.value.filter((name) => name !== modelName.value));

/** The name of the model that the chosen one is blended with; null for none. */
export const blendName = computed(() => {
  const name = chosen.second.value.startsWith(BLENDED) ? chosen.second.value.slice(BLENDED.length) : null;
  return name !== null && blendNames.value.includes(name) ? name : null;
});

/** The choice of a second model. @type {(name: ?string) => string} */
export const blendOf = (name) => (name === null ? "" : BLENDED + name);

/** Whether visitors may look inside the models. */
export const hasLenses = computed(() => site.value.lenses !== false);

/** The chosen model, if it can write now; null while it loads. */
export const model = computed(() => findModel(site.value, modelName.value));

/** The cells that are clamped from now on, which the conversation has as `held`, if the chosen model has them; null while two are blended, whose cells cannot be. */
export const clampedCells = computed(() => {
  const { held } = currentLog();
  return blendName.value === null ? (held.model === modelName.value ? held.cells : []) : null;
});

/** Two versions of a turn while they are compared, and which of them is not the last turn; null otherwise. */
export const comparison = computed(() => {
  const log = currentLog();
  const [old, now] = ["old", "now"].map((name) => turnOf(log, compared.value?.[name] ?? 0));
  const at = [old, now].indexOf(lastTurn(log));
  return old && now && at >= 0 ? { old, now, other: at ? old : now } : null;
});

/** Whether the conversation has a turn that is shown. */
export const hasTurns = computed(() => lastTurn(currentLog()) !== undefined);

/** Whether what is sent is the next line of the last reply: the chosen models wrote it too, and it is no chat. */
export const continues = computed(() => {
  const { model: wrote, second } = lastTurn(currentLog())?.reply ?? {};
  return !model.value?.chat && wrote?.name === modelName.value && (second?.name ?? null) === blendName.value;
});

/** The temperature and the filters of the sliders; while a field has no allowed value, its last one. */
export const sampling = computed(() =>
  samplingOf(Object.fromEntries(Object.keys(SAMPLING).map((name) => [name, allowed[name].value]))),
);

/** The last allowed weight of the second model of a blend. */
export const share = computed(() => allowed.share.value);

/** The last allowed speed, in characters per second; null is full speed. */
export const speed = computed(() => (allowed.speed.value >= SETTINGS.speed.maximum ? null : allowed.speed.value));

/** The sliders that are shown: only a blend has a share. */
export const sliders = computed(() => SLIDERS.filter((name) => name !== "share" || blendName.value !== null));

/**
 * Puts a value into the field of a setting.
 * @param {string} name
 * @param {string | number} value  NaN for what is no number
 * @param {boolean} isTyping  whether it may change with the next key: then it is not shown as wrong yet
 */
export function type(name, value, isTyping = false) {
  if (!typed[name]) return;
  typed[name].value = `${value}`;
  const fault = faultOf(name);
  checked[name].value = fault !== null && (checked[name].value || !isTyping);
  if (allowed[name] && !fault) allowed[name].value = Number(value);
}

/** Why the value in the field of a setting is shown as wrong; null if it is not. @param {string} name */
export function shownFault(name) {
  return checked[name].value ? faultOf(name) : null;
}

/** Why the value in the field of a setting is not allowed; null if it is. @param {string} name @returns {?Message} */
function faultOf(name) {
  const [setting, text] = [SETTINGS[name], typed[name].value.trim()];
  if (name === "seed" && text === "") return null; // a random one
  const values = { field: { id: `setting.${name}` }, allowed: setting.rule };
  if (text === "" || text === NOT_A_NUMBER) return { id: text ? "refusal.no_number" : "refusal.empty", values };
  if (isAllowed(setting, Number(text))) return null;
  const value = /^-?\d{1,12}(\.\d{1,12})?$/.test(text) ? Number(text) : shortened(text); // with the language's decimal sign
  return { id: "refusal.value", values: { ...values, value } };
}

/** The value of a setting; one that is not allowed is shown in its field. @param {string} name @throws {Refusal} it is not allowed */
function valueOf(name) {
  const fault = faultOf(name);
  if (!fault) return Number(typed[name].value);
  isOpen.settings.value = true;
  if (!FIRST.has(name)) isOpen.more.value = true;
  throw new Refusal(fault);
}

/** Returns how the next reply is written. @throws {Refusal} a value is not allowed, or a model still loads */
export function options() {
  const names = sliders.value.filter((name) => name !== "speed");
  const settings = Object.fromEntries(names.map((name) => [name, valueOf(name)]));
  const isRandom = typed.seed.value === "";
  const [one, two] = [ready(modelName.value), blendName.value === null ? null : ready(blendName.value)];
  return {
    settings: /** @type {Settings} */ ({ ...settings, seed: isRandom ? randomSeed() : valueOf("seed") }),
    seed_given: !isRandom,
    speed: speed.value,
    author: authorOf(one, two),
  };
}

/** @param {string} name @returns {Model} */
function ready(name) {
  const found = findModel(site.value, name);
  const failure = site.value.models.find((each) => each.failure)?.failure;
  if (!found) throw new Refusal(failure ?? { id: "refusal.loading" });
  return found;
}

/** Returns what a stored conversation keeps of the controls. @returns {Record<string, any>} */
export function controls() {
  const values = Object.fromEntries(Object.entries(typed).map(([name, { value }]) => [name, value]));
  return {
    ...values,
    model: modelName.value,
    second: blendOf(blendName.value),
    draft: draft.value,
    link: beforeLink.value,
    compared: compared.value,
  };
}

/** Returns the settings that the visitor had before the link in the address, without those changed since. */
export function settingsBeforeLink() {
  const { before = {}, after = {} } = beforeLink.value ?? {}; // stored by the browser
  const now = controls();
  return Object.fromEntries(Object.entries(before).filter(([name]) => now[name] === after[name]));
}

/** Opens the section of the rarer settings, within the settings, if one of them is not its default. */
export function openChanged() {
  const isChanged = (name) => !FIRST.has(name) && Number(typed[name].value) !== SETTINGS[name].default;
  if (SLIDERS.some(isChanged) || typed.seed.value !== "" || blendName.value !== null) isOpen.more.value = true;
}

/** The sliders that are shown without opening more settings. */
export const FIRST = new Set(["temperature", "length", "speed"]);

/** @type {(site: Site) => string} the title of the site: the owner's, otherwise the page's own */
export function titleOf(site) {
  return site.title || t("site.title");
}

/** @type {(name: string) => string} the name of a model for visitors */
export function nameOf(name) {
  return name === BUNDLED ? t("model.bundled") : shownName(name);
}

/** @type {(site: Site, name: string) => string} the text that a model was trained on; "" if that is not known */
export function corpusOf(site, name) {
  const model = site.models.find((each) => each.name === name);
  const corpus = `${model?.about.find(({ id }) => id === "model.corpus")?.values?.corpus ?? ""}`;
  return corpus === "text" ? "" : corpus; // training calls a text so whose name it does not publish
}

/**
 * Returns the name of a model where one is chosen: the title of the text that it was trained on, if it is one of this project's
 * or has more than the name of a file.
 * @param {Site} site
 * @param {string} name
 */
export function choiceOf(site, name) {
  const [title, corpus] = [nameOf(name) || site.title, corpusOf(site, name)];
  if (corpus.toLowerCase() === title.toLowerCase()) return corpus; // "Shakespeare", not the folder's name "shakespeare"
  return !name.includes("/") && /[^\w.-]/.test(corpus) ? corpus : title; // several models of the Hub may have read the same text
}

/** @type {(cell: {name: string}) => string} the feature that a cell tracks; checkpoints name it in English */
export function featureOf({ name }) {
  return has(`cell.${name}`) ? t(`cell.${name}`) : name;
}

/** @type {(layer: number, index: number) => NamedCell | undefined} */
export const namedCell = (layer, index) =>
  model.value?.cells.find((each) => each.layer === layer && each.index === index);

/** Returns the name of a cell: the feature that it tracks, if one is known. @param {number} layer @param {number} index */
export function cellName(layer, index) {
  const known = namedCell(layer, index);
  return known ? t("quoted", { text: featureOf(known) }) : t("memory.option", { cell: index + 1, layer: layer + 1 });
}

/** Whether a cell falls where its feature grows: an AUC below 0.5, or a negative correlation. @param {?NamedCell} [cell] */
export const isInverted = (cell) => cell?.score < (cell?.kind === "auc" ? 0.5 : 0);

/**
 * Returns what a clamp does to the feature of a named cell, or to another cell: "up", "down" or "off", and "yes" or "no" where the
 * feature is true or false; "" for another value.
 * @param {number} value
 * @param {NamedCell} [cell]
 */
export function wayOf(value, cell) {
  const isBinary = cell?.kind === "auc";
  if (Math.abs(value) !== CLAMP_VALUE) return value === 0 ? "off" : "";
  const isUp = value > 0 !== isInverted(cell);
  return isUp ? (isBinary ? "yes" : "up") : isBinary ? "no" : "down";
}

/** Returns the text for a clamped cell, such as "cell 411 of layer 1 held high". @param {Clamp} clamp */
export function clampName([layer, index, value]) {
  const [cell, way] = [cellName(layer, index), wayOf(value, namedCell(layer, index))];
  return way ? t("clamp.held", { cell, way: { id: `way.${way}` } }) : t("clamp.at", { cell, value: number(value) });
}
