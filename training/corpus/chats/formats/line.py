"""Reads the .txt that LINE exports from a phone: time, name and text between tabs, below a line for each day."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..message import CALLS, LOCATIONS, MEDIA, NOTICES, Message, left_out, written
from ..phrases import reason_of

KIND = "a LINE export"
_TIME = r"(?:午前|午後|上午|下午|오전|오후)?\s?\d{1,2}:\d{2}\s?(?:[AaPp][Mm])?"
_HEADER = re.compile(rf"{_TIME}\t(?:(?P<name>[^\t]{{1,80}})\t)?(?P<text>.*)")
_DAY = re.compile(
    r"(?:\w{2,4}[,.]? )?\d{1,4}[./]\d{1,2}[./]\d{1,4}(?: ?\([^)]{1,5}\)| \w+)?|\d{4}年\d{1,2}月\d{1,2}日\S*"
)
_HEAD = re.compile(r"\[LINE\]|.{0,60}(?:Chat history|のトーク履歴|的聊天記錄|대화)")
_MEDIA = {"Photo", "Photos", "Video", "Sticker", "Voice message", "File", "Contact", "Album", "Notes", "Gift"} | {
    *("写真", "動画", "スタンプ", "ボイスメッセージ", "ファイル", "連絡先", "アルバム", "ノート"),
    *("照片", "圖片", "影片", "貼圖", "語音訊息", "檔案", "聯絡資訊", "사진", "동영상", "스티커"),
}
_PLACES = {"Location", "位置情報", "位置資訊", "위치정보"}


def recognises(head: str) -> bool:
    """Returns whether a text begins like an export: `[LINE] …`, or a line of time, name and text."""
    lines = [line for line in head.split("\n") if line.strip()][:6]
    if not lines:
        return False
    rows = [_HEADER.fullmatch(line.rstrip()) for line in lines]
    return any(row and row["name"] for row in rows) and bool(
        _HEAD.match(lines[0]) or rows[0] or _DAY.fullmatch(lines[0].strip())
    )


def messages(text: str) -> Iterator[Message]:
    """Yields the messages of an export."""
    name, lines = "", [""]
    started = False
    for line in text.split("\n"):
        if header := _HEADER.fullmatch(line.rstrip()):
            if started:
                yield _message(name, lines)
            name, lines, started = header["name"] or "", [header["text"]], True
        elif started and not _is_day(line, lines):
            lines.append(line)
    if started:
        yield _message(name, lines)


def _is_day(line: str, lines: list[str]) -> bool:
    """Returns whether a line begins a new day; inside a text in quotes it is a part of the text."""
    is_quoted = lines[0].startswith('"') and not lines[-1].rstrip().endswith('"')
    return not is_quoted and bool(_DAY.fullmatch(line.strip()))


def _message(name: str, lines: list[str]) -> Message:
    text = "\n".join(lines).strip()
    if not name:
        return left_out(NOTICES)
    if len(lines) > 1 and text.startswith('"') and text.endswith('"'):  # how LINE writes a text of several lines
        text = text[1:-1].replace('""', '"')
    inside = text[1:-1] if text.startswith("[") and text.endswith("]") else ""
    if inside in _PLACES:
        return left_out(LOCATIONS)
    if inside in _MEDIA:
        return left_out(MEDIA)
    if text.startswith("☎"):
        return left_out(CALLS)
    found = written(name, text)
    reason = reason_of(found.text)
    return left_out(reason) if reason else found
