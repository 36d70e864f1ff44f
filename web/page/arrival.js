// The greeting of an empty page: it appears character by character, at the page's speed, and one character is marked whose
// alternatives are worth a look. The characters were written when the model was loaded, so that none waits for a reply.

import { addTurn, count, lastTurn } from "../conversation/log.js";
import { greetingOf } from "../conversation/greeting.js";
import { refOf } from "../conversation/models.js";
import { addButton, find, hasFinger, setText, wantsStill } from "../document/dom.js";
import { t } from "../document/words.js";
import { chancesOf } from "../lenses/chances.js";
import { bestMark, placesToMark } from "./greeting_mark.js";

const LATEST_MS = 20_000; // after which no character is marked any more

export class Arrival {
  /** @param {import("./main.js").Page} page */
  constructor(page) {
    this.page = page;
    this.key = ""; // the model whose greeting is shown
    this.began = NaN; // performance.now() of its first character
    this.isWhole = false;
    this.mark = /** @type {number | null} */ (null); // the position that is marked
    this.isSearching = false;
    const painted = page.root.querySelector(".welcome .reply");
    this.early = Number((painted instanceof HTMLElement && painted.dataset.began) || NaN); // document/first_paint.js
    const log = find(page.panes[0], ".log");
    for (const name of ["pointerdown", "keydown"]) log.addEventListener(name, () => this.finish());
    log.addEventListener("click", () => page.changed()); // label and hint are removed once alternatives were opened
  }

  /** The model whose greeting is shown; null once there is a conversation. */
  get model() {
    const { page } = this;
    return lastTurn(page.log()) ? null : page.source.about();
  }

  /** Returns how many characters of a greeting are shown by now. @param {number} length */
  shown(length) {
    const speed = this.page.controls.speed;
    const isAtOnce = this.isWhole || speed === null || document.hidden || wantsStill();
    if (!this.model || isAtOnce || this.page.lenses[0].name !== "plain") return length;
    const began = Number.isNaN(this.began) ? this.early : this.began; // of the document, before the first frame of the page
    const elapsed = performance.now() - began || 0; // NaN where the document writes no greeting
    return Math.min(length, Math.floor((elapsed * speed) / 1000));
  }

  /** Shows the whole greeting. */
  finish() {
    if (this.isWhole || !this.model) return;
    this.isWhole = true;
    this.page.changed();
  }

  /** Makes the greeting the first turn of the conversation, which the visitor changes then. @returns {number} its id */
  begin() {
    const { replies } = greetingOf(this.page.source.about());
    return addTurn(this.page.log(), { parent: 0, prompt: "", replies }).id;
  }

  /** Called in each frame that shows the page. */
  update() {
    const { model, page } = this;
    if (!model?.welcome) return;
    const key = JSON.stringify(refOf(model));
    if (key !== this.key) {
      [this.key, this.mark, this.isSearching, this.isWhole] = [key, null, false, this.key !== "" && this.isWhole];
      [this.began, this.early] = [Number.isNaN(this.early) ? performance.now() : this.early, NaN];
    }
    const length = count(model.welcome);
    // The view was drawn before, in the same frame, so it is drawn once more when the greeting became whole meanwhile.
    if (!this.isWhole) page.changed();
    if (this.shown(length) === length) this.isWhole = true;
    this.#searchMark(key);
    this.#showMark(this.shown(length));
  }

  // Once the surprise of all characters is known, the alternatives of a few are asked for.
  async #searchMark(key) {
    const { path } = this.page.lenses[0];
    const bits = path.values("bits");
    if (this.isSearching || performance.now() - this.began > LATEST_MS) return;
    if (!bits.length || bits.length < path.chars.length) return;
    this.isSearching = true;
    const found = [];
    for (const position of placesToMark(path.chars, bits)) {
      const { top = [], rest = [] } = await path.ask({ at: position });
      if (key !== this.key || !this.model) return;
      found.push({ position, top, chances: chancesOf({ top, rest }, this.page.source.settings()) });
    }
    this.mark = bestMark(found, path.chars);
    this.page.changed();
  }

  /** @param {number} shown */
  #showMark(shown) {
    const [lens] = this.page.lenses;
    const article = lens.log.querySelector(".welcome article");
    if (!article || this.mark === null) return;
    const node = shown > this.mark + 1 && lens.lens?.offersChoices ? lens.nodeAt(lens.path, this.mark) : null;
    let label = article.querySelector(".try-label");
    if (!node) return label?.remove();
    node.classList.add("try");
    label ??= addButton(article, "try-label", "", () => lens.alternatives.open(this.mark));
    setText(label, t(hasFinger() ? "greeting.tap" : "greeting.click"));
    const [button, character] = [/** @type {HTMLElement} */ (label), /** @type {HTMLElement} */ (node)];
    button.classList.toggle("done", lens.alternatives.openings > 0);
    const left = Math.max(0, Math.min(character.offsetLeft - 12, article.clientWidth - button.offsetWidth));
    button.classList.toggle("far", character.offsetTop > find(article, ".text").offsetTop + character.offsetHeight); // not in the first line
    button.style.left = `${left}px`;
    button.style.setProperty("--arrow", `${character.offsetLeft + character.offsetWidth / 2 - left}px`);
  }
}
