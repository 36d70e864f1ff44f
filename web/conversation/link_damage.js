// What messages do to a link: a chat or a mail adds a full stop or a bracket to its end, or cuts it off, or writes each & as
// HTML does.

import { SETTINGS, isAllowed } from "../settings.js";
import { NUMBER, refusal } from "../engines/refusal.js";

export const CLAMP = /^(\d{1,3})\.(\d{1,5})~(-?\d{1,2}(?:\.\d{1,20})?(?:e-\d{1,3})?)$/;
export const MODEL = /^(.+)@([0-9a-f]{40})$/s;
const ADDED = /[\s>`|\p{Pe}\p{Pf}\p{Pi}\p{Po}]+$/u; // what a sentence adds to the end of a link
const NAMES = new Set([
  "prompt",
  ...Object.keys(SETTINGS),
  "model",
  "blend_with",
  "v",
  "text",
  "then",
  "more",
  "hold",
  "pick",
]);
const CUT_CHARACTER = /%(?:[cd][0-9a-f]|e[0-9a-f](?:%[89ab][0-9a-f])?|f[0-4](?:%[89ab][0-9a-f]){0,2})%?$/i; // in UTF-8

/** @typedef {{pairs: [name: string, value: string][], last: string, damaged: boolean}} Parameters */

/**
 * The parameters of a link, without what a message added to the last one.
 *
 * @param {string} given
 * @returns {Parameters}  `last` is the name of the last parameter of a link; `damaged`: the end is not as it was written
 * @throws {Refusal} the end is cut off, so that it is not known which text to write
 */
export function parametersOf(given) {
  const query = given.replaceAll("&amp;", "&"); // the & of a value is written %26
  checkEncoding(query);
  const pairs = /** @type {[string, string][]} */ ([...new URLSearchParams(query)]);
  const at = pairs.findLastIndex(([name]) => NAMES.has(name));
  const [last, written] = pairs[at] ?? ["", ""];
  const value = withoutAdded(last, written);
  if (at >= 0) pairs[at] = [last, value];
  const isCutName = hasCutName(query, pairs);
  if ((isCutName && !mayBeHash(query, pairs)) || isCutValue(last, value)) throw refusal("link.cut");
  return { pairs, last, damaged: isCutName || value !== written };
}

function checkEncoding(query) {
  if (/%[0-9a-f]$/i.test(query)) throw refusal("link.cut");
  if (isText(query)) return;
  throw refusal(isText(query.replace(CUT_CHARACTER, "")) ? "link.cut" : "link.unreadable");
}

function isText(query) {
  try {
    decodeURIComponent(query.replace(/%(?![0-9a-f]{2})/gi, "%25"));
  } catch {
    return false;
  }
  return true;
}

// A prompt may end with any character, and so may the name of a model that has no commit.
function withoutAdded(name, value) {
  const [first = ""] = value;
  const kept = value.replace(ADDED, "");
  if (name === "prompt" || name === "then") return value;
  if (name === "pick") return value.slice(first.length).replace(ADDED, "") ? value : first;
  if (name === "model" || name === "blend_with") return MODEL.test(kept) ? kept : value;
  return kept;
}

function cutName(query) {
  const piece = query.split("&").at(-1);
  return piece.includes("=") ? "" : piece;
}

function hasCutName(query, pairs) {
  const piece = cutName(query);
  return piece !== "" && pairs.length > 1 && [...NAMES].some((name) => name.startsWith(piece));
}

// The hash is the last parameter of a link to one reply. It only checks the text.
function mayBeHash(query, pairs) {
  const names = pairs.map(([name]) => name);
  return "text".startsWith(cutName(query)) && names.includes("seed") && !names.slice(0, -1).includes("text");
}

function isCutValue(name, value) {
  if (name === "more") return value === "" || isCutNumber("length", value);
  if (name === "hold") return isCutClamp(value.split("_").at(-1)) && value !== "";
  if (name === "v") return value !== "" && value !== "float32" && "float32".startsWith(value);
  return name in SETTINGS && value !== "" && isCutNumber(name, value);
}

// Whether a number is not allowed, but could be the beginning of one that is.
function isCutNumber(name, value) {
  const isNumber = (text) => NUMBER.test(text) && isAllowed(SETTINGS[name], Number(text));
  return !isNumber(value) && [".1", "7", "-7"].some((end) => !/^0\d/.test(value + end) && isNumber(value + end));
}

function isCutClamp(value) {
  return !CLAMP.test(value) && ["1", "~1", ".1~1", "0.1~1"].some((end) => CLAMP.test(value + end));
}
