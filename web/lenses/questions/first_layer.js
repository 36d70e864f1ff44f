/** "What did the first layer expect?" under the lens Surprise: the output layer applied to the h of the first layer. */

import { create } from "../../document/dom.js";
import { t } from "../../document/words.js";
import { addLikely } from "../chances.js";

/** @import { Details, Lenses } from "../lens.js" */

export class FirstLayer {
  isOn = false;

  /** @param {Lenses} lenses */
  constructor(lenses) {
    this.lenses = lenses;
  }

  /** @returns {import("../../engines/engine.js").TraceQuestion} what is asked about a character */
  wants() {
    return this.isOn && this.#isOffered() ? { first_layer: true } : {};
  }

  /** @param {HTMLElement} parent */
  build(parent) {
    this.box = create("div", "first-layer", parent);
    const label = create("label", "", this.box);
    const input = create("input", "", label);
    Object.assign(input, { type: "checkbox", checked: this.isOn });
    label.append(" ", t("first_layer.option"));
    input.addEventListener("change", () => {
      this.isOn = input.checked;
      if (this.lenses.focus.at) this.lenses.focus.inspect();
      else this.show(null);
    });
    this.which = create("p", "about", this.box);
    this.list = create("ol", "likely", this.box);
    this.list.ariaLabel = t("first_layer.likely");
    this.show(null);
  }

  /** @param {Details | null} details */
  show(details) {
    this.box.hidden = !this.#isOffered();
    const found = this.isOn ? details?.first_layer : null;
    this.list.replaceChildren();
    this.list.hidden = this.which.hidden = !found;
    if (!found) return;
    this.which.textContent = t("first_layer.help");
    addLikely(this.list, found, this.lenses.source.settings(), details.char);
  }

  // Not shown for one layer, whose h gives the prediction itself, nor for a blend, which has two networks.
  #isOffered() {
    const { path, source } = this.lenses;
    return (source.about()?.layers ?? 0) > 1 && !path.path?.second;
  }
}
