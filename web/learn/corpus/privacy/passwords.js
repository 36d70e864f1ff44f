// Passwords and keys after their name: `DB_PASSWORD=…`, `"api_key": "…"`, `Passwort: …`, `Authorization: Basic …`: the rules
// of training/corpus/privacy.py.
//
// In code most values are expressions, so a value counts only if it is written like a password: it has letters and digits,
// and is no name, type or call.

import { WORD, hasDistinct, isLower, matchAt, placesOf } from "./matching.js";

/** @typedef {import("./matching.js").Match} Match */

// Searched in the text in lower case, which is much faster than a pattern that ignores the case.
const NAMES = [
  ...["passw", "passphrase", "kennwort", "pwd", "contrase", "senha", "mot de passe", "пароль", "密码", "密碼"],
  ...["secret", "token", "credential", "authorization", "api_key", "api-key", "api key", "apikey", "access_key"],
  ...["accesskey", "auth_key", "private_key", "account_key", "encryption_key", "secretkey", "signing_key"],
];
const anyCase = (/** @type {string} */ text) => text.replace(/[a-z]/g, (each) => `[${each}${each.toUpperCase()}]`);
// Not with the flag i, which makes patterns of all letters ten times as slow.
const ASSIGNED = new RegExp(
  String.raw`[${WORD}\-]{0,40}["'\]]{0,2}[ \t]{0,4}(?:(?<sign>=>|:=|[:=：])[ \t]{0,4}(?<scheme>${anyCase("basic |bearer |token ")})?` +
    `|(?:${anyCase("is|ist|lautet|est|es")})(?:[:=]| ${anyCase("now| jetzt")})? )` +
    "(?<quote>[\"'`]?)(?<value>[^\\s\"'`]{6,256})(?<after>[\"'`]?)",
  "uy",
);
const BEGINS_LINE = /^(?:export )?[A-Z0-9_]{0,40}$/;
const NAME_IN_CODE = /^[A-Za-z_][A-Za-z0-9_]*(?:[.-][A-Za-z_][A-Za-z0-9_]*)*$/;
const NEXT_FIELD = new RegExp(`&[${WORD}]+=`, "u"); // of a query
const NAMED_LIKE_IT = /_(?:token|key|secret|passw|pwd)/i; // token=new_token2
const EXPRESSION = /=[^=]|[()[\]{}<>|\\]|\$[A-Z{(]|%[sd(]|::|->|\.\.|:\/\/|,.|^[/~.]/s;
const PLACEHOLDER = /example|placeholder|change.?me|^your|xxx|\*\*|dummy|redacted/i;
const TYPE =
  /^(?:(?:u?int|float|sha|md|base|utf|hs|rs|es|aes|rsa|oauth|ed|v)[-_]?[0-9]{1,5}[a-z_-]*|v?[0-9]+(?:\.[0-9]+)+[A-Za-z0-9_]*)$/i;

/** Yields passwords and keys after their name. @param {string} text @returns {Generator<Match>} */
export function* passwords(text) {
  const lower = text.replaceAll("İ", "I").toLowerCase(); // the only character whose lower case has another length
  const starts = new Set(NAMES.flatMap((name) => Array.from(placesOf(lower, name), (at) => at + name.length)));
  for (const start of [...starts].sort((a, b) => a - b)) {
    const found = matchAt(ASSIGNED, text, start);
    if (!found) continue;
    const { quote, value: whole, after } = found.groups;
    const value = quote ? whole : withoutPunctuation(whole.split(NEXT_FIELD)[0]);
    const at = found.index + found[0].length - after.length - whole.length;
    if (isSecret(text, start, found, value))
      yield { start: at, end: at + value.length, kind: "password", excerpt: "…" };
  }
}

/** Whether a value is written like a password; its name ends at or after `start`. */
function isSecret(text, start, found, value) {
  const { sign, scheme, quote, value: whole, after } = found.groups;
  if (value.length < 6 || !hasDistinct(value, 4) || EXPRESSION.test(value) || PLACEHOLDER.test(value)) return false;
  if (quote && after !== quote) return false;
  const isMixed = /\p{N}/u.test(value) && /\p{L}/u.test(value);
  if (!sign) return isMixed && !isLower(value) && !TYPE.test(value); // in a sentence
  if (quote) return isMixed && !TYPE.test(value);
  const end = found.index + found[0].length;
  const line = text.slice(Math.max(0, start - 60), start);
  const before = line.slice(line.lastIndexOf("\n") + 1);
  if (found[0].slice(0, -whole.length).endsWith("=") && BEGINS_LINE.test(before)) {
    // as in a file .env
    return ["", "\n", "\r"].includes(text[end] ?? "");
  }
  if (scheme?.toLowerCase() === "basic ") return isUserAndPassword(value);
  if (!isMixed || TYPE.test(value)) return false;
  // An argument or a name in code: password=pw1, token = token2
  const isRandom = value.length >= 16 && (value.match(/\p{Nd}/gu) ?? []).length >= 3;
  const isName = !isRandom && NAME_IN_CODE.test(value);
  if (isName && NAMED_LIKE_IT.test(value)) return false;
  const isSpaced = sign === "=" && found[0].slice(0, found[0].length - after.length - whole.length).includes(" ");
  return !(isName && (isSpaced || whole !== value));
}

/** Whether a value is USER:PASSWORD in base64. */
function isUserAndPassword(value) {
  const [code] = /^[A-Za-z0-9+/]+(?==*$)/.exec(value) ?? [""];
  return code.length % 4 !== 1 && atob(code).includes(":");
}

function withoutPunctuation(value) {
  let end = value.length;
  while (end && ".,;:?)&".includes(value[end - 1])) end--;
  return value.slice(0, end);
}
