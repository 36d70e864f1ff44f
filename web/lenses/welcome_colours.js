/** The colours of a welcome text that is shown without a lens: those of the lens "How surprised?", without its panel. */

import { UNKNOWN, colourOf } from "./surprise_colours.js";

/** @import { Lens } from "./lens.js" */

/** @implements {Lens} */
export class WelcomeColours {
  offersChoices = true;

  /** @param {() => void} onChange called after each answer with colours */
  constructor(onChange) {
    this.onChange = onChange;
  }

  /** @type {Lens["take"]} */
  take(answer) {
    this.onChange();
    return answer.bits;
  }

  /** @type {Lens["mark"]} */
  mark(bits) {
    return bits === null || bits === UNKNOWN ? "" : colourOf(bits);
  }
}
