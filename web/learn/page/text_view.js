// The field for the text to train on, and the facts about the text that it has read.

import { render, t } from "../../document/words.js";
import { html } from "../../vendor/preact.js";
import { LEAST_CHARACTERS } from "../corpus/decode.js";
import { EXAMPLES } from "../corpus/examples.js";
import { FileButton, button, items } from "./elements.js";
import { state } from "./state.js";
import { drop, readAgain, take, takeExample, type } from "./text.js";

/** @import { Message } from "../../engines/engine.js" */

/** @param {{start: string, children: any}} props the text of the button that starts a training; the options below */
export function TextField({ start, children }) {
  const { typed, isReading } = state;
  const examples = EXAMPLES.map((each) =>
    button("", render(each.name), () => takeExample(each), { title: render(each.origin) }),
  );
  const how = t("train.how", { least: LEAST_CHARACTERS, start });
  return html`<div
    class="choose"
    aria-busy=${isReading.value}
    onDragOver=${(event) => event.preventDefault()}
    onDrop=${drop}
  >
    <p class="how">${how}</p>
    <label class="wide">
      <span>${t("train.text")}</span>
      <textarea
        rows="4"
        spellcheck=${false}
        placeholder=${t("train.paste")}
        value=${typed.value}
        onInput=${(event) => type(event.target.value)}
      ></textarea>
    </label>
    <div class="row">
      <${FileButton} name="pick" text="train.pick" field="text-file" take=${([file]) => take(file, file.name)} />
      <span class="examples" role="group" aria-label=${t("train.examples")}>${examples}</span>
    </div>
    <${Facts} />
    <${ChatOptions} />
    ${children}
  </div>`;
}

function Facts() {
  const text = state.text.value;
  const { characters, distinct, lines, notes = [], private: things = [] } = text ?? {};
  const name = state.given.value?.name ?? t("train.text");
  const facts = /** @type {Message[]} */ (
    text ? [{ id: "train.read", values: { name, characters, distinct, lines } }] : []
  );
  return html`<div role="status">
    <ul class="read">
      ${items([...facts, ...notes])}
    </ul>
    <div class="private" hidden=${!things.length}>
      <p>${t("train.private")}</p>
      <ul>
        ${items(things)}
      </ul>
    </div>
  </div>`;
}

function ChatOptions() {
  const chat = state.text.value?.chat;
  const read = ({ target: { checked } }) => readAgain({ chat: checked });
  const readAs = ({ target: { value } }) => readAgain({ chat: true, replyAs: value });
  const names = (chat?.senders ?? []).map(({ name }) => html`<option value=${name}>${name}</option>`);
  return html`<div class="chat-options" hidden=${!state.mayBeChat.value}>
    <label>
      <input type="checkbox" class="is-chat" checked=${Boolean(chat)} onChange=${read} />
      <span>${t("train.as_chat")}</span>
    </label>
    <label class="writes-as" hidden=${!names.length}>
      <span>${t("train.writes_as")}</span>
      <select class="reply-as" value=${chat?.replyAs} onChange=${readAs}>
        ${names}
      </select>
    </label>
  </div>`;
}
