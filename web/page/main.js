// The page of both sites: draws the state, and loads the models and the conversation of this tab.

import { effect, html, render, untracked } from "../vendor/preact.js";
import { Refusal } from "../engines/refusal.js";
import { lastTurn } from "../conversation/log.js";
import { Storage } from "../conversation/stored_conversations.js";
import { bindDemonstrations } from "../demonstrations/demonstrations.js";
import { find, hasTouch } from "../document/dom.js";
import { translate } from "../document/words.js";
import { bindLenses, loadPanels } from "../lenses/lens.js";
import { update } from "../lenses/reading.js";
import { clear as clearFocus } from "../lenses/text/focus.js";
import { ShareBox, closeShare, loadShare } from "../sharing/share_box.js";
import * as actions from "../state/actions.js";
import { bindBack } from "../state/back.js";
import { advanceArrival, bindArrival, showMark } from "./arrival.js";
import { ConversationView } from "./conversation_view.js";
import { HistoryView } from "./history_view.js";
import { IntroView, Loading, Notices, bindTitle } from "./intro_view.js";
import { ClampedCells, Examples, MessageLine, Moves, Versions } from "./moves_view.js";
import { bindPrompt } from "./prompt.js";
import { SettingsView } from "./settings_view.js";
import { watchSite } from "./site_watch.js";
import * as state from "../state/state.js";

const LATER_MS = 500; // after the page can be used

/** @import { TextEngine } from "../engines/engine.js" */

/**
 * Starts the page: shows the models, then the last conversation of this tab or the link in the address.
 * @param {HTMLElement} root  holds the markup of index.html
 * @param {TextEngine} engine
 * @param {string} intro  the id of the line under the title, where the owner has set none
 * @param {() => void} [openModel]  lets the visitor choose the file of a model, where the page can open one
 * @returns {Promise<void>} when the models are known and the conversation is shown
 */
export async function start(root, engine, intro, openModel) {
  const storage = Storage.open();
  state.addsModels.value = engine.add !== undefined;
  state.isOpen.settings.value = find(root, "#settings", HTMLDetailsElement).open; // document/first_paint.js
  translate(root);
  actions.connect(engine, await storage);
  let hasProgress = false; // whether the engine loads a model, or has loaded one
  engine.onProgress = (part) => {
    hasProgress = true;
    state.downloaded.value = part;
  };
  drawPage(root, openModel);
  await watchSite(engine, root, actions.receiveSite);
  if (!hasProgress) state.downloaded.value = 1;
  render(html`<${IntroView} intro=${intro} />`, find(root, "#intro")); // until now it has the document's own
  actions.openLog(await actions.storage.current());
  actions.listEarlier();
  await openLink();
  state.isStarted.value = true;
  // A frame leaves the focus to the page around it, and a phone would show its keyboard.
  const isFocusElsewhere = parent !== window || hasTouch() || root.contains(document.activeElement);
  if (!isFocusElsewhere) find(root, "#prompt").focus({ preventScroll: true });
  actions.resume();
  // The modules that the first screen does not need are imported soon, so that a click need not wait and works without a network.
  setTimeout(() => {
    const later = [loadPanels, loadShare, loadDemonstrations];
    for (const load of later) load().catch(() => {});
  }, LATER_MS);
}

/** Imports the demonstrations and the tour. @type {ReturnType<typeof bindDemonstrations>} */
let loadDemonstrations;

/** Draws the state, and every change of it. @param {HTMLElement} root @param {() => void} [openModel] */
export function drawPage(root, openModel) {
  root.querySelector(".late")?.remove(); // the notice for a browser in which no module runs
  const views = {
    "#notices": html`<${Notices} />`,
    ".pane .below-text": html`<${Loading} /><${ClampedCells} /><${Versions} />`,
    ".shared": html`<${Examples} /><${Moves} /><${ShareBox} />`,
    "#message": html`<${MessageLine} />`,
    "#below": html`<${Examples} isBelow=${true} />`,
    "#earlier": html`<${HistoryView} />`,
  };
  const settings = find(root, "#settings", HTMLDetailsElement);
  settings.addEventListener("toggle", () => (state.isOpen.settings.value = settings.open));
  effect(() => (settings.open = state.isOpen.settings.value));
  for (const [selector, view] of Object.entries(views)) render(view, find(root, selector));
  // In a task of its own: the text moves meanwhile.
  setTimeout(() => render(html`<${SettingsView} openModel=${openModel} />`, find(settings, ".body")));
  bindTitle();
  bindPrompt();
  bindBack();
  drawConversation(root);
  loadDemonstrations = bindDemonstrations(root);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !state.shareBox.value) return;
    event.preventDefault(); // it closes nothing else
    closeShare(true);
  });
  document.addEventListener("pointerdown", ({ target }) => {
    if (target instanceof Element && !target.closest("#share-link")) closeShare(false);
  });
}

// The text and what the lenses show of it are drawn without components: thousands of characters at 60 frames a second.
function drawConversation(root) {
  const pane = find(root, ".pane");
  bindLenses(pane);
  const view = new ConversationView(pane);
  bindArrival(find(pane, ".log"));
  effect(() => {
    state.watch(state.log);
    untracked(clearFocus);
  });
  // Everything that is drawn in the frame after a change.
  effect(() => {
    state.watch(state.model, state.refusal, state.waits, state.isStarted, state.sampling, state.busy);
    actions.changed();
  });
  effect(() => {
    state.watch(state.changes);
    untracked(() => {
      advanceArrival();
      update();
      view.update();
      showMark();
    });
  });
}

// Shows the settings of the link in the address, and writes its text in a new conversation.
async function openLink() {
  const isReload = lastTurn(state.log.value) && state.log.value.address === location.search;
  if (!location.search || isReload) return;
  try {
    await (await loadShare()).openLink(location.search);
  } catch (error) {
    actions.refuse(error);
    if (error instanceof Refusal && error.reason.id === "refusal.loading") openLinkOnceLoaded();
  }
  actions.changed();
}

// Opens the link in the address again when its model has been loaded.
function openLinkOnceLoaded() {
  const stop = effect(() => {
    if (state.site.value.models.some((model) => model.loading)) return;
    queueMicrotask(() => {
      stop();
      openLink();
    });
  });
}
