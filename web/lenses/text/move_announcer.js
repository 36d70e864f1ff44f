/** Announces the character that a key has put in focus to users of screen readers: of quick moves only the last one. */

import { create, setText } from "../../document/dom.js";
import { t } from "../../document/words.js";
import { chance, likely } from "../chances.js";
import { nameOf } from "../names.js";

const REST_MS = 150; // after the last key

/** @import { Lenses } from "../lens.js" */

export class MoveAnnouncer {
  /** @param {Lenses} lenses */
  constructor(lenses) {
    this.lenses = lenses;
    this.region = create("div", "for-readers moves-announced", lenses.log.parentElement);
    this.region.ariaLive = "polite";
    this.timer = 0;
    this.moves = 0;
    lenses.log.addEventListener("blur", () => this.#stop()); // the text is in the page, too
  }

  /** Announces a character of the conversation once no other key follows. @param {number} position */
  announce(position) {
    clearTimeout(this.timer);
    const move = ++this.moves;
    this.timer = setTimeout(async () => {
      const text = await this.#textOf(position);
      if (move === this.moves) setText(this.region, text);
    }, REST_MS);
  }

  #stop() {
    this.moves++;
    setText(this.region, "");
  }

  async #textOf(position) {
    const { path } = this.lenses;
    const turn = this.lenses.turnAt(position);
    if (!turn) return "";
    const values = { character: nameOf(path.chars[position]), n: position - turn.at + 1, count: turn.length };
    const share = await this.#chanceOf(position);
    if (!share) return t("focus.place", values);
    return t(share.isMost ? "focus.less" : "focus.chance", { ...values, chance: share.chance });
  }

  // The chance with the current settings, as the box of the alternatives shows it; null if it is not known.
  async #chanceOf(position) {
    const { focus, path, source } = this.lenses;
    const char = path.chars[position];
    if (source.about()?.vocab.includes(char) === false) return null; // the model skips it
    const { details } = focus;
    const answer =
      details?.traced === path && details.position === position ? details : await path.ask({ at: position });
    if (answer.refusal || !answer.top.length) return null;
    const rows = likely(
      /** @type {import("../chances.js").Predicted} */ (answer),
      source.settings(),
      char,
      path.values("bits")[position],
    );
    const found = rows.find(([each]) => each === char);
    return { chance: chance((found ?? rows.at(-1))[1]), isMost: !found };
  }
}
