// The lenses that have a panel. The modules are imported when the first of them is chosen.

import { memory } from "./memory.js";
import { step } from "./step.js";
import { surprise } from "./surprise.js";

/** @type {Record<string, import("./state.js").Lens>} */
export const panels = { surprise, memory, step };
