"""Access tokens of services, which begin with a fixed string or have a fixed form, and private keys.

detect-secrets 1.5 is not used: of the 47 secrets in tests/unit/training/corpus/canaries.py it misses 29, and it reads
0.3 MB of prose a second, where this scan reads 5 to 9.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .findings import PRIVATE_KEY, Match

_WORD = re.compile(r"[\w-]")
_CHAR = "[A-Za-z0-9_-]"
_ALNUM = "[A-Za-z0-9]"
_HEX = "[0-9a-f]"


@dataclass(frozen=True)
class _TokenForm:
    """The tokens of one service: the fixed string `literal`, which excerpts show, then a random part, group 1."""

    kind: str
    literal: str
    pattern: re.Pattern[str]


def _form(kind: str, literal: str, body: str) -> _TokenForm:
    return _TokenForm(kind, literal, re.compile(f"{re.escape(literal)}({body})"))


_FORMS = (
    _form("Hugging Face token", "hf_", _ALNUM + "{30,64}"),
    _form("Hugging Face token", "api_org_", _ALNUM + "{30,64}"),
    *(_form("GitHub token", f"gh{kind}_", _ALNUM + "{36,255}") for kind in "pousr"),
    _form("GitHub token", "github_pat_", r"[A-Za-z0-9_]{40,255}"),
    *(_form("GitLab token", f"gl{kind}-", _CHAR + "{20,64}") for kind in ("pat", "ptt", "rt", "dt", "ft", "soat")),
    _form("API key", "sk-", r"(?:proj|svcacct|admin|ant-[a-z0-9]{2,10}|or-v1)-" + _CHAR + "{20,255}"),
    _form("API key", "sk-", _ALNUM + "{20,255}"),
    _form("API key", "gsk_", _ALNUM + "{40,64}"),
    _form("API key", "xai-", _ALNUM + "{40,255}"),
    _form("API key", "pplx-", _ALNUM + "{32,64}"),
    _form("API key", "nvapi-", _CHAR + "{40,80}"),
    _form("Replicate token", "r8_", _ALNUM + "{32,64}"),
    *(_form("DigitalOcean token", f"do{kind}_v1_", _HEX + "{64}") for kind in "por"),
    *(_form("Shopify token", f"shp{kind}_", "[0-9a-fA-F]{32}") for kind in ("at", "ca", "pa", "ss")),
    *(_form("Vault token", f"hv{kind}.", _CHAR + "{24,255}") for kind in "sbr"),
    _form("Stripe key", "sk_live_", _ALNUM + "{16,255}"),
    _form("Stripe key", "rk_live_", _ALNUM + "{16,255}"),
    _form("Stripe key", "whsec_", _ALNUM + r"{24,64}={0,2}"),
    _form("Twilio key", "SK", _HEX + "{32}"),
    _form("AWS access key", "AKIA", r"[A-Z2-7]{16}"),
    _form("AWS access key", "ASIA", r"[A-Z2-7]{16}"),
    *(_form("Slack token", f"xox{kind}-", r"[A-Za-z0-9-]{10,255}") for kind in "abeoprs"),
    _form("Slack token", "xapp-", r"[A-Za-z0-9-]{20,255}"),
    _form("Slack webhook", "hooks.slack.com/", r"(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,100}"),
    *(
        _form("Discord webhook", f"discord{host}.com/api/webhooks/", r"[0-9]{17,20}/[\w-]{60,80}")
        for host in ("", "app")
    ),
    _form("Google API key", "AIza", _CHAR + "{35}"),
    _form("Google secret", "GOCSPX-", _CHAR + "{28}"),
    _form("Google token", "ya29.", _CHAR + "{20,1024}"),
    _form("SendGrid key", "SG.", _CHAR + r"{22}\." + _CHAR + "{43}"),
    _form("Mailchimp key", "-us", r"[0-9]{1,2}"),
    _form("package registry token", "npm_", _ALNUM + "{36}"),
    _form("package registry token", "pypi-", _CHAR + "{80,255}"),
    _form("package registry token", "rubygems_", _HEX + "{48}"),
    _form("Docker token", "dckr_pat_", _CHAR + "{27}"),
    _form("Databricks token", "dapi", _HEX + "{32}"),
    _form("Atlassian token", "ATATT3", r"[A-Za-z0-9_=-]{100,255}"),
    _form("Notion token", "ntn_", _ALNUM + "{40,60}"),
    _form("Linear key", "lin_api_", _ALNUM + "{40}"),
    _form("Figma token", "figd_", _CHAR + "{40,60}"),
    _form("Grafana token", "glsa_", _ALNUM + "{32}_" + _HEX + "{8}"),
    _form("Postman key", "PMAK-", _HEX + "{24}-" + _HEX + "{34}"),
    _form("Square token", "sq0csp-", _CHAR + "{43}"),
    _form("Telegram bot token", ":AA", _CHAR + "{32,33}"),
    _form("Azure key", "AccountKey=", r"[A-Za-z0-9+/]{86}=="),
    _form("Azure key", "SharedAccessKey=", r"[A-Za-z0-9+/]{43}="),
    _form("Azure key", "Q~", r"[A-Za-z0-9_~.-]{31,34}"),
    _form(PRIVATE_KEY, "AGE-SECRET-KEY-1", "[0-9A-Z]{58}"),
)
# What must precede the fixed string.
_BEFORE = {":AA": re.compile(r"[0-9]{8,10}$"), "-us": re.compile(_HEX + "{32}$"), "Q~": re.compile(r"[\w~.]{3}[0-9]$")}
_IN_ADDRESS = ("hooks.", "discord")  # anything may follow these, and a scheme may precede them
_JWT = "eyJ"  # base64 of `{"`: header and payload are JSON objects
_REST_OF_JWT = re.compile(rf"{_CHAR}{{8,2048}}\.eyJ{_CHAR}{{4,4096}}\.{_CHAR}{{16,1024}}")
# A Discord bot's token has its number in base64, a time, and a random part. The rare points are searched first.
_DISCORD = re.compile(rf"\.{_CHAR}{{6}}\.({_CHAR}{{27,40}})")
_DISCORD_BOT = re.compile(rf"[MNO]{_CHAR}{{23,27}}$")
_AWS_SECRET = re.compile(r"(?<![A-Za-z0-9+/=])([A-Za-z0-9+/]{40})(?![A-Za-z0-9+/=])")
_AWS_NEAR = 200  # characters between an access key and its secret


def tokens(text: str) -> Iterator[Match]:
    """Yields access tokens and private keys."""
    yield from _private_keys(text)
    for form in _FORMS:
        if form.literal not in text:  # much faster than the search of a pattern
            continue
        for found in form.pattern.finditer(text):
            match = _token(text, found, form)
            if match is not None:
                yield match
                if form.kind == "AWS access key":
                    yield from _aws_secrets(text, match)
    yield from _json_web_tokens(text)
    for found in _DISCORD.finditer(text):
        bot = _DISCORD_BOT.search(text, max(0, found.start() - 28), found.start())
        if bot and _is_separate(text, bot.start(), found.end()) and _is_random(found[1]):
            yield Match(bot.start(), found.end(), "Discord bot token", "…")


def _token(text: str, found: re.Match[str], form: _TokenForm) -> Match | None:
    start, end = found.span()
    if pattern := _BEFORE.get(form.literal):
        before = pattern.search(text, max(0, start - 40), start)
        if before is None:
            return None
        start = before.start()
    if not _is_separate(text, start, end) and not form.literal.startswith(_IN_ADDRESS):
        return None
    if form.literal != "-us" and not _is_random(found[1]):
        return None
    shown = form.literal if start == found.start() else ""
    return Match(start, end, form.kind, f"{shown}…")


def _is_separate(text: str, start: int, end: int) -> bool:
    """Returns whether no word continues at either side: inside one it is base64 of something else, or a name."""
    return not (start and _WORD.match(text, start - 1)) and not _WORD.match(text, end)


def _json_web_tokens(text: str) -> Iterator[Match]:
    at = text.find(_JWT)
    while at >= 0:
        after = at + len(_JWT)
        # A search at each part of "eyJeyJeyJ…" would take quadratic time.
        rest = None if at and _WORD.match(text, at - 1) else _REST_OF_JWT.match(text, after)
        if rest is not None and not _WORD.match(text, rest.end()) and _is_random(rest[0]):
            yield Match(at, rest.end(), "JSON web token", f"{_JWT}…")
            after = rest.end()
        at = text.find(_JWT, after)


def _aws_secrets(text: str, key: Match) -> Iterator[Match]:
    """Yields the secrets near an access key."""
    for found in _AWS_SECRET.finditer(text, max(0, key.start - _AWS_NEAR), key.end + _AWS_NEAR):
        if _is_random(found[1]):
            yield Match(found.start(), found.end(), "AWS secret key", "…")


def _is_random(body: str) -> bool:
    """Returns whether the body of a token looks random, unlike a placeholder or words with hyphens."""
    if len(set(body)) < min(8, len(body) // 2) or "EXAMPLE" in body.upper() or "xxxx" in body.lower():
        return False
    return any(c.isdigit() for c in body) or (not body.islower() and body.isalnum())


_KEY_HEAD = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-[23]: ")
_KEY_BODY = re.compile(r"[A-Za-z0-9+/]{32}")
_PUTTY_BODY = re.compile(r"Private-Lines: [0-9]+\r?\n[A-Za-z0-9+/]{32}")


def _private_keys(text: str) -> Iterator[Match]:
    for match in _KEY_HEAD.finditer(text):
        # A manual shows the head alone; in a key, base64 lines follow soon.
        body, near = (_PUTTY_BODY, 3000) if match[0].startswith("PuTTY") else (_KEY_BODY, 400)
        if body.search(text, match.end(), match.end() + near):
            yield Match(match.start(), match.end(), PRIVATE_KEY, f"{match[0].strip()}…")
