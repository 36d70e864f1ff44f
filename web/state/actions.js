// The actions of the visitor: functions that change the state and call the text engine. Back closes what covers the conversation,
// the last opened first, instead of leaving the page.

import { batch, computed, effect } from "../vendor/preact.js";
import * as logs from "../conversation/log.js";
import { authorNow, findModel, onNewLine, welcomeTurn } from "../conversation/replies.js";
import { Writer } from "../conversation/writer.js";
import { has } from "../document/words.js";
import { Refusal } from "../engines/engine.js";
import { LIMITS } from "../settings.js";
import * as state from "./state.js";

const PLAIN_SIGNS = { "‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "--", "…": "..." };
const SAVE_MS = 400; // between two saves while a reply is being written
const CHANGED_MS = 150; // after the last movement of a slider, a reply that is being written gets the new setting

/**
 * @import { Log, Turn } from "../conversation/log.js"
 * @import { Storage } from "../conversation/stored_conversations.js"
 * @import { Clamp, Message, Model, Site, TextEngine } from "../engines/engine.js"
 */

/** @type {TextEngine} */
export let engine;
/** @type {Writer} */
export let writer;
/** @type {Storage} */
export let storage;
let [scheduled, saveTimer, changeTimer] = [false, 0, 0];

/** Gives the actions what they work with. @param {TextEngine} textEngine @param {Storage} conversations */
export function connect(textEngine, conversations) {
  [engine, storage] = [textEngine, conversations];
  writer = new Writer(engine, {
    log: () => state.log.peek(),
    changed: () => {
      state.isWriting.value = writer.busy;
      if (writer.busy) state.isOpen.moves.value = false; // the reply takes the room
      changed();
    },
    status: (messages) => (state.waits.value = messages),
    model: (name) => findModel(state.site.peek(), name),
  });
  storage.onChange((removed) => {
    if (removed === state.log.value.id) leaveRemoved();
    listEarlier();
  });
  state.onChange([state.model], () => (state.demonstration.value = "")); // it is about another model
  effect(() => {
    const changed = { settings: { ...state.sampling.value }, speed: state.speed.value };
    if (state.blendName.value !== null) changed.settings.share = state.share.value;
    clearTimeout(changeTimer);
    if (!state.isWriting.peek()) return;
    changeTimer = setTimeout(() => state.followed.value || writer.change(changed), CHANGED_MS);
  });
  effect(() => {
    state.controls();
    state.watch(state.changes);
    saveTimer ||= setTimeout(save, SAVE_MS);
  });
  state.onChange([state.earlier.isOpen], () => state.earlier.isOpen.value && listEarlier());
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && save());
  addEventListener("pagehide", () => save());
}

/** Notes a change of the conversation, which the views show in the next frame. */
export function changed() {
  if (scheduled) return;
  scheduled = true;
  const show = () => {
    scheduled = false;
    state.changes.value++;
  };
  if (document.visibilityState === "hidden") setTimeout(show, 50);
  else requestAnimationFrame(show);
}

/** Stores the conversation, the settings and the prompt that was not sent. @returns {Promise<boolean>} whether it could */
export async function save() {
  clearTimeout(saveTimer);
  saveTimer = 0;
  if (state.log.value === state.NO_LOG) return true; // the stored one is not shown yet
  const log = state.log.value;
  log.controls = state.controls();
  const isStored = await storage.save(log);
  if (!isStored) state.message.value = { id: "notice.storage_refused" };
  return isStored;
}

/** Takes a new description of the site. @param {Site} site */
export function receiveSite(site) {
  if (state.site.value === state.NO_SITE || site.version !== state.site.value.version) state.site.value = site;
}

/** Loads another model, which is then offered. @param {string} name @returns {Promise<Model | undefined>} */
export async function addModel(name) {
  const model = await engine.add?.(name);
  if (model && !model.failure) receiveSite(await engine.site());
  return model;
}

/** Chooses one model by name. @param {string} name */
export function chooseModel(name) {
  state.chosen.model.value = name;
  loadChosen({ model: name });
}

/** Loads a model of the Hub by name, and blends the chosen one with it. @param {string} name */
export async function blendWith(name) {
  const model = name ? await addModel(name) : undefined;
  if (!model) return;
  state.otherFailure.value = model.failure;
  if (!model.failure) state.chosen.second.value = state.blendOf(model.name);
}

/** Chooses models, where they are offered. @param {string} [model] @param {string} [second] */
function select(model, second) {
  if (state.modelNames.value.includes(model)) state.chosen.model.value = model;
  if (["", ...state.blendNames.value.map(state.blendOf)].includes(second)) state.chosen.second.value = second;
}

/**
 * Loads models that are not loaded, such as those that were chosen before a reload of the page, and chooses them.
 * @param {{model?: string, second?: string}} values
 */
async function loadChosen({ model = "", second = "" }) {
  const names = [model, second.startsWith(state.blendOf("")) ? second.slice(state.blendOf("").length) : ""];
  const others = names.filter((name) => name && !state.site.value.models.some((each) => each.name === name));
  if (!others.length || !engine.add) return;
  const now = () => JSON.stringify([state.chosen.model.value, state.chosen.second.value]);
  const before = now();
  const found = await Promise.all(others.map(addModel));
  if (now() !== before) return;
  if (found.every((each) => each?.failure)) {
    state.ownModels.value = state.ownModels.value.filter((name) => name !== model); // deleted in another tab
    return;
  }
  select(model, second);
  state.openChanged();
}

/** Shows settings by name, from a link or a stored conversation. @param {Record<string, any>} values */
export function restore(values) {
  batch(() => {
    for (const [name, value] of Object.entries(values))
      if (value !== undefined && value !== null) state.type(name, value);
    select(values.model, values.second);
  });
  loadChosen(values);
}

/** Shows a conversation with its settings. @param {Log} log */
export function openLog(log) {
  batch(() => {
    state.log.value = log;
    state.refusal.value = null;
    state.beforeLink.value = log.controls.link ?? null;
    state.compared.value = log.controls.compared ?? null;
    state.shareBox.value = null;
    restore(log.controls);
    state.openChanged();
    state.draft.value ||= log.controls.draft ?? "";
  });
  changed();
}

/** Shows an earlier conversation; the current one stays in the list. @param {string} id @returns {Promise<boolean>} whether it is shown */
export async function open(id) {
  if (state.busy.value) return false;
  await save();
  const log = await storage.load(id);
  if (!log || state.busy.value) return false;
  if (log.controls.draft) state.draft.value = ""; // what is typed now stays with the conversation that is left
  openLog(log);
  chooseAuthor();
  await save();
  listEarlier();
  resume();
  return true;
}

// Chooses the models that wrote the last reply, where they are offered.
function chooseAuthor() {
  const { model, second } = logs.lastTurn(state.log.value)?.reply ?? {};
  if (model) select(model.name, state.blendOf(second?.name ?? null));
}

/** Continues the reply that was being written when the conversation was left; a refused prompt goes back to the field. */
export async function resume() {
  const turn = logs.lastTurn(state.log.value);
  if (!turn || state.busy.value) return; // busy: a link is followed
  const [refusal, compared] = [state.refusal.value, state.compared.value]; // the refusal of a link; both would be cleared
  const resumed = run(() => {
    state.compared.value = compared;
    return writer.resume(state.speed.value);
  });
  state.refusal.value ??= refusal;
  if (!(await resumed) && !logs.pathTo(state.log.value).some((each) => each.prompt === turn.prompt))
    state.draft.value ||= logs.typedPrompt(turn);
}

/** Runs an action of the visitor and shows why it was refused. @param {() => unknown} act @returns {Promise<boolean>} whether it was carried out */
export async function run(act) {
  batch(() => {
    for (const each of [state.refusal, state.message, state.shareBox]) each.value = null;
    state.demonstration.value = "";
    state.compared.value = null;
  });
  state.log.value.address ??= location.search;
  try {
    const done = act();
    save();
    await done;
    return true;
  } catch (error) {
    refuse(error);
    return false;
  } finally {
    changed();
    save();
  }
}

/** Shows why an action was refused. @param {unknown} error */
export function refuse(error) {
  state.followed.value = null;
  state.refusal.value = refusalOf(error);
  if (error instanceof Refusal && error.gone) engine.site().then(receiveSite, () => {});
}

/**
 * Returns the message for an error. An error that is no refusal is a fault of the page, and is logged to the console too.
 * @param {unknown} error
 * @returns {Message}
 */
export function refusalOf(error) {
  if (error instanceof Refusal) return withLabel(error.reason);
  console.error(error);
  return { id: "fault.again" };
}

// A refusal names a setting by its id in programs, the page by its label.
/** @param {Message} message @returns {Message} */
function withLabel({ id, values = {} }) {
  if (Array.isArray(values.refusals)) return { id, values: { refusals: values.refusals.map(withLabel) } };
  const label = `setting.${values.field}`;
  return { id, values: typeof values.field === "string" && has(label) ? { ...values, field: { id: label } } : values };
}

/** Sends a prompt; the field is emptied once the request is accepted. @param {string} [prompt] what is typed, if omitted */
export async function send(prompt = state.draft.value) {
  if (state.busy.value) return;
  if (!prompt && state.continues.value) return continueReply();
  const isTyped = prompt === state.draft.value;
  if (isTyped) state.draft.value = "";
  prompt = withPlainSigns(prompt);
  const sent = await run(() => write("send", prompt));
  const isKept = logs.pathTo(state.log.value).some((turn) => logs.typedPrompt(turn) === prompt);
  if (!sent && isTyped && state.refusal.value && !isKept) state.draft.value ||= prompt;
}

/** Writes one character: after what is typed, else after the text that is shown, which the tour is about. */
export function step() {
  const prompt = state.tourStep.value ? "" : withPlainSigns(state.draft.value);
  if (prompt) state.draft.value = "";
  if (!prompt) beginWithWelcome();
  return run(() => write("step", prompt));
}

// Puts plain signs in the place of those that the keyboard of a phone types, where the model knows only the plain ones.
/** @param {string} prompt */
function withPlainSigns(prompt) {
  const vocab = state.model.value?.vocab ?? [];
  const isKnown = (text) => [...text].every((each) => vocab.includes(each));
  const signs = new RegExp(`[${Object.keys(PLAIN_SIGNS).join("")}]`, "g");
  return prompt.replace(signs, (sign) => (!isKnown(sign) && isKnown(PLAIN_SIGNS[sign]) ? PLAIN_SIGNS[sign] : sign));
}

/** @param {"send" | "step"} way @param {string} prompt */
function write(way, prompt) {
  const [options, log] = [state.options(), state.log.value];
  const isPrompt = way === "send" || prompt !== "";
  return writer[way](isPrompt ? onNewLine(log, prompt, options.author) : prompt, options);
}

/** Ends the reply that is being written. */
export function stop() {
  state.followed.value = null;
  state.message.value = null;
  const turn = logs.lastTurn(state.log.value);
  writer.stop();
  const isCut = turn?.shared && !turn.check.length && logs.lastPart(turn.reply)?.end === null;
  if (isCut) turn.check = [{ id: "check.unfinished" }];
}

/** Stops the reply that is being written, if one is. @returns {Promise<void>} when it has ended */
async function stopped() {
  if (state.busy.value) stop();
  await new Promise((done) =>
    state.once(
      () => !state.busy.value,
      () => done(null),
    ),
  );
}

export const continueReply = () => run(() => writer.continueReply(state.options()));
export const retry = () => run(() => writer.retry(state.options()));
/** Writes the last reply again beside the one before, with other cells clamped. */
const rewrite = () => compare(0, () => writer.rewrite(state.options()));
export const redo = () => run(() => logs.redo(state.log.value));

/** Shows the conversation as it was before the last action; after Clear, the one that was cleared. */
export function undo() {
  const log = state.cleared.value;
  return run(() => {
    if (!log || state.log.value.turns.length) return logs.undo(state.log.value);
    state.cleared.value = null;
    openLog(log);
    chooseAuthor();
  });
}

/** Shows the version of the reply before or after the one that is shown. @param {-1 | 1} by */
export function showVersion(by) {
  const { ids, at } = logs.versionsShown(state.log.value);
  if (ids[at + by]) run(() => logs.showVersion(state.log.value, ids[at + by]));
}

/** Shows an empty conversation; the current one is in the list of earlier ones, if it could be stored. */
export async function clear() {
  if (state.busy.value) stop();
  const log = state.log.value;
  const saved = begin();
  if (!logs.lastTurn(log)) return;
  state.cleared.value = log;
  const isStored = await saved;
  await listEarlier();
  if (!isStored) state.message.value = { id: "history.not_kept", values: { restore: { id: "move.restore" } } };
}

/** Begins an empty conversation with the same settings, without those of a link. @returns {Promise<boolean>} whether the one before is stored */
export function begin() {
  const saved = save();
  storage.leave();
  batch(() => {
    state.demonstration.value = "";
    restore(leaveLink());
    state.log.value = { ...logs.emptyLog(), controls: { ...state.controls(), draft: "" } };
    for (const each of [state.refusal, state.shareBox, state.message]) each.value = null;
  });
  changed();
  return saved;
}

/** Brings back the settings and the draft that the visitor had before a link that wrote nothing, without those changed since. */
export function forgetLink() {
  const before = state.settingsBeforeLink();
  restore(before);
  state.draft.value = before.draft ?? state.draft.value;
  state.beforeLink.value = null;
}

// Removes the link from the address. Returns the settings that the visitor had before, without those changed since.
/** @returns {Record<string, string>} */
function leaveLink() {
  const [link, settings, query] = [state.beforeLink.value, state.settingsBeforeLink(), location.search];
  if (!link || (link.isPreset && query)) return {};
  state.beforeLink.value = null;
  const leave = () => {
    if (location.search === query) history.replaceState(history.state, "", location.pathname + location.hash);
  };
  leave();
  addEventListener("popstate", leave); // the entry below that of the tour or of Share has the link too
  return settings;
}

// Another tab has deleted the conversation that this one shows.
function leaveRemoved() {
  writer.stop();
  storage.leave();
  state.log.value = { ...logs.emptyLog(), controls: { ...state.controls(), draft: "" } };
  state.cleared.value = null;
  state.message.value = { id: "history.deleted_elsewhere" };
  changed();
}

// Writes another version of a reply, which is then shown beside it. A welcome text becomes the first turn.
/** @param {number} id  of the turn; 0 for the last one @param {(id: number) => Promise<void>} write */
function compare(id, write) {
  const log = state.log.value;
  return run(() => {
    beginWithWelcome();
    const old = id || log.here;
    const writing = write(old);
    state.compared.value = { now: log.here, old };
    return writing;
  });
}

// Makes the welcome text, if it is shown, the first turn of the conversation.
function beginWithWelcome() {
  const [log, model] = [state.log.value, state.model.value];
  if (!log.here && model?.welcome) logs.addTurn(log, { parent: 0, prompt: "", reply: welcomeTurn(model).reply });
}

/**
 * Cuts a reply after a character and continues it from there.
 * @param {number} id  of a turn; 0 for the welcome text, which becomes the first turn
 * @param {number} keep  how many characters of its reply stay
 * @param {{pick?: string, newSeed?: boolean}} change
 */
export async function continueFrom(id, keep, change) {
  await stopped();
  return compare(id, (old) => writer.continueFrom(old, keep, state.options(), change));
}

/** Ends the comparison of two versions with one of them. @param {Turn} turn */
export async function keep(turn) {
  await run(() => logs.showVersion(state.log.value, turn.id));
  takeCells(turn);
}

/** Ends the comparison with the version that goes on; a reply that is being written is only stopped. */
export function endComparison() {
  if (state.busy.value) stop();
  else keep(logs.lastTurn(state.log.value));
}

/** Goes on with the other one of two compared versions, which stay side by side. */
export async function exchange() {
  const [compared, { other }] = [state.compared.value, state.comparison.value];
  await run(() => {
    state.log.value.here = other.id;
    state.compared.value = compared;
  });
  takeCells(other);
}

// Clamps the cells with which a version was written.
/** @param {Turn} turn */
function takeCells({ reply }) {
  const cells = logs.lastPart(reply)?.cells ?? [];
  if (JSON.stringify(cells) !== JSON.stringify(state.clampedCells.value ?? [])) clamp(cells);
}

/**
 * Clamps cells, and writes the last reply again with them if it was written with others: beside it is the reply before, with which
 * that of other clamped cells is compared, too. A reply that is being written goes on with them, unless it is compared with one of
 * other clamped cells.
 * @param {Clamp[]} cells
 */
export async function clampAndRewrite(cells) {
  const { old, now } = state.comparison.value ?? {};
  const isHeld = (turn) => turn?.reply.parts.some((part) => part.cells.length);
  const isReplaced = isHeld(now) || (state.busy.value && isHeld(old));
  if (isReplaced) await stopped(); // a version has one choice of cells from its beginning
  clamp(cells);
  if (state.busy.value || state.refusal.value) return;
  if (isReplaced) run(() => logs.showVersion(state.log.value, old.id));
  const { model, parts = [{ cells: [] }] } = logs.lastTurn(state.log.value)?.reply ?? {};
  const isSame = parts.every((part) => JSON.stringify(part.cells) === JSON.stringify(cells));
  if (!isSame && (model?.name ?? state.modelName.value) === state.modelName.value) await rewrite();
}

/** Clamps other cells from now on; a reply that is being written continues with them. @param {Clamp[]} cells */
export function clamp(cells) {
  const [log, model] = [state.log.value, state.model.value];
  state.refusal.value = null;
  if (state.blendName.value !== null) state.refusal.value = { id: "refusal.clamps_blended" };
  else if (cells.length > LIMITS.clamps)
    state.refusal.value = { id: "refusal.too_many_clamps", values: { most: LIMITS.clamps } };
  else if (model) {
    log.held = { model: model.name, cells };
    state.message.value = null; // it may be about the cells before
    if (writer.running?.turn.reply.model.name === model.name) {
      state.followed.value = null;
      writer.change({ cells });
    }
  }
  changed();
  save();
}

/** Reads the list of earlier conversations, if it is open, else only whether there are any. */
export async function listEarlier() {
  const { isOpen, ids, stored } = state.earlier;
  ids.value = await storage.ids();
  if (isOpen.value) stored.value = await storage.list();
}

/** Deletes an earlier conversation. @param {string} id */
export async function deleteEarlier(id) {
  await storage.remove(id);
  if (state.cleared.value?.id === id) state.cleared.value = null;
  state.message.value = null; // it may say that this one is kept
  await listEarlier();
}

/** Returns the author of a reply, at the commits that are served now. @param {import("../conversation/log.js").Reply} reply */
export const authorOfReply = (reply) => authorNow(reply, (name) => findModel(state.site.value, name));

const COVERED = "char-lstm/covered"; // in the state of an entry of the browser's history

/**
 * What Back closes, the last opened first: its value while it is closed, and the control that opens it.
 * @typedef {{value: any}} Open
 * @type {[Open, closed: unknown, opener: (value: any) => string][]}
 */
const CLOSED = [
  [state.shareBox, null, () => '[data-move="share"]'],
  [state.demonstration, "", () => "#look-inside"],
  [state.tourStep, 0, () => "#look-inside"],
  [state.lens, "plain", () => "#look-inside"],
  [
    {
      get value() {
        return state.comparison.value !== null;
      },
      set value(_) {
        endComparison();
      },
    },
    false,
    () => ".log",
  ],
  [state.isOpen.settings, false, () => "#open-settings"],
];
/** Lets Back close something else, too. @param {Open} open @param {unknown} closed @param {string} opener  the selector of what gets the focus */
export const closesOnBack = (open, closed, opener) => void CLOSED.push([open, closed, () => opener]);

const opened = /** @type {Open[]} */ ([]); // the last opened one last

/** Whether the entry of the browser's history that is shown was made by `bindBack`. */
const isCovered = () => Boolean(history.state?.[COVERED]);

/** Closes the share box, the demonstration or the tour, and puts the focus back on the control that opens it. @param {Open} open */
export function close(open) {
  const [, closed, opener] = CLOSED.find(([each]) => each === open);
  const control = document.querySelector(opener(open.value));
  open.value = closed;
  if (control instanceof HTMLElement) control.focus({ preventScroll: true });
}

/** Gives the page an entry of its own in the browser's history while something is open. */
export function bindBack() {
  for (const [open, closed] of CLOSED) {
    effect(() => {
      const at = opened.indexOf(open);
      const isOfTour = open === state.lens && state.tourStep.value > 0; // it ends with the tour
      if ((open.value !== closed && !isOfTour) !== at < 0) return;
      if (at < 0) opened.push(open);
      else opened.splice(at, 1);
    });
  }
  const isOpen = computed(() => CLOSED.some(([open, closed]) => open.value !== closed));
  // A reload keeps the entry and closes what it was for; after Back from another page it must stay, or Forward would end here.
  const [navigation] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType("navigation"));
  let hasEntry = isCovered() && navigation?.type === "reload";
  let isLeaving = false; // history.back() was called, and its popstate has not come yet
  const leave = () => {
    isLeaving = true;
    history.back();
  };
  const follow = () => {
    if (isOpen.value === hasEntry || isLeaving || !(isOpen.value || state.isStarted.value)) return;
    hasEntry = isOpen.value;
    if (!hasEntry) return leave();
    history.scrollRestoration = "manual"; // closing something does not scroll the page
    history.pushState({ ...history.state, [COVERED]: true }, "");
  };
  effect(follow);
  addEventListener("popstate", () => {
    history.scrollRestoration = "auto";
    isLeaving = false;
    if (hasEntry) {
      hasEntry = false;
      close(opened.at(-1));
    }
    if (!isOpen.value && isCovered()) leave(); // one that Forward has reached
    follow(); // something may still be open, or open again
  });
}
