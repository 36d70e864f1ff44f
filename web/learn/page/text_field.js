// Where the visitor gives a text: typed or pasted, picked, dropped, or one of the examples.

import { find, create } from "../../document/dom.js";
import { t } from "../../document/words.js";
import { Refusal } from "../../engines/engine.js";
import { readText } from "./plain_text.js";

const TYPING_MS = 400; // after the last change of the field
const LONG = 50_000; // characters; a longer text is not put into the field, which would be slow

/** @typedef {import("./plain_text.js").ReadText & {name: string}} NamedText */

export class TextField {
  #asked = 0; // counts up, so that the answer to an earlier text is known

  /**
   * @param {HTMLElement} box .choose
   * @param {(text: NamedText | null, refusal: import("../../engines/engine.js").Message | null) => void} receive gets
   *   each text that was read, or null and why it cannot be
   */
  constructor(box, receive) {
    this.receive = receive;
    this.field = find(box, "textarea", HTMLTextAreaElement);
    this.input = find(box, ".text-file", HTMLInputElement);
    find(box, ".pick").addEventListener("click", () => this.input.click());
    this.input.addEventListener("change", () => {
      const [file] = this.input.files;
      this.input.value = ""; // so that the same file can be picked again
      if (file) this.#readFile(file);
    });
    let timer = 0;
    this.field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = window.setTimeout(() => this.read(this.field.value, t("train.own_name")), TYPING_MS);
    });
    this.field.addEventListener("paste", (event) => this.#paste(event));
    this.#takeDrops(box);
  }

  /** Forgets the text. */
  clear() {
    this.#asked++;
    this.field.value = "";
  }

  /**
   * Reads a text and passes it on.
   * @param {Blob | string} given
   * @param {string} name
   */
  async read(given, name) {
    const asked = ++this.#asked;
    if (given === "") return this.receive(null, null);
    try {
      const found = await readText(given);
      if (asked === this.#asked) this.receive({ ...found, name }, null);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (asked === this.#asked) this.receive(null, error.reason);
    }
  }

  #readFile(file) {
    this.field.value = "";
    return this.read(file, file.name);
  }

  #paste(event) {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (text.length < LONG) return;
    event.preventDefault();
    this.field.value = "";
    this.read(text, t("train.own_name"));
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
      const [file] = event.dataTransfer.files;
      const text = event.dataTransfer.getData("text/plain");
      if (file) this.#readFile(file);
      else if (text) this.read(text, t("train.own_name"));
    });
  }
}

/**
 * Shows what was read.
 * @param {HTMLElement} list
 * @param {NamedText | null} found
 */
export function showFacts(list, found) {
  list.replaceChildren();
  if (!found) return;
  const { characters, distinct, lines } = found;
  const facts = [t("train.read", { name: found.name, characters, distinct, lines })];
  for (const fact of facts) create("li", "", list).textContent = fact;
}
