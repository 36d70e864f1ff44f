// The list of the lenses that have a panel. The modules are imported when the first of them is chosen.

import { MemoryLens } from "./memory.js";
import { StepLens } from "./step.js";
import { SurpriseLens } from "./surprise.js";

/** @typedef {ReturnType<typeof panelsOf>} Panels */

/** @param {import("./lens.js").Lenses} lenses */
export function panelsOf(lenses) {
  const memory = new MemoryLens(lenses);
  return { surprise: new SurpriseLens(lenses), memory, step: new StepLens(lenses, memory) };
}
