"""Phone numbers: with a country code, in a national form that little else has, or after a word such as "tel.".

The library phonenumbers decides which numbers exist, and which part of a national number is its area code. The regions
of national forms are fixed, because a text may come in any language: most of Europe, China, India, Japan, Australia,
Brazil and North America.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from .findings import PHONE, Match

_SEPARATOR = r"[ \u00a0.\-/()]{0,2}"
_INTERNATIONAL = re.compile(rf"(?:\+|00(?=[1-9][0-9]))[1-9](?:{_SEPARATOR}[0-9]){{7,14}}")
# A national number begins with 0 and has an area code in a group of its own: 0171 9018234, 030/901820, (0221) 90 18 20.
_AREA_CODE = re.compile(
    r"(?:\((0[1-9][0-9]{0,4})\) ?|(0[1-9][0-9]{0,4})(?: ?[/–] ?|[ \u00a0.-]))"
    r"[0-9]{2,8}(?:[ \u00a0.-][0-9]{2,8}){0,4}"
)
_WITH_AREA_CODE = ("DE", "AT", "CH", "FR", "GB", "NL", "BE", "SE", "CN", "JP", "IN", "AU", "TR", "ZA")
_SHORTEST = 8  # digits after the 0; shorter ones are pages and years, too: 030/1999
_FORMS = (
    (re.compile(r"(?:1[-. ])?(?:\([2-9]\d\d\) ?[2-9]\d\d[-. ]|[2-9]\d\d([-.])[2-9]\d\d\1)\d{4}", re.ASCII), "US"),
    (re.compile(r"\([1-9][0-9]\) ?9?[2-9][0-9]{3}-[0-9]{4}"), "BR"),
    (re.compile(r"8 ?\([3489][0-9]{2}\) ?[0-9]{3}-[0-9]{2}-[0-9]{2}"), "RU"),
)
# Digits alone are a number only if they are a mobile one.
_MOBILES = (
    (re.compile(r"01[5-7][0-9]{8,9}"), "DE"),
    (re.compile(r"07[1-9][0-9]{8}"), "GB"),
    (re.compile(r"0[67][0-9]{8}"), "FR"),
    (re.compile(r"06[0-9]{8}"), "NL"),
    (re.compile(r"07[5-9][0-9]{7}"), "CH"),
    (re.compile(r"04[0-9]{8}"), "AU"),
    (re.compile(r"0[6-9][0-9]{9}"), "IN"),
    (re.compile(r"1[3-9][0-9]([ -]?)[0-9]{4}\1[0-9]{4}"), "CN"),
    (re.compile(r"[6-9][0-9]{4}[ -]?[0-9]{5}"), "IN"),
)
# All numbers are searched in these stretches only, which most texts have few of.
_DIGITS = re.compile(r"[0-9][0-9 \u00a0.\-/()–]{5,2000}[0-9]")
_LABEL = re.compile(
    r"(?<![^\W_])(?:tel|telephone|telefon|téléphone|teléfono|telefono|phone|mobile|mobil|handy|fax|whatsapp|cell)"
    r"(?: ?(?:no|nr|number|#))?[.:：]{0,2} ?[:=]? ?\(?\+?$|(?:电话|手机|電話)[:： ]{0,2}\+?$",
    re.IGNORECASE,
)
_AFTER_LABEL = re.compile(rf"\(?\+?[0-9](?:{_SEPARATOR}[0-9]){{6,14}}")
_JOINED = re.compile(r"[\w+$#@=/.:-]")  # before a number: it is the end of something longer
_CONTINUED = re.compile(r"\w|[-./:,][0-9]| ?[+*=]|[ .][0-9A-Fa-f]{2}\b")  # after it: the beginning of something longer
_DATE_OR_IP = re.compile(
    r"[0-9]{4}([-./])[0-9]{2}\1[0-9]{2}|[0-9]{1,2}[-./ ][0-9]{1,2}[-./ ][0-9]{4}\b|[0-9]{1,3}(?:\.[0-9]{1,3}){3}$"
)
_DECIMAL = re.compile(r"\+[0-9]+\.[0-9]+")
_RUN = re.compile(r"01234567|12345678|23456789|98765432|00000|([0-9])\1{5}")
# Reserved for films and books: 555-01xx and area 555 in North America, four ranges in Britain.
_FICTIONAL = re.compile(
    r"1?(?:555[0-9]{7}|[0-9]{3}55501[0-9]{2}|55501[0-9]{2})$|(?:44|0)(?:207946|7700900|1632960|114496)"
)


def phones(text: str) -> Iterator[Match]:
    """Yields phone numbers."""
    for stretch in _DIGITS.finditer(text):
        digits = sum(map(str.isdigit, stretch[0]))
        if digits < 7:
            continue
        if digits > 7:
            yield from _international(text, max(0, stretch.start() - 1), stretch.end())
            yield from _national(text, max(0, stretch.start() - 1), stretch.end())
        # After a word such as "tel." in any form, also without the area code.
        label = _LABEL.search(text, max(0, stretch.start() - 30), stretch.start())
        number = _AFTER_LABEL.match(text, stretch.start()) if label else None
        if number and not _CONTINUED.match(text, number.end()) and not _is_no_number(number[0]):
            yield _match(number)


def _international(text: str, first: int, end: int) -> Iterator[Match]:
    for match in _INTERNATIONAL.finditer(text, first, end):
        number = match[0] if match[0][0] == "+" else f"+{match[0][2:]}"
        if _is_separate(text, match) and not _is_made_up(number) and _exists(number, None):
            yield _match(match)


def _national(text: str, first: int, end: int) -> Iterator[Match]:
    for match in _AREA_CODE.finditer(text, first, end):
        if _is_separate(text, match) and not _is_no_number(match[0]):
            area = match[1] or match[2]
            if any(_has_area_code(match[0], area, region) for region in _WITH_AREA_CODE):
                yield _match(match)
    for form, region in _FORMS:
        for match in form.finditer(text, first, end):
            if _is_separate(text, match) and not _is_made_up(match[0]) and _exists(match[0], region):
                yield _match(match)
    for form, region in _MOBILES:
        for match in form.finditer(text, first, end):
            if _is_separate(text, match) and not _is_argument(text, match) and _is_mobile(match[0], region):
                yield _match(match)


def _match(number: re.Match[str]) -> Match:
    return Match(number.start(), number.end(), PHONE, f"{number[0][:3]}…")


def _is_separate(text: str, match: re.Match[str]) -> bool:
    start, end = match.span()
    return not (start and _JOINED.match(text, start - 1)) and not _CONTINUED.match(text, end)


def _is_argument(text: str, match: re.Match[str]) -> bool:
    """Returns whether digits are an argument of a call in code: f(13577625587, x)."""
    return text[match.start() - 1 : match.start()] == "(" and text[match.end() : match.end() + 1] == ","


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


def _has_area_code(number: str, area: str, region: str) -> bool:
    """Returns whether a region has the number, with this area code (with its 0)."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return False
    if len(str(parsed.national_number)) < _SHORTEST or not phonenumbers.is_valid_number(parsed):
        return False
    return len(area) - 1 == phonenumbers.length_of_national_destination_code(parsed)


def _is_mobile(number: str, region: str) -> bool:
    import phonenumbers

    if _is_made_up(number):
        return False
    try:
        kind = phonenumbers.number_type(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False
    return bool(kind == phonenumbers.PhoneNumberType.MOBILE)


def _is_no_number(number: str) -> bool:
    """Returns whether a number is a date, an IP address or an example."""
    return _DATE_OR_IP.match(number) is not None or _is_made_up(number)


def _is_made_up(number: str) -> bool:
    digits = re.sub(r"[^0-9]", "", number)
    pairs = [int(pair) for pair in re.findall(r"\b[0-9]{2}\b", number)]
    return (
        len(set(digits)) <= 2
        or _RUN.search(digits) is not None
        or len(set(re.findall(r"[0-9]+", number))) == 1 < len(re.findall(r"[0-9]+", number))  # 016.016.016
        or (len(pairs) == 5 and len({b - a for a, b in itertools.pairwise(pairs)}) == 1)  # 01 02 03 04 05
        or _FICTIONAL.match(digits) is not None
    )
