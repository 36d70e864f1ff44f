/**
 * The alternatives to a character, in a small box next to it, on a phone in a sheet at the bottom of the window. A choice
 * replaces the character and continues from there. A click opens it, and so does Enter for the character in focus. In a lens
 * that shows other values of a character, a finger opens it by tapping the character in focus once more.
 */

import { addButton, create, find, findAll, hasTouch, scrollInside, visibleCharacter } from "../../document/dom.js";
import { render, t } from "../../document/words.js";
import { chance, likely, showBar } from "../chances.js";
import { nameOf } from "../names.js";
import { characterUnder } from "./caret.js";
import { placeOf } from "./character_box.js";

const AROUND = 12; // characters that are shown of the part that is kept
const GAP = 8; // pixels between the character and the box, and between the box and the edge of the window
const SHEET = "(max-width: 640px), (pointer: coarse)"; // the same as in style.css

/**
 * @import { TraceAnswer } from "../../engines/engine.js"
 * @import { Lenses } from "../lens.js"
 * @typedef {{position: number, turn: number, char: string, answer: TraceAnswer}} Shown
 */

export class Alternatives {
  /** @param {Lenses} lenses */
  constructor(lenses) {
    this.lenses = lenses;
    this.box = create("div", "alternatives");
    this.box.hidden = true;
    this.box.tabIndex = -1; // a click beside its buttons leaves the focus in it, and so Escape closes it
    this.box.role = "dialog";
    this.box.ariaLabel = t("surprise.likely");
    find(lenses.pane, ".frame").after(this.box);
    this.shown = /** @type {Shown | null} */ (null);
    this.openings = 0;
    this.tapped = /** @type {{traced: object, position: number} | null} */ (null); // in focus when a finger touched the text
    this.content = ""; // what the rows depend on
    this.#listen();
  }

  /** Whether a click shows alternatives, and there was none yet. */
  get isUntried() {
    const { lens } = this.lenses;
    return this.openings === 0 && (!lens || lens.offersChoices === true);
  }

  /** Shows the alternatives to the character at a position of the conversation. @param {number} position */
  async open(position) {
    const { lenses } = this;
    if (!lenses.lens) lenses.read();
    const turn = lenses.turnAt(position);
    const [opening, opener] = [++this.openings, document.activeElement];
    if (!turn) return this.close();
    const answer = await lenses.path.ask({ at: position });
    if (opening !== this.openings) return;
    // The visitor may have gone to another control meanwhile; the body has the focus once the opener is hidden.
    if (![opener, document.body].includes(document.activeElement) && !this.box.contains(document.activeElement))
      return this.close();
    if (!answer.refusal && !answer.top.length) return this.close();
    this.shown = { position, turn: turn.id, char: lenses.path.chars[position], answer };
    this.content = "";
    if (this.#isLost()) lenses.askLater();
    this.#reveal();
    this.update();
    this.#focusChoice();
  }

  #isLost() {
    return this.shown?.answer.refusal?.id === "fault.connection";
  }

  /** Asks again for what is shown, if the connection was lost. */
  askAgain() {
    if (this.#isLost()) this.open(this.shown.position);
  }

  /** @param {{returnsFocus?: boolean}} options */
  close({ returnsFocus = this.box.contains(document.activeElement) } = {}) {
    this.openings++;
    if (!this.shown) return;
    this.shown = null;
    this.lenses.focus.show();
    if (returnsFocus) this.lenses.log.focus({ preventScroll: true });
    this.box.hidden = true;
  }

  /** Call this after the conversation or the settings have changed. */
  update() {
    if (!this.shown) return;
    const { position, turn, char } = this.shown;
    const { path, source } = this.lenses;
    if (!this.lenses.lens) this.lenses.read();
    if (path.chars[position] !== char || this.lenses.turnAt(position)?.id !== turn) return this.close();
    const content = JSON.stringify([source.settings(), this.#kept(), this.#hasRest()]);
    if (content !== this.content) {
      const focused = findAll(this.box, "button").findIndex((each) => each === document.activeElement);
      this.content = content;
      this.#build();
      findAll(this.box, "button")[focused]?.focus({ preventScroll: true });
    }
    const isBusy = String(source.busy());
    for (const button of findAll(this.box, "button:not(.close, [aria-current])")) button.ariaDisabled = isBusy;
    this.box.hidden = false;
    this.#place();
  }

  // How many characters the reply has up to and with the one that is shown; 0 or less if it cannot be changed, as in a prompt.
  #kept() {
    const { position, turn: id } = this.shown;
    const { source } = this.lenses;
    const turn = this.lenses.turnAt(position);
    const kept = position + 1 - turn.at - turn.given;
    return source.busy() || source.canContinueFrom(id, kept) ? kept : 0;
  }

  #isTyped() {
    const { at, given } = this.lenses.turnAt(this.shown.position);
    return this.shown.position < at + given;
  }

  // Whether characters follow that could be written anew.
  #hasRest() {
    const turn = this.lenses.turnAt(this.shown.position);
    return this.shown.position + 1 < turn.at + turn.length;
  }

  #build() {
    const { char, answer, position } = this.shown;
    const { path, source } = this.lenses;
    this.box.replaceChildren();
    this.box.ariaLabel = t("alternatives.title", { character: nameOf(char) });
    const head = create("p", "head", this.box);
    this.#button("close", "✕", () => this.close({ returnsFocus: true }), this.box).ariaLabel = t("alternatives.close");
    if (answer.refusal)
      return void (head.textContent = render(this.#isLost() ? { id: "status.reconnecting" } : answer.refusal));
    const kept = this.#kept();
    const predicted = /** @type {import("../chances.js").Predicted} */ (answer);
    const rows = likely(predicted, source.settings(), char, path.values("bits")[position]);
    create("b", "char", head).textContent = visibleCharacter(char);
    const there = rows.find(([each]) => each === char);
    const values = { chance: chance((there ?? rows.at(-1))[1]) };
    head.append(
      ` ${t(there ? "alternatives.was" : "alternatives.less", values)} ${kept > 0 ? t("alternatives.choose") : this.#isTyped() ? t("alternatives.typed") : ""}`,
    );
    const list = create("ol", "choices", this.box);
    list.ariaLabel = t("alternatives.title", { character: nameOf(char) });
    for (const [each, share] of rows) {
      const row = create("li", each === char ? "there" : "", list);
      const isThere = each === char;
      const inner =
        kept > 0
          ? this.#button("choice", "", () => source.pick(this.shown.turn, this.#kept(), each), row)
          : create("span", "choice", row);
      create("b", "char", inner).textContent = visibleCharacter(each);
      showBar(inner, [0, share], chance(share));
      inner.ariaLabel = `${kept > 0 && !isThere ? t("rewind.pick", { character: nameOf(each) }) : nameOf(each)}: ${chance(share)}`;
      if (kept > 0 && isThere) inner.ariaCurrent = "true";
      if (kept > 0 && isThere) inner.ariaDisabled = "true";
      if (kept < 1) inner.role = "img";
    }
    if (kept < 1 || !this.#hasRest()) return;
    const onward = create("div", "onward", this.box);
    onward.role = "group";
    onward.ariaLabel = t("rewind.group");
    const start = create("span", "", onward);
    start.append(`${t("rewind.from")} `);
    const stays = path.chars
      .slice(position + 1 - Math.min(kept, AROUND), position + 1)
      .map((each) => (each === " " ? each : visibleCharacter(each)));
    create("b", "", start).textContent = (kept > AROUND ? "…" : "") + stays.join("");
    const rewrite = (/** @type {boolean} */ newSeed) => () => source.rewrite(this.shown.turn, this.#kept(), newSeed);
    const ways = /** @type {const} */ ([
      [t("rewind.here"), t("rewind.here.help"), false],
      [t("rewind.seed"), t("rewind.seed.help"), true],
    ]);
    for (const [text, help, newSeed] of ways) {
      this.#button("", text, rewrite(newSeed), onward).ariaDescription = help;
      create("small", "", onward).textContent = help;
    }
  }

  /** @type {(className: string, text: string, act: () => void, parent: HTMLElement) => HTMLButtonElement} */
  #button(className, text, act, parent) {
    const button = addButton(parent, className, text, () => {
      if (button.ariaDisabled === "true") return;
      act();
      this.close({ returnsFocus: true });
    });
    return button;
  }

  #focusChoice() {
    const choices = findAll(this.box, "button.choice:not([aria-current])");
    (choices[0] ?? find(this.box, ".close")).focus({ preventScroll: true });
  }

  // Scrolls the log to the character, and without a lens puts it in focus.
  #reveal() {
    const { lenses } = this;
    const { position } = this.shown;
    if (!lenses.lens) lenses.focus.moveTo(lenses.path, position);
    const character = lenses.characterAt(position);
    if (character) scrollInside(lenses.log, character);
  }

  #place() {
    const character = this.lenses.characterAt(this.shown.position);
    const rect = character?.getBoundingClientRect();
    const log = this.lenses.log.getBoundingClientRect();
    const { style } = this.box;
    const box = this.box.getBoundingClientRect();
    if (!rect) return this.close();
    if (matchMedia(SHEET).matches) {
      style.left = style.top = "";
      this.#uncover(character);
      return;
    }
    if (rect.bottom < log.top || rect.top > log.bottom) return this.close();
    const isBelow = rect.bottom + GAP + box.height <= innerHeight || rect.top - GAP - box.height < 0;
    const left = Math.max(
      GAP,
      Math.min(
        Math.max(log.left, rect.left + rect.width / 2 - 32),
        document.documentElement.clientWidth - box.width - GAP,
      ),
    );
    style.left = `${left}px`;
    style.top = `${isBelow ? rect.bottom + GAP : rect.top - GAP - box.height}px`;
    style.setProperty("--arrow", `${rect.left + rect.width / 2 - left}px`);
    this.box.classList.toggle("above", !isBelow);
  }

  // Scrolls the page if the sheet covers the character, and where the page ends the text.
  #uncover(character) {
    const hidden = () =>
      Math.max(0, character.getBoundingClientRect().bottom + 2 * GAP - this.box.getBoundingClientRect().top);
    if (hidden() && this.uncovered !== this.shown) {
      scrollBy({ top: hidden(), behavior: "instant" });
      this.lenses.log.scrollTop += hidden();
    }
    this.uncovered = this.shown;
  }

  #listen() {
    const { log } = this.lenses;
    log.addEventListener(
      "pointerdown",
      ({ pointerType }) => (this.tapped = pointerType === "touch" ? this.lenses.focus.at : null),
    );
    log.addEventListener("click", (event) => this.#click(event));
    log.addEventListener("keydown", (event) => {
      const { focus, lens, path } = this.lenses;
      if (event.key !== "Enter" || event.target !== log) return;
      event.preventDefault();
      if (!lens) this.lenses.read();
      const last = this.lenses.turns.at(-1);
      if (focus.at?.traced === path) this.open(focus.at.position);
      else if (last) this.open(last.at + last.length - 1); // the arrow keys lead to the others
    });
    this.box.addEventListener("keydown", (event) => this.#key(event));
    this.box.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget instanceof Node && !this.box.contains(relatedTarget)) this.close({ returnsFocus: false });
    });
    document.addEventListener("pointerdown", ({ target }) => {
      if (this.shown && target instanceof Node && !this.box.contains(target)) this.close({ returnsFocus: false });
    });
    for (const name of ["scroll", "resize"])
      addEventListener(name, () => this.shown && this.#place(), { capture: true, passive: true });
  }

  /** @param {MouseEvent} event */
  #click(event) {
    if (!getSelection()?.isCollapsed || !(event.target instanceof Element)) return; // the visitor is selecting text
    const { lenses } = this;
    const place = placeOf(event.target);
    const isTappedAgain = place && this.tapped?.traced === place.traced && this.tapped.position === place.position;
    const offersChoices = !lenses.lens || lenses.lens.offersChoices || isTappedAgain;
    if (place && offersChoices) return place.traced === lenses.path ? this.open(place.position) : undefined;
    if (place && !hasTouch()) return; // the lens follows the pointer
    if (place) {
      lenses.lens.reveal?.();
      return void lenses.focus.moveTo(place.traced, place.position);
    }
    // Without a lens, on an empty line, or next to the end of a line: the nearest character.
    const text = event.target.closest(".prompt") ? null : event.target.closest(".text"); // the element under a pointer beside a line is not the line's
    const reply = text?.querySelector(".reply");
    const id = Number(event.target.closest("article")?.dataset.turn);
    const n = reply ? characterUnder(event, reply) : -1;
    if (!lenses.lens) lenses.read();
    const turn = lenses.turns.find((each) => each.id === id);
    if (n < 0 || !turn) return;
    const position = turn.at + turn.given + n;
    if (lenses.lens) lenses.focus.moveTo(lenses.path, position);
    if (offersChoices) this.open(position);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { position } = this.shown ?? {};
    const choices = findAll(this.box, "button.choice");
    const at = choices.findIndex((each) => each === document.activeElement);
    const acts = {
      Escape: () => this.close({ returnsFocus: true }),
      ArrowDown: () => choices[Math.min(at + 1, choices.length - 1)]?.focus(),
      ArrowUp: () => choices[Math.max(at - 1, 0)]?.focus(),
      ArrowLeft: () => this.#move(position - 1),
      ArrowRight: () => this.#move(position + 1),
    };
    if (!this.shown || !acts[event.key]) return;
    event.preventDefault();
    event.stopPropagation(); // Escape also stops a reply, and the arrows move the focus in the text
    acts[event.key]();
  }

  // Moves to the character before or after.
  #move(position) {
    const { lenses } = this;
    if (!lenses.turnAt(position)) return;
    if (lenses.lens) lenses.focus.moveTo(lenses.path, position, { scroll: true });
    this.open(position);
  }
}
