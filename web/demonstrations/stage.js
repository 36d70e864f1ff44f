// The element that shows a demonstration instead of the conversation, with the same height, so that nothing below moves.
// On a phone it may be higher.

import { addButton, create, find, setText } from "../document/dom.js";
import { number, render, t } from "../document/words.js";
import { UNKNOWN, colourOf } from "../lenses/surprise_colours.js";

const LEAST = 30; // characters of the longest bar, at least, so that the first bars do not shrink when longer lines follow
const PHONE = "(max-width: 768px)"; // as in style.css

/**
 * @import { Message } from "../engines/engine.js"
 *
 * @typedef {object} Column
 * @property {(text: string) => void} show
 * @property {(lengths: number[], mean?: number | null) => void} measure
 * @property {(bits: (number | null)[]) => void} colour shows each character of the text in the colour of its bits
 */

export class Stage {
  /**
   * @param {HTMLElement} root
   * @param {() => void} close  called when the visitor leaves the demonstration
   */
  constructor(root, close) {
    this.box = find(root, "#stage");
    this.pane = find(root, ".pane");
    this.close = close;
    this.height = 0; // of the conversation
    this.opener = /** @type {HTMLElement | null} */ (null); // gets the focus back
    this.scrolled = 0; // where the text was when the stage was opened
    this.reported = /** @type {Message | Message[]} */ ([]);
    this.box.addEventListener("keydown", (event) => event.key === "Escape" && close());
  }

  get isOpen() {
    return !this.box.hidden;
  }

  /**
   * Shows the empty stage.
   * @param {string} title
   * @param {Message} lead  what the demonstration will show
   */
  open(title, lead) {
    if (!this.isOpen) {
      this.scrolled = find(this.pane, ".log").scrollTop; // a hidden text loses it
      this.height = this.#heightOfText(); // the controls below stay where they are
    }
    const { activeElement } = document;
    if (activeElement instanceof HTMLElement && !this.box.contains(activeElement)) this.opener = activeElement;
    this.box.style.height = `${this.height}px`;
    this.box.replaceChildren();
    const head = create("div", "head", this.box);
    const heading = create("h2", "", head);
    [heading.textContent, heading.id, heading.tabIndex] = [title, "stage-title", -1];
    addButton(head, "close", t("demo.close"), () => this.close());
    create("p", "result", this.box).role = "status";
    this.report(lead);
    this.body = create("div", "body", this.box);
    this.actions = create("div", "actions", this.box);
    [this.box.hidden, this.pane.hidden] = [false, true];
    heading.focus({ preventScroll: true });
    this.box.scrollIntoView({ block: "nearest" });
  }

  // Of the conversation without the panel of a lens, which may be longer than the window.
  #heightOfText() {
    const isLensed = this.pane.classList.contains("lensed");
    const show = (/** @type {boolean} */ withLens) => {
      this.pane.classList.toggle("lensed", withLens);
      find(this.pane, ".panel").hidden = !withLens;
    };
    show(false);
    const { height } = this.pane.getBoundingClientRect();
    show(isLensed);
    return height;
  }

  /** Makes the stage higher where its content needs more room than the conversation, as on a phone; called before it runs. */
  fit() {
    if (matchMedia(PHONE).matches) {
      this.box.style.height = "auto";
      this.box.style.height = `${Math.max(this.height, this.box.offsetHeight)}px`;
    }
    this.#grow();
  }

  // Makes the stage higher where its content is cut off, as in a low window.
  #grow() {
    const cut = this.box.scrollHeight - this.box.clientHeight;
    if (cut > 0) this.box.style.height = `${this.box.offsetHeight + cut}px`;
  }

  /** Shows a sentence about the demonstration, or about its result. @param {Message | Message[]} message @param {boolean} isResult */
  report(message, isResult = false) {
    this.reported = message;
    const line = find(this.box, ".result");
    line.classList.toggle("done", isResult);
    setText(line, render(message));
    if (isResult) this.#grow();
  }

  /** Shows why the texts have to wait; for [], what was reported before. @param {Message[]} messages */
  wait(messages) {
    setText(find(this.box, ".result"), render(messages.length ? messages : this.reported));
  }

  /**
   * Adds columns for texts, side by side where there is room.
   * @param {string[]} titles
   * @param {string} prompt  the texts begin with it
   * @param {string} measured  the label of the large number next to each text; "" for no number and no bars
   * @returns {Column[]}
   */
  columns(titles, prompt, measured = "") {
    let most = LEAST; // one scale for all columns
    this.body.classList.add("columns-of-text");
    this.body.classList.toggle("measured", measured !== "");
    this.body.style.setProperty("--columns", String(titles.length));
    const columns = titles.map((title) => {
      const column = create("section", "", this.body);
      column.ariaLabel = title;
      create("h3", "", column).textContent = title;
      const measure = measured ? create("div", "measure", column) : null;
      const text = create("div", "text", column);
      text.lang = ""; // the language of the model's text is not known
      text.tabIndex = 0; // a long one can be scrolled
      text.role = "group";
      text.ariaLabel = title;
      create("b", "", text).textContent = prompt;
      const written = create("span", "", text);
      const fact = create("p", "", measure);
      const mean = create("b", "", fact);
      mean.textContent = "–";
      fact.append(` ${measured}`);
      const bars = create("div", "bars", measure);
      bars.ariaHidden = "true";
      return {
        show: (now) => setText(written, now),
        colour: (bits) => {
          const characters = [...written.textContent];
          written.replaceChildren();
          characters.forEach((character, n) => {
            const cost = bits[n] ?? UNKNOWN;
            create("i", cost === UNKNOWN ? "" : colourOf(cost), written).textContent = character;
          });
        },
        measure: (lengths, length = null) => {
          most = Math.max(most, ...lengths);
          this.body.style.setProperty("--most", String(most));
          if (length !== null) setText(mean, number(length, 0));
          for (const each of lengths.slice(bars.childElementCount))
            create("i", "", bars).style.setProperty("--length", String(each));
        },
      };
    });
    this.fit();
    return columns;
  }

  /** Adds a button below the texts. @param {string} id of its text @param {() => void} act */
  action(id, act) {
    addButton(this.actions, "", t(id), act);
  }

  /** Shows the conversation again. */
  hide() {
    if (!this.isOpen) return;
    const hadFocus = this.box.contains(document.activeElement);
    [this.box.hidden, this.pane.hidden] = [true, false];
    find(this.pane, ".log").scrollTop = this.scrolled;
    this.box.replaceChildren();
    if (hadFocus && this.opener?.isConnected) this.opener.focus({ preventScroll: true });
  }
}
