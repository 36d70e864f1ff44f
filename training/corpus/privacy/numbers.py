"""Bank accounts, payment cards and US social security numbers; the library stdnum checks their digits."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .findings import BANK_ACCOUNT, CARD, SSN, Match

_IBAN = re.compile(r"(?:[A-Z]{2}|[a-z]{2})[0-9]{2}(?:[ \u00a0-]?[A-Za-z0-9]){11,30}")
_SHORTEST_IBAN, _LONGEST_IBAN = 15, 34
# Visa, Mastercard, Discover, JCB, UnionPay in four groups of four; American Express; Diners.
_CARD = re.compile(
    r"(?:4[0-9]{3}|5[1-5][0-9]{2}|2[2-7][0-9]{2}|6(?:011|4[4-9][0-9]|5[0-9]{2}|2[0-9]{2})|35[2-8][0-9])"
    r"([ \u00a0-]?)[0-9]{4}(?:\1[0-9]{4}){2}"
    r"|3[47][0-9]{2}([ \u00a0-]?)[0-9]{6}\2[0-9]{5}"
    r"|3(?:0[0-5]|[68][0-9])[0-9]([ \u00a0-]?)[0-9]{6}\3[0-9]{4}"
)
_SSN = re.compile(r"[0-9]{3}-[0-9]{2}-[0-9]{4}")
_BEFORE = re.compile(r"[\w.,+$#@=/:-]")  # a number after one of these is the end of something longer
_AFTER = re.compile(r"[\w/]|[-.:,+*= ][0-9]")
_DIGITS = re.compile(r"[0-9][0-9 \u00a0-]{9,2000}[0-9]")  # cards and SSNs are searched in these stretches only


def numbers(text: str) -> Iterator[Match]:
    """Yields bank accounts, payment cards and US social security numbers."""
    yield from _ibans(text)
    from stdnum import luhn  # here, like the other libraries: most runs are not published
    from stdnum.us import ssn

    for stretch in _DIGITS.finditer(text):
        for match in _CARD.finditer(text, stretch.start(), stretch.end()):
            digits = re.sub("[^0-9]", "", match[0])
            if _is_separate(text, match) and len(set(digits)) > 1 and luhn.is_valid(digits):
                yield Match(match.start(), match.end(), CARD, f"{digits[:2]}…")
        for match in _SSN.finditer(text, stretch.start(), stretch.end()):
            if _is_separate(text, match) and ssn.is_valid(match[0]):
                yield Match(match.start(), match.end(), SSN, f"{match[0][0]}…")


def _is_separate(text: str, match: re.Match[str]) -> bool:
    before = match.start() and _BEFORE.match(text, match.start() - 1)
    return not before and not _AFTER.match(text, match.end())


def _ibans(text: str) -> Iterator[Match]:
    from stdnum import iban

    for match in _IBAN.finditer(text):
        if match.start() and (text[match.start() - 1].isalnum() or text[match.start() - 1] in "_-"):
            continue
        # The pattern may read on into the next word, so each length is tried; the country allows only one.
        ends = [match.start() + i + 1 for i, char in enumerate(match[0]) if char.isalnum()]
        for end in ends[_SHORTEST_IBAN - 1 : _LONGEST_IBAN]:
            if not text[end : end + 1].isalnum() and iban.is_valid(text[match.start() : end]):
                yield Match(match.start(), end, BANK_ACCOUNT, f"{match[0][:2]}…")
                break
