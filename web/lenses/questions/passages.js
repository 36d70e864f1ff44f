/** "Where it is highest and lowest" under the lens Memory: the passages in which the chosen cell is highest and lowest. */

import { refOf } from "../../conversation/models.js";
import { create, visibleCharacter } from "../../document/dom.js";
import { render, t } from "../../document/words.js";

const ENDS = /** @type {const} */ (["high", "low"]);

/**
 * @import { NamedCell } from "../../engines/engine.js"
 * @import { Lenses } from "../lens.js"
 */

export class Passages {
  #isOpen = false;
  #cell = /** @type {NamedCell | null} */ (null);
  #asked = 0;

  /** @param {Lenses} lenses */
  constructor(lenses) {
    this.lenses = lenses;
  }

  /** @param {HTMLElement} panel */
  build(panel) {
    this.box = create("details", "passages", panel);
    create("summary", "", this.box).textContent = t("passages.title");
    this.content = create("div", "", this.box);
    this.content.role = "status";
    this.box.open = this.#isOpen;
    this.box.addEventListener("toggle", () => {
      this.#isOpen = this.box.open;
      this.#ask();
    });
    this.#cell = null;
    this.box.hidden = true;
  }

  /** Shows the passages of a cell, if it has some. @param {NamedCell | undefined} cell */
  show(cell) {
    if (cell === this.#cell) return;
    this.#cell = cell ?? null;
    this.#asked++;
    this.box.hidden = !cell?.passages;
    this.content.replaceChildren();
    this.#ask();
  }

  async #ask() {
    const { engine, source } = this.lenses;
    const [cell, model] = [this.#cell, source.about()];
    if (!this.#isOpen || !cell?.passages || !model || this.content.hasChildNodes()) return;
    const asked = ++this.#asked;
    const answer = await engine.passages({ model: refOf(model), cell: [cell.layer, cell.index] });
    if (asked !== this.#asked) return;
    this.content.replaceChildren();
    if (answer.refusal) return this.content.append(render(answer.refusal));
    const about = answer.seed === null ? t("passages.held_out") : t("passages.written", { seed: answer.seed });
    create("p", "about", this.content).textContent = about;
    const both = create("div", "both", this.content);
    for (const end of ENDS) {
      const column = create("div", "", both);
      create("h2", "", column).textContent = t(`passages.${end}`);
      const list = create("ol", "", column);
      for (const [before, character, after] of answer[end]) {
        const row = create("li", "", list);
        const text = create("bdi", "", row);
        text.append(visibleLines(before));
        create("mark", end === "high" ? "p4" : "n4", text).textContent = visibleCharacter(character);
        text.append(visibleLines(after));
      }
    }
  }
}

/** @param {string} text on one line */
function visibleLines(text) {
  return text.replaceAll("\n", "⏎");
}
