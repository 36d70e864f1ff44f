// Phone numbers: with a country code, in a national form that little else has, or after a word such as "tel.": the forms of
// training/corpus/privacy.py. Python asks the library phonenumbers, of 3 MB, which numbers exist; here their length
// and their first digits decide, so that some numbers count that nobody has.

import { WORD, hasDistinct, isWordAt, matchAt, matchesIn } from "./matching.js";

/** @typedef {import("./matching.js").Match} Match */

const SEPARATOR = String.raw`[ \u00a0.\-/()]{0,2}`;
const INTERNATIONAL = new RegExp(String.raw`(?:\+|00(?=[1-9][0-9]))[1-9](?:${SEPARATOR}[0-9]){7,14}`, "g");
// The digits after the "+": a country code, which no two zeros follow; +1 and +7 have numbers of one length only.
const COUNTRY = new RegExp(
  "^(?:1(?![0-9]11)(?=[2-9][0-9]{2}[2-9][0-9]{6}$)|7(?=[3489][0-9]{9}$)" +
    "|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]" +
    "|(?:2[1-69]|3[578]|42|5[09]|6[789]|8[0578]|9[67])[0-9]|99[2-68])(?!00)",
);
// A national number begins with 0 and has an area code in a group of its own: 0171 9018234, 030/901820, (0221) 90 18 20.
const AREA_CODE = new RegExp(
  String.raw`(?:\((0[1-9][0-9]{0,4})\) ?|(0[1-9][0-9]{0,4})(?: ?[/–] ?|[ \u00a0.\-]))` +
    String.raw`[0-9]{2,8}(?:[ \u00a0.\-][0-9]{2,8}){0,4}`,
  "g",
);
const [SHORTEST, LONGEST] = [8, 14]; // digits after the 0; shorter ones are pages and years, too: 030/1999
const FORMS = [
  /(?:1[-. ])?(?:\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[-. ]|[2-9][0-9]{2}([-.])[2-9][0-9]{2}\1)[0-9]{4}/g, // North America
  /\([1-9][1-9]\) ?9?[2-9][0-9]{3}-[0-9]{4}/g, // Brazil
  /8 ?\([3489][0-9]{2}\) ?[0-9]{3}-[0-9]{2}-[0-9]{2}/g, // Russia
];
// Digits alone are a number only if they are a mobile one.
const MOBILES = [
  /01[5-7][0-9]{8,9}/g, // Germany
  /07[1-9][0-9]{8}/g, // Britain
  /0[67][0-9]{8}/g, // France, the Netherlands, Switzerland
  /04[0-9]{8}/g, // Australia
  /0[6-9][0-9]{9}/g, // India
  /1[3-9][0-9]([ -]?)[0-9]{4}\1[0-9]{4}/g, // China
  /[6-9][0-9]{4}[ -]?[0-9]{5}/g, // India
];
// All numbers are searched in these stretches only, which most texts have few of.
const DIGITS = /[0-9][0-9 \u00a0.\-/()–]{5,2000}[0-9]/g;
const BEFORE = 40; // characters before a number that are searched for a word such as "tel."
const LABEL = new RegExp(
  String.raw`(?<![\p{L}\p{N}])(?:tel|telephone|telefon|téléphone|teléfono|telefono|phone|mobile|mobil|handy|fax|whatsapp|cell)` +
    String.raw`(?: ?(?:no|nr|number|#))?[.:：]{0,2} ?[:=]? ?\(?\+?$|(?:电话|手机|電話)[:： ]{0,2}\+?$`,
  "u",
);
const AFTER_LABEL = new RegExp(String.raw`\(?\+?[0-9](?:${SEPARATOR}[0-9]){6,14}`, "y");
const JOINED = /[+$#@=/.:-]/; // before a number, or a letter or digit: it is the end of something longer
// After it: the beginning of something longer.
const CONTINUED = new RegExp(String.raw`[${WORD}]|[\-./:,][0-9]| ?[+*=]|[ .][0-9A-Fa-f]{2}\b`, "uy");
const DATE_OR_IP =
  /^(?:[0-9]{4}([-./])[0-9]{2}\1[0-9]{2}|[0-9]{1,2}[-./ ][0-9]{1,2}[-./ ][0-9]{4}\b|[0-9]{1,3}(?:\.[0-9]{1,3}){3}$)/;
const RUN = /01234567|12345678|23456789|98765432|00000|([0-9])\1{5}/;
const DECIMAL = /^\+[0-9]+\.[0-9]+$/;
// Reserved for films and books: 555-01xx and area 555 in North America, four ranges in Britain.
const FICTIONAL =
  /^(?:1?(?:555[0-9]{7}|[0-9]{3}55501[0-9]{2}|55501[0-9]{2})$|(?:44|0)(?:207946|7700900|1632960|114496))/;

/** Yields phone numbers. @param {string} text @returns {Generator<Match>} */
export function* phones(text) {
  for (const { 0: stretch, index } of text.matchAll(DIGITS)) {
    const digits = digitsOf(stretch).length;
    if (digits < 7) continue;
    const from = Math.max(0, index - 1); // where a "+" or a bracket may be
    if (digits > 7) yield* wholeNumbers(text, text.slice(from, index + stretch.length), from);
    // After a word such as "tel." in any form, also without the area code.
    const number = hasLabel(text, index) ? matchAt(AFTER_LABEL, text, index) : null;
    if (number && !matchAt(CONTINUED, text, index + number[0].length) && !isNoNumber(number[0])) yield matchOf(number);
  }
}

/** Whether a word such as "tel." is before a place. */
function hasLabel(text, at) {
  let end = at;
  while (end && " (+:=.：".includes(text[end - 1])) end--;
  return /[\p{L}#]/u.test(text[end - 1] ?? "") && LABEL.test(text.slice(Math.max(0, at - BEFORE), at).toLowerCase());
}

function* wholeNumbers(text, part, from) {
  for (const found of matchesIn(INTERNATIONAL, part, from)) {
    const number = found[0][0] === "+" ? found[0] : `+${found[0].slice(2)}`;
    if (isSeparate(text, found) && !isMadeUp(number) && COUNTRY.test(digitsOf(number)) && isGrouped(number))
      yield matchOf(found);
  }
  for (const found of matchesIn(AREA_CODE, part, from)) {
    const length = digitsOf(found[0]).length - 1;
    if (length >= SHORTEST && length <= LONGEST && isSeparate(text, found) && !isNoNumber(found[0]))
      yield matchOf(found);
  }
  for (const form of [...FORMS, ...MOBILES]) {
    for (const found of matchesIn(form, part, from)) {
      if (!isSeparate(text, found) || isMadeUp(found[0])) continue;
      const isOther = MOBILES.includes(form)
        ? isArgument(text, found)
        : !isGrouped(found[0]) || isService(form, found[0]);
      if (!isOther) yield matchOf(found);
    }
  }
}

/** Whether digits are an argument of a call in code: f(13577625587, x). */
function isArgument(text, found) {
  return text[found.index - 1] === "(" && text[found.index + found[0].length] === ",";
}

/** Whether an American number has an area code such as 411, which is no area. */
function isService(form, number) {
  return form === FORMS[0] && /^1?[0-9]11/.test(digitsOf(number));
}

/** Whether a number is neither a decimal one nor a row of a table, of groups with one or two digits. */
function isGrouped(number) {
  const groups = (number.match(/[0-9]+/g) ?? []).map((group) => group.length);
  const isRow = groups.length > 1 && Math.max(...groups.slice(1)) < 3 && groups.slice(-4).join("") !== "2222";
  return !DECIMAL.test(number) && !isRow;
}

function isSeparate(text, found) {
  const before = text[found.index - 1];
  if (before !== undefined && (JOINED.test(before) || isWordAt(text, found.index - 1))) return false;
  return !matchAt(CONTINUED, text, found.index + found[0].length);
}

/** Whether a number is a date, an IP address or an example. */
function isNoNumber(number) {
  return DATE_OR_IP.test(number) || isMadeUp(number);
}

function isMadeUp(number) {
  const digits = digitsOf(number);
  const pairs = (number.match(/\b[0-9]{2}\b/g) ?? []).map(Number);
  const isSeries = pairs.length === 5 && pairs.every((pair, n) => n < 2 || pair - pairs[n - 1] === pairs[1] - pairs[0]); // 01 02 03 04 05
  const groups = number.match(/[0-9]+/g);
  const isRepeated = groups.length > 1 && new Set(groups).size === 1; // 016.016.016
  return !hasDistinct(digits, 3) || RUN.test(digits) || isRepeated || isSeries || FICTIONAL.test(digits);
}

function digitsOf(text) {
  return text.replace(/[^0-9]/g, "");
}

function matchOf({ 0: number, index }) {
  return { start: index, end: index + number.length, kind: "phone", excerpt: `${number.slice(0, 3)}…` };
}
