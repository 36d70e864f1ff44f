// Lines of exported chats: who wrote what and when, as messengers export it: the rules of training/corpus/privacy.py.
// One such line may be quoted anywhere, so a line counts only if another one is near.

/** @typedef {import("./matching.js").Match} Match */

const NEAR = 2000; // characters from one line to the next
const MARK = "[\u200e\u200f\u202a-\u202e]{0,2}";
const DATE = String.raw`${MARK}\p{Nd}{1,4}${MARK}[.\/\-]\s?\p{Nd}{1,2}${MARK}[.\/\-]\s?\p{Nd}{1,4}\.?[,،]?`;
const LETTER = String.raw`[\p{L}\p{Nl}\p{No}]`;
const CLOCK = String.raw`(?:${LETTER}{1,8}\s?)?\p{Nd}{1,2}[:.]\p{Nd}{2}(?:[:.]\p{Nd}{2})?(?:\s?${LETTER}\.?(?:\s?${LETTER}\.?)?)?`;
const NAME = String.raw`(?!(?:DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL|TRACE|NOTICE)\b)[^\s:][^:\n]{0,59}: `;
// A line of WhatsApp on Android; of WhatsApp on an iPhone, signal-export or DiscordChatExporter.
const LINE = new RegExp(
  String.raw`^${MARK}(?:${DATE}\s${CLOCK}\s?[\-–]\s${NAME}` +
    String.raw`|\[(?:${DATE}|\p{Nd}{2}-[A-Z][a-z]{2}-\p{Nd}{2}(?:\p{Nd}{2})?)\s${CLOCK}\]\s${NAME})`,
  "gmu",
);
// Of JSON from Facebook, Instagram, Slack or Telegram; of JSON from Matrix; of HTML from Telegram.
const RECORD =
  /"(?:from_id|sender_name|client_msg_id)": ?"[^"\n]{1,100}"|"type": ?"m\.room\.message"|<div class="from_name">/g;

/** Yields the lines of exported chats. @param {string} text @returns {Generator<Match>} */
export function* chatLines(text) {
  const found = [LINE, RECORD]
    .flatMap((pattern) => Array.from(text.matchAll(pattern), matchOf))
    .sort((a, b) => a.start - b.start);
  for (const [n, match] of found.entries()) {
    const isNear =
      match.start - (found[n - 1]?.start ?? -NEAR) < NEAR || (found[n + 1]?.start ?? Infinity) - match.start < NEAR;
    if (isNear) yield match;
  }
}

function matchOf({ 0: found, index }) {
  return { start: index, end: index + found.length, kind: "chat", excerpt: `${found.slice(0, 3).trim()}…` };
}
