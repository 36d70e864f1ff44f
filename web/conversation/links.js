// Share links: the parameters of an address say how a text was made, and contain its hash; docs/share-links.md describes
// them. This module writes links and reads them, with checks of every value.

import { LIMITS, SETTINGS, isAllowed, randomSeed } from "../settings.js";
import { tooLong } from "./replies.js";
import { NUMBER, refusal, sha256, shortened } from "../engines/engine.js";

const MAX_SHARED = 1900; // characters of the parameters of a new link: with the address it fits into a chat message
const HASH_DIGITS = 16;
// A link does not set the speed, and only a blend has a share.
const STEP_SETTINGS = Object.keys(SETTINGS).filter((name) => name !== "speed" && name !== "share");
const OWN_NAMES = [...Object.keys(SETTINGS), "v", "text", "more", "hold", "pick"]; // of values that no punctuation ends
const CLAMP = /^(\d{1,3})\.(\d{1,5})~(-?\d{1,2}(?:\.\d{1,20})?(?:e-\d{1,3})?)$/;
const MODEL = /^(.+)@([0-9a-f]{40})$/s;
const ADDED = /[\s>`|\p{Pe}\p{Pf}\p{Pi}\p{Po}]+$/u; // what a sentence adds to the end of a link

/**
 * @import { Clamp, ModelRef, Settings } from "../engines/engine.js"
 *
 * @typedef {object} Step  one request to the model
 * @property {?string} prompt  of a new turn; null continues the last one
 * @property {Settings} settings
 * @property {boolean} new_seed  whether the random numbers of the seed begin anew
 * @property {string} pick  the character that replaces the last one afterwards; "" keeps it
 * @property {Clamp[]} cells  the cells that are clamped
 *
 * @typedef {object} Link
 * @property {Step[]} steps
 * @property {ModelRef} model  an empty name is the page's first model
 * @property {?ModelRef} second
 * @property {string} version  of int8 inference, "float32", or ""
 * @property {string} text  the hash of the text, or ""
 * @property {boolean} damaged  whether the hash is not as it was written
 * @property {Record<string, number>} controls  settings in the address, also speed
 * @property {boolean} writes  whether the link has a prompt or a seed, so that the page writes its text
 */

function wrongValue(name, value, allowed) {
  return refusal("refusal.in_link", { field: name, value: shortened(value), allowed });
}

/**
 * Returns the link in the parameters of an address.
 * @param {string} query
 * @returns {Link}
 * @throws {Refusal} a value is not allowed
 */
export function readLink(query) {
  if (query.length > LIMITS.link) throw refusal("link.characters", { length: query.length, most: LIMITS.link });
  const pairs = pairsOf(query);
  const groups = [/** @type {Map<string, string>} */ (new Map())];
  for (const [name, value] of pairs) {
    if (name === "then" || name === "more") groups.push(new Map());
    if (!groups.at(-1).has(name)) groups.at(-1).set(name, value); // of two equal names the first one is used
  }
  if (groups.length > LIMITS.steps) throw refusal("link.steps", { steps: groups.length, most: LIMITS.steps });
  const [first, ...rest] = groups;
  const second = first.get("blend_with") ? modelOf(first.get("blend_with")) : null;
  const controls = /** @type {Record<string, number>} */ ({});
  const wrong = [];
  for (const name of Object.keys(SETTINGS)) {
    const value = name === "speed" ? pairs.find((pair) => pair[0] === name)?.[1] : first.get(name);
    if (!value || (name === "share" && !second)) continue;
    if (isNumber(name, value)) controls[name] = Number(value);
    else wrong.push(wrongValue(name, value, SETTINGS[name].rule));
  }
  if (wrong.length) throw refusal("refusal.all", { refusals: wrong.map(({ reason }) => reason) });
  const defaults = Object.fromEntries(STEP_SETTINGS.map((name) => [name, SETTINGS[name].default]));
  const share = second && { share: SETTINGS.share.default };
  const settings = /** @type {Settings} */ ({ ...defaults, seed: randomSeed(), ...share });
  const steps = [readStep(first, first.get("prompt") ?? "", settings, [])];
  for (const group of rest) {
    if (group.has("then") && !group.get("seed")) throw refusal("link.no_seed", { field: "seed" });
    if (group.has("more")) group.set("length", group.get("more"));
    steps.push(readStep(group, group.get("then") ?? null, settings, steps.at(-1).cells));
  }
  const version = first.get("v") ?? "";
  if (version && !/^([0-9]{1,4}|float32)$/.test(version)) throw wrongValue("v", version, { id: "rule.version" });
  const hash = first.get("text") ?? "";
  const isHash = /^[0-9a-f]{16}$/.test(hash);
  const check = { text: isHash ? hash : "", damaged: hash !== "" && !isHash };
  const writes = first.has("prompt") || "seed" in controls;
  return { steps, model: modelOf(first.get("model") ?? ""), second, version, ...check, controls, writes };
}

// Returns the names and values of a link, without what a message has added to its end. HTML writes & as &amp;.
function pairsOf(query) {
  const pairs = [...new URLSearchParams(query.replaceAll("&amp;", "&"))];
  const last = pairs.findLast(([name]) => OWN_NAMES.includes(name) || ["prompt", "then"].includes(name));
  if (!last || !OWN_NAMES.includes(last[0])) return pairs;
  const [first = ""] = last[1]; // a picked character may be a punctuation mark
  last[1] = first + last[1].slice(first.length).replace(ADDED, "");
  return pairs;
}

function modelOf(written) {
  const found = MODEL.exec(written);
  return found ? { name: found[1], commit: found[2] } : { name: written, commit: "" };
}

// Returns one step. `settings` are those of the step before, and are changed to those of this step.
function readStep(group, prompt, settings, cells) {
  for (const name of [...STEP_SETTINGS, ...("share" in settings ? ["share"] : [])]) {
    const value = group.get(name);
    if (value && !isNumber(name, value)) throw wrongValue(name, value, SETTINGS[name].rule);
    if (value) settings[name] = Number(value);
  }
  const pick = group.get("pick") ?? "";
  if ([...pick].length > 1) throw wrongValue("pick", pick, { id: "rule.one_character" });
  const refused = tooLong(prompt ?? "");
  if (refused) throw refused;
  const now = group.has("hold") ? readClamps(group.get("hold")) : cells;
  const new_seed = prompt !== null || Boolean(group.get("seed"));
  return { prompt, settings: { ...settings }, new_seed, pick, cells: now };
}

// Returns the clamps in LAYER.CELL~VALUE, joined by _; "" is none.
function readClamps(value) {
  const cells = value ? value.split("_").map((part) => CLAMP.exec(part)?.slice(1).map(Number)) : [];
  const distinct = new Set(cells.map((cell) => `${cell?.slice(0, 2)}`)).size === cells.length;
  const allowed =
    cells.length <= LIMITS.clamps && distinct && cells.every((cell) => cell && Math.abs(cell[2]) <= LIMITS.clamp_value);
  if (!allowed) throw wrongValue("hold", value, { id: "rule.clamps", values: { most: LIMITS.clamps } });
  return cells;
}

const isNumber = (name, value) => NUMBER.test(value) && isAllowed(SETTINGS[name], Number(value));

/**
 * Returns the parameters of a link.
 * @param {Omit<Link, "controls" | "writes" | "damaged">} link
 * @returns {string}
 * @throws {Refusal} it is too long
 */
export function writeLink({ steps, model, second, version, text }) {
  const query = new URLSearchParams();
  steps.forEach((step, at) => {
    const before = steps[at - 1];
    if (!before) query.append("prompt", step.prompt ?? "");
    else if (step.prompt === null) query.append("more", `${step.settings.length}`);
    else query.append("then", step.prompt);
    for (const [name, value] of changes(before, step))
      if (name !== "length" || step.prompt !== null || !before) query.append(name, value);
    if (before) return;
    const named = { model: writtenModel(model), v: version, blend_with: second ? writtenModel(second) : "", text };
    for (const [name, value] of Object.entries(named)) if (value) query.append(name, value);
  });
  const written = query.toString().replaceAll("%7E", "~"); // "~" needs no escape
  if (steps.length > LIMITS.steps || written.length > MAX_SHARED) {
    throw refusal("link.too_long", { length: written.length, most: MAX_SHARED });
  }
  return written;
}

function writtenModel({ name, commit }) {
  return commit ? `${name}@${commit}` : name;
}

// Returns the parameters of a step that differ from those of the step before.
function changes(before, step) {
  const changed = [];
  for (const name of [...STEP_SETTINGS, "share"]) {
    const value = step.settings[name] ?? undefined;
    if (name === "seed" ? step.new_seed : value !== undefined && before?.settings[name] !== value)
      changed.push([name, value]);
  }
  const clamps = step.cells.map(([layer, cell, value]) => `${layer}.${cell}~${value}`);
  if (JSON.stringify(step.cells) !== JSON.stringify(before?.cells ?? [])) changed.push(["hold", clamps.join("_")]);
  return step.pick ? [...changed, ["pick", step.pick]] : changed;
}

/** Returns the hash of a text that a link contains; null where the browser has no SHA-256. @param {string} text */
export async function fingerprint(text) {
  return (await sha256(new TextEncoder().encode(text)))?.slice(0, HASH_DIGITS) ?? null;
}
