// The welcome text of an empty page: it appears character by character, at the page's speed, and one character with likely
// alternatives is marked. The model wrote the text before, so the visitor does not wait for it.

import { count, lastTurn } from "../conversation/log.js";
import { refOf } from "../conversation/models.js";
import { addButton, find, hasTouch, setText, prefersReducedMotion } from "../document/dom.js";
import { t } from "../document/words.js";
import { chancesOf } from "../lenses/chances.js";
import { changed } from "../state/actions.js";
import * as state from "../state/state.js";
import { bestMark, placesToMark } from "./welcome_mark.js";

const LATEST_MS = 20_000; // after the first character; later none is marked

export class Arrival {
  /** @param {HTMLElement} log @param {() => import("../lenses/lens.js").Lenses} lenses */
  constructor(log, lenses) {
    this.lenses = lenses;
    this.key = ""; // the model whose welcome text is shown
    this.began = NaN; // performance.now() of its first character
    this.isWhole = false;
    this.mark = /** @type {number | null} */ (null); // the position that is marked
    this.isSearching = false;
    const painted = log.querySelector(".welcome .reply");
    this.early = Number((painted instanceof HTMLElement && painted.dataset.began) || NaN); // document/first_paint.js
    for (const name of ["pointerdown", "keydown"]) log.addEventListener(name, () => this.finish());
    log.addEventListener("click", changed); // label and hint are removed once alternatives were opened
  }

  /** The model whose welcome text is shown; null once there is a conversation. */
  get model() {
    return lastTurn(state.log.value) ? null : state.model.value;
  }

  /** Returns how many characters of a welcome text are shown by now. @param {number} length */
  shown(length) {
    const speed = state.speed.value;
    const isAtOnce = this.isWhole || speed === null || document.hidden || prefersReducedMotion();
    if (!this.model || isAtOnce || state.lens.value !== "plain") return length;
    const began = Number.isNaN(this.began) ? this.early : this.began; // document/first_paint.js began it, before the first frame of the page
    const elapsed = performance.now() - began || 0; // NaN where the document has no welcome text
    return Math.min(length, Math.floor((elapsed * speed) / 1000));
  }

  /** Shows the whole welcome text. */
  finish() {
    if (this.isWhole || !this.model) return;
    this.isWhole = true;
    changed();
  }

  /** Called in each frame that shows the page. */
  update() {
    const { model } = this;
    if (!model?.welcome) return;
    if (state.refusal.value) this.isWhole = true; // the visitor is to read the message
    const key = JSON.stringify(refOf(model));
    if (key !== this.key) {
      [this.key, this.mark, this.isSearching] = [key, null, false];
      [this.began, this.early] = [Number.isNaN(this.early) ? performance.now() : this.early, NaN];
    }
    const length = count(model.welcome);
    // The view was drawn earlier in this frame, so it is drawn once more if the welcome text has become whole since.
    if (!this.isWhole) changed();
    if (this.shown(length) === length) this.isWhole = true;
    this.#searchMark(key);
    this.#showMark(this.shown(length));
  }

  // Requests the alternatives of a few characters, once the surprise of all is known.
  async #searchMark(key) {
    const { path } = this.lenses();
    const bits = path.values("bits");
    if (this.isSearching || performance.now() - this.began > LATEST_MS) return;
    if (!bits.length || bits.length < path.chars.length) return;
    this.isSearching = true;
    const found = [];
    for (const position of placesToMark(path.chars, bits)) {
      const { top = [], rest = [] } = await path.ask({ at: position });
      if (key !== this.key || !this.model) return;
      found.push({ position, top, chances: chancesOf({ top, rest }, state.sampling.value) });
    }
    this.mark = bestMark(found, path.chars);
    changed();
  }

  /** @param {number} shown */
  #showMark(shown) {
    const lens = this.lenses();
    const article = lens.log.querySelector(".welcome article");
    if (!article) return;
    const hasPanel = lens.lens?.build !== undefined;
    if (this.mark !== null && hasPanel && !lens.focus.at) lens.focus.moveTo(lens.path, this.mark); // its panel has something to show at once
    const node =
      this.mark !== null && shown > this.mark + 1 && lens.lens?.offersChoices
        ? lens.nodeAt(lens.path, this.mark)
        : null;
    let label = article.querySelector(".try-label");
    if (!node) return label?.remove();
    node.classList.add("try");
    label ??= addButton(article, "try-label", "", () => lens.alternatives.open(this.mark));
    setText(label, t(hasTouch() ? "greeting.tap" : "greeting.click"));
    const [button, character] = [/** @type {HTMLElement} */ (label), /** @type {HTMLElement} */ (node)];
    button.classList.toggle("done", lens.alternatives.openings > 0);
    const left = Math.max(0, Math.min(character.offsetLeft - 12, article.clientWidth - button.offsetWidth));
    button.classList.toggle("far", character.offsetTop > find(article, ".text").offsetTop + character.offsetHeight); // not in the first line
    button.style.left = `${left}px`;
    button.style.setProperty("--arrow", `${character.offsetLeft + character.offsetWidth / 2 - left}px`);
  }
}
