// What surrounds the text: clamped cells, versions, examples, the buttons of the moves, the line below the prompt.

import { html } from "../vendor/preact.js";
import { lastTurn, versionsShown, wholeText } from "../conversation/log.js";
import { copyText, focusPrompt, hasTouch } from "../document/dom.js";
import { Button } from "../document/views.js";
import { render, t } from "../document/words.js";
import { loadShare } from "../sharing/share_box.js";
import * as actions from "../state/actions.js";
import { clampName, nameOf } from "../state/names.js";
import * as state from "../state/state.js";

// A second click may come before the buttons are drawn anew.
const unlessBusy = (act) => () => state.busy.value || act();
const isFree = () => !state.busy.value && state.model.value !== null;
const canRestore = () => state.cleared.value !== null && !state.currentLog().turns.length;
const canRedo = () => state.currentLog().undone.length > 0;

/** The cells that are clamped from now on, each with a button that releases it. Every lens shows them. */
export function ClampedCells() {
  const cells = state.clampedCells.value ?? [];
  if (!cells.length) return null;
  const release = (cell) => {
    actions.clamp(cells.filter((each) => each !== cell));
    if (cells.length === 1 && !hasTouch()) focusPrompt();
  };
  const items = cells.map((cell) => {
    const name = clampName(cell);
    const label = t("hold.release", { cell: name });
    return html`<li key=${name}><${Button} aria-label=${label} onPress=${() => release(cell)}>${name}<//></li>`;
  });
  const canRewrite = state.hasTurns.value && isFree();
  return html`
    <div class="held-cells bar" role="group" aria-label=${t("hold.group")}>
      <ul>${items}</ul>
      <${Button} class="rewrite" isOff=${!canRewrite} onPress=${unlessBusy(actions.rewrite)}>${t("hold.rewrite")}<//>
    </div>`;
}

/** The versions of the last turn that has several. */
export function Versions() {
  const found = versionsShown(state.currentLog());
  if (!found) return null;
  const [version, versions] = [found.at + 1, found.ids.length];
  const count = t(found.turns > 1 ? "branches.count_of" : "branches.count", { turn: found.turn, version, versions });
  const step = (name, by, sign, isEnd) => {
    const act = unlessBusy(() => actions.showVersion(by));
    const label = t(`branches.${name}`);
    return html`<${Button} class=${name} aria-label=${label} isOff=${isEnd || !isFree()} onPress=${act}>${sign}<//>`;
  };
  return html`
    <div class="branches bar" role="group" aria-label=${t("branches.group")}>
      ${step("previous", -1, "‹", version === 1)}
      <span class="count">${count}</span>
      ${step("next", 1, "›", version === versions)}
    </div>`;
}

/** Example prompts: until there is a conversation in the place of the moves, none of which can be pressed yet. */
export function Examples({ isBelow = false }) {
  const examples = state.model.value?.examples ?? [];
  const hasConversation = state.hasTurns.value || canRedo() || canRestore();
  if (!examples.length || hasConversation !== isBelow) return null;
  const press = (example) => {
    focusPrompt();
    actions.send(example);
  };
  const buttons = examples.map((example) => {
    const text = example ? example.replaceAll("\n", " ⏎") : t("page.anywhere");
    return html`<${Button} key=${example} isOff=${!isFree()} onPress=${() => press(example)}>${text}<//>`;
  });
  return html`<div id="examples" role="group" aria-label=${t("page.start_with")}>${buttons}</div>`;
}

async function copy() {
  const isCopied = await copyText(wholeText(state.log.value), document.querySelector(".log"));
  state.message.value = { id: isCopied ? "static.copied" : "static.copy_selected" };
}

/** The buttons of the moves. */
export function Moves() {
  const [hasTurns, free, idle] = [state.hasTurns.value, isFree(), !state.busy.value];
  const hasConversation = hasTurns || canRedo() || canRestore();
  if (!hasConversation && state.model.value?.examples.length) return null;
  const author = lastTurn(state.currentLog())?.reply.model.name;
  // Continue names the model of the last reply if it is not the chosen one, which Send writes with.
  const isOther = Boolean(author) && state.modelName.value !== "" && author !== state.modelName.value;
  const moves = [
    ["continue", actions.continueReply, hasTurns && free],
    ["retry", actions.retry, hasTurns && free],
    ["undo", actions.undo, (hasTurns || canRestore()) && idle],
    ["redo", actions.redo, canRedo() && idle],
    ["clear", actions.clear, hasTurns && idle],
    ["share", () => actions.run(async () => (await loadShare()).showLink()), hasTurns && idle],
    ["copy", copy, hasTurns],
  ];
  const isCovered = state.demonstration.value !== ""; // the conversation, by a demonstration
  const buttons = moves.map(([name, act, isOn]) => {
    const label =
      name === "continue" && isOther ? t("move.continue_with", { name: nameOf(author) }) : t(`move.${name}`);
    return html`<${Button} key=${name} data-move=${name} isOff=${!isOn || isCovered} onPress=${name === "copy" ? act : unlessBusy(act)}>${label}<//>`;
  });
  return html`<div id="moves">${buttons}</div>`;
}

/** The line below the prompt. */
export function MessageLine() {
  return render(state.message.value);
}
