// Finds what looks private in a text, before a visitor publishes a model of it: the kinds that training/corpus/privacy.py
// finds, by their form alone. A false alarm is better than a miss: no library decides which numbers exist. The time is linear
// in the length of the text, since each pattern reads a bounded stretch.

/** @import { Message } from "../../engines/engine.js" */

const START = String.raw`(?<![\p{L}\p{N}_-])`;
const END = String.raw`(?![\p{L}\p{N}_]|[.,:/-][0-9])`;
const anyCase = (/** @type {string} */ words) =>
  words.replace(/[a-zà-ÿа-я]/g, (each) => `[${each}${each.toUpperCase()}]`);
const digits = (/** @type {string} */ counts) => String.raw`(?:[ \u00a0./()–-]{0,3}[0-9]){${counts}}`;

// The line of a chat: a date and a time, in brackets or before a dash, and a name; no line of a log. Chats in JSON or HTML.
const CHAT = [
  String.raw`^[\u200e\u200f\u202a-\u202e[]{0,3}\p{Nd}{1,4}[\u200e\u200f]?[./-].{3,30}?(?:\]| [-–])\s` +
    String.raw`(?!(?:DEBUG|INFO|WARN|ERROR|CRITICAL|FATAL|TRACE|NOTICE)\b)[^\s:][^:\n]{0,59}: `,
  String.raw`"(?:from_id|sender_name|client_msg_id)": ?"|"type": ?"m\.room\.message"|<div class="from_name">`,
];
// What the tokens of services begin with.
const PREFIX =
  "hf_|api_org_|gh[opsur]_|github_pat_|gl[a-z]{1,4}-|sk-|gsk_|xai-|pplx-|r8_|npm_|do[opr]_v1_|shp[a-z]{2}_|ntn_|" +
  "lin_api_|nvapi-|pypi-|hv[bsr]\\.|ATATT3|[rs]k_live_|whsec_|SK|AKIA|ASIA|xox[a-z]-|xapp-|AIza|ya29\\.|GOCSPX-|SG\\.|eyJ";
const NAME = anyCase(
  "passw|passphrase|kennwort|pwd|contraseñ|senha|mot de passe|пароль|密码|密碼|secret|token|credential|authorization|" +
    "(?:api|access|account|auth|private|encryption|signing)[_ -]?key",
);
const SIGN =
  String.raw`["'\]]{0,2}(?:[ \t]{0,4}(?:[:=]{1,2}>?|：)[ \t]{0,4}|` +
  " (?:is|ist|lautet|est|es)(?:[:=]| now| jetzt)? )";
const VALUE = "[^\\s\"'`<>(){}$*]{6,256}";
const SECRET = [
  String.raw`${START}(?:${PREFIX})(?=[\w.-]{0,99}[0-9])[\w./+=-]{16,2000}`,
  String.raw`${START}(?:[0-9]{8,10}:AA|[MNO][\w-]{23,27}\.[\w-]{6}\.)[\w-]{27,40}`, // bots of Telegram and Discord
  String.raw`hooks\.slack\.com/\w+/[\w/-]{20,100}|discord(?:app)?\.com/api/webhooks/[0-9]+/[\w-]{20,100}`,
  String.raw`-----BEGIN (?:\w{1,12} ){0,3}PRIVATE KEY|PuTTY-User-Key-File-[0-9]|AGE-SECRET-KEY-1`,
  String.raw`://[^\s/@:?#]{0,64}:[^\s/@?#]{3,128}@`, // a password in an address
  `(?:${NAME})[\\p{L}\\w-]{0,40}${SIGN}(?:${anyCase("basic|bearer|token")})? ?["'\`]?(?=[^\\s"'\`]{0,99}[0-9=])${VALUE}`,
  `^(?:export )?[A-Z0-9_]{0,40}(?:PASSW|PWD|SECRET|TOKEN|KEY)[A-Z0-9_]{0,40}=${VALUE}$`, // a line of a file .env
];
// An address from the sign on, so that a long word before it takes no time.
const EMAIL = String.raw`(?<=[\p{L}\p{N}_+-])(?<!\bgit|reply)@(?!example\.)(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,20}`;
const ACCOUNT = [
  "[A-Z]{2}[0-9]{2}(?=(?:[ -]?[A-Z]){0,6}(?:[ -]?[0-9]){4})(?:[ -]?[A-Z0-9]){11,30}", // IBAN
  "(?<!\\.)[2-6][0-9]{3}(?:[ -]?[0-9]{4}){3}|3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}", // payment cards
  "[0-9]{3}-[0-9]{2}-[0-9]{4}", // US social security
];
const PHONE = [
  `(?:\\+|00)[ (]?[1-9]${digits("7,14")}|\\(?0[1-9]${digits("7,12")}`, // with the code of a country; of an area
  String.raw`(?:1[-. ])?\(?[2-9][0-9]{2}(?:\) ?|[-.])[2-9][0-9]{2}[-. ][0-9]{4}`, // North America
  "1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}|[6-9][0-9]{4}[ -]?[0-9]{5}", // mobiles of China and India
  String.raw`8 ?\([0-9]{3}\) ?[0-9]{3}-[0-9]{2}-[0-9]{2}|\([1-9][0-9]\) ?9?[2-9][0-9]{3}-[0-9]{4}`, // Russia, Brazil
];
const LABEL = `(?:${anyCase("tel|phone|fon|fono|mobile?|handy|fax|whatsapp|cell")}|电话|手机|電話)[.:：]{0,2} ?[(+]{0,2}`;
// Nothing longer ends with a phone number, and dates and digits in their order are none.
const NO_PHONE = String.raw`(?<![\p{L}\p{N}_.,:/=#$@+-])(?!0123456789|\(?[0-9]{2}[./-][0-9]{2}[./-][0-9]{4})`;
// The kinds, in the order in which they are looked for at each place; `private.${kind}` is the message for the visitor.
const KINDS = [
  `(?<chat>${CHAT.join("|")})|(?<secret>${SECRET.join("|")})|(?<email>${EMAIL})|`,
  `(?<account>${START}(?:${ACCOUNT.join("|")})${END})|`,
  `(?<phone>${LABEL}[0-9]${digits("5,14")}|${NO_PHONE}(?:${PHONE.join("|")})${END})`,
];
const PRIVATE = new RegExp(KINDS.join(""), "gmu");

/**
 * Returns a warning for each kind of finding: how many there are, and the line and the first characters of the first one. A
 * single line of a chat does not count, since it may be quoted anywhere.
 * @param {string} text
 * @returns {Message[]} the most frequent kind first
 */
export function privateIn(text) {
  const found = /** @type {Map<string, {count: number, line: number, excerpt: string}>} */ (new Map());
  for (const { 0: match, index, groups } of text.matchAll(PRIVATE)) {
    const kind = Object.keys(groups).find((each) => groups[each] !== undefined);
    const excerpt = `${match.slice(0, 3).trim()}…`;
    if (!found.has(kind)) found.set(kind, { count: 0, line: text.slice(0, index).split("\n").length, excerpt });
    found.get(kind).count++;
  }
  const most = [...found].filter(([kind, { count }]) => kind !== "chat" || count > 1);
  return most.sort(([, a], [, b]) => b.count - a.count).map(([kind, values]) => ({ id: `private.${kind}`, values }));
}
