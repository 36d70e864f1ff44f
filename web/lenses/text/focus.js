/** The character in focus, which the pointer, the arrow keys or a lens chooses: its element is marked, its values fetched. */

import { scrollInside } from "../../document/dom.js";
import { LineEndMark } from "./caret.js";
import { placeOf } from "./character_box.js";
import { nextInReply, nextPosition } from "./keys.js";

const CARET = "shown-character"; // the highlight of the character in focus in a text without a lens
const REST_MS = 30; // only a character under which the pointer rests this long comes into focus

/**
 * @import { Details, Lenses } from "../lens.js"
 * @import { Place } from "./character_box.js"
 * @import { TracedText } from "./traced_text.js"
 */

export class Focus {
  /** @param {Lenses} lenses */
  constructor(lenses) {
    this.lenses = lenses;
    this.at = /** @type {(Place & {outdated?: boolean}) | null} */ (null);
    this.node = /** @type {Element | null} */ (null); // the element that is marked
    this.lineEnd = new LineEndMark();
    this.details = /** @type {Details | null} */ (null); // what the panel shows
    this.inspections = 0;
    this.announcer = /** @type {Promise<import("./move_announcer.js").MoveAnnouncer> | null} */ (null); // few visitors use the keys
    this.#listen();
  }

  /** The character in focus: the id of its turn, and its number in the text of the turn; null for none. */
  get place() {
    if (!this.at || this.at.traced !== this.lenses.path) return null;
    const turn = this.lenses.turnAt(this.at.position);
    return turn ? { turn: turn.id, n: this.at.position - turn.at } : null;
  }

  /**
   * Puts a character in focus. Resolves once the panel shows its values.
   * @param {TracedText} traced
   * @param {number} position
   */
  moveTo(traced, position, { scroll = false } = {}) {
    this.at = { traced, position };
    this.show();
    if (scroll) this.reveal();
    return this.inspect();
  }

  /** Scrolls to the character in focus. */
  reveal() {
    const character = this.at?.traced === this.lenses.path && this.lenses.characterAt(this.at.position);
    if (character) scrollInside(this.lenses.log, character);
    if (!this.node) return;
    const { top, bottom } = this.node.getBoundingClientRect(); // under a lens the text stays in the window by itself
    if (top < 0 || bottom > innerHeight) this.node.scrollIntoView({ block: "nearest" });
  }

  /** Puts the character of an element in focus, if it shows one. @param {Element | null} node */
  moveToNode(node) {
    const place = placeOf(node);
    if (this.lenses.lens && place) this.moveTo(place.traced, place.position);
  }

  /**
   * Takes the focus from its character when a reply begins that does not keep it.
   * @param {number} start of the turn
   * @param {number} changed the position from which on the text is another
   */
  begin(start, changed) {
    if (this.at?.traced === this.lenses.path && (this.at.position < start || this.at.position > changed)) this.clear();
  }

  /** Takes the focus from its character. */
  clear() {
    this.at = this.details = null;
    this.inspections++;
    this.lenses.panel.ariaBusy = null;
    this.show();
    this.lenses.lens?.inspect?.(null);
  }

  /** Fetches the values of the character in focus, and shows them in the panel of the lens. */
  async inspect() {
    const { traced, position } = this.at;
    const { lens, panel, path } = this.lenses;
    this.at.outdated = false;
    if (!lens?.inspect) return;
    const inspection = ++this.inspections;
    panel.ariaBusy = "true"; // it still shows the character that was in focus before
    const answer = await traced.ask({ at: position, ...lens.wants?.(position) });
    if (inspection !== this.inspections || lens !== this.lenses.lens) return;
    panel.ariaBusy = null;
    this.lenses.answered(answer.refusal);
    if (answer.refusal) return void lens.inspect(null); // not what belongs to another character
    const turn = traced === path ? this.lenses.turnAt(position) : null;
    this.details = { ...answer, traced, position, turn, char: traced.chars[position] };
    lens.inspect(this.details);
  }

  /** Clears the values, after another lens was chosen. Only a character of the conversation stays in focus. */
  clearDetails() {
    this.details = null;
    if (this.at?.traced !== this.lenses.path) this.at = null;
  }

  /** Finds the turn of the character again, after the turns have changed. */
  findTurn() {
    if (this.details?.traced === this.lenses.path) this.details.turn = this.lenses.turnAt(this.details.position);
  }

  /** Call this after a text or its values changed from a position on. @param {TracedText} traced @param {number} from */
  invalidate(traced, from) {
    if (this.at?.traced !== traced) return;
    const { position } = this.at;
    if (from <= position) this.at.outdated = true;
    if (!this.at.outdated) return;
    if (position < traced.chars.length) this.inspect();
    else if (!this.lenses.source.busy()) this.clear(); // else the reply will reach the position again
  }

  /** Marks the character in focus: its element, or without a lens, while the text or the alternatives are used, its range. */
  show() {
    const { alternatives, lens, log } = this.lenses;
    const node = this.at && this.lenses.nodeAt(this.at.traced, this.at.position);
    if (node !== this.node) {
      this.node?.classList.remove("focus");
      node?.classList.add("focus");
      this.node = node;
    }
    const isUsed = !lens && (document.activeElement === log || alternatives.shown);
    this.#showCaret(isUsed && this.at ? this.lenses.characterAt(this.at.position) : null);
  }

  /** @param {Element | Range | null} character */
  #showCaret(character) {
    this.lineEnd.show(character instanceof Range ? character : null);
    if (!globalThis.Highlight) return;
    if (character instanceof Range) CSS.highlights.set(CARET, new Highlight(character));
    else CSS.highlights.delete(CARET);
  }

  #listen() {
    const { log } = this.lenses;
    const nodeUnder = ({ target }) => (target instanceof Element && placeOf(target) ? target : null);
    let over = /** @type {Element | null} */ (null);
    let [timer, pointer] = [0, ""];
    // "mousemove", because "mouseover" also fires when a growing text moves under a pointer that rests; at times Chromium sends
    // a "mousemove" then, too.
    log.addEventListener("mousemove", (event) => {
      const [node, where] = [nodeUnder(event), `${event.screenX} ${event.screenY}`];
      const rests = where === pointer;
      pointer = where;
      if (rests || node === over) return;
      over = node;
      clearTimeout(timer);
      timer = setTimeout(() => node?.isConnected && this.moveToNode(node), REST_MS);
    });
    log.addEventListener("click", (event) => this.moveToNode(nodeUnder(event)));
    log.addEventListener("keydown", (event) => this.#onKey(event));
    for (const name of ["focus", "blur"]) log.addEventListener(name, () => this.show());
    log.addEventListener("focus", () => this.#announce());
  }

  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const { lens, path } = this.lenses;
    if (!lens) this.lenses.read();
    const { turns } = this.lenses;
    const from = this.at?.traced === path ? this.at.position : null;
    let position = nextPosition(event.key, from, path.chars, turns);
    if (position === null) return;
    event.preventDefault();
    if (!lens) position = nextInReply(event.key, position, path.chars, turns) ?? from;
    if (position === null) return;
    const moved = this.moveTo(path, position, { scroll: true });
    Promise.all([this.#announce(), moved]).then(
      ([announcer]) => this.at?.position === position && announcer?.announce(position),
    );
  }

  // Returns what announces the moves; null if it could not be loaded.
  #announce() {
    const load = async () => {
      const { MoveAnnouncer } = await import("./move_announcer.js");
      return new MoveAnnouncer(this.lenses);
    };
    return (this.announcer ??= load().catch(() => (this.announcer = null)));
  }
}
