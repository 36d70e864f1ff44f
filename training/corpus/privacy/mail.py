"""E-mail addresses, also international and quoted-printable ones, and passwords in addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .findings import EMAIL, IN_ADDRESS, Match

_AT = re.compile(r"(?:@|(?<=[A-Za-z0-9])=40)(?=\w)")  # =40 in quoted-printable text
_LOCAL_BACKWARDS = re.compile(r"[\w.%+-]{1,65}")
_DOMAIN = re.compile(r"[^\W_](?:[^\W_]|-){0,62}(?:\.(?:[^\W_]|-){1,63}){1,8}")
_ASCII_DOMAIN = re.compile(_DOMAIN.pattern, re.ASCII)
_USER = re.compile(r"://[^\s/@:?#]{0,64}(?::([^\s/@?#]{0,128}))?$")  # USER or USER:PASSWORD of an address
_NOT_PERSONAL = frozenset({"git", "hg", "svn", "noreply", "no-reply", "donotreply"})
_RESERVED = re.compile(r"(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid|localhost|local)$")
_PLACEHOLDER = re.compile(r"pass|pwd|secret|token|xxx|[<>{}$*]", re.IGNORECASE)
_SOFT_BREAK = re.compile(r"=\r?\n")  # of quoted-printable text
_CODED = re.compile(r"=(?:\r?\n|[0-9A-F]{2})")  # what may follow an address in quoted-printable text
_METHODS = frozenset(re.findall(r"\w+", "to mv mm eq ne lt gt ge le is in at it id"))  # in code: x@w.to(device)
_CODE = ("[", "@", "_")  # the character after a matrix product, a decorator or a handle that looks like an address

# Two letters are a country. Of longer ones only common ones are listed: most are words, and in code `x@w.name` is a
# matrix product.
_TOP_LEVEL = frozenset(
    re.findall(
        r"\w+",
        "com org net edu gov mil int arpa info biz name pro aero coop museum mobi jobs travel tel cat asia post app "
        "dev xyz online site club shop store tech blog live cloud space world life email digital agency academy "
        "science solutions systems today network group company center global media news design studio website page "
        "link one top vip work fun art icu social chat consulting software services foundation education university "
        "school college institute berlin hamburg koeln cologne wien bayern london paris nyc tokyo swiss scot wales "
        "рф рус бел укр срб қаз мон москва онлайн сайт дети ком орг 中国 中國 香港 台灣 台湾 澳門 新加坡 公司 网络 "
        "한국 みんな コム भारत भारतम् ভারত ไทย لبنان مصر السعودية امارات ایران الجزائر المغرب تونس قطر بھارت ישראל ελ ευ",
    )
)


def mail(text: str) -> Iterator[Match]:
    """Yields e-mail addresses, and passwords in addresses such as `https://user:password@host`."""
    for found in _AT.finditer(text):
        at = found.start()
        window = text[max(0, at - 200) : at]
        user = _USER.search(window, window.rindex("://")) if "://" in window else None
        match = _url_password(text, at, user[1] or "") if user else _email(text, at, found.end())
        if match is not None:
            yield match


def _url_password(text: str, at: int, password: str) -> Match | None:
    domain = _DOMAIN.match(text, at + 1)
    if domain is None or _RESERVED.search(domain[0].lower()):
        return None
    if len(password) < 3 or _PLACEHOLDER.search(password) or not any(c.isalnum() for c in password):
        return None
    return Match(at - len(password), domain.end(), IN_ADDRESS, f"…@{domain[0][:2]}…")


def _email(text: str, at: int, after: int) -> Match | None:
    """Returns the address around the sign at `at`; its domain begins at `after`."""
    backwards = _LOCAL_BACKWARDS.match(text[max(0, at - 65) : at][::-1])
    if backwards is None:
        return None
    local = backwards[0][::-1].lstrip(".-%+")
    start = at - len(local)
    before = text[start - 1 : start] if start else ""
    if not local or len(local) > 64 or local.endswith(".") or ".." in local or before == "@":
        return None
    if local.lower() in _NOT_PERSONAL or not any(c.isalnum() for c in local):
        return None
    found = _domain_at(text, after)
    if found is None:
        return None
    domain, end = found
    top = domain.rpartition(".")[2].lower()
    following = text[end : end + 1]
    if _RESERVED.search(domain.lower()) or following in _CODE:
        return None
    if following == "(" and ((len(top) != 2 and top not in ("com", "org", "net", "info")) or top in _METHODS):
        return None
    if following == "=" and not _CODED.match(text, end):
        return None
    return Match(start, end, EMAIL, f"{_beginning(local)}@{_beginning(domain)}")


def _domain_at(text: str, start: int) -> tuple[str, int] | None:
    """Returns the domain that begins at a place, and its end; a line of quoted-printable text may end inside it."""
    for pattern in (_DOMAIN, _ASCII_DOMAIN):  # Chinese text may follow a domain without a space
        labels = pattern.match(text, start)
        domain = _domain(labels[0]) if labels else None
        if domain is not None:
            return domain, start + len(domain)
    whole = text[start : start + 200]
    soft = _SOFT_BREAK.search(whole)
    if soft is None:
        return None
    joined = whole[: soft.start()] + whole[soft.end() :]
    labels = _DOMAIN.match(joined)
    domain = _domain(labels[0]) if labels and labels.end() > soft.start() else None
    return None if domain is None else (domain, start + len(domain) + len(soft[0]))


def _beginning(text: str) -> str:
    return f"{text[: min(2, (len(text) + 1) // 2)]}…"


def _domain(text: str) -> str | None:
    """Returns the domain at the beginning of `text`, or None. A new sentence may follow it: `me@here.org.Then`."""
    labels = text.split(".")
    while len(labels) >= 2 and labels[-1][:1].isupper() and not labels[-1].isupper():
        labels.pop()
    top = labels[-1]
    is_country = len(top) == 2 and top.isalpha() and top.isascii()
    known = is_country or top.lower() in _TOP_LEVEL or top.lower().startswith("xn--")
    if len(labels) < 2 or not known or top not in (top.lower(), top.upper()):
        return None
    if any(not label or label.startswith("-") or label.endswith("-") for label in labels):
        return None
    return ".".join(labels)
