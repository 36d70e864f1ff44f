// E-mail addresses, also international and quoted-printable ones, and passwords in addresses: the rules of
// training/corpus/privacy.py.

import { isUpper, isWordAt, matchAt } from "./matching.js";

/** @typedef {import("./matching.js").Match} Match */

const AT = /@|=40/g; // =40 in quoted-printable text
const MOST_LOCAL = 64; // characters before the sign
const BEFORE = 200; // characters that are searched for the beginning of an address with a scheme
const LABELS = String.raw`[\p{L}\p{N}][\p{L}\p{N}-]{0,62}(?:\.[\p{L}\p{N}-]{1,63}){1,8}`;
const ASCII_LABELS = LABELS.replaceAll(String.raw`\p{L}\p{N}`, "A-Za-z0-9");
const [DOMAIN, ASCII_DOMAIN] = [new RegExp(LABELS, "uy"), new RegExp(ASCII_LABELS, "y")];
const USER = /:\/\/[^\s/@:?#]{0,64}(?::([^\s/@?#]{0,128}))?$/; // USER or USER:PASSWORD of an address
const NOT_PERSONAL = new Set(["git", "hg", "svn", "noreply", "no-reply", "donotreply"]);
const RESERVED = /(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid|localhost|local)$/;
const PLACEHOLDER = /pass|pwd|secret|token|xxx|[<>{}$*]/i;
const SOFT_BREAK = /=\r?\n/; // of quoted-printable text
const CODED = /=(?:\r?\n|[0-9A-F]{2})/y; // what may follow an address in quoted-printable text
const METHODS = new Set("to mv mm eq ne lt gt ge le is in at it id".split(" ")); // in code: x@w.to(device)

// Two letters are a country. Of the others only common ones count: most are words, and in code `x@w.name` is a matrix
// product.
const TOP_LEVEL = new Set(
  (
    "com org net edu gov mil int arpa info biz name pro aero coop museum mobi jobs travel tel cat asia post app " +
    "dev xyz online site club shop store tech blog live cloud space world life email digital agency academy " +
    "science solutions systems today network group company center global media news design studio website page " +
    "link one top vip work fun art icu social chat consulting software services foundation education university " +
    "school college institute berlin hamburg koeln cologne wien bayern london paris nyc tokyo swiss scot wales " +
    "рф рус бел укр срб қаз мон москва онлайн сайт дети ком орг 中国 中國 香港 台灣 台湾 澳門 新加坡 公司 网络 " +
    "한국 みんな コム भारत भारतम् ভারত ไทย لبنان مصر السعودية امارات ایران الجزائر المغرب تونس قطر بھارت ישראל ελ ευ"
  ).split(" "),
);

/** Yields e-mail addresses, and passwords in addresses. @param {string} text @returns {Generator<Match>} */
export function* mail(text) {
  for (const { 0: sign, index: at } of text.matchAll(AT)) {
    const after = at + sign.length;
    if (!isWordAt(text, after) || (sign !== "@" && !/[A-Za-z0-9]/.test(text[at - 1] ?? ""))) continue;
    const before = text.slice(Math.max(0, at - BEFORE), at);
    const scheme = before.lastIndexOf("://");
    const user = scheme < 0 ? null : USER.exec(before.slice(scheme));
    const match = user ? addressPassword(text, at, user[1] ?? "") : emailAround(text, at, after);
    if (match) yield match;
  }
}

function addressPassword(text, at, password) {
  const domain = matchAt(DOMAIN, text, at + 1)?.[0];
  if (!domain || RESERVED.test(domain.toLowerCase())) return null;
  if (password.length < 3 || PLACEHOLDER.test(password) || !/[\p{L}\p{N}]/u.test(password)) return null;
  const end = at + 1 + domain.length;
  return { start: at - password.length, end, kind: "address_password", excerpt: `…@${domain.slice(0, 2)}…` };
}

/** Returns the address around the sign at `at`; its domain begins at `after`. */
function emailAround(text, at, after) {
  let start = at;
  while (at - start <= MOST_LOCAL && (isWordAt(text, start - 1) || ".%+-".includes(text[start - 1] ?? " "))) start--;
  while (start < at && ".-%+".includes(text[start])) start++;
  const local = text.slice(start, at);
  if (!local || local.length > MOST_LOCAL || local.endsWith(".") || local.includes("..") || text[start - 1] === "@")
    return null;
  if (NOT_PERSONAL.has(local.toLowerCase()) || !/[\p{L}\p{N}]/u.test(local)) return null;
  const found = domainAt(text, after);
  if (!found) return null;
  const { domain, end } = found;
  const top = domain.slice(domain.lastIndexOf(".") + 1).toLowerCase();
  const following = text[end] ?? "";
  if (RESERVED.test(domain.toLowerCase()) || (following && "[@_".includes(following))) return null;
  const isCall = (top.length !== 2 && !["com", "org", "net", "info"].includes(top)) || METHODS.has(top);
  if (following === "(" && isCall) return null;
  if (following === "=" && !matchAt(CODED, text, end)) return null;
  return { start, end, kind: "email", excerpt: `${startOf(local)}@${startOf(domain)}` };
}

/** Returns the domain that begins at a place, and its end; a line of quoted-printable text may end inside it. */
function domainAt(text, start) {
  for (const pattern of [DOMAIN, ASCII_DOMAIN]) {
    // Chinese text may follow a domain without a space
    const domain = domainIn(matchAt(pattern, text, start)?.[0]);
    if (domain) return { domain, end: start + domain.length };
  }
  const whole = text.slice(start, start + 200);
  const soft = SOFT_BREAK.exec(whole);
  if (!soft) return null;
  const labels = matchAt(DOMAIN, whole.slice(0, soft.index) + whole.slice(soft.index + soft[0].length), 0);
  const domain = labels && labels[0].length > soft.index ? domainIn(labels[0]) : null;
  return domain ? { domain, end: start + domain.length + soft[0].length } : null;
}

/** Returns the domain at the beginning of a text, or null. A new sentence may follow it: `me@here.org.Then`. */
function domainIn(text = "") {
  const labels = text.split(".");
  const isSentence = (/** @type {string} */ label) => isUpper(label.slice(0, 1)) && !isUpper(label);
  while (labels.length >= 2 && isSentence(labels.at(-1))) labels.pop();
  const top = labels.at(-1);
  const isKnown = /^[A-Za-z]{2}$/.test(top) || TOP_LEVEL.has(top.toLowerCase()) || top.toLowerCase().startsWith("xn--");
  if (labels.length < 2 || !isKnown || ![top.toLowerCase(), top.toUpperCase()].includes(top)) return null;
  return labels.every((label) => label && !label.startsWith("-") && !label.endsWith("-")) ? labels.join(".") : null;
}

function startOf(text) {
  return `${text.slice(0, Math.min(2, Math.floor((text.length + 1) / 2)))}…`;
}
