/** The lens "How surprised?": each character in the colour of its bits, its alternatives, and the words with the most bits. */

import { addButton, create, find, hasTouch, isOutdated, setText, visibleCharacter } from "../document/dom.js";
import { number, t } from "../document/words.js";
import { addLikely, chance, likely } from "./chances.js";
import { FirstLayer } from "./questions/first_layer.js";
import { BOUNDS, UNKNOWN, colourOf } from "./surprise_colours.js";
import { OwnText } from "./own_text.js";
import { Why } from "./questions/why.js";

const COSTLY = 6; // words
const WORD_LENGTH = 24; // characters of a word that are shown

/**
 * @import { Details, Lens, Lenses } from "./lens.js"
 * @import { TracedText } from "./text/traced_text.js"
 */

/** @implements {Lens} */
export class SurpriseLens {
  offersChoices = true;

  /** @param {Lenses} lenses */
  constructor(lenses) {
    this.lenses = lenses;
    this.ownText = new OwnText(lenses, (box, text) => showSum(box, text, 0, text.chars.length, true, this.open(text)));
    this.firstLayer = new FirstLayer(lenses);
    this.why = new Why();
    this.details = /** @type {Details | null} */ (null);
    this.bits = /** @type {number | null | undefined} */ (undefined); // of the character in focus; undefined before it is read
  }

  /** The visitor's own text; null until there is one. */
  get own() {
    return this.ownText.traced;
  }

  /** @type {Lens["wants"]} */
  wants(position) {
    return position === undefined ? {} : this.firstLayer.wants();
  }

  /** @type {Lens["mark"]} */
  mark(bits) {
    if (bits === null) return "";
    return bits === UNKNOWN ? "unknown" : colourOf(bits);
  }

  /** @param {HTMLElement} panel */
  build(panel) {
    this.panel = panel;
    const legend = create("p", "legend", panel);
    legend.append(t("surprise.scale"), " ");
    for (let level = 0; level <= BOUNDS.length; level++) {
      const [low, high] = [BOUNDS[level - 1], BOUNDS[level]];
      const text = !low ? `< ${high}` : !high ? `${low} +` : `${low}–${high}`;
      create("span", `swatch b${level}`, legend).textContent = text;
    }
    this.skipped = create("span", "", legend); // the sample and its text stay together
    const sample = create("span", "swatch unknown", this.skipped);
    [sample.textContent, sample.ariaHidden] = ["§", "true"];
    this.skipped.append(` ${t("surprise.unknown")}`);
    const sides = create("div", "sides", panel);
    const sums = create("div", "sums", sides);
    create("p", "sum", sums).role = "status";
    create("div", "costly", sums);
    const closely = create("div", "closely", sides);
    create("p", "which", closely);
    create("ol", "likely", closely).ariaLabel = t("surprise.likely");
    this.firstLayer.build(closely);
    this.why.build(panel);
    this.inspect(null);
    this.ownText.build(panel);
  }

  show() {
    const { path, turns } = this.lenses;
    const { at, length, writing } = turns.at(-1) ?? { at: 0, length: 0, writing: false };
    showSum(find(this.panel, ".sums"), path, at, at + length, !writing, this.open(path));
    this.ownText.show();
    this.skipped.hidden = ![path, this.ownText.traced].some((each) => each?.values("bits").includes(UNKNOWN));
    if (this.details && this.bits === undefined) this.inspect(this.details);
  }

  /** Shows the character in focus. @param {Details | null} details */
  inspect(details) {
    this.details = details;
    this.bits = details?.traced.values("bits")[details.position];
    const [which, list] = [find(this.panel, ".which"), find(this.panel, ".likely")];
    list.replaceChildren();
    which.replaceChildren();
    if (details) create("b", "char", which).textContent = visibleCharacter(details.char);
    which.append(this.explain());
    if (this.bits !== UNKNOWN && details?.top.length) {
      addLikely(
        list,
        /** @type {import("./chances.js").Predicted} */ (details),
        this.lenses.source.settings(),
        details.char,
        this.bits,
      );
    }
    this.firstLayer.show(details);
    this.why.show(details);
  }

  explain() {
    const { bits, details } = this;
    if (!details) return t(hasTouch() ? "surprise.tap" : "surprise.hint");
    if (bits === UNKNOWN) return ` ${t("surprise.not_read")}`;
    if (!details.top.length) return ` ${t("surprise.first")}`;
    if (!(bits >= 0)) return ` ${t("surprise.drawn_from")}`;
    const shares = likely(
      /** @type {import("./chances.js").Predicted} */ (details),
      this.lenses.source.settings(),
      details.char,
      bits,
    );
    const [, now] = shares.find(([each]) => each === details.char);
    return ` ${t("surprise.chance", { bits: number(bits, 2), chance: chance(2 ** -bits), now: chance(now) })}`;
  }

  /** @param {TracedText} text */
  open(text) {
    return (/** @type {number} */ position) => this.lenses.focus.moveTo(text, position, { scroll: true });
  }
}

// Shows the total and the mean of a part of the text, and once it is whole the words with the most bits.
/** @type {(box: HTMLElement, text: TracedText, start: number, end: number, isWhole: boolean, open: (position: number) => void) => void} */
function showSum(box, text, start, end, isWhole, open) {
  const values = text.values("bits").slice(start, end);
  const known = values.filter((bits) => bits !== null && bits !== UNKNOWN);
  const total = known.reduce((sum, bits) => sum + bits, 0);
  const facts = { mean: number(total / known.length, 2), total: Math.round(total), count: known.length };
  find(box, ".sum").ariaLive = isWhole ? "polite" : "off"; // not at every character
  setText(find(box, ".sum"), known.length ? t("surprise.sum", facts) : "");
  if (!isWhole || values.length < end - start) return;
  const words = wordsOf(text.chars.slice(start, end), values);
  const costly = find(box, ".costly");
  if (!isOutdated(costly, [start, words.length, words.slice(0, COSTLY)])) return; // the buttons stay, with the keyboard focus
  costly.replaceChildren();
  if (words.length < 2) return;
  create("span", "lead", costly).textContent = t("surprise.words");
  for (const { word, bits, at } of words.slice(0, COSTLY)) {
    const button = addButton(costly, "", `${word} `, () => open(start + at));
    create("small", "", button).textContent = t("surprise.bits", { bits: Math.round(bits) });
  }
}

// Scripts without spaces between words: each character counts as a word. Their punctuation ends one, as a space does.
const ONE_CHARACTER = /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}/u;
const BETWEEN = /[\s\u3000-\u303f\uff00-\uff0f\uff1a-\uff20]/;

// The words with the most bits first, and the character in each that has the most. A skipped character has no bits.
function wordsOf(chars, values) {
  const words = [];
  let word = null;
  chars.forEach((char, at) => {
    if (BETWEEN.test(char)) {
      word = null;
      return;
    }
    const isAlone = ONE_CHARACTER.test(char);
    if (!word || isAlone) words.push((word = { word: "", bits: 0, at, most: 0 }));
    word.word += word.word.length < WORD_LENGTH ? char : "";
    const bits = Math.max(0, values[at] ?? 0);
    word.bits += bits;
    if (bits > word.most) [word.most, word.at] = [bits, at];
    if (isAlone) word = null;
  });
  return words.filter((each) => each.bits >= 1).sort((one, other) => other.bits - one.bits);
}
