/** Clamping a cell while the model writes: the choice under the memory lens, and what it has changed in the reply. */

import { addButton, create, find, setText } from "../document/dom.js";
import { t } from "../document/words.js";

const STRONG = 4; // its tanh is 0.999
const CHOICES = /** @type {const} */ ([
  ["free", null],
  ["up", STRONG],
  ["off", 0],
  ["down", -STRONG],
]);
const BEFORE = 24; // characters that are shown of the part that both texts share

/**
 * @import { ClampsOfText } from "../engines/engine.js"
 * @import { ReadTurn } from "../conversation/log.js"
 * @import { Lenses } from "./lens.js"
 */

/** The choice for the cell that the lens shows. */
export class ClampChoice {
  /**
   * @param {Lenses} lenses
   * @param {{cell: [layer: number, cell: number]}} memory
   */
  constructor(lenses, memory) {
    this.lenses = lenses;
    this.memory = memory;
    this.box = /** @type {HTMLFieldSetElement | null} */ (null);
  }

  /** @param {HTMLElement} panel */
  build(panel) {
    this.box = create("fieldset", "hold", panel);
    create("legend", "", this.box).textContent = t("hold.legend");
    for (const [name, value] of CHOICES) {
      const label = create("label", "", this.box);
      const input = create("input", "", label);
      Object.assign(input, { type: "radio", name: "hold", value: name });
      input.addEventListener("change", () => this.clamp(value));
      create("span", "", label).textContent = t(`hold.${name}`);
    }
    // The row of held cells has the same button. On a phone it is above the window, and this one is shown instead.
    this.rewrite = addButton(this.box, "rewrite", t("hold.rewrite"), () =>
      find(this.lenses.pane, ".held-cells .rewrite").click(),
    );
    this.reason = create("p", "cannot-hold", panel);
    this.reason.textContent = t("refusal.clamps_blended");
    this.show();
  }

  /** @param {number | null} value null releases the cell */
  clamp(value) {
    const [layer, index] = this.memory.cell;
    const cells = (this.lenses.source.clampedCells() ?? []).filter((each) => each[0] !== layer || each[1] !== index);
    if (value !== null) cells.push([layer, index, value]);
    this.lenses.source.clamp(cells);
    this.show(); // after a refusal too, where the choice goes back to what it was
  }

  /** Shows how the cell is clamped. While two models are blended no cell can be (null). */
  show() {
    if (!this.box) return;
    const clamped = this.lenses.source.clampedCells();
    this.box.hidden = clamped === null;
    this.reason.hidden = clamped !== null;
    this.rewrite.hidden = !clamped?.length;
    const [layer, index] = this.memory.cell;
    const value = clamped?.find((each) => each[0] === layer && each[1] === index)?.[2] ?? null;
    const name = CHOICES.find((choice) => choice[1] === value)?.[0];
    for (const input of this.box.querySelectorAll("input")) input.checked = input.value === name;
  }
}

/** The last reply beside the one that the same seeds write with no cell clamped. */
export class ClampedAndFree {
  /** @param {Lenses} lenses */
  constructor(lenses) {
    this.lenses = lenses;
    this.box = /** @type {HTMLElement | null} */ (null);
    this.asked = ""; // the reply whose counterpart was requested
    this.fetched = /** @type {Promise<void>} */ (Promise.resolve()); // resolves when it has arrived
    this.free = /** @type {{from: number, chars: string[]} | null} */ (null);
    this.shown = ""; // the two texts that the columns show
  }

  /** @param {HTMLElement} panel */
  build(panel) {
    this.shown = "";
    this.box = create("section", "compared", panel);
    this.box.hidden = true;
    this.box.ariaLabel = t("hold.compare");
    create("p", "difference", this.box).role = "status";
    const both = create("div", "both", this.box);
    this.columns = ["hold.with", "hold.without"].map((id) => {
      const column = create("div", "", both);
      create("h2", "", column).textContent = t(id);
      const text = create("div", "text", column);
      text.tabIndex = 0; // a long one can be scrolled
      return text;
    });
  }

  /** Requests the free reply once the last reply has ended, if cells were clamped in it. */
  update() {
    if (!this.box) return;
    const turn = this.lenses.turns.at(-1);
    const clamps = this.lenses.path.path?.clamps ?? [];
    const wanted = turn && !turn.writing && wasClamped(turn, clamps);
    const asked = wanted ? `${turn.id} ${turn.length} ${JSON.stringify(clamps)}` : "";
    if (asked === this.asked) return;
    [this.asked, this.free] = [asked, null];
    this.show();
    if (wanted) this.fetched = this.fetch(turn, asked);
  }

  /** @param {ReadTurn} turn @param {string} asked */
  async fetch(turn, asked) {
    const free = await this.lenses.source.withoutClamps(turn.id).catch(() => null); // without it there is nothing to compare
    if (asked !== this.asked || !free) return;
    this.free = { from: free.from, chars: [...free.text] };
    this.lenses.changed();
  }

  show() {
    if (!this.box) return;
    const turn = this.lenses.turns.at(-1);
    this.box.hidden = !this.free || !turn;
    if (this.box.hidden) return this.markDifference(null);
    const start = turn.at + turn.given + this.free.from;
    const clamped = this.lenses.path.chars.slice(
      start,
      Math.min(turn.at + turn.length, start + this.free.chars.length),
    );
    const free = this.free.chars.slice(0, clamped.length);
    const found = clamped.findIndex((character, at) => character !== free[at]);
    const differs = found >= 0;
    setText(find(this.box, ".difference"), summary(found, clamped.length));
    find(this.box, ".both").hidden = !differs;
    const texts = JSON.stringify([clamped, free]);
    if (differs && texts !== this.shown)
      [clamped, free].forEach((chars, at) => showDifference(this.columns[at], chars, found));
    this.shown = texts;
    this.markDifference(differs ? start + found : null);
  }

  /** Marks in the conversation where the two texts begin to differ. @param {number | null} position */
  markDifference(position) {
    const node = position === null ? null : this.lenses.nodeAt(this.lenses.path, position);
    for (const old of this.lenses.log.querySelectorAll("i.differs")) if (old !== node) old.classList.remove("differs");
    node?.classList.add("differs");
  }
}

// Whether cells were clamped in a step that drew a character of the reply, or read one of it.
/** @type {(turn: ReadTurn, clamps: ClampsOfText) => boolean} */
function wasClamped(turn, clamps) {
  const [first, last] = [turn.at + turn.given - 1, turn.at + turn.length - 1];
  return clamps.some(([position, cells], at) => {
    const end = clamps[at + 1]?.[0] ?? Infinity;
    return cells.length > 0 && position < last && end > first;
  });
}

function summary(found, length) {
  if (found === 0) return t("hold.differs_at_once");
  const characters = t("fact.characters", { count: found < 0 ? length : found });
  return t(found < 0 ? "hold.no_change" : "hold.differs", { characters });
}

/** @type {(column: HTMLElement, chars: string[], found: number) => void} */
function showDifference(column, chars, found) {
  const from = Math.max(0, found - BEFORE);
  column.replaceChildren((from ? "…" : "") + chars.slice(from, found).join(""));
  create("mark", "", column).textContent = chars[found] === "\n" ? "⏎\n" : chars[found];
  column.append(chars.slice(found + 1).join(""));
}
