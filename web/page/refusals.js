// The messages for moves that were refused or that failed.

import { LinkError } from "../conversation/link_error.js";
import { has } from "../document/words.js";
import { Refusal } from "../engines/refusal.js";
import { SETTINGS, isAllowed } from "../settings.js";

const MAX_SHOWN = 20; // characters of a number that is not allowed

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
 * @returns {import("../document/words.js").Message}
 */
function withLabel({ id, values = {} }) {
  if (values.faults) return { id, values: { faults: values.faults.map(withLabel) } }; // of a link
  const label = `setting.${values.field}`;
  return { id, values: typeof values.field === "string" && has(label) ? { ...values, field: { id: label } } : values };
}

/**
 * Why the number in a field is not allowed for a setting; null if it is.
 *
 * @param {string} name  of the setting
 * @param {HTMLInputElement} field  of the type number, which has no value if what is typed is no number
 * @returns {import("../document/words.js").Message | null}
 */
export function faultOf(name, field) {
  const setting = SETTINGS[name];
  const text = field.value.trim();
  const values = { field: { id: `setting.${name}` }, allowed: setting.rule };
  if (text === "") return { id: field.validity.badInput ? "refusal.no_number" : "refusal.empty", values };
  return isAllowed(setting, Number(text)) ? null : { id: "refusal.value", values: { ...values, value: typed(text) } };
}

// A number as it was typed: with the decimal sign of the language, and never rounded.
function typed(text) {
  if (String(Number(text)) === text && !text.includes("e")) return Number(text);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
