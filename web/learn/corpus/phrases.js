// What messengers write in place of a message, in the languages of their users: deletions, polls, calls, places. The same
// phrases are in training/corpus/chats/formats.json; the shared test vectors hold one sample of each.

import { SPACES, rstrip } from "./strings.js";

const DELETED = new Set([
  ...["This message was deleted", "You deleted this message", "This message was deleted by admin"],
  ...["Diese Nachricht wurde gelöscht", "Du hast diese Nachricht gelöscht"],
  ...["Se eliminó este mensaje", "Eliminaste este mensaje", "Este mensaje fue eliminado"],
  ...["Ce message a été supprimé", "Vous avez supprimé ce message"],
  ...["Mensagem apagada", "Esta mensagem foi apagada", "Essa mensagem foi apagada", "Você apagou esta mensagem"],
  ...["Questo messaggio è stato eliminato", "Hai eliminato questo messaggio"],
  ...["Dit bericht is verwijderd", "Dit bericht werd verwijderd", "Je hebt dit bericht verwijderd"],
  ...["Данное сообщение удалено", "Сообщение удалено", "Вы удалили данное сообщение", "Вы удалили это сообщение"],
  ...["Bu mesaj silindi", "Bu mesajı sildiniz"],
  ...["Ta wiadomość została usunięta", "Usunięto tę wiadomość"],
  ...["Pesan ini telah dihapus", "Pesan ini dihapus", "Anda menghapus pesan ini", "Anda telah menghapus pesan ini"],
  ...["このメッセージは削除されました", "このメッセージを削除しました", "メッセージを削除しました"],
  ...["此消息已删除", "您删除了此消息", "你删除了这条消息", "此訊息已刪除", "您已刪除此訊息"],
  ...["यह संदेश हटा दिया गया है", "यह मैसेज हटा दिया गया", "आपने यह मैसेज हटा दिया"],
  ...["تم حذف هذه الرسالة", "لقد حذفت هذه الرسالة"],
]);
const UNAVAILABLE = new Set([
  "Waiting for this message. This may take a while",
  "Waiting for this message",
  "Diese Nachricht wird geladen. Dies kann eine Weile dauern",
  "Warten auf diese Nachricht. Das kann einen Moment dauern",
  "Esperando este mensaje. Esto puede tomar tiempo",
  "En attente de ce message. Cela peut prendre un moment",
  "Aguardando mensagem. Essa ação pode levar alguns instantes",
  "In attesa del messaggio. Potrebbe volerci un po' di tempo",
  "Ожидание этого сообщения. Это может занять некоторое время",
  "正在等待此消息。这可能需要一点时间",
]);
const LIVE_PLACE = new Set([
  "live location shared",
  "Live-Standort wurde geteilt",
  "Ubicación en tiempo real compartida",
]);
const CALLS = [
  "(?:Missed|Silenced) (?:group )?(?:voice|video) call(?:, [^\\n]{1,40})?|(?:Voice|Video) call, [^\\n]{1,40}",
  "Verpasster (?:Sprach|Video)anruf[^\\n]{0,40}|(?:Llamada|Videollamada) perdida[^\\n]{0,40}",
  "Appel (?:vocal|vidéo) manqué[^\\n]{0,40}|Chamada de (?:voz|vídeo) perdida[^\\n]{0,40}",
  "(?:Chiamata|Videochiamata) persa[^\\n]{0,40}|Пропущенный (?:аудио|видео)звонок[^\\n]{0,40}",
];
const CALL = new RegExp(`^(?:${CALLS.join("|")})$`, "u");
const POLL = new RegExp(
  `^(?:POLL|UMFRAGE|ENCUESTA|SONDAGE|ENQUETE|SONDAGGIO|ОПРОС|ANKET|ANKIETA|投票)[${SPACES}]?[:：]`,
  "u",
);
const MAPS = ["maps\\.google\\.[a-z.]{2,6}|(?:www\\.)?google\\.com\\/maps|maps\\.app\\.goo\\.gl", "foursquare\\.com"];
const PLACE = new RegExp(
  `^(?:[\\p{L}\\p{Nl}\\p{No}][^:\\n]{2,40}: ?)?https?:\\/\\/(?:${MAPS.join("|")})\\/[^${SPACES}]*$`,
  "u",
);
const OMITTED = /^<[^<>\n]{3,60}>$/u;

/** Returns whether a cleaned text is a phrase of the messenger instead of a person's message. @param {string} text */
export function isPhrase(text) {
  const phrase = rstrip(text, ".。")
    .replace(/^[*_ ]+/, "")
    .replace(/[*_ ]+$/, "");
  if (phrase === "" || phrase === "null" || DELETED.has(phrase) || UNAVAILABLE.has(phrase) || LIVE_PLACE.has(phrase))
    return true;
  return [OMITTED, PLACE].some((each) => each.test(text)) || POLL.test(text) || CALL.test(phrase);
}
