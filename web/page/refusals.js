// The messages for moves that were refused or that failed.

import { LinkError } from "../conversation/link_error.js";
import { has } from "../document/words.js";
import { Refusal } from "../engines/refusal.js";

/**
 * The message for an error. An error that is no refusal is a fault of the page, and is logged to the console too.
 *
 * @param {unknown} error
 * @returns {import("../document/words.js").Message}
 */
export function refusalOf(error) {
  if (error instanceof Refusal || error instanceof LinkError) return withLabel(error.reason);
  console.error(error);
  return { id: "fault.move" };
}

/**
 * A refusal names a setting by its id in programs; the page shows the setting's label.
 * @param {import("../document/words.js").Message} reason
 */
function withLabel({ id, values = {} }) {
  const label = `setting.${values.field}`;
  return { id, values: typeof values.field === "string" && has(label) ? { ...values, field: { id: label } } : values };
}
