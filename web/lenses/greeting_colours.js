/** The colours of a greeting that is shown without a lens: those of the lens "How surprised?", without its panel. */

import { UNKNOWN, colourOf } from "./levels.js";

/** @import { Lens } from "./lens.js" */

/** @implements {Lens} */
export class GreetingColours {
  offersChoices = true;

  /** @param {() => void} onColours called when colours have come */
  constructor(onColours) {
    this.onColours = onColours;
  }

  key() {
    return "bits";
  }

  wants() {
    return {};
  }

  /** @type {Lens["take"]} */
  take(answer) {
    this.onColours();
    return answer.bits;
  }

  /** @type {Lens["mark"]} */
  mark(bits) {
    return bits === null || bits === UNKNOWN ? "" : colourOf(bits);
  }
}
