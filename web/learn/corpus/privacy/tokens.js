// Access tokens of services, which begin with a fixed string or have a fixed form, and private keys: the rules of
// training/corpus/privacy.py.

import { hasDistinct, isLower, isWordAt, matchAt, matchesIn, placesOf } from "./matching.js";

/** @typedef {import("./matching.js").Match} Match */

const CHAR = "[A-Za-z0-9_-]";
const ALNUM = "[A-Za-z0-9]";
const HEX = "[0-9a-f]";

// Of each service: the fixed strings that its tokens begin with, and the random part.
const FORMS = /** @type {[string, string[], string][]} */ ([
  ["Hugging Face", ["hf_", "api_org_"], `${ALNUM}{30,64}`],
  ["GitHub", ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], `${ALNUM}{36,255}`],
  ["GitHub", ["github_pat_"], "[A-Za-z0-9_]{40,255}"],
  ["GitLab", ["glpat-", "glptt-", "glrt-", "gldt-", "glft-", "glsoat-"], `${CHAR}{20,64}`],
  ["API", ["sk-"], `(?:proj|svcacct|admin|ant-[a-z0-9]{2,10}|or-v1)-${CHAR}{20,255}`],
  ["API", ["sk-"], `${ALNUM}{20,255}`],
  ["API", ["gsk_"], `${ALNUM}{40,64}`],
  ["API", ["xai-"], `${ALNUM}{40,255}`],
  ["API", ["pplx-"], `${ALNUM}{32,64}`],
  ["API", ["nvapi-"], `${CHAR}{40,80}`],
  ["Replicate", ["r8_"], `${ALNUM}{32,64}`],
  ["DigitalOcean", ["dop_v1_", "doo_v1_", "dor_v1_"], `${HEX}{64}`],
  ["Shopify", ["shpat_", "shpca_", "shppa_", "shpss_"], "[0-9a-fA-F]{32}"],
  ["Vault", ["hvs.", "hvb.", "hvr."], `${CHAR}{24,255}`],
  ["Stripe", ["sk_live_", "rk_live_"], `${ALNUM}{16,255}`],
  ["Stripe", ["whsec_"], `${ALNUM}{24,64}={0,2}`],
  ["Twilio", ["SK"], `${HEX}{32}`],
  ["AWS", ["AKIA", "ASIA"], "[A-Z2-7]{16}"],
  ["Slack", ["xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-"], "[A-Za-z0-9-]{10,255}"],
  ["Slack", ["xapp-"], "[A-Za-z0-9-]{20,255}"],
  ["Slack", ["hooks.slack.com/"], "(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,100}"],
  ["Discord", ["discord.com/api/webhooks/", "discordapp.com/api/webhooks/"], `[0-9]{17,20}/${CHAR}{60,80}`],
  ["Google", ["AIza"], `${CHAR}{35}`],
  ["Google", ["GOCSPX-"], `${CHAR}{28}`],
  ["Google", ["ya29."], `${CHAR}{20,1024}`],
  ["SendGrid", ["SG."], `${CHAR}{22}\\.${CHAR}{43}`],
  ["Mailchimp", ["-us"], "[0-9]{1,2}"],
  ["npm", ["npm_"], `${ALNUM}{36}`],
  ["PyPI", ["pypi-"], `${CHAR}{80,255}`],
  ["RubyGems", ["rubygems_"], `${HEX}{48}`],
  ["Docker", ["dckr_pat_"], `${CHAR}{27}`],
  ["Databricks", ["dapi"], `${HEX}{32}`],
  ["Atlassian", ["ATATT3"], "[A-Za-z0-9_=-]{100,255}"],
  ["Notion", ["ntn_"], `${ALNUM}{40,60}`],
  ["Linear", ["lin_api_"], `${ALNUM}{40}`],
  ["Figma", ["figd_"], `${CHAR}{40,60}`],
  ["Grafana", ["glsa_"], `${ALNUM}{32}_${HEX}{8}`],
  ["Postman", ["PMAK-"], `${HEX}{24}-${HEX}{34}`],
  ["Square", ["sq0csp-"], `${CHAR}{43}`],
  ["Telegram", [":AA"], `${CHAR}{32,33}`],
  ["Azure", ["AccountKey="], "[A-Za-z0-9+/]{86}=="],
  ["Azure", ["SharedAccessKey="], "[A-Za-z0-9+/]{43}="],
  ["Azure", ["Q~"], "[A-Za-z0-9_~.-]{31,34}"],
  ["age", ["AGE-SECRET-KEY-1"], "[0-9A-Z]{58}"],
]);
const PATTERNS = FORMS.flatMap(([service, literals, body]) =>
  literals.map((literal) => ({ service, literal, pattern: new RegExp(body, "y") })),
);
// What stands before the fixed string.
const BEFORE = { ":AA": /[0-9]{8,10}$/, "-us": /[0-9a-f]{32}$/, "Q~": /[A-Za-z0-9_~.]{3}[0-9]$/ };
const IN_ADDRESS = /^(?:hooks\.|discord)/; // before these a scheme may stand, and after them anything
const JWT = "eyJ"; // base64 of `{"`: header and payload are JSON objects
const REST_OF_JWT = new RegExp(`${CHAR}{8,2048}\\.eyJ${CHAR}{4,4096}\\.${CHAR}{16,1024}`, "y");
// A Discord bot's token has its number in base64, a time, and a random part. The rare points are searched first.
const DISCORD = new RegExp(`\\.${CHAR}{6}\\.(${CHAR}{27,40})`, "g");
const DISCORD_BOT = new RegExp(`[MNO]${CHAR}{23,27}$`);
const AWS_SECRET = /(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=])/g;
const AWS_NEAR = 200; // characters between an access key and its secret
const KEY_HEAD = /-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-[23]: /g;
const KEY_BODY = /[A-Za-z0-9+/]{32}/;
const PUTTY_BODY = /Private-Lines: [0-9]+\r?\n[A-Za-z0-9+/]{32}/;

/** Yields access tokens and private keys. @param {string} text @returns {Generator<Match>} */
export function* tokens(text) {
  yield* privateKeys(text);
  for (const form of PATTERNS) {
    let end = 0;
    for (const at of placesOf(text, form.literal)) {
      const found = at < end ? null : matchAt(form.pattern, text, at + form.literal.length);
      if (!found) continue;
      end = at + form.literal.length + found[0].length;
      const match = tokenAt(text, at, found[0], form);
      if (!match) continue;
      yield match;
      if (form.service === "AWS") yield* awsSecrets(text, match);
    }
  }
  yield* jsonWebTokens(text);
  for (const { 0: found, 1: random, index } of text.matchAll(DISCORD)) {
    const bot = DISCORD_BOT.exec(text.slice(Math.max(0, index - 28), index));
    const start = bot ? index - bot[0].length : 0;
    const end = index + found.length;
    if (bot && isSeparate(text, start, end) && isRandom(random)) yield tokenOf("Discord", start, end, "…");
  }
}

function tokenAt(text, at, body, { service, literal }) {
  const end = at + literal.length + body.length;
  let start = at;
  if (literal in BEFORE) {
    const before = BEFORE[literal].exec(text.slice(Math.max(0, at - 40), at));
    if (!before) return null;
    start -= before[0].length;
  }
  if (!isSeparate(text, start, end) && !IN_ADDRESS.test(literal)) return null;
  if (literal !== "-us" && !isRandom(body)) return null;
  return tokenOf(service, start, end, start === at ? `${literal}…` : "…");
}

function tokenOf(service, start, end, excerpt) {
  return { start, end, kind: service === "age" ? "private_key" : "token", service, excerpt };
}

/** Whether no word goes on at either side: inside one it is base64 of something else, or a name in code. */
function isSeparate(text, start, end) {
  return !isWordAt(text, start - 1) && text[start - 1] !== "-" && !isWordAt(text, end) && text[end] !== "-";
}

function* jsonWebTokens(text) {
  let after = 0;
  for (const at of placesOf(text, JWT)) {
    // A search at each part of "eyJeyJeyJ…" would take quadratic time.
    if (at < after || isWordAt(text, at - 1) || text[at - 1] === "-") continue;
    const rest = matchAt(REST_OF_JWT, text, at + JWT.length);
    const end = rest ? at + JWT.length + rest[0].length : 0;
    if (!rest || isWordAt(text, end) || text[end] === "-" || !isRandom(rest[0])) continue;
    yield tokenOf("JSON Web Token", at, end, `${JWT}…`);
    after = end;
  }
}

function* awsSecrets(text, { start, end }) {
  const from = Math.max(0, start - AWS_NEAR);
  for (const { 0: secret, index } of matchesIn(AWS_SECRET, text.slice(from, end + AWS_NEAR), from)) {
    if (isRandom(secret)) yield tokenOf("AWS", index, index + secret.length, "…");
  }
}

/** Whether the body of a token looks random, unlike a placeholder or words with hyphens. */
function isRandom(body) {
  if (!hasDistinct(body, Math.min(8, Math.floor(body.length / 2))) || /example|xxxx/i.test(body)) return false;
  return /[0-9]/.test(body) || (!isLower(body) && /^[A-Za-z0-9]+$/.test(body));
}

function* privateKeys(text) {
  for (const { 0: head, index } of text.matchAll(KEY_HEAD)) {
    // A manual shows the head alone; in a key, base64 lines follow soon.
    const [body, near] = head.startsWith("PuTTY") ? [PUTTY_BODY, 3000] : [KEY_BODY, 400];
    const end = index + head.length;
    if (body.test(text.slice(end, end + near)))
      yield { start: index, end, kind: "private_key", excerpt: `${head.trim()}…` };
  }
}
