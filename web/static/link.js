// A link that says how a text came to be: docs/share-links.md tells what is in it, and ui/conversation/links.py reads it by the same rules.
// Knows no page.

import { LIMITS, SETTINGS } from "./settings.js";

const HOLD = /^(\d{1,3})\.(\d{1,5})~(-?\d{1,2}(?:\.\d{1,20})?(?:e-\d{1,3})?)$/;
const NUMBER = /^-?[0-9]{1,20}(\.[0-9]{1,40})?(e[+-]?[0-9]{1,3})?$/;
const STEP_SETTINGS = Object.keys(SETTINGS).filter((name) => name !== "speed"); // speed is the reader's own

// A link that cannot be followed. ``reason`` is a message, {id, values}, see words.js.
export class LinkError extends Error {
  constructor(id, values = {}) {
    super(id);
    this.reason = { id, values };
  }
}

function wrongValue(name, value, allowed) {
  return new LinkError("refusal.in_link", { field: name, value: shortened(value), allowed });
}

// What an address asks for:
//   steps   in their order: {prompt, settings, anew, pick}. prompt is null where a step is more of the turn before it;
//           settings.hold are the cells that are held, [layer, cell, value] each; anew says that the seed counts its
//           characters from the first on; pick stands in the place of its last.
//   said    the settings that the first of them gives itself, speed included
//   begins  whether it says what to write; shared: whether it comes from Share, with a text to come to
//   v, text the version of the arithmetic, and the beginning of the SHA-256 of all that was written, or ""
// sizes: {layers, hidden} of the model.
export function readLink(query, sizes) {
  if (query.length > LIMITS.link) throw new LinkError("link.characters", { length: query.length, most: LIMITS.link });
  const groups = [new Map()];
  const all = new URLSearchParams(query);
  for (const [name, value] of all) {
    if (name === "then" || name === "more") groups.push(new Map());
    if (!groups.at(-1).has(name)) groups.at(-1).set(name, value); // of two alike the first counts
  }
  if (groups.length > LIMITS.steps) throw new LinkError("link.steps", { steps: groups.length, most: LIMITS.steps });
  const [first, ...rest] = groups;
  if (first.get("blend_with")) throw new LinkError("link.one_model_page");
  const said = {};
  if (all.get("speed")) first.set("speed", all.get("speed")); // the reader's, wherever it stands
  for (const name of Object.keys(SETTINGS)) if (first.get(name)) said[name] = number(name, first.get(name));
  const defaults = Object.fromEntries(STEP_SETTINGS.map((name) => [name, SETTINGS[name].default]));
  const settings = { ...defaults, hold: [], seed: crypto.getRandomValues(new Uint32Array(1))[0] };
  const steps = [step(first, first.get("prompt") ?? "", settings, sizes)];
  for (const group of rest) {
    if (group.has("then") && !group.get("seed")) throw new LinkError("link.no_seed", { field: "seed" });
    if (group.has("more")) group.set("length", group.get("more"));
    steps.push(step(group, group.get("then") ?? null, settings, sizes));
  }
  const [v, text] = [matching("v", first, /^([0-9]{1,4}|float32)$/), matching("text", first, /^[0-9a-f]{16}$/)];
  return { steps, said, v, text, begins: first.has("prompt") || "seed" in said, shared: Boolean(text) || steps.length > 1 };
}

// By which a text is known again, as ui/conversation/links.py has it; null where the browser computes no SHA-256.
export async function fingerprint(text) {
  if (!globalThis.crypto?.subtle) return null;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return Array.from(digest.slice(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// A step by what is said of it; the settings are those before it, and become those after it.
function step(said, prompt, settings, sizes) {
  for (const name of STEP_SETTINGS) {
    if (said.get(name)) settings[name] = number(name, said.get(name));
  }
  if (said.has("hold")) settings.hold = cells(said.get("hold"), sizes);
  const pick = said.get("pick") ?? "";
  if ([...pick].length > 1) throw wrongValue("pick", pick, { id: "rule.one_character" });
  if ((prompt?.length ?? 0) > LIMITS.prompt) {
    throw new LinkError("refusal.characters", { field: "prompt", length: prompt.length, most: LIMITS.prompt });
  }
  return { prompt, settings: { ...settings }, anew: prompt !== null || Boolean(said.get("seed")), pick };
}

// The cells that are held: LAYER.CELL~VALUE with _ between; "" is none.
function cells(value, { layers, hidden }) {
  const held = value ? value.split("_").map((part) => HOLD.exec(part)?.slice(1).map(Number)) : [];
  const fits = (each) => each && each[0] < layers && each[1] < hidden && Math.abs(each[2]) <= LIMITS.clamp_value;
  const distinct = new Set(held.map((each) => `${each?.slice(0, 2)}`)).size === held.length;
  if (held.length <= LIMITS.clamps && distinct && held.every(fits)) return held;
  throw wrongValue("hold", value, { id: "rule.clamps_here", values: { most: LIMITS.clamps } });
}

function number(name, value) {
  if (NUMBER.test(value) && allows(SETTINGS[name], Number(value))) return Number(value);
  throw wrongValue(name, value, SETTINGS[name].rule);
}

function allows({ whole, minimum, maximum, exclusive_minimum: exclusive }, value) {
  const above = exclusive ? value > minimum : value >= minimum;
  return above && value <= (maximum ?? Infinity) && (!whole || Number.isInteger(value));
}

function matching(name, said, pattern) {
  const value = said.get(name) ?? "";
  if (!value || pattern.test(value)) return value;
  throw wrongValue(name, value, { id: "rule.shared" });
}

function shortened(text) {
  return text.length > 40 ? `${text.slice(0, 40)} …` : text;
}
