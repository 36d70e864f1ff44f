/** The lenses over a conversation: the switch, and the colours of the characters. */

import { create, find, findAll, keepAtEnd, pause, setText } from "../document/dom.js";
import { render, t } from "../document/words.js";
import { WelcomeColours } from "./welcome_colours.js";
import { Alternatives } from "./text/alternatives.js";
import { rangeOf } from "./text/caret.js";
import { CharacterBox } from "./text/character_box.js";
import { Focus } from "./text/focus.js";
import { TracedText } from "./text/traced_text.js";

const AT_ONCE = 100; // characters that are drawn as soon as they arrive
const PER_FRAME = 500; // characters that are drawn or coloured between two frames: some milliseconds with their layout
const LOST_MS = 3000; // between two requests while the connection is lost
const WHILE_WRITING_MS = 30; // between two requests for the values of a reply that is being written

/**
 * @import { ReadTurn } from "../conversation/log.js"
 * @import { Clamp, Drawn, Message, Model, Sampling, TextEngine, TraceAnswer, TraceQuestion } from "../engines/engine.js"
 * @import { Place } from "./text/character_box.js"
 * @import { Path } from "./text/traced_text.js"
 *
 * @typedef {object} Source the conversation, see page/source.js
 * @property {() => (Path & {turns: ReadTurn[]}) | null} path
 * @property {() => Model | null} about
 * @property {(turn: number, n: number) => Drawn} draw
 * @property {() => Sampling} settings
 * @property {() => boolean} busy
 * @property {() => Clamp[] | null} clampedCells
 * @property {(cells: Clamp[]) => void} clamp
 * @property {(turn: number, keep: number) => boolean} canContinueFrom
 * @property {(turn: number, keep: number, character: string) => void} pick
 * @property {(turn: number, keep: number, newSeed: boolean) => void} rewrite
 * @property {() => boolean} isWelcome whether only a welcome text is shown
 * @property {() => number | null} marked the position of its marked character
 * @property {() => Promise<unknown>} step
 * @property {(turn: number) => Promise<{from: number, text: string} | null>} withoutClamps
 *
 * @typedef {TraceAnswer & Place & {char: string, turn: ReadTurn | null}} Details the values of the character in focus;
 *   without a turn in the visitor's own text
 *
 * @typedef {object} Lens
 * @property {() => string} [key] under which values are kept; without it they are the bits
 * @property {(position?: number) => TraceQuestion} [wants] what a request asks for besides the bits, for all characters or
 *   for one
 * @property {(answer: TraceAnswer, traced: TracedText, from: number) => (number | null)[]} [take] the values of an answer
 * @property {(value: number | null) => string} [mark] the class of a value
 * @property {boolean} [offersChoices] whether a click on a character shows its alternatives
 * @property {() => void} [reveal]  call it when a character is tapped: the lens scrolls to the values once it shows them
 * @property {(panel: HTMLElement) => void} [build]
 * @property {() => void} [show] after values or characters changed, at most once per frame
 * @property {(details: Details | null) => void} [inspect] shows the character in focus
 * @property {TracedText | null} [own] the visitor's own text
 * @property {(traced: TracedText, position: number) => void} [invalidate] after the values from a position on became outdated
 * @property {() => void} [update] after the conversation or the settings changed
 */

export class Lenses {
  /**
   * @param {object} options
   * @param {HTMLElement} options.pane
   * @param {TextEngine} options.engine
   * @param {Source} options.source
   * @param {() => void} options.onChange called when the view must show the turns again: after another lens was chosen, and
   *   before a welcome text gets its colours without one
   */
  constructor({ pane, engine, source, onChange }) {
    this.pane = pane;
    this.log = find(pane, ".log");
    this.panel = find(pane, ".panel");
    this.engine = engine;
    this.source = source;
    this.onChange = onChange;
    this.name = "plain"; // of the lens that is shown
    this.chosen = "plain"; // of the chosen one, whose panel may still have to be loaded
    this.turns = /** @type {ReadTurn[]} */ ([]);
    this.newest = 0; // the highest id of a turn that was read
    this.path = new TracedText(engine);
    this.boxes = /** @type {Map<Element, CharacterBox>} */ (new Map());
    this.focus = new Focus(this);
    this.alternatives = new Alternatives(this);
    this.settings = "";
    this.retry = 0; // timer of the next request while the connection is lost
    this.lenses = /** @type {import("./lens_list.js").Panels | null} */ (null); // until one is chosen
    this.welcome = new WelcomeColours(onChange);
    this.listen();
  }

  /** @returns {Lens|undefined} the lens that is on; without one, the colours of a welcome text */
  get lens() {
    return this.lenses?.[this.name] ?? (this.source.isWelcome() ? this.welcome : undefined);
  }

  /** The key of the values of the lens that is on. */
  get key() {
    return this.lens?.key?.() ?? "bits";
  }

  /** Puts a lens over the text, or none ("plain"). @param {string} name */
  async choose(name) {
    this.chosen = name;
    if (name !== "plain" && !this.lenses) {
      const { panelsOf } = await loadPanels();
      this.lenses ??= panelsOf(this);
      if (this.chosen !== name) return; // another one was chosen meanwhile
    }
    this.name = name;
    this.panel.replaceChildren();
    for (const hint of findAll(this.log, "article > .hint.done")) hint.remove(); // it only kept its room
    // The panel makes the text shorter.
    keepAtEnd(this.log, () => {
      this.pane.classList.toggle("lensed", name !== "plain");
      this.panel.hidden = name === "plain";
      this.panel.className = `panel ${name}`;
    });
    this.panel.ariaBusy = null;
    if (!this.lens) this.release();
    else {
      for (const box of this.boxes.values()) box.repaint();
      this.panel.ariaLabel = t("lens.panel", { name: t(`lens.${name}`) });
      if (this.name !== "plain") create("p", "help", this.panel).textContent = t(`lens.${name}.help`);
      if (this.name !== "plain") create("p", "problem", this.panel).role = "status";
      this.lens.build?.(this.panel);
    }
    this.focus.clearDetails();
    this.onChange();
    const { inspections } = this.focus;
    this.update();
    if (this.focus.at && inspections === this.focus.inspections) this.focus.inspect();
    else this.#focusLast();
    if (this.lens) this.focus.reveal(); // its panel has made the text shorter
  }

  // Puts the last character in focus if none is, so that the panel of a lens has values to show.
  #focusLast() {
    const last = this.path.chars.length - 1;
    const isFree = !this.focus.at && !this.source.busy() && !this.source.isWelcome(); // page/arrival.js chooses one of a welcome text
    if (this.name !== "plain" && isFree && last >= 0) this.focus.moveTo(this.path, last);
  }

  /** Call this after every change of the conversation or the settings. */
  update() {
    this.alternatives.update();
    if (!this.lens && this.focus.at) this.read(); // the character in focus may be in another place
    if (!this.lens) return this.focus.show();
    this.read();
    for (const article of findAll(this.log, "article[data-turn]")) this.draws(article);
    const settings = JSON.stringify(this.source.settings());
    if (this.focus.details && settings !== this.settings) this.lens.inspect?.(this.focus.details);
    this.settings = settings;
    this.lens.update?.();
    this.changed();
    this.pump();
  }

  /**
   * Draws the text of a turn, if a lens is on and the path has the turn.
   * @param {HTMLElement} article with data-turn
   * @returns {boolean} whether it did
   */
  draws(article) {
    if (!this.lens) {
      if (this.boxes.size) this.release();
      return false;
    }
    if (!this.isRead) this.read();
    const turn = this.turns.find((each) => String(each.id) === article.dataset.turn);
    if (!turn) return false;
    const given = turn.at + turn.given;
    const isSeparated = turn.at > 0 && turn.given > 0 && this.path.chars[turn.at] === "\n" && !article.matches(".chat");
    this.drawIn(find(article, ".prompt"), turn.at + Number(isSeparated), given); // the view shows no line break there, either
    this.drawIn(find(article, ".reply"), given, turn.at + (turn.shown ?? turn.length));
    this.schedule();
    return true;
  }

  /** Leaves the conversation as plain text. */
  release() {
    for (const box of this.boxes.values()) box.release();
    this.boxes.clear();
    this.focus.show();
  }

  /** @param {HTMLElement} element @param {number} start @param {number} end */
  drawIn(element, start, end, traced = this.path) {
    let box = this.boxes.get(element);
    if (!box) this.boxes.set(element, (box = new CharacterBox(element, traced)));
    box.setRange(start, end);
    box.draw(AT_ONCE);
  }

  // Reads the path of the source: at most once until the current task ends.
  read() {
    this.isRead = true;
    queueMicrotask(() => (this.isRead = false));
    const [path, before] = [this.source.path(), this.turns];
    this.turns = path?.turns ?? [];
    if (this.turns[0]?.id === 0 && before[0]?.id !== 0) this.focus.clear(); // of the conversation that the welcome text replaces
    const changed = this.path.set(path);
    const last = this.turns.at(-1);
    // A short reply may be over when it is read for the first time.
    const isNew = last && (last.writing ? last.id !== before.at(-1)?.id : last.id > this.newest);
    this.newest = Math.max(this.newest, last?.id ?? 0);
    if (isNew) this.focus.begin(last.at, changed.text);
    this.invalidate(this.path, changed);
    this.focus.findTurn();
    for (const element of this.boxes.keys()) if (!element.isConnected) this.boxes.delete(element);
  }

  /** Removes what is outdated after a text or its values changed. @type {(traced: TracedText, changed: {text: number, values: number}) => void} */
  invalidate(traced, changed) {
    for (const box of this.boxes.values()) if (box.traced === traced) box.invalidate(changed.text, changed.values);
    this.lens?.invalidate?.(traced, changed.values);
    this.focus.invalidate(traced, Math.min(changed.text, changed.values));
  }

  /** Draws in the next frame what may look different now. */
  changed() {
    this.hasChanged = true;
    this.schedule();
  }

  schedule() {
    if (this.isScheduled) return;
    this.isScheduled = true;
    requestAnimationFrame(() => this.frame());
  }

  frame() {
    this.isScheduled = false;
    if (!this.lens) return;
    let left = PER_FRAME;
    const { key } = this;
    const mark = (value) => this.lens.mark?.(value) ?? "";
    keepAtEnd(this.log, () => {
      for (const box of [...this.boxes.values()].reverse()) {
        if (left > 0) left -= box.draw(left);
        if (left > 0) left -= box.paint(box.traced.values(key), mark, left);
      }
    });
    if (left <= 0) this.schedule();
    this.focus.show();
    if (!this.hasChanged) return;
    this.hasChanged = false;
    this.lens.show?.();
  }

  // The text whose values are to be fetched next: the visitor's own text before the conversation; null if none is.
  wanted() {
    if (!this.lens || document.hidden) return null;
    const { key } = this;
    const texts = this.lens.own ? [this.lens.own, this.path] : [this.path];
    return texts.find((text) => text.path && text.values(key).length < text.chars.length) || null;
  }

  async pump() {
    if (this.isPumping) return;
    this.isPumping = true;
    try {
      for (let text = this.wanted(); text; text = this.wanted()) {
        const [lens, key, version] = [this.lens, this.key, text.version];
        const from = text.values(key).length;
        const answer = await text.ask({ from, ...lens.wants?.() });
        if (lens !== this.lens || key !== this.key || version !== text.version) continue;
        this.answered(answer.refusal);
        if (answer.refusal || !answer.bits?.length) break;
        text.values(key).push(...(lens.take?.(answer, text, from) ?? answer.bits));
        this.changed();
        await new Promise(requestAnimationFrame); // none comes while the page is hidden
        if (this.source.busy()) await pause(WHILE_WRITING_MS);
      }
    } finally {
      this.isPumping = false;
    }
  }

  /** Shows why the engine refused a question, and asks again later if the connection is lost. @param {Message} [refusal] */
  answered(refusal) {
    const isLost = refusal?.id === "fault.connection";
    const line = this.panel.querySelector(":scope > .problem");
    if (line) setText(line, refusal ? render(isLost ? { id: "status.reconnecting" } : refusal) : "");
    if (isLost) this.askLater();
  }

  /** Asks again after a time, or as soon as the browser has a connection. */
  askLater() {
    this.retry ||= setTimeout(() => this.askAgain(), LOST_MS);
  }

  askAgain() {
    clearTimeout(this.retry);
    if (this.retry && this.focus.at) this.focus.inspect();
    this.alternatives.askAgain();
    this.retry = 0;
    this.pump();
  }

  /** @param {number} position */
  turnAt(position) {
    return this.turns.find((turn) => position >= turn.at && position < turn.at + turn.length) ?? null;
  }

  /** @param {TracedText} traced @param {number} position */
  nodeAt(traced, position) {
    for (const box of this.boxes.values()) {
      const node = box.traced === traced && box.nodeAt(position);
      if (node) return node;
    }
    return null;
  }

  /** The element of a character of the conversation, or its range in a reply without a lens; null if it is not shown. @param {number} position */
  characterAt(position) {
    const turn = this.turnAt(position);
    const reply = turn && this.log.querySelector(`article[data-turn="${turn.id}"] .reply`);
    return this.nodeAt(this.path, position) ?? (reply && rangeOf(reply, position - turn.at - turn.given));
  }

  listen() {
    document.addEventListener("visibilitychange", () => this.pump());
    addEventListener("online", () => this.askAgain());
  }
}

/** Imports the lenses that have a panel; few visitors use them at once. */
export function loadPanels() {
  return import("./lens_list.js");
}
