/**
 * Texts of the page in the visitor's language. languages/en.json maps each id to its English text, and each other file
 * of that folder maps the same ids to another language; languages/index.json maps the tags of visitors to those files.
 * A text may contain
 *
 *   {name}                                a value; of a number the decimal sign of the language, without separators
 *   {count, number}                       a number as the language writes it
 *   {count, short}                        a rounded number, such as 3.3M
 *   {count, plural, one {…} other {…}}    one of several forms; a form may contain placeholders
 *   {names, list,; }                      several values with "; " between them
 *
 * A message is {id, values}; a value may be a message too. ui/messages.py renders the same texts on the server.
 *
 * @typedef {{id: string, values?: Object<string, any>}} Message
 */

import { findAll } from "./dom.js";

/** @type {Object<string, Object<string, string>>} The tables that were fetched, by tag. */
export const languages = {};

/** @type {Object<string, string>} The tag of the best table for the beginning of a visitor's tag. */
let tableOf = {};
let folder = "";
let shown = "en";

/**
 * Fetches the English texts and those of one language, and sets the language of the document.
 * @param {string} base address of the folder that contains languages/
 * @param {string} wanted a tag such as navigator.language
 * @returns {Promise<string>} the tag of the table that is used
 */
export async function loadLanguages(base, wanted) {
  folder = new URL("languages/", new URL(base, location.href)).href;
  const english = fetchTable("en");
  tableOf = await readJson("index");
  const tag = bestLanguage(wanted);
  // If the table of the visitor's language cannot be fetched, the page is in English.
  await Promise.all([english, fetchTable(tag).catch(() => {})]);
  shown = languages[tag] ? tag : "en";
  document.documentElement.lang = shown;
  return shown;
}

/** @param {string} name */
async function readJson(name) {
  const response = await fetch(`${folder}${name}.json`);
  if (!response.ok) throw new Error(`languages/${name}.json: HTTP ${response.status}`);
  return response.json();
}

/** @param {string} tag */
async function fetchTable(tag) {
  if (!languages[tag]) languages[tag] = await readJson(tag);
}

/**
 * @param {string} wanted such as "de-AT"
 * @returns {string} the tag of the table for the longest beginning of the wanted tag (RFC 4647, lookup), else "en"
 */
function bestLanguage(wanted) {
  const parts = wanted.toLowerCase().split("-");
  while (parts.length && !tableOf[parts.join("-")]) parts.pop();
  return tableOf[parts.join("-")] ?? "en";
}

/** @returns {string} the tag of the table that the page is shown in, also after a browser has translated the page */
export function language() {
  return shown;
}

/** @param {string} id @returns {boolean} whether a text has this id */
export function has(id) {
  return Object.hasOwn(languages.en || {}, id); // a stored message may have the id "__proto__"
}

/**
 * @param {string} id
 * @param {Object<string, any>} [values]
 * @returns {string} the text in the visitor's language, else in English, else the id
 */
export function t(id, values = {}) {
  return has(id) ? fillIn(languages[language()]?.[id] ?? languages.en[id], values) : id;
}

/**
 * @param {Message|Message[]|string|null|undefined} message
 * @param {string} [joint] between several messages
 * @returns {string}
 */
export function render(message, joint = " ") {
  if (Array.isArray(message))
    return message
      .map((each) => render(each))
      .join(joint)
      .replace(/([。！？]) /g, "$1"); // Chinese has no space there
  return message && typeof message === "object" ? t(message.id, message.values ?? {}) : String(message ?? "");
}

/**
 * @param {number} value
 * @param {number} [digits] decimals
 * @returns {string} the number as the language writes it, with a minus sign instead of a hyphen
 */
export function number(value, digits) {
  const text = Number(value)
    .toLocaleString(language(), digits === undefined ? {} : places(digits))
    .replace("-", "−");
  return /^−0[.,]?0*$/.test(text) ? text.slice(1) : text; // -0.004 is written as 0.00
}

/** @param {number} share from 0 to 1 @param {number} [digits] decimals @returns {string} the share in percent */
export function percent(share, digits = 0) {
  return share.toLocaleString(language(), { style: "percent", ...places(digits) });
}

const places = (digits) => ({ minimumFractionDigits: digits, maximumFractionDigits: digits });

/**
 * Puts the texts of the language into a part of the page: data-text is the id of an element's text,
 * data-label of its accessible name, data-description of its description, data-placeholder of its placeholder.
 * @param {HTMLElement} root
 */
export function translate(root) {
  for (const node of [root, ...findAll(root, "[data-text], [data-label], [data-description], [data-placeholder]")]) {
    const { text, label, description, placeholder } = node.dataset;
    if (text) node.textContent = t(text);
    if (label) node.ariaLabel = t(label);
    if (description) node.ariaDescription = t(description);
    if (placeholder) node.setAttribute("placeholder", t(placeholder));
  }
}

/**
 * Returns the parts of a text: plain, placeholder (without its outer braces), plain, and so on.
 * @param {string} text
 */
function pieces(text) {
  const found = /** @type {string[]} */ ([]);
  let [depth, start] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== "{" && text[at] !== "}") continue;
    const outer = text[at] === "{" ? depth++ === 0 : --depth === 0;
    if (outer) [start] = [at + 1, found.push(text.slice(start, at))];
  }
  found.push(text.slice(start));
  return found;
}

/** @param {string} text @param {Object<string, any>} values @returns {string} */
function fillIn(text, values) {
  return pieces(text)
    .map((piece, at) => (at % 2 ? valueOf(piece, values) : piece))
    .join("");
}

const OVERRIDES = /[\u202a-\u202e]/g; // of the direction of what follows; a value may come from a stranger

/** @param {string} placeholder @param {Object<string, any>} values */
function valueOf(placeholder, values) {
  const [, name, kind, rest] = /^\s*(\w+)\s*(?:,\s*(\w+)\s*(?:,(.*))?)?$/s.exec(placeholder) ?? [];
  const value = values[name];
  if (kind === "number") return number(value);
  if (kind === "short") return value.toLocaleString(language(), { notation: "compact", maximumFractionDigits: 1 });
  if (!kind && typeof value === "number")
    return value.toLocaleString(language(), { useGrouping: false, maximumFractionDigits: 20 });
  if (kind !== "plural") return render(value, rest ?? ", ").replace(OVERRIDES, "\ufffd");
  const parts = pieces(rest); // a name and its text, in turn
  const forms = Object.fromEntries(parts.flatMap((name, at) => (at % 2 ? [] : [[name.trim(), parts[at + 1]]])));
  return fillIn(forms[new Intl.PluralRules(language()).select(value)] ?? forms.other, values);
}
