// The tour: a card with six steps, each with a link of its own (#tour-1 to #tour-6), over the real controls.
//
// The tour has its own conversation. The visitor's one, its settings and its lens are shown again when the card is closed.

import { pathTo } from "../conversation/log.js";
import {
  addButton,
  create,
  find,
  findAll,
  pause,
  prefersReducedMotion,
  scrollInside,
  setText,
} from "../document/dom.js";
import { number, render, t } from "../document/words.js";
import { STEPS, tourControls } from "./tour_steps.js";

const LINK = /^#tour-([1-6])$/;
const MARGIN = 12; // pixels between a marked control and what is next to it: the card, the text of a lens, the edge of the window

/**
 * @import { Log } from "../conversation/log.js"
 * @import { Place } from "./tour_steps.js"
 */

export class Tour {
  /**
   * @param {import("../page/main.js").Page} page
   * @param {() => void} leaveStage  shows the conversation instead of a demonstration
   */
  constructor(page, leaveStage) {
    this.page = page;
    this.leaveStage = leaveStage;
    this.box = find(page.root, "#tour");
    this.more = find(page.root, "#more-settings", HTMLDetailsElement);
    this.number = 0; // of the step that is shown, from 1; 0 while the card is closed
    this.wanted = 0; // the step in the address, until the page can show it
    this.before =
      /** @type {{log: Log, lens: string, opener: Element | null, scrolled: number, more: boolean} | null} */ (null);
    this.unfocused = /** @type {HTMLElement | null} */ (null); // gets the focus when it is enabled again
    this.marked = /** @type {HTMLElement[]} */ ([]);
    this.place = /** @type {Place} */ ({ page, lenses: page.lenses, report: (message) => this.report(message) });
    this.#build();
    addEventListener("hashchange", () => this.#followLink());
    addEventListener("pagehide", () => this.close());
    this.#followLink();
  }

  #build() {
    const button = (/** @type {HTMLElement} */ parent, /** @type {string} */ name, /** @type {() => void} */ act) => {
      const node = addButton(parent, name, "", act);
      node.dataset.text = `tour.${name}`;
      return node;
    };
    this.words = create("div", "words", this.box);
    this.count = create("p", "count", this.words);
    this.heading = create("h2", "", this.words);
    [this.heading.id, this.heading.tabIndex] = ["tour-title", -1];
    this.text = create("p", "text", this.words);
    this.status = create("p", "status", this.words);
    this.status.role = "status";
    this.actions = create("div", "actions", this.box);
    const moves = create("div", "moves", this.box);
    this.back = button(moves, "back", () => this.open(this.number - 1));
    this.next = button(moves, "next", () => (this.number === STEPS.length ? this.close() : this.open(this.number + 1)));
    this.next.classList.add("primary");
    button(moves, "go", () => this.#goToControl());
    button(moves, "close", () => this.close());
    // Wherever the focus is; the alternatives to a character keep the Escape that closes them.
    document.addEventListener("keydown", (event) => event.key === "Escape" && !event.defaultPrevented && this.close());
    this.page.root.addEventListener("input", () => this.#markChosen()); // a slider was moved
  }

  translate() {
    for (const button of findAll(this.box, "[data-text]")) setText(button, t(button.dataset.text));
    if (this.number) this.#showTexts();
  }

  #followLink() {
    this.wanted = Number(LINK.exec(location.hash)?.[1] ?? 0);
    this.page.changed();
  }

  /** Called after every change of the page. */
  update() {
    const isReady = this.page.source.about() && !this.page.busy && !find(this.page.root, "#loading").checkVisibility();
    if (this.wanted && isReady && this.page.started) this.open(this.wanted);
    for (const button of findAll(this.actions, "button", HTMLButtonElement))
      button.ariaDisabled = String(this.page.busy);
    if (this.number) this.#mark(false);
    if (this.page.busy || !this.unfocused) return;
    const { activeElement } = document; // what is hidden keeps the focus until the page is drawn
    if (activeElement === document.body || this.box.contains(activeElement))
      this.unfocused.focus({ preventScroll: true });
    this.unfocused = null;
  }

  /** @param {number} number  of the step, from 1 */
  async open(number) {
    const { page } = this;
    this.wanted = 0;
    if (number < 1 || number === this.number) return;
    this.leaveStage();
    if (!this.number) this.#begin();
    this.number = number;
    page.controls.restore(tourControls()); // the buttons of another step may have changed them
    page.source.clamp([]);
    const step = STEPS[number - 1];
    if (location.hash !== `#tour-${number}`) history.replaceState(history.state, "", `#tour-${number}`);
    this.box.hidden = false;
    this.#showTexts();
    this.words.scrollTop = 0; // the step before may have been scrolled
    this.heading.focus({ preventScroll: true });
    if (!pathTo(this.page.log()).length) await this.#write();
    if (this.number !== number) return;
    if (this.place.lenses.name !== step.lens) await this.place.lenses.choose(step.lens);
    await this.#isRead();
    if (this.number !== number || this.place.lenses.name !== step.lens) return; // the visitor has chosen another lens
    await step.prepare?.(this.place);
    if (this.number !== number) return;
    this.page.changed();
    await new Promise(requestAnimationFrame);
    // A control outside the card that has the focus stays in view: the browser has scrolled to it.
    const focused = document.activeElement;
    const scrolls = !focused || focused === document.body || this.box.contains(focused);
    if (scrolls) this.place.lenses.focus.reveal();
    this.#mark(scrolls);
  }

  // Stores the visitor's conversation and starts an empty one with the settings of the tour.
  #begin() {
    const { page } = this;
    page.save();
    this.before = {
      log: page.log(),
      lens: this.place.lenses.chosen,
      opener: document.activeElement,
      scrolled: scrollY,
      more: this.more.open,
    };
    page.clear();
    page.storage.save(this.before.log); // for a reload, it is still the conversation of this tab
    page.prompt.value = ""; // it is stored with the conversation, and "One letter" would read it
    page.root.classList.add("on-tour");
  }

  async #write() {
    const { page } = this;
    if (!page.log().turns.length) page.storage.unsaved.add(page.log()); // until the visitor adds something
    const options = { ...page.controls.options(), speed: null }; // the buttons of the step are disabled until the text is written
    await page.run(() => page.writer.send(page.source.about()?.examples[0] ?? "", options));
  }

  // Resolves when the lens has the values of the whole text, after five seconds at the latest.
  async #isRead() {
    const { lenses } = this.place;
    for (let tries = 0; lenses.lens && tries < 100; tries++) {
      if (
        !this.page.busy &&
        lenses.path.chars.length &&
        lenses.path.values(lenses.key).length >= lenses.path.chars.length
      )
        return;
      await pause(50);
    }
  }

  #showTexts() {
    const [step, values] = [STEPS[this.number - 1], { step: this.number, steps: STEPS.length }];
    setText(this.count, t("tour.count", values));
    setText(this.heading, t(`tour.${this.number}`));
    setText(this.text, t(`tour.${this.number}.text`));
    setText(this.next, t(this.number === STEPS.length ? "tour.end" : "tour.next"));
    this.back.disabled = this.number === 1;
    this.report(null);
    this.actions.replaceChildren();
    if (step.values) setText(create("span", "", this.actions), t(step.values));
    for (const [text, act, value] of step.actions) {
      const button = addButton(
        this.actions,
        "",
        value === undefined ? render(text) : number(value, 1),
        () => this.page.busy || this.#act(act),
      );
      button.ariaLabel = render(text);
      if (value !== undefined) button.dataset.value = String(value);
    }
    this.#markChosen();
  }

  // Marks the button of the temperature that is chosen now.
  #markChosen() {
    const chosen = Number(this.page.controls.inputs.temperature?.field.value);
    for (const button of findAll(this.actions, "[data-value]"))
      button.ariaPressed = String(Number(button.dataset.value) === chosen);
  }

  // What a step shows stays in view, whatever its buttons do.
  async #act(act) {
    const { number } = this;
    await act(this.place);
    this.#markChosen();
    await new Promise(requestAnimationFrame);
    if (this.number === number) this.#mark(true);
  }

  /** @param {?import("../engines/engine.js").Message} message */
  report(message) {
    setText(this.status, render(message));
    if (message) this.words.scrollTop = this.words.scrollHeight; // a card in a low window does not show it otherwise
  }

  // Marks the controls of the step, and scrolls them into the part of the window that the card leaves free: above it, and
  // beside it where it covers only the column of the settings.
  #mark(scrolls) {
    const { root } = this.page;
    const found = this.number ? STEPS[this.number - 1].targets.map((target) => root.querySelector(target)) : [];
    const marked = found.filter(
      /** @returns {node is HTMLElement} */ (node) => node instanceof HTMLElement && node.checkVisibility(),
    );
    for (const node of this.marked) node.classList.toggle("on-tour-here", marked.includes(node));
    for (const node of marked) node.classList.add("on-tour-here");
    this.marked = marked;
    if (!this.number) return;
    document.documentElement.style.setProperty("--tour-card", `${this.box.offsetHeight}px`);
    if (!marked.length || !scrolls) return;
    const last = marked.at(-1);
    const text = last.closest(".log"); // the whole text around a marked part of it
    if (text) scrollInside(this.place.lenses.log, last);
    const way = this.#wayTo([...marked, text ?? last]) ?? this.#wayTo([last, text ?? last]) ?? this.#wayTo([last]);
    const top = Math.max(way, this.#wayToCard());
    if (top) scrollBy({ top, behavior: prefersReducedMotion() ? "auto" : "smooth" });
  }

  // How far to scroll at least until the whole card is seen: it is never above the column that it sticks in.
  #wayToCard() {
    if (getComputedStyle(this.box).position !== "sticky") return -Infinity;
    return this.box.parentElement.getBoundingClientRect().top + this.box.offsetHeight + MARGIN - innerHeight;
  }

  // How far to scroll until all of the nodes are seen; null if there is no room for several. Of one that is too high, the top.
  /** @param {Element[]} nodes */
  #wayTo(nodes) {
    const { scrollPaddingTop } = getComputedStyle(document.documentElement); // the text of a lens stays at the top of the window
    const from = (/** @type {Element} */ node) =>
      MARGIN + (node.closest(".panel") ? parseFloat(scrollPaddingTop) || 0 : 0);
    const [card, { bottom }] = [this.box.getBoundingClientRect(), getComputedStyle(this.box)];
    const height = (/** @type {DOMRect} */ rect) =>
      rect.right > card.left ? innerHeight - (parseFloat(bottom) || 0) - card.height : innerHeight;
    const rects = nodes.map((node) => ({ from: from(node), rect: node.getBoundingClientRect() }));
    const least = Math.max(...rects.map(({ rect }) => rect.bottom + MARGIN - height(rect)));
    const most = Math.min(...rects.map(({ rect, from }) => rect.top - from));
    if (nodes.length > 1 && least > most) return null;
    return least <= 0 && most >= 0 ? 0 : Math.min(least, most);
  }

  #goToControl() {
    const controls = this.marked.flatMap((node) => findAll(node, "button, input, select"));
    (controls.find((node) => node.checkVisibility()) ?? this.place.lenses.log).focus();
  }

  /** Closes the card and shows the visitor's conversation again. */
  close() {
    if (!this.number) return;
    const { page } = this;
    this.number = 0;
    this.box.hidden = true;
    page.root.classList.remove("on-tour");
    this.#mark(false);
    if (LINK.test(location.hash)) history.replaceState(history.state, "", location.pathname + location.search);
    const { log, lens, opener, scrolled, more } = this.before;
    page.stop();
    page.save();
    page.storage.leave();
    const typed = page.prompt.value;
    page.prompt.value = "";
    page.openLog(log); // with the prompt that was typed before the tour
    if (typed) page.prompt.value += page.prompt.value ? `\n${typed}` : typed;
    this.place.lenses.choose(lens);
    page.save();
    const target =
      opener instanceof HTMLElement && opener.isConnected && opener !== document.body ? opener : page.prompt;
    target.focus({ preventScroll: true });
    this.more.open = more;
    requestAnimationFrame(() => scrollTo(0, scrolled)); // once the text of before is drawn
    if (document.activeElement !== target) this.unfocused = target; // it is disabled until the reply has stopped
    page.changed();
  }
}
