/** The visitor's own text under the lens "How surprised?": a text field, with the colours of its characters behind it. */

import { refOf } from "../conversation/models.js";
import { LIMITS } from "../settings.js";
import { create, find } from "../document/dom.js";
import { t } from "../document/words.js";
import { TracedText } from "./text/traced_text.js";

const REST_MS = 150; // after the last key press

export class OwnText {
  /**
   * @param {import("./lens.js").Lenses} lenses
   * @param {(box: HTMLElement, text: TracedText) => void} showSum
   */
  constructor(lenses, showSum) {
    this.lenses = lenses;
    this.showSum = showSum;
    this.traced = /** @type {TracedText | null} */ (null);
    this.value = "";
  }

  /** @param {HTMLElement} panel */
  build(panel) {
    const box = create("details", "own", panel);
    this.box = box;
    create("summary", "", box).textContent = t("surprise.own");
    const field = create("div", "field", box);
    this.under = create("div", "under", field);
    this.under.ariaHidden = "true";
    this.input = create("textarea", "", field);
    Object.assign(this.input, { rows: 5, spellcheck: false, placeholder: t("surprise.own_hint"), value: this.value });
    this.input.ariaLabel = t("surprise.own_label");
    create("p", "sum", box).role = "status";
    create("p", "fault", box).role = "alert";
    create("div", "costly", box);
    box.open = this.value !== "";
    this.listen();
    if (this.traced) this.draw();
  }

  listen() {
    const { input, lenses, under } = this;
    let timer = 0;
    let over = /** @type {Element | null} */ (null);
    input.addEventListener("input", () => {
      this.value = input.value;
      clearTimeout(timer);
      timer = setTimeout(() => this.change(), REST_MS);
    });
    input.addEventListener("scroll", () => (under.scrollTop = input.scrollTop));
    for (const name of ["keyup", "click"]) {
      input.addEventListener(name, () => {
        const position = [...input.value.slice(0, input.selectionStart)].length - 1;
        if (position >= 0 && position < (this.traced?.chars.length ?? 0)) lenses.focus.moveTo(this.traced, position);
      });
    }
    input.addEventListener("mousemove", (event) => {
      const at = document.elementsFromPoint(event.clientX, event.clientY);
      const node = at.find((each) => each.matches(".under i")) ?? null;
      if (node !== over) lenses.focus.moveToNode(node);
      over = node;
    });
  }

  change() {
    const model = this.lenses.source.about();
    const length = [...this.value].length;
    const tooLong = t("refusal.characters", { field: t("setting.text"), length, most: LIMITS.prompt });
    find(this.box, ".fault").textContent = length > LIMITS.prompt ? tooLong : "";
    if (length > LIMITS.prompt || !model) return;
    this.traced ??= new TracedText(this.lenses.engine);
    const path = { model: refOf(model), second: null, share: null, start: true, text: this.value, clamps: [] };
    this.lenses.invalidate(this.traced, this.traced.set(path));
    this.draw();
    this.lenses.changed();
    this.lenses.pump();
  }

  draw() {
    this.lenses.drawIn(this.under, 0, this.traced.chars.length, this.traced);
    this.under.scrollTop = this.input.scrollTop;
  }

  show() {
    if (this.traced && this.box) this.showSum(this.box, this.traced);
  }
}
