// The field for the prompt with its button, which sends or stops, and the choice of a view: they are in the document before the
// modules are loaded, so this module binds them to the state.

import { effect, signal } from "../vendor/preact.js";
import { find, findAll } from "../document/dom.js";
import { t } from "../document/words.js";
import { tooLong } from "../conversation/replies.js";
import { endComparison, refusalOf, send, stop } from "../state/actions.js";
import * as state from "../state/state.js";

/** Binds the elements of the prompt to the state. */
export function bindPrompt() {
  const prompt = find(document, "#prompt", HTMLTextAreaElement);
  const sendsLater = signal("sends" in prompt.dataset); // Enter was pressed before this module was loaded: document/first_paint.js
  prompt.onkeydown = null;
  state.draft.value ||= prompt.value; // typed before
  prompt.addEventListener("input", () => {
    const refused = tooLong(prompt.value); // one that is shown may be about what was typed before
    [state.draft.value, state.refusal.value] = [prompt.value, refused && refusalOf(refused)];
  });
  effect(() => {
    if (prompt.value !== state.draft.value) prompt.value = state.draft.value;
  });
  const button = find(document, "#ask button", HTMLButtonElement); // sends, and stops a reply that is being written
  const [canSend, canStop] = [() => !state.busy.value && state.isStarted.value, () => state.busy.value];
  button.addEventListener("click", ({ detail }) => {
    if (detail > 1) return; // the second click of a double click, which would stop what the first has begun
    if (canStop()) stop();
    else if (canSend()) send();
  });
  effect(() => {
    const name = canStop() ? "stop" : "send";
    const isOnward = name === "send" && state.continues.value && !state.draft.value;
    const { old, other } = state.comparison.value ?? {};
    const onward = other ? (other === old ? "move.continue_new" : "move.continue_old") : "move.continue";
    [button.dataset.move, button.textContent] = [name, t(isOnward ? onward : `move.${name}`)];
    button.disabled = false;
    button.ariaDisabled = canStop() || canSend() ? null : "true";
  });
  effect(() => {
    if (!sendsLater.value || !canSend()) return;
    sendsLater.value = false;
    queueMicrotask(() => send());
  });
  prompt.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return; // 229: Safari while composing
    event.preventDefault();
    if (canSend()) return void send();
    if (state.busy.value && !state.draft.value) return; // Enter was pressed twice
    stop(); // of what is being written, so that what is typed is next
    sendsLater.value = true;
  });
  effect(() => {
    if (state.busy.value) uncover();
  });
  effect(() => (prompt.placeholder = t(invitation())));
  for (const name of ["input", "click"]) prompt.addEventListener(name, reveal);
  // A prompt of several lines takes its height from the text above, so that no button moves or is covered.
  const makeRoom = () => find(document, ".char-lstm").style.setProperty("--prompt", `${prompt.offsetHeight}px`);
  new ResizeObserver(makeRoom).observe(prompt);
  // An Escape that closed something else does not stop the reply, and ends no comparison.
  document.addEventListener("keydown", ({ key, defaultPrevented }) => {
    if (key !== "Escape" || defaultPrevented) return;
    if (state.comparison.value && !state.tourStep.value) endComparison();
    else if (canStop()) stop();
  });
  effect(() => void (find(document, ".lenses").hidden = !state.hasLenses.value));
  for (const input of findAll(document, ".lenses input", HTMLInputElement)) {
    input.addEventListener("change", () => (state.lens.value = input.value));
    effect(() => {
      input.checked = input.value === state.lens.value;
    });
  }
}

// The empty prompt says what it is going to be: the next line of the text, or the beginning of one.
function invitation() {
  if (state.model.value?.chat) return "page.say";
  return state.continues.value ? "page.next" : "page.start";
}

// In a low window the prompt lies over the end of the text, where the next characters appear, or the text is above the window.
function uncover() {
  const text = find(document, ".pane .log").getBoundingClientRect();
  const ask = find(document, "#ask").getBoundingClientRect();
  const [covered, hidden] = [text.bottom - ask.top, -text.top];
  const below = (visualViewport?.height ?? innerHeight) - ask.bottom;
  const most = getComputedStyle(find(document, "#ask")).position === "sticky" ? hidden : below; // so that the prompt stays in sight
  if (covered > 0) scrollBy({ top: covered });
  else if (hidden > 0 && most > 0) scrollBy({ top: -Math.min(hidden, most) });
}

// In a window that is too low for a prompt that stays, as at 400 % of zoom, the prompt may be cut off where it is typed.
function reveal() {
  const { bottom } = find(document, "#ask").getBoundingClientRect();
  const covered = Math.ceil(bottom + 4 - innerHeight); // with the outline of the focus
  if (covered > 4) scrollBy({ top: covered });
}
