"""Finds what must not be published by accident: personal data, secrets and lines of exported chats in a text.

The text may be larger than the memory, and the time is linear in its length: each expression reads a bounded stretch.
What is reserved for examples (names of RFC 2606, fictional phone numbers, `EXAMPLE` keys) does not count, and neither
do dates, versions, IP addresses, ISBNs and long numbers in code. The libraries phonenumbers and stdnum decide which
numbers exist. detect-secrets 1.5 misses 29 of 47 secrets of the tests, and reads 0.3 MB of prose a second.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from stdnum import iban, luhn
from stdnum.us import ssn

from .decode import mark_last

PUBLISH_ANYWAY = "--publish-anyway"
EMAIL, PHONE, SECRET, CHAT = "e-mail address", "phone number", "password or key", "message of an exported chat"
ACCOUNT = "number of an account, a card or social security"
_CONTEXT = 16_384  # characters; more than the longest finding and what is read before and after it
_LISTED = 5  # findings that a report shows
_Found = re.Match[str]
_IsPrivate = Callable[[_Found], bool]
_SEARCHES: list[tuple[str, re.Pattern[str], _IsPrivate, list[str]]] = []


@dataclass(frozen=True)
class Finding:
    """Something that looks private: its kind, its line (counted from 1), and its first characters, of a secret none."""

    kind: str
    line: int
    excerpt: str


def _search(kind: str, expression: str, hints: str = "") -> Callable[[_IsPrivate], _IsPrivate]:
    """Adds a search with a function that returns whether what was matched is a finding.

    Args:
        expression: what a finding looks like; its group `private` is the finding, if what is around it is no part.
        hints: words of which one is in each finding. To look for them first is much faster than the expression.
    """

    def add(is_private: _IsPrivate) -> _IsPrivate:
        _SEARCHES.append((kind, re.compile(expression, re.MULTILINE), is_private, hints.split()))
        return is_private

    return add


# Two letters are a country. Of longer top levels the common ones are listed: in code, `x@w.name` is a matrix product.
_TOP = (
    "com|org|net|edu|gov|mil|int|info|biz|pro|mobi|post|app|dev|xyz|online|site|club|shop|store|tech|blog|live|cloud|"
    "email|digital|agency|media|berlin|hamburg|koeln|wien|bayern|london|paris|nyc|tokyo|swiss"
)
_DOMAIN = (
    r"(?P<domain>(?:[^\W_](?:[^\W_]|-){0,62}\.){1,8}"
    rf"(?:[a-z]{{2}}|[A-Z]{{2}}|{_TOP}|{_TOP.upper()}|xn--[a-z0-9-]{{2,59}}|[^\W\d_a-zA-Z]{{2,20}})(?![A-Za-z0-9_-]))"
)
_RESERVED = re.compile(r"(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid|localhost|local)$", re.IGNORECASE)
_NO_PERSON = re.compile(r"(?:git|hg|svn|no-?reply|donotreply|_+|.*\.\..*|.*\.)$", re.IGNORECASE)
_NO_PASSWORD = re.compile(r"pass|pwd|secret|token|xxx|[<>{}$*]|^\W*$", re.IGNORECASE)


@_search(EMAIL, rf"(?<![\w.%+@-])[.%+-]{{0,20}}(?P<private>(?P<local>\w[\w.%+-]{{0,63}})@{_DOMAIN})(?![\[(@])", "@")
def _mail(found: _Found) -> bool:
    is_user = re.search(r"://[^\s/@?#]*\Z", found.string[max(0, found.start() - 200) : found.start()])
    return not (is_user or _NO_PERSON.match(found["local"]) or _RESERVED.search(found["domain"]))


@_search(SECRET, rf"://[^\s/@:?#]{{0,64}}:(?P<private>(?P<password>[^\s/@?#]{{3,128}})@{_DOMAIN})", "://")
def _in_address(found: _Found) -> bool:
    return not (_NO_PASSWORD.search(found["password"]) or _RESERVED.search(found["domain"]))


@_search(ACCOUNT, r"[A-Z](?<![\w-].)[A-Z][0-9]{2}(?:[ \u00a0-]?[A-Z0-9]){11,30}")
def _bank_account(found: _Found) -> bool:
    ends = range(15, len(found[0]) + 1)  # the expression may read on into the next word
    return any(iban.is_valid(found[0][:end]) for end in ends)


# A number is not the end or the beginning of something longer. The search for a set of characters is fast, so the first
# digit is found first, and then what is before it.
_BEFORE = r"(?<![\w.,+$#@=/:-].)"
_AFTER = r"(?![\w/]|[-.:,+*= ][0-9])"


@_search(ACCOUNT, rf"[2-6]{_BEFORE}[0-9]{{3}}([ \u00a0-]?)[0-9]{{4}}(?:\1[0-9]{{4}}){{2}}{_AFTER}")
@_search(ACCOUNT, rf"3{_BEFORE}[47][0-9]{{2}}([ \u00a0-]?)[0-9]{{6}}\1[0-9]{{5}}{_AFTER}")
def _card(found: _Found) -> bool:
    digits = re.sub("[^0-9]", "", found[0])
    return len(set(digits)) > 1 and bool(luhn.is_valid(digits))


@_search(ACCOUNT, rf"[0-9]{_BEFORE}[0-9]{{2}}-[0-9]{{2}}-[0-9]{{4}}{_AFTER}")
def _social_security(found: _Found) -> bool:
    return bool(ssn.is_valid(found[0]))


_LABEL = re.compile(
    r"(?:(?<![^\W_])(?:tele(?:phone|fon)|téléphone|tel[eé]fono|tel|phone|mobile?|handy|fax|whatsapp|cell)"
    r"(?: ?(?:no|nr|number|#))?|电话|手机|電話)[.:：]{0,2} ?[:=]? ?\(?\+?\Z",
    re.IGNORECASE,
)
_JOINED = re.compile(r"[\w+$#@=/.:-]\Z")  # before a number: it is the end of something longer
_CONTINUED = re.compile(r"\w|[-./:,][0-9]| ?[+*=]|[ .][0-9A-Fa-f]{2}\b")  # after it: the beginning of something longer
_NO_PHONE = re.compile(  # decimals, dates, IP addresses
    r"\+[0-9]+\.[0-9]+$|[0-9]{4}([-./])[0-9]{2}\1[0-9]{2}|[0-9]{1,2}[-./ ][0-9]{1,2}[-./ ][0-9]{4}\b"
    r"|[0-9]{1,3}(?:\.[0-9]{1,3}){2,3}$"
)
_MADE_UP = re.compile(  # or reserved for films: 555-01xx and area 555 in North America, four ranges in Britain
    r".*(?:01234567|12345678|23456789|98765432|00000|([0-9])\1{5})"
    r"|1?(?:555[0-9]{7}|[0-9]{3}55501[0-9]{2}|55501[0-9]{2})$|(?:44|0)(?:207946|7700900|1632960|114496)"
)
_GAP = r"[ \u00a0.\-/()]{0,2}"


def _phone(regions: str, found: _Found) -> bool:
    """Returns whether a region has a number; without regions, whether it follows a word such as "tel."."""
    import phonenumbers  # here, because it takes 40 ms and most runs are not published

    text, (start, end), number = found.string, found.span(), re.sub("^00", "+", found[0])
    groups = re.findall("[0-9]+", number)
    digits, before = "".join(groups), text[max(0, start - 30) : start]
    if _CONTINUED.match(text, end) or _NO_PHONE.match(number) or _MADE_UP.match(digits) or len(set(digits)) < 3:
        return False
    if not regions:
        return _LABEL.search(before) is not None
    for region in "" if _JOINED.search(before) else regions.split():
        try:
            parsed = phonenumbers.parse(number, region)
        except phonenumbers.NumberParseException:
            continue
        fits = phonenumbers.is_valid_number(parsed)
        if fits and number == digits:  # it is a mobile, and no argument of a call in code
            is_mobile = phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.MOBILE
            fits = is_mobile and text[end : end + 1] != ","
        elif fits and digits[0] == "0":  # an area code is a group of its own
            area = phonenumbers.length_of_national_destination_code(parsed)
            fits = area == len(groups[0]) - 1 and len(str(parsed.national_number)) > 7
        if fits:
            return True
    return False


# By the regions that use them, the forms of phone numbers that little else has; ZZ is the world.
for _regions, _form in (
    ("", rf"[0-9](?:{_GAP}[0-9]){{6,14}}"),
    ("ZZ", rf"(?:\+|00(?=[1-9][0-9]))[1-9](?:{_GAP}[0-9]){{7,14}}"),
    # (0221) 90 18 20, 030/901820, 0171 9018234, 01719018234
    (
        "DE AT CH FR GB NL BE SE CN JP IN AU TR ZA",
        r"(?:\(0[1-9][0-9]{0,4}\) ?|0[1-9][0-9]{0,4}(?: ?[/–] ?|[ \u00a0.-])?)"
        r"[0-9]{2,10}(?:[ \u00a0.-][0-9]{2,8}){0,4}",
    ),
    ("US", r"\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[-. ][0-9]{4}"),
    ("US", r"[1-9](?:(?<=1)[-. ][2-9][0-9]{2}|[0-9]{2})([-.])[2-9][0-9]{2}\1[0-9]{4}"),
    ("BR", r"\([1-9][0-9]\) ?9?[2-9][0-9]{3}-[0-9]{4}"),
    ("RU", r"8 ?\([3489][0-9]{2}\) ?[0-9]{3}-[0-9]{2}-[0-9]{2}"),
    ("CN", r"1[3-9][0-9]([ -]?)[0-9]{4}\1[0-9]{4}"),
    ("IN", r"[6-9][0-9]{4}[ -]?[0-9]{5}"),
):
    _search(PHONE, _form)(partial(_phone, _regions))


def _token(found: _Found) -> bool:
    """Returns whether what follows the fixed beginning of a token looks random, unlike words or a placeholder."""
    rest = found[0][len(found[1]) :]
    if len(set(rest)) < min(8, len(rest) // 2) or re.search("EXAMPLE|xxxx", rest, re.IGNORECASE):
        return False
    return any(map(str.isdigit, rest)) or (rest.isalnum() and not rest.islower())


for _beginnings, _rest in (
    (
        "hf_ api_org_ sk- gsk_ xai- pplx- r8_ npm_ dop_v1_ shpat_ ntn_ lin_api_ sk_live_ rk_live_ whsec_",
        "[A-Za-z0-9]{20,255}",
    ),
    (
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- glptt- glrt- gldt- sk-proj- sk-svcacct- sk-admin- sk-ant- "
        "sk-or-v1- nvapi- pypi- hvs. ATATT3 AIza ya29. GOCSPX-",
        r"[\w-]{20,1024}",
    ),
    ("xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs- xapp-", "[A-Za-z0-9-]{10,255}"),  # Slack
    ("hooks.slack.com/", "(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,100}"),
    ("discord.com/api/webhooks/ discordapp.com/api/webhooks/", r"[0-9]{17,20}/[\w-]{60,80}"),
    ("SK", "[0-9a-f]{32}"),  # Twilio
    ("AKIA ASIA", "[A-Z2-7]{16}"),  # Amazon
    ("AccountKey=", "[A-Za-z0-9+/]{86}=="),  # Azure
    ("SG.", r"[\w-]{22}\.[\w-]{43}"),  # SendGrid
    ("AGE-SECRET-KEY-1", "[0-9A-Z]{58}"),
    ("eyJ", r"[\w-]{8,2048}\.eyJ[\w-]{4,4096}\.[\w-]{16,1024}"),  # a JSON web token
):
    _either = "|".join(map(re.escape, _beginnings.split()))
    _search(SECRET, rf"(?<![\w-])({_either})(?a:{_rest})(?![\w-])", _beginnings)(_token)
# Bots of Telegram and Discord.
_search(SECRET, r"(?<![\w-])()[0-9]{8,10}:AA(?a:[\w-]{32,33})(?![\w-])", ":AA")(_token)
_search(SECRET, r"[MNO](?<![\w-].)()(?a:[\w-]{23,27}\.[\w-]{6}\.[\w-]{27,40})(?![\w-])")(_token)


# A manual shows the head of a key alone; in a key, lines in base64 follow soon.
_KEY_HEAD = r"-----BEGIN (?:\w{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_search(SECRET, rf"{_KEY_HEAD}(?=[\s\S]{{0,400}}?[A-Za-z0-9+/]{{32}})", "PRIVATE")(bool)
_search(SECRET, r"PuTTY-User-Key-File-[23]:(?= [\s\S]{0,3000}?Private-Lines: )", "PuTTY")(bool)

# Passwords and keys after their name. In code most values are expressions, so a value counts only if it is written like
# a password: it has letters and digits, and is no name, type or call.
_VALUE = r"""(?=(?P<quote>["'`]?)(?P<private>[^\s"'`]{6,256})(?P<after>["'`]?))"""
_SECRET_NAME = re.compile(
    r"(?:passw|passphrase|kennwort|pwd|contraseñ|senha|mot de passe|пароль|密码|密碼|secret|token|credential"
    r"|authorization|(?:api|access|account)[_ -]?key|(?:auth|private|encryption|signing)_key)"
    r"[\w-]{0,40}[\"'\]]{0,2}[ \t]{0,4}\Z",
    re.IGNORECASE,
)
_ENVIRONMENT = re.compile("(?:export )?[A-Z0-9_]+$")  # the name in a line of a file .env
_NAME_IN_CODE = re.compile(r"[A-Za-z_]\w*(?:[.-][A-Za-z_]\w*)*", re.ASCII)
_NO_SECRET = re.compile(  # placeholders, expressions, types and versions
    r"example|placeholder|change.?me|^your|xxx|\*\*|dummy|redacted|=[^=]|[()\[\]{}<>|\\]|\$[A-Z{(]|%[sd(]|::|->|\.\."
    r"|://|,.|^[/~.]|^(?:u?int|float|sha|md|base|utf|hs|rs|es|aes|rsa|oauth|ed|v)[-_]?[0-9]{1,5}[a-z_-]*$"
    r"|^v?[0-9]+(?:\.[0-9]+)+\w*$",
    re.IGNORECASE,
)


@_search(SECRET, rf"[:=：][=>]?[ \t]{{0,4}}(?i:basic |bearer |token )?{_VALUE}")
@_search(SECRET, rf" (?:is|ist|lautet|est|es)(?:[:=]| now| jetzt)? {_VALUE}")
def _secret(found: _Found) -> bool:
    sign, quote, text, end = found[0].strip(), found["quote"], found.string, found.end("after")
    value = found["private"] if quote else re.split(r"&\w+=", found["private"])[0].rstrip(".,;:?)&")
    before = text[max(0, found.start() - 90) : found.start()]
    digits = sum(char.isdigit() or char == "=" for char in value)  # base64 may end with =
    is_line = sign == "=" and not quote and text[end : end + 1] in ("", "\n", "\r")
    is_said = sign[0] not in ":=："
    if not (digits or is_line) or len(value) < 6 or len(set(value)) < 4 or found["after"] != quote:
        return False
    if not _SECRET_NAME.search(before) or _NO_SECRET.search(value):
        return False
    if is_line and _ENVIRONMENT.match(before.rpartition("\n")[2]):
        return True
    if not digits or not any(map(str.isalpha, value)) or (is_said and value.islower()):
        return False
    # An argument or a name in code: password=pw1, token = token2
    is_name = not quote and not is_said and (len(value) < 16 or digits < 3) and _NAME_IN_CODE.fullmatch(value)
    is_code = found["private"] != value or (sign == "=" and before[-1] == " ") or "_" in value
    return not (is_name and is_code)


# Lines of chats as WhatsApp on Android writes them; WhatsApp on an iPhone, signal-export or DiscordChatExporter; JSON
# from Facebook, Instagram, Slack or Telegram; JSON from Matrix; HTML from Telegram.
_MARK = "[\u200e\u200f\u202a-\u202e]{0,2}"
_DATE = rf"{_MARK}\d{{1,4}}{_MARK}[./-]\s?\d{{1,2}}{_MARK}[./-]\s?\d{{1,4}}\.?[,،]?"
_CLOCK = r"(?:[^\W\d_]{1,8}\s?)?\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:\s?[^\W\d_]\.?(?:\s?[^\W\d_]\.?)?)?"
_SENDER = r"(?!(?:DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL|TRACE|NOTICE)\b)[^\s:][^:\n]{0,59}: "


@_search(
    CHAT,
    rf"^{_MARK}(?:{_DATE}\s{_CLOCK}\s?[-–]\s{_SENDER}"
    rf"|\[(?:{_DATE}|\d\d-[A-Z][a-z]{{2}}-\d\d(?:\d\d)?)\s{_CLOCK}\]\s{_SENDER})"
    r'|"(?:from_id|sender_name|client_msg_id)": ?"[^"\n]{1,100}"|"type": ?"m\.room\.message"|<div class="from_name">',
)
def _chat(found: _Found) -> bool:
    """Returns whether another line of a chat is near: one line may be quoted anywhere."""
    (start, end), text = found.span(), found.string
    return bool(found.re.search(text, end, end + 2000) or found.re.search(text, max(0, start - 2000), start))


def scan(text: str) -> list[Finding]:
    """Returns all findings in the order of the text; of two that overlap, only the one that begins first."""
    return list(scan_pieces([text]))


def scan_pieces(pieces: Iterable[str]) -> Iterator[Finding]:
    """Yields the findings in a text that comes in pieces, of which one or two are in memory at a time."""
    window, done, line = "", 0, 1  # the text in memory; what is done of it, and the line where that ends
    taken = 0  # the end of the last finding
    for piece, is_last in mark_last(pieces):
        window += piece
        complete = len(window) - (0 if is_last else _CONTEXT)  # a finding that begins before it is whole
        matches = sorted(_matches(window), key=lambda each: (each[0], -each[1]))
        places = [*((each[0], each) for each in matches if done <= each[0] < complete), (max(done, complete), None)]
        for start, match in places:
            line += window.count("\n", done, start)
            done = start
            if match and start >= taken:
                taken = match[1]
                shown = "" if match[2] == SECRET else window[start : start + 3]
                yield Finding(match[2], line, f"{shown}…")
        dropped = max(0, done - _CONTEXT)
        window, done, taken = window[dropped:], done - dropped, taken - dropped


def _matches(text: str) -> Iterator[tuple[int, int, str]]:
    """Yields start, end and kind of each finding."""
    for kind, expression, is_private, hints in _SEARCHES:
        if not hints or any(hint in text for hint in hints):
            for found in filter(is_private, expression.finditer(text)):
                yield *found.span("private" if "private" in expression.groupindex else 0), kind


def report(findings: Iterable[Finding], locate: Callable[[int], tuple[str, int]]) -> str:
    """Returns what a user must know before the text is published, in a few lines; "" without findings.

    Args:
        findings: read once; there may be millions.
        locate: returns (file, line in it) for a line of the text, as `Corpus.locate` does.
    """
    counts: Counter[str] = Counter()
    lines: list[str] = []
    for finding in findings:
        counts[finding.kind] += 1
        if len(lines) < _LISTED:
            file, line = locate(finding.line)
            lines.append(f"  {file}, line {line}: {finding.kind} {finding.excerpt}")
    if not lines:
        return ""
    listed = ", ".join(f"{kind}: {count:,}" for kind, count in counts.most_common())
    if more := counts.total() - len(lines):
        lines.append(f"  and {more:,} more")
    return "\n".join(
        (
            f"The text holds private data ({listed}).",
            "A model can reproduce its training text, and then anyone could read this:",
            *lines,
            f"Remove it from the text, publish with --private, or publish it with {PUBLISH_ANYWAY}.",
        )
    )
