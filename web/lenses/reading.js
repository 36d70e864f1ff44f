// Reads the conversation for the lenses, and requests the values of its characters.

import { pause } from "../document/dom.js";
import { textOf } from "../state/source.js";
import * as page from "../state/state.js";
import { answered } from "./questions.js";
import * as state from "./state.js";
import { changed, invalidateDrawn } from "./text/drawn_text.js";
import * as focus from "./text/focus.js";

const WHILE_WRITING_MS = 30; // between two requests for the values of a reply that is being written

/** @import { TracedText } from "./text/traced_text.js" */

const { path } = state;
let newest = 0; // the highest id of a turn that was read
let isPumping = false;

/** Reads the conversation again; called in each frame, before it is drawn. */
export function update() {
  if (state.lensNow() || state.focus.value || state.alternatives.value) read();
  if (!state.lensNow()) return focus.mark();
  state.lensNow().update?.();
  changed();
  pump();
}

/** Reads the conversation. */
export function read() {
  const [text, before] = [textOf(page.log.value), state.turns.value];
  state.turns.value = text?.turns ?? [];
  const [first, last] = [state.turns.value[0], state.turns.value.at(-1)];
  if (first?.id === 0 && before[0]?.id !== 0) focus.clear(); // of the conversation that the welcome text replaces
  const changes = path.set(text);
  // A short reply may be over when it is read for the first time.
  const isNew = last && (last.writing ? last.id !== before.at(-1)?.id : last.id > newest);
  newest = Math.max(newest, last?.id ?? 0);
  const position = focus.positionNow();
  if (isNew && position !== null && (position < last.at || position > changes.text)) focus.clear(); // the new reply does not keep it
  invalidate(path, changes);
}

/** Removes what is outdated after a text or its values changed. @type {(traced: TracedText, changed: {text: number, values: number}) => void} */
export function invalidate(traced, { text, values }) {
  invalidateDrawn(traced, { text, values });
  state.lensNow()?.invalidate?.(traced, values);
  focus.invalidate(traced, Math.min(text, values));
}

// The text whose values are to be fetched next: the visitor's own text before the conversation; undefined if none is.
function wanted() {
  if (!state.lensNow() || document.hidden) return undefined;
  const texts = state.shownName.value === "surprise" && state.own.value ? [state.own.value, path] : [path];
  return texts.find((text) => text.path && text.values(state.keyNow()).length < text.chars.length);
}

/** Requests the values that are missing, one request after another. */
export async function pump() {
  if (isPumping) return;
  isPumping = true;
  try {
    for (let text = wanted(); text; text = wanted()) {
      const [lens, key, { version }] = [state.lensNow(), state.keyNow(), text];
      const from = text.values(key).length;
      const answer = await text.ask({ from, ...lens.wants?.() });
      if (lens !== state.lensNow() || key !== state.keyNow() || version !== text.version) continue;
      answered(answer.refusal);
      if (answer.refusal || !answer.bits?.length) break;
      text.values(key).push(...(lens.take?.(answer, text, from) ?? answer.bits));
      changed();
      await new Promise(requestAnimationFrame); // none comes while the page is hidden
      if (page.busy.value) await pause(WHILE_WRITING_MS);
    }
  } finally {
    isPumping = false;
  }
}
