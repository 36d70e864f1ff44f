"""Turns HTML into text: what a reader sees, one line for each paragraph, without scripts, styles and navigation."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_BREAKS = {
    *("address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd", "div", "dl", "dt"),
    *("figcaption", "figure", "footer", "form", "header", "hr", "html", "legend", "li", "main", "ol", "option"),
    *("section", "summary", "table", "tbody", "tfoot", "thead", "title", "tr", "ul"),
}
_PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "pre"}
_UNSEEN = {"script", "style", "template", "noscript", "svg", "math", "iframe", "object", "nav", "select", "textarea"}
_CELLS = {"td", "th"}
_CHARSET = re.compile(
    rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w.:-]{2,40})|<\?xml[^>]{0,200}encoding=[\"']([\w.:-]+)", re.IGNORECASE
)
_MARKUP = re.compile(
    rb"\s*(?:<\?xml[^>]{0,400}>\s*)?(?:<!--.{0,4000}?-->\s*)*<(?:!doctype html|html|head|body)\b",
    re.DOTALL | re.IGNORECASE,
)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)|<[!?](?![dD][oO][cC])[^>]*(?:>|\Z)", re.DOTALL)
_OPEN_TAG = re.compile(r"<(?=[^<>]*(?:<|\Z))")  # the first character of a tag without an end


def is_web_page(head: bytes) -> bool:
    """Returns whether a file begins like HTML."""
    return bool(_MARKUP.match(head.removeprefix(b"\xef\xbb\xbf")))


def charset_of(page: bytes) -> str | None:
    """Returns the encoding that a page names for itself in its first 4 kB; None if it names none."""
    found = _CHARSET.search(page[:4096])
    return (found[1] or found[2]).decode("ascii", "ignore") if found else None


def text_of(page: str) -> str:
    """Returns the text of a page."""
    reader = _Reader()
    # html.parser takes quadratic time, and more, for comments and tags without an end in Python 3.12 and older.
    reader.feed(_OPEN_TAG.sub("&lt;", _COMMENT.sub("", page)))
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._parts: list[str] = []
        self._unseen = 0  # open elements that are not shown
        self._preformatted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._unseen += tag in _UNSEEN
        self._break(tag)
        self._preformatted += tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        self._break(tag)
        if tag == "pre":
            self._preformatted = max(0, self._preformatted - 1)

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._parts.append(data)

    def _break(self, tag: str) -> None:
        if tag in _CELLS:
            self._parts.append(" ")
        if tag in _BREAKS or tag in _PARAGRAPHS:
            self._end_line()
        if tag in _PARAGRAPHS and self._lines and self._lines[-1]:
            self._lines.append("")

    def _end_line(self) -> None:
        text = "".join(self._parts)
        self._parts.clear()
        if self._preformatted:
            self._lines += text.strip("\n").rstrip().split("\n") if text.strip() else []
        elif line := " ".join(text.split()):
            self._lines.append(line)

    def text(self) -> str:
        self._end_line()
        return "\n".join(self._lines).strip("\n") + "\n" if any(self._lines) else ""
