// The field for the text to train on: typed, pasted, picked, dropped, or one of the examples; and the facts about it.

import { addButton, create, find, hasTouch, setText } from "../../document/dom.js";
import { render, t, translate } from "../../document/words.js";
import { Refusal } from "../../engines/refusal.js";
import { LEAST_CHARACTERS } from "../corpus/decode.js";
import { EXAMPLES, fetchExample } from "../corpus/examples.js";
import { readText } from "../corpus/read.js";

const TYPING_MS = 400; // after the last change of the field
const LONG = 50_000; // characters; a longer text is not put into the field, which would be slow

/**
 * @import { Message } from "../../engines/engine.js"
 * @import { ReadText } from "../corpus/reading.js"
 * @typedef {ReadText & {name: string}} NamedText
 */

export class TextField {
  #given = /** @type {{source: Blob | string, name?: string, others?: number} | null} */ (null); // a text without a file has no name
  #reading = new AbortController(); // of the text that was given last
  #found = /** @type {NamedText | null} */ (null);
  #mayBeChat = false;

  /**
   * @param {HTMLElement} box .choose
   * @param {(text: NamedText | null, refusal: Message | null) => void} receive gets each text that was read, or null and
   *   why it cannot be read
   */
  constructor(box, receive) {
    this.box = box;
    this.receive = receive;
    this.field = find(box, "textarea", HTMLTextAreaElement);
    const input = find(box, ".text-file", HTMLInputElement);
    find(box, ".pick").addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      const [file] = input.files;
      if (file) this.#take(file, file.name);
      input.value = ""; // so that the same file can be picked again
    });
    let timer = 0;
    this.field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = window.setTimeout(() => this.#read({ source: this.field.value }), TYPING_MS);
    });
    this.field.addEventListener("paste", (event) => this.#paste(event));
    this.isChat = find(box, ".is-chat", HTMLInputElement);
    this.replyAs = find(box, ".reply-as", HTMLSelectElement);
    this.isChat.addEventListener("change", () => this.#read(this.#given, { chat: this.isChat.checked }));
    this.replyAs.addEventListener("change", () => this.#read(this.#given, { chat: true, replyAs: this.replyAs.value }));
    this.#takeDrops(box);
    this.translate();
  }

  /** Shows all texts in the visitor's language. */
  translate() {
    const how = hasTouch() ? "train.how.tap" : "train.how"; // nothing can be dropped with a finger
    setText(
      find(this.box, ".how"),
      t(how, { least: LEAST_CHARACTERS, start: t(find(this.box, ".start").dataset.text) }),
    );
    this.field.placeholder = t(hasTouch() ? "train.paste.tap" : "train.paste");
    const examples = find(this.box, ".examples");
    examples.replaceChildren();
    for (const example of EXAMPLES) {
      addButton(examples, "", render(example.name), () => this.#takeExample(example)).title = render(example.origin);
    }
    this.#show();
  }

  /** Names the button that starts a training, on it and in the sentence above it. @param {string} id of its text */
  nameStart(id) {
    const start = find(this.box, ".start");
    start.dataset.text = id;
    translate(start);
    this.translate();
  }

  async #takeExample(example) {
    const name = render(example.name);
    try {
      await this.#take(await fetchExample(example), name);
    } catch (error) {
      this.receive(null, { id: "text.unreadable", values: { name, reason: error.message } });
    }
  }

  // A file, or a text that is too long for the field; how many files were dropped besides.
  /** @param {Blob | string} source @param {string} [name] @param {number} [others] */
  #take(source, name, others = 0) {
    this.field.value = "";
    return this.#read({ source, name, others });
  }

  // Reads a text and passes it on; a later call cancels this one.
  async #read(given, options = {}) {
    this.#reading.abort();
    const { signal } = (this.#reading = new AbortController());
    if (given !== this.#given) this.#mayBeChat = false;
    this.#given = given;
    [this.#found, this.box.ariaBusy] = [null, "true"];
    let refusal = /** @type {Message | null} */ (null);
    const name = given.name ?? t("train.text"); // the messages about a text begin with it
    try {
      if (given.source !== "")
        this.#found = {
          ...(await readText(given.source, { name, ...options }, signal)),
          name: given.name ?? t("train.own_name"),
        };
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Refusal)) throw error;
      refusal = error.reason;
    }
    if (signal.aborted) return;
    this.box.ariaBusy = "false";
    this.#mayBeChat ||= Boolean(this.#found?.chat);
    this.#show();
    this.receive(this.#found, refusal);
  }

  #show() {
    const found = this.#found;
    const facts = found
      ? [
          t("train.read", {
            name: this.#given.name ?? t("train.text"),
            characters: found.characters,
            distinct: found.distinct,
            lines: found.lines,
          }),
          ...(this.#given.others ? [t("train.one_file")] : []),
        ]
      : [];
    showList(find(this.box, ".read"), [...facts, ...(found?.notes ?? []).map((note) => render(note))]);
    find(this.box, ".chat-options").hidden = !this.#mayBeChat;
    const senders = found?.chat?.senders ?? [];
    this.isChat.checked = Boolean(found?.chat);
    find(this.box, ".writes-as").hidden = !senders.length;
    this.replyAs.replaceChildren(...senders.map(({ name }) => new Option(name)));
    if (found?.chat) this.replyAs.value = found.chat.replyAs;
    find(this.box, ".private").hidden = !found?.private.length;
    showList(
      find(this.box, ".private ul"),
      (found?.private ?? []).map((each) => render(each)),
    );
  }

  #paste(event) {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (text.length < LONG) return;
    event.preventDefault();
    this.#take(text);
  }

  #takeDrops(box) {
    const over = (event, isOver) => {
      event.preventDefault();
      box.classList.toggle("over", isOver);
    };
    box.addEventListener("dragover", (event) => over(event, true));
    box.addEventListener("dragleave", (event) => over(event, false));
    box.addEventListener("drop", (event) => {
      over(event, false);
      const [file, ...others] = event.dataTransfer.files;
      const text = event.dataTransfer.getData("text/plain");
      if (file) this.#take(file, file.name, others.length);
      else if (text) this.#take(text);
    });
  }
}

/** A text's name inside a sentence: "your text" if it was typed or pasted. @param {string} name @returns {string | Message} */
export function called(name) {
  return name === t("train.own_name") ? { id: "train.your_text" } : name;
}

function showList(list, texts) {
  list.replaceChildren();
  for (const text of texts) create("li", "", list).textContent = text;
}
