// The lens over the text: its panel, and what changes on the page when another one is chosen.

import { effect, html, render, useLayoutEffect } from "../vendor/preact.js";
import { Button, find, findAll } from "../document/dom.js";
import { render as write, t } from "../document/words.js";
import { close, changed as redraw } from "../state/actions.js";
import * as page from "../state/state.js";
import * as state from "./state.js";
import * as focus from "./text/focus.js";
import { bindAlternatives } from "./text/alternatives.js";
import { bindText, draws, log, placeOf, repaint } from "./text/drawn_text.js";

const LOW = "(max-width: 1239px) and (max-height: 600px)"; // the same as in style.css

/** Binds the lenses to the elements of the conversation. @param {HTMLElement} pane */
export function bindLenses(pane) {
  const panel = find(pane, ".panel");
  bindText(find(pane, ".log"));
  focus.bindFocus(log);
  bindAlternatives(pane);
  render(html`<${Panel} />`, panel);
  document.addEventListener("visibilitychange", focus.pump);
  addEventListener("online", () => {
    state.retry();
    needPanels();
  });
  effect(needPanels);
  page.onChange([state.shownName], () => {
    const name = state.shownName.value;
    if (name !== "plain" || !panel.hidden) show(pane, panel, name); // the document has no panel at first
  });
  page.onChange([page.colours], () => {
    repaint();
    redraw();
    focus.pump();
  });
  effect(() => (panel.ariaBusy = state.isAsking.value ? "true" : null)); // it still shows the character that was in focus before
}

// Imports the panels for the chosen lens; without a network it is tried again when there is one.
function needPanels() {
  if (page.lens.value !== "plain" && !state.panels.value) loadPanels().catch(() => {});
}

/** Imports the lenses that have a panel; few visitors use them at once. */
export async function loadPanels() {
  const [{ Letter }, { memory }, { step }] = await Promise.all([
    import("./letter.js"),
    import("./memory.js"),
    import("./step.js"),
  ]);
  [state.letter.value, state.panels.value] = [Letter, { memory, step }];
}

function Panel() {
  const name = state.shownName.value;
  const lens = state.panels.value?.[name];
  useLayoutEffect(() => {
    if (lens && matchMedia(LOW).matches) find(document, ".panel").scrollIntoView(); // below the text
  }, [lens]);
  if (!lens) return null;
  const problem = state.isLost(state.problem.value) ? { id: "status.reconnecting" } : state.problem.value;
  const help = t(`lens.${name}.help`);
  return html`
    <div class="head">
      <h2>${t(`lens.${name}`)}</h2>
      <${Button} class="close" aria-label=${t("lens.close")} onPress=${() => close(page.lens)}>✕<//>
    </div>
    <p class="help">${help}</p>
    <p class="problem" role="status">${write(problem)}</p>
    <${lens.Panel} />`;
}

function show(pane, panel, name) {
  for (const hint of findAll(log, "article > .hint.done")) hint.remove(); // it only kept its room
  pane.classList.toggle("lensed", name !== "plain");
  page.isOpen.moves.value = false; // the text has less room
  panel.hidden = name === "plain";
  panel.className = `panel ${name}`;
  panel.ariaLabel = t("lens.panel", { name: t(`lens.${name}`) });
  repaint();
  focus.clearDetails();
  redraw();
  focus.update();
  for (const article of findAll(log, "article[data-turn]")) draws(article);
  const changed = log.querySelector(".turn .text:not(.other) .changed"); // of two versions
  const marked = state.turns.value[0]?.id === 0 ? state.welcome.marked.value : null;
  const at = (changed ? placeOf(changed)?.position : marked) ?? state.lastUncertain();
  if (state.focus.value && !state.isAsking.value) focus.inspect();
  else if (!state.focus.value && name !== "plain" && !page.busy.value && at >= 0) focus.moveTo(state.path, at); // the panel has values to show
  focus.reveal();
}
