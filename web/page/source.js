// What the lenses use of the page: the text that the model has read, and the moves that change the conversation.

import { welcomeTurn } from "../conversation/welcome.js";
import { count, lastPart, lastTurn, pathTo, readText, remembered, replyText } from "../conversation/log.js";
import { authorNow, findModel } from "../conversation/models.js";
import { LIMITS, samplingOf } from "../settings.js";

/** @import { Clamp } from "../engines/engine.js" */

export class Source {
  /** @param {import("./main.js").Page} page */
  constructor(page) {
    this.page = page;
  }

  /** What the model has read and written; the welcome text on an empty page; null if there is nothing. */
  path() {
    if (this.isWelcome()) return this.#welcome();
    const replies = remembered(this.page.log());
    return replies.length ? this.#read(replies) : null;
  }

  #read(replies) {
    const last = replies.at(-1).reply;
    const author = authorNow(last, (name) => findModel(this.page.site(), name));
    const read = readText(replies, (character) => !author || author.vocab.has(character));
    const share = lastPart(last)?.settings?.share ?? null;
    return {
      model: last.model,
      second: last.second,
      share,
      start: replies[0].reply.start,
      text: read.text,
      clamps: read.clamps,
      turns: read.turns,
    };
  }

  #welcome() {
    const model = this.about();
    if (!model?.welcome) return null;
    const turn = welcomeTurn(model);
    const path = this.#read([{ turn, reply: turn.reply }]);
    path.turns[0].shown = this.page.arrival.shown(path.turns[0].length);
    return path;
  }

  /** Whether only a welcome text is shown. */
  isWelcome() {
    return !lastTurn(this.page.log());
  }

  /** The position of the marked character of the welcome text; null if none is. */
  marked() {
    return this.isWelcome() ? this.page.arrival.mark : null;
  }

  /** @param {number} id of a turn */
  #turn(id) {
    const model = this.about();
    const turn = pathTo(this.page.log()).find((each) => each.id === id);
    return turn ?? (id === 0 && model?.welcome ? welcomeTurn(model) : undefined);
  }

  /** The chosen model, if it can write now; null while it loads. */
  about() {
    return findModel(this.page.site(), this.page.controls.modelName);
  }

  /**
   * How character n of a turn's reply was drawn.
   * @param {number} id of the turn
   * @param {number} n
   */
  draw(id, n) {
    let before = 0;
    for (const part of this.#turn(id)?.reply.parts ?? []) {
      const length = count(part.text);
      const picked = part.picked && n === before + length - 1;
      if (n < before + length)
        return {
          settings: part.settings,
          draw: part.settings && !picked ? part.draw_offset + n - before : null,
          picked,
        };
      before += length;
    }
    return { settings: null, draw: null, picked: false };
  }

  /** The sampling settings of the sliders now; while a field has no allowed value, its last one. */
  settings() {
    return samplingOf(this.page.controls.allowed);
  }

  busy() {
    return this.page.busy;
  }

  /** The cells that are clamped of the chosen model; null while two are blended, whose cells cannot be. */
  clampedCells() {
    if (this.page.controls.blendName !== null) return null;
    const { held } = this.page.log();
    return held.model === this.page.controls.modelName ? held.cells : [];
  }

  /** Clamps other cells from now on; a reply that is being written continues with them. @param {Clamp[]} cells */
  clamp(cells) {
    const { page } = this;
    const model = this.about();
    page.current.refusal = null;
    if (page.controls.blendName !== null) page.current.refusal = { id: "refusal.clamps_blended" };
    else if (cells.length > LIMITS.clamps)
      page.current.refusal = { id: "refusal.too_many_clamps", values: { most: LIMITS.clamps } };
    else if (model) {
      page.log().held = { model: model.name, cells };
      if (page.writer.running?.turn.reply.model.name === model.name) {
        page.sharing.cancel();
        page.writer.change({ cells });
      }
    }
    page.changed();
    page.save();
  }

  /**
   * @param {number} id of a turn
   * @param {number} keep
   */
  canContinueFrom(id, keep) {
    const turn = this.#turn(id);
    return turn !== undefined && !this.page.busy && keep >= 1 && keep <= count(replyText(turn.reply));
  }

  /**
   * @param {number} id of a turn
   * @param {number} keep
   * @param {string} character
   */
  pick(id, keep, character) {
    return this.page.continueFrom(id, keep, { pick: character });
  }

  /**
   * @param {number} id of a turn
   * @param {number} keep how many characters of its reply stay
   * @param {boolean} newSeed
   */
  rewrite(id, keep, newSeed) {
    return this.page.continueFrom(id, keep, { newSeed });
  }

  step() {
    return this.page.step();
  }

  /** @param {number} id of a turn */
  withoutClamps(id) {
    return this.page.writer.withoutClamps(id);
  }
}
