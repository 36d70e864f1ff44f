"""Passwords and keys after their name: `DB_PASSWORD=…`, `"api_key": "…"`, `Passwort: …`, `Authorization: Basic …`.

In code most values are expressions, so a value counts only if it is written like a password: it has letters and digits,
and is no name, type or call.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

from .findings import SECRET, Match

# Searched in the text in lower case, which is much faster than a pattern that ignores the case.
_NAMES = (
    *("passw", "passphrase", "kennwort", "pwd", "contrase", "senha", "mot de passe", "пароль", "密码", "密碼"),
    *("secret", "token", "credential", "authorization", "api_key", "api-key", "api key", "apikey", "access_key"),
    *("accesskey", "auth_key", "private_key", "account_key", "encryption_key", "secretkey", "signing_key"),
)
_ASSIGNED = re.compile(
    r"""[\w-]{0,40}["'\]]{0,2}[ \t]{0,4}(?:(?P<sign>=>|:=|[:=：])[ \t]{0,4}(?P<scheme>basic |bearer |token )?"""
    r"""|(?:is|ist|lautet|est|es)(?:[:=]| now| jetzt)? )(?P<quote>["'`]?)(?P<value>[^\s"'`]{6,256})(?P<after>["'`]?)""",
    re.IGNORECASE,
)
_NEXT_FIELD = re.compile(r"&\w+=")  # of a query
_BEGINS_LINE = re.compile(r"^(?:export )?[A-Z0-9_]{0,40}$", re.MULTILINE)
_NAME_IN_CODE = re.compile(r"[A-Za-z_]\w*(?:[.-][A-Za-z_]\w*)*", re.ASCII)
_NAMED_LIKE_IT = re.compile(r"_(?:token|key|secret|passw|pwd)", re.IGNORECASE)  # token=new_token2
_EXPRESSION = re.compile(r"=[^=]|[()\[\]{}<>|\\]|\$[A-Z{(]|%[sd(]|::|->|\.\.|://|,.|^[/~.]")
_PLACEHOLDER = re.compile(r"example|placeholder|change.?me|^your|xxx|\*\*|dummy|redacted", re.IGNORECASE)
_TYPE = re.compile(
    r"(?:u?int|float|sha|md|base|utf|hs|rs|es|aes|rsa|oauth|ed|v)[-_]?[0-9]{1,5}[a-z_-]*|v?[0-9]+(?:\.[0-9]+)+\w*",
    re.IGNORECASE,
)


def passwords(text: str) -> Iterator[Match]:
    """Yields passwords and keys after their name."""
    lower = text.replace("İ", "I").lower()  # the only character whose lower case has another length
    starts = {found.end() for name in _NAMES for found in re.finditer(re.escape(name), lower)}
    for start in sorted(starts):
        found = _ASSIGNED.match(text, start)
        if found is None:
            continue
        value = found["value"] if found["quote"] else _NEXT_FIELD.split(found["value"])[0].rstrip(".,;:?)&")
        if _is_secret(text, start, found, value):
            yield Match(found.start("value"), found.start("value") + len(value), SECRET, "…")


def _is_secret(text: str, start: int, found: re.Match[str], value: str) -> bool:
    """Returns whether a value is written like a password; its name ends at or after `start`."""
    if len(value) < 6 or len(set(value)) < 4 or _EXPRESSION.search(value) or _PLACEHOLDER.search(value):
        return False
    if found["quote"] and found["after"] != found["quote"]:
        return False
    has_digit, has_letter = any(map(str.isdigit, value)), any(map(str.isalpha, value))
    if not found["sign"]:  # in a sentence
        return has_digit and not value.islower() and has_letter and not _TYPE.fullmatch(value)
    if found["quote"]:
        return has_digit and has_letter and not _TYPE.fullmatch(value)
    before = text[max(0, start - 60) : start].rpartition("\n")[2]  # names in a file .env are shorter than 60
    if found[0][: -len(found["value"])].endswith("=") and _BEGINS_LINE.match(before):  # as in a file .env
        return text[found.end() : found.end() + 1] in ("", "\n", "\r")
    if (found["scheme"] or "").lower() == "basic ":
        return _is_user_and_password(value)
    if not has_digit or not has_letter or _TYPE.fullmatch(value):
        return False
    # An argument or a name in code: password=pw1, token = token2
    is_random = len(value) >= 16 and sum(map(str.isdigit, value)) >= 3
    is_name = not is_random and _NAME_IN_CODE.fullmatch(value) is not None
    if is_name and _NAMED_LIKE_IT.search(value):
        return False
    spaced = found["sign"] == "=" and " " in text[found.start() : found.start("value")]
    return not (is_name and (spaced or found["value"] != value))


def _is_user_and_password(value: str) -> bool:
    """Returns whether a value is USER:PASSWORD in base64."""
    try:
        return b":" in base64.b64decode(value, validate=True)
    except ValueError:
        return False
