"""What must not be published by accident: e-mail addresses, phone numbers and access tokens in a text.

`scan_pieces` finds them, `report` says how many and where without repeating them. Both see text only: no files, no
network. The time is linear in the text whatever it holds, for every search starts at a fixed string or a digit and
looks at a bounded stretch around it.

Made to be right rather than complete: what is reserved for examples (RFC 2606 names, fictional phone numbers,
`EXAMPLE` keys) does not count, nor do dates, versions, addresses of machines, ISBNs or long numbers in code. A phone
number without a country code counts only in a form that little else has, or after a word such as "tel.".
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

EMAIL = "e-mail address"
PHONE = "phone number"
PRIVATE_KEY = "private key"
URL_PASSWORD = "password in an address"

GO_ON_OPTION = "--publish-anyway"
_AROUND = 16_384  # characters; more than the longest finding and what is looked at before and after it


@dataclass(frozen=True)
class Finding:
    """One thing that looks private: what, where (both from 1), and an excerpt too short to be of use to anyone."""

    kind: str
    line: int
    column: int
    excerpt: str


@dataclass(frozen=True)
class _Hit:
    start: int
    end: int
    kind: str
    excerpt: str


def scan(text: str) -> list[Finding]:
    """All findings in the order of the text. Where two overlap, the one that begins first counts."""
    return list(scan_pieces([text]))


def scan_pieces(pieces: Iterable[str]) -> Iterator[Finding]:
    """The findings in a text that comes in pieces, of which no more than one or two are in memory at once."""
    window, base = "", 0  # what is looked at, and its place in the text
    told, end = 0, 0  # up to where findings were told, and where the last of them ends
    lines = _Lines()
    for piece, last in _with_last(pieces):
        window += piece
        sure = base + len(window) - (0 if last else _AROUND)  # what begins before it is seen to its end
        for hit in _hits(window):
            start = base + hit.start
            if told <= start < sure and start >= end:
                lines.go_on(window, base, start)
                end = base + hit.end
                yield Finding(hit.kind, lines.number, start - lines.start + 1, hit.excerpt)
        told = max(told, sure)
        dropped = max(0, told - _AROUND - base)
        lines.go_on(window, base, base + dropped)
        window, base = window[dropped:], base + dropped


class _Lines:
    """Counts the lines of a text on the way through it: `number` from 1, and where in the text it starts."""

    def __init__(self) -> None:
        self.number, self.start, self._at = 1, 0, 0

    def go_on(self, window: str, base: int, to: int) -> None:
        """Goes on to a place in the text, whose part from `base` on is `window`; never back."""
        if breaks := window.count("\n", self._at - base, max(self._at, to) - base):
            self.number += breaks
            self.start = base + window.rindex("\n", self._at - base, to - base) + 1
        self._at = max(self._at, to)


def _with_last(pieces: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Each piece, and whether it is the last."""
    rest = iter(pieces)
    before = next(rest, "")
    for piece in rest:
        yield before, False
        before = piece
    yield before, True


def _hits(text: str) -> list[_Hit]:
    found = (*_private_keys(text), *_tokens(text), *_at_signs(text), *_phones(text))
    return sorted(found, key=lambda hit: (hit.start, -hit.end))


def report(findings: Iterable[Finding], locate: Callable[[int], tuple[str, int]] | None = None, limit: int = 5) -> str:
    """What a person must know before such a text is published, in a few lines; "" if there is nothing.

    `locate` gives (file, line in it) of a line of the text, as `Corpus.locate` does.
    """
    counts: Counter[str] = Counter()
    first: list[Finding] = []
    for finding in findings:  # there may be millions
        counts[finding.kind] += 1
        if len(first) < limit:
            first.append(finding)
    if not first:
        return ""
    parts = [f"{count:,} {kind if count == 1 else _plural(kind)}" for kind, count in counts.most_common()]
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    lines = [f"The text holds {listed}. A model can write out what it was trained on, and anyone could read it:"]
    for finding in first:
        file, line = locate(finding.line) if locate else ("", finding.line)
        place = f"{file}, line {line}" if file else f"line {line}"
        lines.append(f"  {place}, column {finding.column}: {finding.kind} {finding.excerpt}")
    if more := sum(counts.values()) - len(first):
        lines.append(f"  and {more:,} more")
    lines.append(f"Take them out of the text, publish with --private, or go on with {GO_ON_OPTION}.")
    return "\n".join(lines)


def _plural(kind: str) -> str:
    if kind == URL_PASSWORD:
        return "passwords in addresses"
    return f"{kind}es" if kind.endswith("s") else f"{kind}s"


# --- access tokens

_WORD = re.compile(r"[\w-]")


@dataclass(frozen=True)
class _TokenForm:
    """A service's tokens: `pattern` begins with a fixed string, which `shown` repeats; its group 1 is random."""

    kind: str
    pattern: re.Pattern[str]
    shown: str


def _form(kind: str, prefix: str, body: str) -> _TokenForm:
    literal = prefix.replace("\\", "").rpartition(")")[2]
    return _TokenForm(kind, re.compile(f"{prefix}({body})"), f"{literal}…")


_B = "[A-Za-z0-9_-]"
_TOKEN_FORMS = (
    _form("Hugging Face token", "hf_", r"[A-Za-z0-9]{30,64}"),
    _form("Hugging Face token", "api_org_", r"[A-Za-z0-9]{30,64}"),
    *(_form("GitHub token", f"gh{kind}_", r"[A-Za-z0-9]{36,255}") for kind in "pousr"),
    _form("GitHub token", "github_pat_", r"[A-Za-z0-9_]{40,255}"),
    _form("GitLab token", "glpat-", _B + "{20,64}"),
    _form("API key", "sk-", r"(?:proj|svcacct|admin|ant-[a-z0-9]{2,10}|or-v1)-" + _B + "{20,255}"),
    _form("API key", "sk-", r"[A-Za-z0-9]{20,255}"),
    _form("Stripe key", "sk_live_", r"[A-Za-z0-9]{16,255}"),
    _form("Stripe key", "rk_live_", r"[A-Za-z0-9]{16,255}"),
    _form("AWS access key", "AKIA", r"[A-Z2-7]{16}"),
    _form("AWS access key", "ASIA", r"[A-Z2-7]{16}"),
    *(_form("Slack token", f"xox{kind}-", r"[A-Za-z0-9-]{10,255}") for kind in "abeoprs"),
    _form("Slack token", "xapp-", r"[A-Za-z0-9-]{20,255}"),
    _form("Google API key", "AIza", _B + "{35}"),
    _form("Google API key", "GOCSPX-", _B + "{28}"),
    _form("SendGrid key", "SG\\.", _B + r"{22}\." + _B + "{43}"),
    _form("package registry token", "npm_", r"[A-Za-z0-9]{36}"),
    _form("package registry token", "pypi-", _B + "{80,255}"),
    # Base64 of `{"`: a header, and after the dot a payload, which are JSON objects both. Without the look behind, a
    # run of "eyJeyJ…" would be searched from each of its parts.
    _form("JSON web token", r"(?<![\w-])eyJ", _B + r"{8,2048}\.eyJ" + _B + r"{4,4096}\." + _B + "{16,1024}"),
)


def _tokens(text: str) -> Iterator[_Hit]:
    for form in _TOKEN_FORMS:
        for match in form.pattern.finditer(text):
            start, end = match.span()
            # Part of a longer word: base64 of something else, or a name in code.
            if (start and _WORD.match(text, start - 1)) or (end < len(text) and _WORD.match(text, end)):
                continue
            if _is_random(match[1]):
                yield _Hit(start, end, form.kind, form.shown)


def _is_random(body: str) -> bool:
    """Whether a token's body is one that a machine drew, and not a placeholder or words with hyphens."""
    if len(set(body)) < min(8, len(body) // 2) or "EXAMPLE" in body.upper() or "xxxx" in body.lower():
        return False
    return any(c.isdigit() for c in body) or (not body.islower() and body.isalnum())


_KEY_HEAD = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_KEY_BODY = re.compile(r"[A-Za-z0-9+/]{32}")


def _private_keys(text: str) -> Iterator[_Hit]:
    for match in _KEY_HEAD.finditer(text):
        # A manual shows the head alone; a key has its base64 lines soon after.
        if _KEY_BODY.search(text, match.end(), match.end() + 400):
            yield _Hit(match.start(), match.end(), PRIVATE_KEY, f"{match[0]}…")


# --- what has an @

_AT = re.compile(r"@[A-Za-z0-9]")
_LOCAL_BACKWARDS = re.compile(r"[\w.%+-]{1,65}")
_DOMAIN = re.compile(r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_USER = re.compile(r"://[^\s/@:?#]{0,64}(?::([^\s/@?#]{0,128}))?$")  # of an address: USER or USER:PASSWORD
_NOBODY = frozenset({"git", "hg", "svn", "noreply", "no-reply", "donotreply"})
_RESERVED = re.compile(r"(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid|localhost|local)$")
_PLACEHOLDER = re.compile(r"pass|pwd|secret|token|xxx|[<>{}$*]", re.IGNORECASE)

# Top-level domains of two letters are countries'. Of the others the common ones are named here: most that exist are
# words, and in code `x@w.name_of_an_attribute` is a product of matrices.
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


def _at_signs(text: str) -> Iterator[_Hit]:
    for match in _AT.finditer(text):
        at = match.start()
        window = text[max(0, at - 200) : at]
        user = _USER.search(window, window.rindex("://")) if "://" in window else None
        hit = _email(text, at) if user is None else _url_password(text, at, user[1] or "")
        if hit is not None:
            yield hit


def _url_password(text: str, at: int, password: str) -> _Hit | None:
    domain = _DOMAIN.match(text, at + 1)
    if domain is None or _RESERVED.search(domain[0].lower()):
        return None
    if len(password) < 3 or _PLACEHOLDER.search(password) or not any(c.isalnum() for c in password):
        return None
    return _Hit(at - len(password), domain.end(), URL_PASSWORD, f"…@{domain[0][:2]}…")


def _email(text: str, at: int) -> _Hit | None:
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
    match = _DOMAIN.match(text, at + 1)
    domain = _domain(match[0]) if match else None
    if domain is None or _RESERVED.search(domain.lower()):
        return None
    end = at + 1 + len(domain)
    if text[end : end + 1] in ("(", "[", "=", "@", "_"):  # code: a product of matrices, a decorator, a handle
        return None
    return _Hit(start, end, EMAIL, f"{_head(local)}@{_head(domain)}")


def _head(text: str) -> str:
    return f"{text[: min(2, (len(text) + 1) // 2)]}…"


def _domain(labels_text: str) -> str | None:
    """The domain at the beginning of `labels_text`, or None. A sentence may go on after it: `me@here.org.Then`."""
    labels = labels_text.split(".")
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
_INTERNATIONAL = re.compile(rf"\+[1-9](?:{_SEPARATOR}[0-9]){{7,14}}")
_NORTH_AMERICAN = re.compile(
    r"(?:1[-. ])?(?:\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[-. ]|[2-9][0-9]{2}([-.])[2-9][0-9]{2}\1)[0-9]{4}"
)
_PAIRS = re.compile(r"0[1-9]([ .])[0-9]{2}(?:\1[0-9]{2}){3}")  # as in France: 06 xx xx xx xx
_LABELLED = re.compile(
    r"\b(?:tel|telephone|telefon|téléphone|teléfono|telefono|phone|mobile|mobil|handy|fax|whatsapp)"
    r"(?: ?(?:no|nr|number|#))?[.:]{0,2} ?[:=]? ?"
    rf"(\(?\+?[0-9](?:{_SEPARATOR}[0-9]){{6,14}})",
    re.IGNORECASE,
)
_JOINED = re.compile(r"[\w+$#@=/.:-]")  # before a number: it is the end of something longer
_GOES_ON = re.compile(r"\w|[-./:,][0-9]| ?[+*=]|[ .][0-9A-Fa-f]{2}\b")
_DATE = re.compile(r"[0-9]{4}([-./])[0-9]{2}\1[0-9]{2}|[0-9]{1,3}(?:\.[0-9]{1,3}){3}$")  # or an IPv4 address

_COUNTRY_CODE = re.compile(
    "1|7|20|27|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|21[1-368]|2[2-6][0-9]|29[01789]|35[0-9]|37[0-8]|"
    "38[0-35-79]|42[013]|50[0-9]|59[0-9]|67[02-9]|68[0-35-9]|69[0-2]|85[02356]|88[06]|96[0-8]|97[0-79]|99[2-68]"
)
# Numbers that are kept for films and books: 555-01xx and area 555 in North America, four ranges in Britain.
_FICTIONAL = re.compile(
    r"1?(?:555[0-9]{7}|[0-9]{3}55501[0-9]{2}|55501[0-9]{2})$|(?:44|0)(?:207946|7700900|1632960|114496)"
)


def _phones(text: str) -> Iterator[_Hit]:
    for pattern, is_number in (
        (_INTERNATIONAL, _is_international),
        (_NORTH_AMERICAN, _is_north_american),
        (_PAIRS, _is_pairs),
    ):
        for match in pattern.finditer(text):
            start, end = match.span()
            alone = not (start and _JOINED.match(text, start - 1)) and not _GOES_ON.match(text, end)
            if alone and is_number(match[0]) and not _is_made_up(match[0]):
                yield _Hit(start, end, PHONE, f"{match[0][:3]}…")
    for match in _LABELLED.finditer(text):
        number = match[1]
        if not _GOES_ON.match(text, match.end()) and not _DATE.match(number) and not _is_made_up(number):
            yield _Hit(match.start(1), match.end(), PHONE, f"{number[:3]}…")


def _digits(number: str) -> str:
    return "".join(c for c in number if c.isdigit())


def _is_international(number: str) -> bool:
    digits = _digits(number)
    groups = re.findall(r"[0-9]+", number)
    separators = set(re.findall(r"[^0-9+]", number))
    if not _COUNTRY_CODE.match(digits):
        return False
    if digits[0] == "1" and not _is_north_american_number(digits[1:]):
        return False
    if digits[0] == "7" and len(digits) != 11:
        return False
    if len(groups) == 1:
        return len(digits) >= 10
    if separators == {"."} and (len(groups) == 2 or all(len(group) == 3 for group in groups[1:])):
        return False  # a decimal fraction, or thousands set apart
    in_pairs = [len(group) for group in groups[-4:]] == [2, 2, 2, 2]
    return in_pairs or max(len(group) for group in groups[1:]) >= 3


def _is_north_american(number: str) -> bool:
    return _is_north_american_number(_digits(number)[-10:])


def _is_north_american_number(digits: str) -> bool:
    # Neither an area nor an exchange begins with 0 or 1 or ends in 11.
    return bool(re.fullmatch(r"(?:[2-9](?!11)[0-9]{2}){2}[0-9]{4}", digits))


def _is_pairs(number: str) -> bool:
    pairs = [int(pair) for pair in re.findall(r"[0-9]{2}", number)]
    steps = {b - a for a, b in itertools.pairwise(pairs)}
    return len(steps) > 1  # 01 02 03 04 05 is a row of a table


def _is_made_up(number: str) -> bool:
    digits = _digits(number)
    return (
        len(set(digits)) <= 2
        or any(run in digits for run in ("1234567", "2345678", "7654321"))
        or _FICTIONAL.match(digits) is not None
    )
