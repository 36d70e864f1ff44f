// The page of both sites: draws the state, keeps the description of the site up to date, and loads the conversation of this tab.

import { effect, html, render } from "../vendor/preact.js";
import { Refusal, pause } from "../engines/engine.js";
import { lastTurn } from "../conversation/log.js";
import { Storage, attempt } from "../conversation/stored_conversations.js";
import { bindDemonstrations } from "../demonstrations/demonstrations.js";
import { create, find, findAll, focusPrompt, hasTouch } from "../document/dom.js";
import { translate } from "../document/words.js";
import { bindLenses, loadPanels } from "../lenses/lens.js";
import { isColoured, shownName } from "../lenses/state.js";
import { clear as clearFocus, update } from "../lenses/text/focus.js";
import * as views from "./views.js";
import * as actions from "../state/actions.js";
import { advanceArrival, bindArrival } from "./arrival.js";
import { ConversationView } from "./conversation_view.js";
import { bindPrompt } from "./prompt.js";
import * as state from "../state/state.js";

const COLOURS = "char-lstm/colours"; // in localStorage: "on" or "off"
const LATER_MS = 500; // after the first reply can be written
const MENU_GAP = 4; // pixels between the menu, its button and the edges of the window
const LOADING_S = 1; // between two requests while a model loads
const AWAY_S = 5; // while the server does not answer

/** @import { Site, TextEngine } from "../engines/engine.js" */

/**
 * Starts the page: shows the models, then the last conversation of this tab or the link in the address.
 * @param {HTMLElement} root  holds the markup of index.html
 * @param {TextEngine} engine
 * @param {string} intro  the id of the line under the title, where the owner has set none
 * @returns {Promise<void>} when the models are known and the conversation is shown
 */
export async function start(root, engine, intro) {
  const storage = Storage.open();
  state.addsModels.value = engine.add !== undefined;
  translate(root);
  actions.connect(engine, await storage);
  let hasProgress = false; // whether the engine loads a model, or has loaded one
  engine.onProgress = (part) => {
    hasProgress = true;
    state.downloaded.value = part;
  };
  drawPage(root);
  await watchSite(engine, root, actions.receiveSite);
  if (!hasProgress) state.downloaded.value = 1;
  render(html`<${views.IntroView} intro=${intro} />`, find(root, "#intro")); // until now it has the document's own
  actions.openLog(await actions.storage.current());
  actions.listEarlier();
  await openLink();
  state.isStarted.value = true;
  // A frame leaves the focus to the page around it, and a phone would show its keyboard.
  const isFocusElsewhere = parent !== window || hasTouch() || root.contains(document.activeElement);
  if (!isFocusElsewhere) find(root, "#prompt").focus({ preventScroll: true });
  actions.resume();
  // The modules that the first screen does not need are imported then, so that a click need not wait, and works without a network.
  const later = [loadPicture, loadPanels, views.loadShare, loadDemonstrations];
  const isReady = () => state.model.value && state.downloaded.value >= 1;
  state.once(isReady, () => setTimeout(() => later.forEach((load) => load().catch(() => {})), LATER_MS));
}

/** Imports the demonstrations and the tour. @type {ReturnType<typeof bindDemonstrations>} */
let loadDemonstrations;

/** Imports the picture of what the network remembers of the welcome text, and draws it. @type {() => Promise<void>} */
let loadPicture;

/** Draws the state, and every change of it. @param {HTMLElement} root */
export function drawPage(root) {
  root.querySelector(".late")?.remove(); // the notice for a browser in which no module runs
  const drawn = {
    "#notices": html`<${views.Notices} />`,
    ".pane .below-text": html`<${views.Loading} /><${views.ClampedCells} />`,
    ".shared": html`<${views.Examples} /><${views.CalmWild} />`,
    "#message": html`<${views.MessageLine} />`,
    "#earlier": html`<${views.HistoryView} />`,
  };
  state.colours.value = attempt(() => localStorage.getItem(COLOURS)) !== "off";
  effect(() => void attempt(() => localStorage.setItem(COLOURS, state.colours.value ? "on" : "off")));
  const settings = find(root, "#settings");
  bindMenu(root, settings);
  for (const [selector, view] of Object.entries(drawn)) render(view, find(root, selector));
  // In a task of its own: the text moves meanwhile.
  setTimeout(() => render(html`<${views.SettingsView} />`, settings));
  views.bindTitle();
  bindPrompt();
  drawConversation(root);
  actions.bindBack();
  loadDemonstrations = bindDemonstrations(root);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !state.shareBox.value) return;
    event.preventDefault(); // it closes nothing else
    views.closeShare(true);
  });
  document.addEventListener("click", ({ target }) => {
    if (!(target instanceof Element)) return;
    const section = target.closest("summary")?.parentElement;
    if (section) {
      const sizes = new ResizeObserver(() => section.scrollIntoView({ block: "nearest" }));
      sizes.observe(section);
      setTimeout(() => sizes.disconnect(), 1000); // its content has arrived
    }
    if (!target.closest('#share-link, [data-move="share"]')) views.closeShare(false);
  });
}

// The buttons of the menu, and the place of "Look inside" under its button.
/** @param {HTMLElement} root @param {HTMLElement} settings */
function bindMenu(root, settings) {
  const selectors = ["#new-conversation", "#open-settings", "#look-inside", "#inside"];
  const [newConversation, opener, inside, menu] = selectors.map((each) => find(root, each));
  const { settings: isOpen } = state.isOpen;
  newConversation.addEventListener("click", () => {
    actions.clear();
    focusPrompt();
  });
  effect(() => void (newConversation.hidden = !state.hasTurns.value));
  opener.addEventListener("click", () => {
    if (isOpen.value) return actions.close(isOpen);
    isOpen.value = true;
    settings.querySelector("select")?.focus();
  });
  // They cover a part of the page.
  document.addEventListener("pointerdown", ({ target }) => {
    if (target instanceof Node && ![settings, opener].some((each) => each.contains(target))) isOpen.value = false;
  });
  document.addEventListener("keydown", (event) => {
    const hasFocus = settings.contains(document.activeElement);
    if (event.key !== "Escape" || !isOpen.value || (state.busy.value && !hasFocus)) return; // it stops the reply
    event.preventDefault(); // it closes nothing else
    if (hasFocus) actions.close(isOpen);
    else isOpen.value = false;
  });
  effect(() => void ([settings.hidden, opener.ariaExpanded] = [!isOpen.value, String(isOpen.value)]));
  menu.addEventListener("beforetoggle", () => {
    const { bottom, left } = inside.getBoundingClientRect();
    requestAnimationFrame(() => {
      menu.style.left = `${Math.max(0, Math.min(left, innerWidth - menu.offsetWidth - MENU_GAP))}px`;
      const lowest = innerHeight - menu.offsetHeight - MENU_GAP;
      menu.style.top = `${Math.max(MENU_GAP, Math.min(bottom + MENU_GAP, lowest))}px`;
    });
  });
  menu.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget instanceof Node && !menu.contains(relatedTarget) && relatedTarget !== inside) menu.hidePopover();
  });
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.key === "Escape" && menu.matches(":popover-open")) event.stopPropagation(); // it closes the menu alone
    },
    true,
  );
  inside.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown") return;
    event.preventDefault(); // it scrolls nothing
    menu.showPopover();
    find(menu, "button:not([hidden]), input:checked").focus();
  });
  menu.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) {
      const entries = findAll(menu, "a, button, input").filter((each) => each.checkVisibility());
      entries.at((entries.findIndex((each) => each === event.target) + by) % entries.length).focus();
    } else if (event.key === "Enter" && event.target instanceof HTMLInputElement) {
      event.target.click();
      menu.hidePopover();
    } else return;
    event.preventDefault(); // the arrow keys choose no view
  });
  // The space bar, which clicks without a detail, may be followed by the choice of another view.
  menu.addEventListener("click", ({ target, detail }) => {
    if (target instanceof Element && target.closest(detail ? "a, button, label" : "a, button")) menu.hidePopover();
  });
}

// The text and what the lenses show of it are drawn without components: thousands of characters at 60 frames a second.
function drawConversation(root) {
  const pane = find(root, ".pane");
  bindLenses(pane);
  const moves = create("div", "reply-moves");
  render(html`<${views.ReplyActions} />`, moves);
  const memory = create("figure", "numbers");
  loadPicture = async () => {
    const { MemoryPicture } = await import("../lenses/memory_picture.js");
    const showHeld = async () => (await loadDemonstrations()).show("lines");
    render(html`<${MemoryPicture} showHeld=${showHeld} />`, memory);
  };
  const view = new ConversationView(pane, moves, memory);
  bindArrival(find(pane, ".log"));
  state.onChange([state.log], clearFocus);
  effect(() => {
    const { classList } = document.documentElement; // for what the styles place differently
    classList.toggle("with-lens", shownName.value !== "plain");
    classList.toggle("compares", state.comparison.value !== null);
    classList.toggle("holds", Boolean(state.clampedCells.value?.length));
    classList.toggle("with-turns", state.hasTurns.value);
    classList.toggle("with-stage", state.demonstration.value !== "");
    classList.toggle("with-tour", state.tourStep.value > 0);
  });
  // Everything that is drawn in the frame after a change.
  const drawn = [state.model, state.refusal, state.waits, state.isStarted, state.sampling, state.busy, state.compared];
  state.onChange([...drawn, isColoured], actions.changed);
  state.onChange([state.changes], () => {
    advanceArrival();
    update();
    view.update();
  });
}

// Shows the settings of the link in the address, and writes its text in a new conversation.
async function openLink() {
  const hasTurns = lastTurn(state.log.value) !== undefined;
  if (!hasTurns) actions.forgetLink();
  if (!location.search || (hasTurns && state.log.value.address === location.search)) return; // or it is a reload
  state.refusal.value = null; // of the first try, while the model was loading
  try {
    await (await views.loadShare()).openLink(location.search);
  } catch (error) {
    actions.refuse(error);
    const isEarly = error instanceof Refusal && error.reason.id === "refusal.loading";
    if (isEarly) state.once(() => !state.site.value.models.some((model) => model.loading), openLink);
  }
  actions.changed();
}

/**
 * Requests the site until there is an answer. Then requests go on in the background, for as long as the site can change.
 * @param {TextEngine} engine
 * @param {Element} root  the page; requests end when it leaves the document
 * @param {(site: Site) => void} receive
 */
async function watchSite(engine, root, receive) {
  /** Returns the seconds until the next request; null if there is to be none, undefined without an answer. */
  const ask = async () => {
    try {
      const site = await engine.site();
      receive(site);
      return site.models.some((model) => model.loading) ? LOADING_S : site.again_s;
    } catch (error) {
      console.info(`no answer about the models: ${error}`);
    }
  };
  const goOn = async (seconds) => {
    while (seconds !== null) {
      await pause(1000 * seconds);
      if (!root.isConnected) return;
      if (document.visibilityState === "hidden")
        await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
      seconds = (await ask()) ?? AWAY_S;
    }
  };
  let seconds;
  while ((seconds = await ask()) === undefined) await pause(1000 * LOADING_S);
  goOn(seconds);
}
