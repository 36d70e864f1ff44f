// Reads the .txt that WhatsApp exports, on Android and on an iPhone, in the date formats and languages of many countries, and turns
// it into text: its messages become turns, "NAME: text". The rules, the text and the chat format are those of
// training/corpus/chats. Tests compare both on tests/vectors/chats.json.
//
// An empty line ends a turn and never occurs inside one: it is the stop string of a model trained on such a text.
// Consecutive messages of one speaker are one turn of several lines. Times, pictures, calls and notices of the messenger are
// left out and counted. The speakers are called A, B, … in the order of their first messages, so that no name becomes a part
// of the model's format.

import { Refusal } from "../../engines/engine.js";

/** @typedef {{speaker: string, text: string}} ChatMessage without speaker or text it is left out: a picture, a call, a notice */

const MOST_NAME = 60; // characters; a longer text before a colon is a notice of the messenger
const MOST_PHRASE = 300; // characters; a longer text is no phrase of the messenger

// Day, month and year in any order; a time with or without seconds, and words such as "PM", "p. m." or "um" around it.
// An iPhone writes both in brackets, Android before a dash.
const date = (/** @type {string} */ group) =>
  String.raw`\p{Nd}{1,4}(?<${group}>[./-])\s?\p{Nd}{1,2}\k<${group}>\s?\p{Nd}{1,4}\.?[,،]?`;
const WORDS = String.raw`(?:[\p{L}\p{Nl}\p{No}]{1,8}\.?\s?){0,2}`;
const TIME = String.raw`${WORDS}\p{Nd}{1,2}[:.]\p{Nd}{2}(?:[:.]\p{Nd}{2})?\s?${WORDS}`;
const HEADER = new RegExp(
  String.raw`^(?:(?<bracket>\[)${date("phone")}\s${TIME}\]|${date("android")}\s${TIME}\s?[-–])\s`,
  "u",
);
// Left-to-right marks and similar characters, which the messenger puts around names, numbers and notices.
const MARKS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const NOTICE = "\u200e"; // begins a line that the messenger wrote, not a person
const EDITED = /(?:\u200e<[^<>\n]{0,100}>|<This message was edited>)$/u;

// What the messenger writes in place of a message: deletions, messages that were not received, live places, calls.
const PHRASES = [
  "null|live location shared|Live-Standort wurde geteilt|Ubicación en tiempo real compartida",
  "This message was deleted|You deleted this message|This message was deleted by admin",
  "Diese Nachricht wurde gelöscht|Du hast diese Nachricht gelöscht",
  "Se eliminó este mensaje|Eliminaste este mensaje|Este mensaje fue eliminado",
  "Ce message a été supprimé|Vous avez supprimé ce message",
  "Mensagem apagada|Esta mensagem foi apagada|Essa mensagem foi apagada|Você apagou esta mensagem",
  "Questo messaggio è stato eliminato|Hai eliminato questo messaggio",
  "Dit bericht is verwijderd|Dit bericht werd verwijderd|Je hebt dit bericht verwijderd",
  "Данное сообщение удалено|Сообщение удалено|Вы удалили данное сообщение|Вы удалили это сообщение",
  "Bu mesaj silindi|Bu mesajı sildiniz|Ta wiadomość została usunięta|Usunięto tę wiadomość",
  "Pesan ini telah dihapus|Pesan ini dihapus|Anda menghapus pesan ini|Anda telah menghapus pesan ini",
  "このメッセージは削除されました|このメッセージを削除しました|メッセージを削除しました",
  "此消息已删除|您删除了此消息|你删除了这条消息|此訊息已刪除|您已刪除此訊息",
  "यह संदेश हटा दिया गया है|यह मैसेज हटा दिया गया|आपने यह मैसेज हटा दिया|تم حذف هذه الرسالة|لقد حذفت هذه الرسالة",
  "Waiting for this message|Waiting for this message. This may take a while",
  "Diese Nachricht wird geladen. Dies kann eine Weile dauern|Warten auf diese Nachricht. Das kann einen Moment dauern",
  "Esperando este mensaje. Esto puede tomar tiempo|En attente de ce message. Cela peut prendre un moment",
  "Aguardando mensagem. Essa ação pode levar alguns instantes|正在等待此消息。这可能需要一点时间",
  "In attesa del messaggio. Potrebbe volerci un po' di tempo",
  "Ожидание этого сообщения. Это может занять некоторое время",
  "(?:Missed|Silenced) (?:group )?(?:voice|video) call(?:, .{1,40})?|(?:Voice|Video) call, .{1,40}",
  "Verpasster (?:Sprach|Video)anruf.{0,40}|(?:Llamada|Videollamada) perdida.{0,40}",
  "Appel (?:vocal|vidéo) manqué.{0,40}|Chamada de (?:voz|vídeo) perdida.{0,40}",
  "(?:Chiamata|Videochiamata) persa.{0,40}|Пропущенный (?:аудио|видео)звонок.{0,40}",
];
const PHRASE = new RegExp(`^(?:${PHRASES.join("|")}|)$`, "u");
const MAPS = String.raw`maps\.google\.[a-z.]{2,6}|(?:www\.)?google\.com/maps|maps\.app\.goo\.gl|foursquare\.com`;
const TURN_END = "\n\n";
// A picture or file that was left out; a poll; a place; an attachment as signal-export writes it.
const NO_TEXT = [
  /^<[^<>\n]{3,60}>$/u,
  new RegExp(String.raw`^(?:POLL|UMFRAGE|ENCUESTA|SONDAGE|ENQUETE|SONDAGGIO|ОПРОС|ANKET|ANKIETA|投票)\s?[:：]`, "u"),
  new RegExp(String.raw`^(?:[\p{L}\p{Nl}\p{No}][^:\n]{2,40}: ?)?https?://(?:${MAPS})/\S*$`, "u"),
  new RegExp(String.raw`^(?:!?\[[^\]\n]{0,200}\]\([^)\n]{1,400}\)\s*)+$`, "u"),
];

/** Returns whether a text begins like an export. @param {string} head the beginning of the text */
export function isWhatsapp(head) {
  const first = head.split("\n").find((line) => line.trim()) ?? "";
  return HEADER.test(first.replace(MARKS, ""));
}

/**
 * Yields the messages of an export; none before its first header.
 * @param {string} text with LF line ends
 * @returns {Generator<ChatMessage>}
 */
function* messagesOf(text) {
  let speaker = "";
  let lines = /** @type {string[] | null} */ (null); // of the message so far
  let style = ""; // of this file: with a bracket or without
  for (const raw of text.split("\n")) {
    const line = raw.replace(MARKS, "");
    const header = HEADER.exec(line);
    // A message may quote the header of another one, but not in the style (brackets or dash) of this very file.
    if (header && (!lines || style === (header.groups.bracket ?? ""))) {
      if (lines) yield messageOf(speaker, lines);
      style = header.groups.bracket ?? "";
      speaker = /^([^:]*):(?: |$)/.exec(line.slice(header[0].length))?.[1] ?? "";
      if ([...speaker].length > MOST_NAME || /["“”„«»]/.test(speaker)) speaker = ""; // Anna named it "Party: tonight"
      const colon = raw.indexOf(": ");
      lines = [colon < 0 ? "" : raw.slice(colon + 2)];
    } else if (lines) {
      lines.push(raw);
    }
  }
  if (lines) yield messageOf(speaker, lines);
}

function messageOf(speaker, lines) {
  const name = speaker.trim().replace(/^~/, "").replace(/\s+/g, " ").trim();
  const whole = textOf(lines);
  // The lines below a picture are its caption.
  const text = isNoText(whole) ? "" : lines[0].startsWith(NOTICE) ? textOf(lines.slice(1)) : whole;
  return { speaker: withoutEnd(name, " :"), text };
}

/** Returns the lines without marks and without empty lines, which would end a turn. */
function textOf(lines) {
  const cleaned = lines.map((line) => line.trimEnd().replace(EDITED, "").replace(MARKS, "").trimEnd());
  return cleaned.filter(Boolean).join("\n").trim();
}

function isNoText(text) {
  if (NO_TEXT.some((each) => each.test(text))) return true;
  const phrase = withoutEnd(text, ".。").replace(/^[*_ ]+/, "");
  return phrase.length < MOST_PHRASE && PHRASE.test(withoutEnd(phrase, "*_ "));
}

/** Returns a text without some characters at its end. The pattern /[ :]+$/ takes quadratic time. */
function withoutEnd(text, dropped) {
  let end = text.length;
  while (end && dropped.includes(text[end - 1])) end--;
  return text.slice(0, end);
}

/**
 * @import { ChatFormat, Message } from "../../engines/engine.js"
 * @typedef {{name: string, called: string, messages: number}} Sender the name in the export and in the text
 * @typedef {ChatFormat & {senders: Sender[], replyAs: string}} Chat the senders, those with the most messages first; the name
 *   in the export of the sender whose turns the model writes
 */

// The beginnings of chats that only Python reads: JSON of messengers and data sets (the rules of training/corpus/chats/formats.json),
// then Discord, LINE and Signal.
const IN_JSON = [
  String.raw`"type": ?"\w+_(?:chat|group|supergroup|channel)"|"ts": ?"\d{9,11}\.\d+"|"guild": ?\{|"sender_?[nN]ame":`,
  String.raw`"mapping": ?\{|"chat_messages": ?\[|"(?:instruction|prompt|question)": ?"[^]*"(?:output|response|completion|answer)":`,
  String.raw`"(?:role|from|name|speaker|sender|author|user|username)": ?"[^"\n]*"\}?,\s*"(?:content|text|message|value|body)":`,
];
const OTHERS = [
  new RegExp(String.raw`^\s*[{[][^]*(?:${IN_JSON.join("|")})`),
  /^={20,}\nGuild: |^\[LINE\] |^(?:Conversation: .*\n+)?From: .*\n(?:To: .*\n)?Type: /,
];

/** Returns whether a text begins like a chat that this page does not read. @param {string} head */
export function isOtherChat(head) {
  return OTHERS.some((pattern) => pattern.test(head));
}

/**
 * Returns the turns of an export as text, the format in which a model of it is prompted, and notes for the visitor.
 * @param {string} export_ with LF line ends
 * @param {string} name of the file, for messages
 * @param {string | null} [replyAs] the sender whose turns the model writes; without one, the sender with the most messages
 * @returns {{text: string, chat: Chat, notes: Message[]}}
 * @throws {Refusal} the export has no message, or messages of one sender only
 */
export function readChat(export_, name, replyAs = null) {
  const found = /** @type {Map<string, Sender>} */ (new Map());
  const turns = /** @type {string[][]} */ ([]); // a turn is a list of messages
  let [previous, count, all] = ["", 0, 0];
  for (const { speaker, text } of messagesOf(export_)) {
    all++;
    if (!speaker || !text) continue;
    const sender = found.get(speaker) ?? { name: speaker, called: lettersOf(found.size), messages: 0 };
    found.set(speaker, sender);
    sender.messages++;
    count++;
    if (speaker === previous) turns.at(-1).push(text);
    else turns.push([`${sender.called}: ${text}`]);
    previous = speaker;
  }
  const senders = [...found.values()].sort((a, b) => b.messages - a.messages);
  if (!senders.length) throw new Refusal({ id: "text.chat_empty", values: { name } });
  const replies = senders.find((each) => each.name === replyAs) ?? senders[0];
  const asks = senders.find((each) => each !== replies);
  if (!asks) throw new Refusal({ id: "text.chat_one_speaker", values: { name, speaker: replies.name } });
  const names = { replies: replies.name, asks: asks.name };
  const notes = [
    { id: "text.chat_read", values: { count, senders: senders.length, ...names } },
    { id: "text.chat_letters", values: { ...names, replies_letter: replies.called, asks_letter: asks.called } },
    ...(all > count ? [{ id: "text.chat_left_out", values: { count: all - count, all } }] : []),
  ];
  const format = { prefix: `${asks.called}: `, suffix: `${TURN_END}${replies.called}: `, stop: TURN_END };
  const text = `${turns.map((turn) => turn.join("\n")).join(TURN_END)}\n`;
  return { text, chat: { ...format, senders, replyAs: replies.name }, notes };
}

/** Returns A, B, …, Z, AA, AB, … for 0, 1, …. @param {number} number */
function lettersOf(number) {
  const last = String.fromCharCode(65 + (number % 26));
  return number < 26 ? last : lettersOf(Math.floor(number / 26) - 1) + last;
}
