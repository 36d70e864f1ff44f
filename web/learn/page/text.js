// The field for the text to train on, which is typed, pasted, picked, dropped, or one of the examples, and the facts about what was
// read.

import { render, t } from "../../document/words.js";
import { Refusal } from "../../engines/engine.js";
import { EXAMPLES, fetchExample, readText } from "../corpus/read.js";
import { FileButton, button, items } from "./elements.js";
import { set, state } from "./state.js";
import { html } from "../../vendor/preact.js";
import { LEAST_CHARACTERS } from "../corpus/decode.js";

const TYPING_MS = 400; // after the last change of the field

let timer = 0;

/** Notes what the field contains, and reads it soon. @param {string} text */
function type(text) {
  set({ typed: text });
  clearTimeout(timer);
  timer = +setTimeout(() => read({ source: text }), TYPING_MS);
}

/** Reads a file, or a text that was dropped. @param {Blob | string} source @param {string} [name] */
function take(source, name) {
  clearTimeout(timer);
  state.typed.value = "";
  return read({ source, name });
}

/** Reads one of the examples. @param {(typeof import("../corpus/read.js").EXAMPLES)[number]} example */
async function takeExample(example) {
  const name = render(example.name);
  try {
    await take(await fetchExample(example), name);
  } catch (error) {
    set({ fault: { id: "text.unreadable", values: { name, reason: error.message } } });
  }
}

/** Reads the text again: as a chat or not, and as the chat of another sender. @param {{chat: boolean, replyAs?: string}} options */
function readAgain(options) {
  return read(state.given.value, options);
}

// Reads a text, which replaces the one before; a later call cancels this one.
/** @param {import("./state.js").Given} given @param {{chat?: boolean, replyAs?: string}} [options] */
async function read(given, options = {}) {
  const mayBeChat = given === state.given.value && state.mayBeChat.value;
  set({ given, isReading: true });
  const name = given.name ?? t("train.text"); // the messages about a text begin with it
  let [found, fault] = [null, null];
  try {
    if (given.source !== "") found = await readText(given.source, { name, ...options });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    fault = error.reason;
  }
  if (given !== state.given.value) return;
  const text = found && { ...found, name: given.name ?? t("train.own_name") };
  set({ text, mayBeChat: mayBeChat || Boolean(found?.chat), isReading: false, message: null, fault });
}

/** Takes a file or a text that is dropped. @param {DragEvent} event */
function drop(event) {
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  const text = event.dataTransfer.getData("text/plain");
  if (file) take(file, file.name);
  else if (text) take(text);
}

/** A text's name inside a sentence: "your text" if it was typed or pasted. @param {string} name @returns {string | import("../../engines/engine.js").Message} */
export function called(name) {
  return name === t("train.own_name") ? { id: "train.your_text" } : name;
}

/** @import { Message } from "../../engines/engine.js" */

/** @param {{start: string, children: any}} props the text of the button that starts a training; the options below */
export function TextField({ start, children }) {
  const { typed, isReading } = state;
  const examples = EXAMPLES.map((each) =>
    button("", render(each.name), () => takeExample(each), { title: render(each.origin) }),
  );
  const how = t("train.how", { least: LEAST_CHARACTERS, start });
  return html`<div class="choose" aria-busy=${isReading.value} onDragOver=${(event) => event.preventDefault()} onDrop=${drop}>
    <p class="how">${how}</p>
    <label class="wide">
      <span>${t("train.text")}</span>
      <textarea rows="4" spellcheck=${false} placeholder=${t("train.paste")} value=${typed.value}
        onInput=${(event) => type(event.target.value)}></textarea>
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
  const facts = text ? [{ id: "train.read", values: { name, characters, distinct, lines } }] : [];
  return html`<div role="status">
    <ul class="read">${items([...facts, ...notes])}</ul>
    <div class="private" hidden=${!things.length}>
      <p>${t("train.private")}</p>
      <ul>${items(things)}</ul>
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
      <select class="reply-as" value=${chat?.replyAs} onChange=${readAs}>${names}</select>
    </label>
  </div>`;
}
