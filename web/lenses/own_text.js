// The visitor's own text under the lens "How surprised?": a text field, with the colours of its characters behind it.

import { html, useLayoutEffect, useRef } from "../vendor/preact.js";
import { refOf } from "../conversation/models.js";
import { t } from "../document/words.js";
import { engine } from "../page/actions.js";
import * as page from "../page/state.js";
import { LIMITS } from "../settings.js";
import { changed, drawIn, invalidate, pump } from "./lens.js";
import { frames, own, ownText } from "./state.js";
import { Sum } from "./surprise.js";
import { moveTo, moveToNode } from "./text/focus.js";
import { TracedText } from "./text/traced_text.js";

const REST_MS = 150; // after the last key press
let timer = 0;
let over = /** @type {?Element} */ (null); // the character under the pointer

export function OwnText() {
  page.watch(frames);
  const [field, under, wasUsed] = [useRef(null), useRef(null), useRef(ownText.value !== "")];
  const [text, length] = [own.value, [...ownText.value].length];
  const draw = () => {
    if (own.value) drawIn(under.current, 0, own.value.chars.length, own.value);
    under.current.scrollTop = field.current.scrollTop;
  };
  useLayoutEffect(draw, []);
  const type = ({ target }) => {
    ownText.value = target.value;
    clearTimeout(timer);
    timer = setTimeout(() => {
      read();
      draw();
    }, REST_MS);
  };
  const point = ({ target }) => {
    const position = [...target.value.slice(0, target.selectionStart)].length - 1;
    if (position >= 0 && position < (own.value?.chars.length ?? 0)) moveTo(own.value, position);
  };
  const fault = t("refusal.characters", { field: t("setting.text"), length, most: LIMITS.prompt });
  const line = html`<p class="fault" role="alert">${length > LIMITS.prompt ? fault : ""}</p>`;
  const sum = html`<${Sum} text=${text} start=${0} end=${text?.chars.length} isWhole=${true}>${line}<//>`;
  return html`
    <details class="own" open=${wasUsed.current}>
      <summary>${t("surprise.own")}</summary>
      <div class="field">
        <div class="under" aria-hidden="true" ref=${under}></div>
        <textarea rows="5" spellcheck=${false} aria-label=${t("surprise.own_label")} placeholder=${t("surprise.own_hint")}
          value=${ownText.value} ref=${field} onInput=${type} onKeyUp=${point} onClick=${point} onMouseMove=${moveOver}
          onScroll=${() => (under.current.scrollTop = field.current.scrollTop)}></textarea>
      </div>
      ${text ? sum : line}
    </details>`;
}

// Puts the character behind the pointer in focus.
function moveOver({ clientX, clientY }) {
  const node = document.elementsFromPoint(clientX, clientY).find((each) => each.matches(".under i")) ?? null;
  if (node !== over) moveToNode(node);
  over = node;
}

function read() {
  const model = page.model.value;
  if ([...ownText.value].length > LIMITS.prompt || !model) return;
  const text = own.value ?? new TracedText(engine);
  const path = { model: refOf(model), second: null, share: null, start: true, text: ownText.value, clamps: [] };
  invalidate(text, text.set(path));
  own.value = text;
  changed();
  pump();
}
