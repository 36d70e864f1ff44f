"""Finds what must not be published by accident: e-mail addresses, phone numbers and access tokens in a text.

`scan_pieces` finds them; `report` says how many there are and where, without repeating them. The time is linear in the
length of any text: every search starts at a fixed string or a digit and reads a bounded stretch around it.

Precision comes before recall. Values reserved for examples (RFC 2606 names, fictional phone numbers, `EXAMPLE` keys)
do not count, and neither do dates, versions, IP addresses, ISBNs or long numbers in code. A phone number without a
country code counts only in a form that little else has, or after a word such as "tel.". The library phonenumbers
decides which numbers exist. Tokens have patterns of their own, because the token detectors of detect-secrets 1.5
miss 7 of the 15 tokens in the tests (Hugging Face, OpenAI, Google, …) and take quadratic time on hostile texts.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from .decode import mark_last

EMAIL = "e-mail address"
PHONE = "phone number"
PRIVATE_KEY = "private key"
URL_PASSWORD = "password in an address"  # noqa: S105  a name of a kind

PUBLISH_ANYWAY = "--publish-anyway"
_CONTEXT = 16_384  # characters; more than the longest finding and what is read before and after it


@dataclass(frozen=True)
class Finding:
    """Something that looks private: its kind, its place (line and column from 1), and a short harmless excerpt."""

    kind: str
    line: int
    column: int
    excerpt: str


@dataclass(frozen=True)
class _Match:
    start: int
    end: int
    kind: str
    excerpt: str


def scan(text: str) -> list[Finding]:
    """Returns all findings in the order of the text. Where two overlap, the one that begins first counts."""
    return list(scan_pieces([text]))


def scan_pieces(pieces: Iterable[str]) -> Iterator[Finding]:
    """Yields the findings in a text that comes in pieces, of which one or two are in memory at a time."""
    window, offset = "", 0  # the text in memory, and its place in the whole text
    scanned, last_end = 0, 0  # the end of the part that is done, and the end of the last finding
    lines = _LineCounter()
    for piece, is_last in mark_last(pieces):
        window += piece
        complete = offset + len(window) - (0 if is_last else _CONTEXT)  # a finding that begins before it is whole
        for match in _matches(window):
            start = offset + match.start
            if scanned <= start < complete and start >= last_end:
                lines.advance(window, offset, start)
                last_end = offset + match.end
                yield Finding(match.kind, lines.number, start - lines.start + 1, match.excerpt)
        scanned = max(scanned, complete)
        dropped = max(0, scanned - _CONTEXT - offset)
        lines.advance(window, offset, offset + dropped)
        window, offset = window[dropped:], offset + dropped


class _LineCounter:
    """Counts lines on the way through a text: `number` of the current line from 1, `start` its place in the text."""

    def __init__(self) -> None:
        self.number, self.start, self._at = 1, 0, 0

    def advance(self, window: str, offset: int, to: int) -> None:
        """Moves forward to the place `to`; `window` is the part of the text that begins at `offset`."""
        if breaks := window.count("\n", self._at - offset, max(self._at, to) - offset):
            self.number += breaks
            self.start = offset + window.rindex("\n", self._at - offset, to - offset) + 1
        self._at = max(self._at, to)


def _matches(text: str) -> list[_Match]:
    found = (*_private_keys(text), *_tokens(text), *_at_signs(text), *_phones(text))
    return sorted(found, key=lambda match: (match.start, -match.end))


def report(findings: Iterable[Finding], locate: Callable[[int], tuple[str, int]] | None = None, limit: int = 5) -> str:
    """Returns what a user must know before the text is published, in a few lines; "" without findings.

    Args:
        findings: read once; there may be millions.
        locate: returns (file, line in it) for a line of the text, as `Corpus.locate` does.
        limit: findings that are listed one by one.
    """
    counts: Counter[str] = Counter()
    first: list[Finding] = []
    for finding in findings:
        counts[finding.kind] += 1
        if len(first) < limit:
            first.append(finding)
    if not first:
        return ""
    parts = [f"{count:,} {kind if count == 1 else _plural(kind)}" for kind, count in counts.most_common()]
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    lines = [f"The text holds {listed}. A model can reproduce its training text, and then anyone could read them:"]
    for finding in first:
        file, line = locate(finding.line) if locate else ("", finding.line)
        place = f"{file}, line {line}" if file else f"line {line}"
        lines.append(f"  {place}, column {finding.column}: {finding.kind} {finding.excerpt}")
    if more := sum(counts.values()) - len(first):
        lines.append(f"  and {more:,} more")
    lines.append(f"Remove them from the text, publish with --private, or publish them with {PUBLISH_ANYWAY}.")
    return "\n".join(lines)


def _plural(kind: str) -> str:
    if kind == URL_PASSWORD:
        return "passwords in addresses"
    return f"{kind}es" if kind.endswith("s") else f"{kind}s"


# --- access tokens

_WORD = re.compile(r"[\w-]")


@dataclass(frozen=True)
class _TokenForm:
    """The tokens of one service: `pattern` begins with a fixed string, shown in excerpts; its group 1 is random."""

    kind: str
    pattern: re.Pattern[str]
    excerpt: str


def _token_form(kind: str, prefix: str, body: str) -> _TokenForm:
    literal = prefix.replace("\\", "").rpartition(")")[2]
    return _TokenForm(kind, re.compile(f"{prefix}({body})"), f"{literal}…")


_CHAR = "[A-Za-z0-9_-]"
_TOKEN_FORMS = (
    _token_form("Hugging Face token", "hf_", r"[A-Za-z0-9]{30,64}"),
    _token_form("Hugging Face token", "api_org_", r"[A-Za-z0-9]{30,64}"),
    *(_token_form("GitHub token", f"gh{kind}_", r"[A-Za-z0-9]{36,255}") for kind in "pousr"),
    _token_form("GitHub token", "github_pat_", r"[A-Za-z0-9_]{40,255}"),
    _token_form("GitLab token", "glpat-", _CHAR + "{20,64}"),
    _token_form("API key", "sk-", r"(?:proj|svcacct|admin|ant-[a-z0-9]{2,10}|or-v1)-" + _CHAR + "{20,255}"),
    _token_form("API key", "sk-", r"[A-Za-z0-9]{20,255}"),
    _token_form("Stripe key", "sk_live_", r"[A-Za-z0-9]{16,255}"),
    _token_form("Stripe key", "rk_live_", r"[A-Za-z0-9]{16,255}"),
    _token_form("AWS access key", "AKIA", r"[A-Z2-7]{16}"),
    _token_form("AWS access key", "ASIA", r"[A-Z2-7]{16}"),
    *(_token_form("Slack token", f"xox{kind}-", r"[A-Za-z0-9-]{10,255}") for kind in "abeoprs"),
    _token_form("Slack token", "xapp-", r"[A-Za-z0-9-]{20,255}"),
    _token_form("Google API key", "AIza", _CHAR + "{35}"),
    _token_form("Google API key", "GOCSPX-", _CHAR + "{28}"),
    _token_form("SendGrid key", "SG\\.", _CHAR + r"{22}\." + _CHAR + "{43}"),
    _token_form("package registry token", "npm_", r"[A-Za-z0-9]{36}"),
    _token_form("package registry token", "pypi-", _CHAR + "{80,255}"),
    # "eyJ" is base64 of `{"`: header and payload are JSON objects. Without the look-behind, the search in a run of
    # "eyJeyJ…" would start at each part and take quadratic time.
    _token_form(
        "JSON web token",
        r"(?<![\w-])eyJ",
        _CHAR + r"{8,2048}\.eyJ" + _CHAR + r"{4,4096}\." + _CHAR + "{16,1024}",
    ),
)


def _tokens(text: str) -> Iterator[_Match]:
    for form in _TOKEN_FORMS:
        for match in form.pattern.finditer(text):
            start, end = match.span()
            # Inside a longer word it is base64 of something else, or a name in code.
            if (start and _WORD.match(text, start - 1)) or (end < len(text) and _WORD.match(text, end)):
                continue
            if _is_random(match[1]):
                yield _Match(start, end, form.kind, form.excerpt)


def _is_random(body: str) -> bool:
    """Returns whether the body of a token looks random, unlike a placeholder or words with hyphens."""
    if len(set(body)) < min(8, len(body) // 2) or "EXAMPLE" in body.upper() or "xxxx" in body.lower():
        return False
    return any(c.isdigit() for c in body) or (not body.islower() and body.isalnum())


_KEY_HEAD = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_KEY_BODY = re.compile(r"[A-Za-z0-9+/]{32}")


def _private_keys(text: str) -> Iterator[_Match]:
    for match in _KEY_HEAD.finditer(text):
        # A manual shows the head alone; in a key, base64 lines follow soon.
        if _KEY_BODY.search(text, match.end(), match.end() + 400):
            yield _Match(match.start(), match.end(), PRIVATE_KEY, f"{match[0]}…")


# --- e-mail addresses, passwords in addresses

_AT = re.compile(r"@[A-Za-z0-9]")
_LOCAL_BACKWARDS = re.compile(r"[\w.%+-]{1,65}")
_DOMAIN = re.compile(r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_USER = re.compile(r"://[^\s/@:?#]{0,64}(?::([^\s/@?#]{0,128}))?$")  # USER or USER:PASSWORD of an address
_NOBODY = frozenset({"git", "hg", "svn", "noreply", "no-reply", "donotreply"})
_RESERVED = re.compile(r"(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid|localhost|local)$")
_PLACEHOLDER = re.compile(r"pass|pwd|secret|token|xxx|[<>{}$*]", re.IGNORECASE)

# Two letters are a country. Of the others only common ones count: most are words, and in code `x@w.name` is a matrix
# product.
_TOP_LEVEL = frozenset(
    re.findall(
        "[a-z]+",
        "com org net edu gov mil int arpa info biz name pro aero coop museum mobi jobs travel tel cat asia post app "
        "dev xyz online site club shop store tech blog live cloud space world life email digital agency academy "
        "science solutions systems today network group company center global media news design studio website page "
        "link one top vip work fun art icu social chat consulting software services foundation education university "
        "school college institute berlin hamburg koeln cologne wien bayern london paris nyc tokyo swiss scot wales",
    )
)


def _at_signs(text: str) -> Iterator[_Match]:
    for found in _AT.finditer(text):
        at = found.start()
        window = text[max(0, at - 200) : at]
        user = _USER.search(window, window.rindex("://")) if "://" in window else None
        match = _email(text, at) if user is None else _url_password(text, at, user[1] or "")
        if match is not None:
            yield match


def _url_password(text: str, at: int, password: str) -> _Match | None:
    domain = _DOMAIN.match(text, at + 1)
    if domain is None or _RESERVED.search(domain[0].lower()):
        return None
    if len(password) < 3 or _PLACEHOLDER.search(password) or not any(c.isalnum() for c in password):
        return None
    return _Match(at - len(password), domain.end(), URL_PASSWORD, f"…@{domain[0][:2]}…")


def _email(text: str, at: int) -> _Match | None:
    backwards = _LOCAL_BACKWARDS.match(text[max(0, at - 65) : at][::-1])
    if backwards is None:
        return None
    local = backwards[0][::-1].lstrip(".-%+")
    start = at - len(local)
    before = text[start - 1 : start]
    if not local or len(local) > 64 or local.endswith(".") or ".." in local or before == "@":
        return None
    if local.lower() in _NOBODY or not any(c.isalnum() for c in local):
        return None
    labels = _DOMAIN.match(text, at + 1)
    domain = _domain(labels[0]) if labels else None
    if domain is None or _RESERVED.search(domain.lower()):
        return None
    end = at + 1 + len(domain)
    if text[end : end + 1] in ("(", "[", "=", "@", "_"):  # code: a matrix product, a decorator, a handle
        return None
    return _Match(start, end, EMAIL, f"{_beginning(local)}@{_beginning(domain)}")


def _beginning(text: str) -> str:
    return f"{text[: min(2, (len(text) + 1) // 2)]}…"


def _domain(text: str) -> str | None:
    """Returns the domain at the beginning of `text`, or None. A new sentence may follow it: `me@here.org.Then`."""
    labels = text.split(".")
    while len(labels) >= 2 and labels[-1][:1].isupper() and not labels[-1].isupper():
        labels.pop()
    top = labels[-1]
    known = (len(top) == 2 and top.isalpha()) or top.lower() in _TOP_LEVEL or top.lower().startswith("xn--")
    if len(labels) < 2 or not known or top not in (top.lower(), top.upper()):
        return None
    if any(not label or label.startswith("-") or label.endswith("-") for label in labels):
        return None
    return ".".join(labels)


# --- phone numbers

_SEPARATOR = r"[ \u00a0.\-/()]{0,2}"
# (form, region whose numbering plan applies). Without a country code only forms that little else has are tried.
_PHONE_FORMS = (
    (re.compile(rf"\+[1-9](?:{_SEPARATOR}[0-9]){{7,14}}"), None),
    (re.compile(r"(?:1[-. ])?(?:\([2-9]\d\d\) ?[2-9]\d\d[-. ]|[2-9]\d\d([-.])[2-9]\d\d\1)\d{4}", re.ASCII), "US"),
    (re.compile(r"0[1-9]([ .])[0-9]{2}(?:\1[0-9]{2}){3}"), "FR"),
)
_LABELLED = re.compile(
    r"\b(?:tel|telephone|telefon|téléphone|teléfono|telefono|phone|mobile|mobil|handy|fax|whatsapp)"
    r"(?: ?(?:no|nr|number|#))?[.:]{0,2} ?[:=]? ?"
    rf"(\(?\+?[0-9](?:{_SEPARATOR}[0-9]){{6,14}})",
    re.IGNORECASE,
)
_JOINED = re.compile(r"[\w+$#@=/.:-]")  # before a number: it is the end of something longer
_CONTINUED = re.compile(r"\w|[-./:,][0-9]| ?[+*=]|[ .][0-9A-Fa-f]{2}\b")  # after it: the beginning of something longer
_DATE_OR_IP = re.compile(r"[0-9]{4}([-./])[0-9]{2}\1[0-9]{2}|[0-9]{1,3}(?:\.[0-9]{1,3}){3}$")
_DECIMAL = re.compile(r"\+[0-9]+\.[0-9]+")
# Reserved for films and books: 555-01xx and area 555 in North America, four ranges in Britain.
_FICTIONAL = re.compile(
    r"1?(?:555[0-9]{7}|[0-9]{3}55501[0-9]{2}|55501[0-9]{2})$|(?:44|0)(?:207946|7700900|1632960|114496)"
)


def _phones(text: str) -> Iterator[_Match]:
    for form, region in _PHONE_FORMS:
        for match in form.finditer(text):
            start, end = match.span()
            alone = not (start and _JOINED.match(text, start - 1)) and not _CONTINUED.match(text, end)
            if alone and not _is_made_up(match[0]) and _exists(match[0], region):
                yield _Match(start, end, PHONE, f"{match[0][:3]}…")
    for match in _LABELLED.finditer(text):  # in any form, also without the area code
        number = match[1]
        if not _CONTINUED.match(text, match.end()) and not _DATE_OR_IP.match(number) and not _is_made_up(number):
            yield _Match(match.start(1), match.end(), PHONE, f"{number[:3]}…")


def _exists(number: str, region: str | None) -> bool:
    """Returns whether the numbering plan of the region, or of the number's country code, has such a number."""
    import phonenumbers  # here, because it takes 60 ms and most runs are not published

    groups = [len(group) for group in re.findall(r"[0-9]+", number)]
    single_digits = len(groups) > 1 and max(groups[1:]) < 3 and groups[-4:] != [2, 2, 2, 2]  # a row of a table
    if _DECIMAL.fullmatch(number) or single_digits:
        return False
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False


def _is_made_up(number: str) -> bool:
    digits = re.sub(r"[^0-9]", "", number)
    pairs = [int(pair) for pair in re.findall(r"\b[0-9]{2}\b", number)]
    return (
        len(set(digits)) <= 2
        or any(run in digits for run in ("1234567", "2345678", "7654321"))
        or (len(pairs) == 5 and len({b - a for a, b in itertools.pairwise(pairs)}) == 1)  # 01 02 03 04 05
        or _FICTIONAL.match(digits) is not None
    )
