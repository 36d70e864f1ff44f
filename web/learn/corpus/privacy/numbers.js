// Bank accounts, payment cards and US social security numbers, whose digits are checked: the rules of
// training/corpus/privacy.py.

import { WORD, hasDistinct, isAlphanumericAt, matchAt, matchesIn } from "./matching.js";

/** @typedef {import("./matching.js").Match} Match */

const IBAN = /(?:[A-Z]{2}|[a-z]{2})[0-9]{2}(?:[ \u00a0-]?[A-Za-z0-9]){11,30}/g;
/** How many characters an IBAN of each country has. */
const LENGTHS = new Map(
  (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 " +
    "FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 " +
    "LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 " +
    "SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
  )
    .split(" ")
    .map((each) => [each.slice(0, 2), Number(each.slice(2))]),
);
// Visa, Mastercard, Discover, JCB, UnionPay in four groups of four; American Express; Diners.
const CARD = new RegExp(
  String.raw`(?:4[0-9]{3}|5[1-5][0-9]{2}|2[2-7][0-9]{2}|6(?:011|4[4-9][0-9]|5[0-9]{2}|2[0-9]{2})|35[2-8][0-9])` +
    String.raw`([ \u00a0-]?)[0-9]{4}(?:\1[0-9]{4}){2}` +
    String.raw`|3[47][0-9]{2}([ \u00a0-]?)[0-9]{6}\2[0-9]{5}` +
    String.raw`|3(?:0[0-5]|[68][0-9])[0-9]([ \u00a0-]?)[0-9]{6}\3[0-9]{4}`,
  "g",
);
const SSN = /[0-9]{3}-[0-9]{2}-[0-9]{4}/g;
const NO_SSN = /^(?:000|666|9)|-00-|-0000$|^(?:078-05-1120|457-55-5462|219-09-9999)$/;
const BEFORE = new RegExp(String.raw`[${WORD}.,+$#@=/:\-]`, "uy"); // before a number: it is the end of something longer
const AFTER = new RegExp(String.raw`[${WORD}/]|[\-.:,+*= ][0-9]`, "uy");
const DIGITS = /[0-9][0-9 \u00a0-]{9,2000}[0-9]/g; // others are searched in these stretches only

/** Yields bank accounts, payment cards and US social security numbers. @param {string} text @returns {Generator<Match>} */
export function* numbers(text) {
  yield* ibans(text);
  for (const { 0: stretch, index } of text.matchAll(DIGITS)) {
    for (const found of matchesIn(CARD, stretch, index)) {
      const digits = found[0].replace(/[^0-9]/g, "");
      if (isSeparate(text, found) && hasDistinct(digits, 2) && hasLuhnDigit(digits))
        yield matchOf(found, "card", `${digits.slice(0, 2)}…`);
    }
    for (const found of matchesIn(SSN, stretch, index)) {
      if (isSeparate(text, found) && !NO_SSN.test(found[0])) yield matchOf(found, "ssn", `${found[0][0]}…`);
    }
  }
}

function* ibans(text) {
  for (const found of text.matchAll(IBAN)) {
    const { 0: longest, index } = found;
    if (isAlphanumericAt(text, index - 1) || "_-".includes(text[index - 1] ?? " ")) continue;
    const length = LENGTHS.get(longest.slice(0, 2).toUpperCase());
    let end = 0; // of the number in `longest`, which may read on into the next word
    for (let count = 0; count < length && end < longest.length; end++)
      count += /[A-Za-z0-9]/.test(longest[end]) ? 1 : 0;
    const number = longest
      .slice(0, end)
      .replace(/[^A-Za-z0-9]/g, "")
      .toUpperCase();
    if (number.length !== length || isAlphanumericAt(text, index + end) || remainderOf97(number) !== 1) continue;
    yield { start: index, end: index + end, kind: "iban", excerpt: `${longest.slice(0, 2)}…` };
  }
}

function remainderOf97(iban) {
  let rest = 0;
  for (const each of iban.slice(4) + iban.slice(0, 4)) rest = Number(`${rest}${parseInt(each, 36)}`) % 97;
  return rest;
}

function hasLuhnDigit(digits) {
  let sum = 0;
  for (let n = 0; n < digits.length; n++) {
    const digit = Number(digits.at(-1 - n)) * (n % 2 ? 2 : 1);
    sum += digit > 9 ? digit - 9 : digit;
  }
  return sum % 10 === 0;
}

function isSeparate(text, found) {
  const before = found.index > 0 && matchAt(BEFORE, text, found.index - 1);
  return !before && !matchAt(AFTER, text, found.index + found[0].length);
}

function matchOf(found, kind, excerpt) {
  return { start: found.index, end: found.index + found[0].length, kind, excerpt };
}
