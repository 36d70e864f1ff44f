/** "Why this character?" under the lens Surprise: how much each of the characters before it mattered. */

import { create, pause, setText, visibleCharacter } from "../../document/dom.js";
import { number, render, t } from "../../document/words.js";
import { nameOf, quoted } from "../names.js";

const REST_MS = 200; // after the last change of the character in focus
const LEVELS = 4; // colours on each side of zero
const SMALLEST = 0.1; // bits of a full bar at least, so that tiny changes get short bars
const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -Infinity, End: Infinity };
let lists = 0; // for the ids of the options

/** @import { Details } from "../lens.js" */

export class Why {
  #details = /** @type {Details | null} */ (null); // the character that is explained
  #asked = 0;
  #changes = /** @type {(number | null)[]} */ ([]); // bits
  #left = /** @type {string[]} */ ([]); // the characters that were left out

  constructor() {
    this.isOpen = false;
  }

  /** @param {HTMLElement} parent */
  build(parent) {
    this.box = create("details", "why", parent);
    create("summary", "", this.box).textContent = t("why.title");
    create("p", "about", this.box).textContent = t("why.help");
    this.list = create("div", "left-out", this.box);
    this.list.role = "listbox";
    this.list.ariaLabel = t("why.list");
    this.list.tabIndex = 0;
    this.change = create("p", "change", this.box);
    this.change.role = "status";
    this.box.open = this.isOpen;
    this.box.addEventListener("toggle", () => {
      this.isOpen = this.box.open;
      this.#ask().then(() => this.isOpen && this.box.scrollIntoView({ block: "nearest" }));
    });
    this.list.addEventListener("mousemove", ({ target }) => {
      const node = target instanceof Element && target.closest("[role=option]");
      const at = [...this.list.children].findIndex((each) => each === node);
      if (at >= 0) this.#choose(at);
    });
    this.list.addEventListener("keydown", (event) => this.#onKey(event));
    this.#details = null;
    this.#clear();
  }

  /** Explains the character in focus, if the section is open. @param {Details | null} details */
  show(details) {
    if (details === this.#details) return;
    this.#details = details;
    this.#clear();
    this.#ask();
  }

  #clear() {
    this.#asked++;
    this.list.hidden = true;
    this.list.replaceChildren();
    setText(this.change, this.#details ? "" : t("surprise.hint"));
  }

  // The engine answers in parts. No further part is requested once another character is in focus.
  async #ask() {
    const details = this.#details;
    if (!this.isOpen || !details || this.list.hasChildNodes()) return;
    const asked = ++this.#asked;
    setText(this.change, t("why.busy"));
    await pause(REST_MS);
    let answer;
    do {
      if (asked !== this.#asked) return;
      answer = await details.traced.ask({ why: details.position });
    } while (answer.more);
    if (asked !== this.#asked) return;
    if (answer.refusal) return setText(this.change, render(answer.refusal));
    this.#changes = answer.changes;
    this.#left = details.traced.chars.slice(answer.start, details.position);
    if (answer.surprisal === null || this.#changes.every((change) => change === null)) {
      return setText(this.change, t("why.nothing"));
    }
    this.#draw();
  }

  #draw() {
    const sizes = this.#changes.map((change) => Math.abs(change ?? 0));
    const largest = Math.max(...sizes);
    const list = ++lists;
    this.#changes.forEach((change, at) => {
      const part = sizes[at] / Math.max(largest, SMALLEST);
      const level = Math.round(part * LEVELS);
      const node = create("i", change < 0 ? "less" : "more", this.list);
      const mark = level ? `${change < 0 ? "n" : "p"}${level}` : "";
      create("span", mark, node).textContent = visibleCharacter(this.#left[at]);
      node.style.setProperty("--part", String(part));
      node.id = `why-${list}-${at}`;
      node.role = "option";
      node.ariaLabel = nameOf(this.#left[at]);
    });
    this.list.hidden = false;
    this.#choose(sizes.lastIndexOf(largest));
  }

  #onKey(event) {
    const step = STEPS[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    event.preventDefault();
    const from = [...this.list.children].findIndex((node) => node.ariaSelected === "true");
    this.#choose(Math.max(0, Math.min(this.#changes.length - 1, from + step)));
  }

  /** Shows the number of one character that was left out. @param {number} at */
  #choose(at) {
    for (const node of this.list.children) node.ariaSelected = "false";
    const node = this.list.children[at];
    node.ariaSelected = "true";
    this.list.setAttribute("aria-activedescendant", node.id);
    const change = this.#changes[at];
    const values = { left_out: quoted(this.#left[at]), character: quoted(this.#details.char) };
    if (change === null) return setText(this.change, t("why.no_number", values));
    const bits = number(Math.abs(change), 2);
    const id = Number(Math.abs(change).toFixed(2)) === 0 ? "why.same" : change > 0 ? "why.more" : "why.less";
    setText(this.change, t(id, { ...values, bits }));
  }
}
