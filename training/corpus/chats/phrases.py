"""The phrases that messengers write in place of a message, in many languages: deletions, polls, calls, places.

The same phrases are in web/learn/corpus/phrases.js; shared test vectors hold one sample of each.
"""

from __future__ import annotations

import re

from .message import CALLS, DELETED, EMPTY, LOCATIONS, MEDIA, POLLS, UNAVAILABLE

_DELETED = {
    *("This message was deleted", "You deleted this message", "This message was deleted by admin"),
    *("Diese Nachricht wurde gelöscht", "Du hast diese Nachricht gelöscht"),
    *("Se eliminó este mensaje", "Eliminaste este mensaje", "Este mensaje fue eliminado"),
    *("Ce message a été supprimé", "Vous avez supprimé ce message"),
    *("Mensagem apagada", "Esta mensagem foi apagada", "Essa mensagem foi apagada", "Você apagou esta mensagem"),
    *("Questo messaggio è stato eliminato", "Hai eliminato questo messaggio"),
    *("Dit bericht is verwijderd", "Dit bericht werd verwijderd", "Je hebt dit bericht verwijderd"),
    *("Данное сообщение удалено", "Сообщение удалено", "Вы удалили данное сообщение", "Вы удалили это сообщение"),
    *("Bu mesaj silindi", "Bu mesajı sildiniz"),
    *("Ta wiadomość została usunięta", "Usunięto tę wiadomość"),
    *("Pesan ini telah dihapus", "Pesan ini dihapus", "Anda menghapus pesan ini", "Anda telah menghapus pesan ini"),
    *("このメッセージは削除されました", "このメッセージを削除しました", "メッセージを削除しました"),
    *("此消息已删除", "您删除了此消息", "你删除了这条消息", "此訊息已刪除", "您已刪除此訊息"),
    *("यह संदेश हटा दिया गया है", "यह मैसेज हटा दिया गया", "आपने यह मैसेज हटा दिया"),
    *("تم حذف هذه الرسالة", "لقد حذفت هذه الرسالة"),
}
_UNAVAILABLE = {
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
}
_CALL = re.compile(
    r"(?:Missed|Silenced) (?:group )?(?:voice|video) call(?:, .{1,40})?|(?:Voice|Video) call, .{1,40}"
    r"|Verpasster (?:Sprach|Video)anruf.{0,40}|(?:Llamada|Videollamada) perdida.{0,40}"
    r"|Appel (?:vocal|vidéo) manqué.{0,40}|Chamada de (?:voz|vídeo) perdida.{0,40}"
    r"|(?:Chiamata|Videochiamata) persa.{0,40}|Пропущенный (?:аудио|видео)звонок.{0,40}"
)
_POLL = re.compile(r"(?:POLL|UMFRAGE|ENCUESTA|SONDAGE|ENQUETE|SONDAGGIO|ОПРОС|ANKET|ANKIETA|投票)\s?[:：]")
_PLACE = re.compile(
    r"(?:[^\W\d_][^:\n]{2,40}: ?)?https?://(?:maps\.google\.[a-z.]{2,6}|(?:www\.)?google\.com/maps|maps\.app\.goo\.gl"
    r"|foursquare\.com)/\S*"
)
_LIVE_PLACE = {"live location shared", "Live-Standort wurde geteilt", "Ubicación en tiempo real compartida"}
_OMITTED = re.compile(r"<[^<>\n]{3,60}>")


def reason_of(text: str) -> str:
    """Returns the reason, one of those in `message`, for which a cleaned text is left out; "" for a person's text."""
    phrase = text.rstrip(".。").strip("*_ ")
    if phrase in _DELETED:
        return DELETED
    if phrase in _UNAVAILABLE:
        return UNAVAILABLE
    if phrase in ("", "null"):
        return EMPTY
    if _OMITTED.fullmatch(text):
        return MEDIA
    if _POLL.match(text):
        return POLLS
    if phrase in _LIVE_PLACE or _PLACE.fullmatch(text):
        return LOCATIONS
    return CALLS if _CALL.fullmatch(phrase) else ""
