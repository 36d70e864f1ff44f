"""Settings of a site, which its owner gives as environment variables; docs/serve.md describes each.

An empty variable counts as one that is not set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network

from model import BlockedWords
from model.settings import MAX_TITLE, shorten

from .access.addresses import PRIVATE, is_host, is_network, is_origin
from .access.limits import Limits
from .messages import LANGUAGES
from .settings import whole_variable

ROWS_EACH = 4
MAX_ROWS_EACH = 256
_LONGEST = {"PAGE_TITLE": MAX_TITLE, "PAGE_GREETING": 1_000}


@dataclass(frozen=True)
class SiteConfig:
    """The checked settings; `title` and `intro` are "" for the page's own, in each language."""

    title: str = ""
    intro: str = ""
    rows_each: int = ROWS_EACH
    blocked: BlockedWords = field(default_factory=BlockedWords)
    lenses: bool = True
    allowed_hosts: frozenset[str] = frozenset()
    allowed_origins: frozenset[str] = frozenset()
    proxies: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)

    def title_in(self, language: str) -> str:
        """Returns the title of the page in a language, a key of ``ui.messages.LANGUAGES``."""
        return self.title or LANGUAGES[language]["site.title"]

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> SiteConfig:
        """Returns the settings from environment variables.

        Raises:
            ValueError: a variable is not allowed; the message has its name, its value and the rule.
        """
        given = {name: " ".join(environment.get(name, "").split()) for name in _LONGEST}
        for name in (*_LONGEST, "BLOCKED_WORDS"):
            if re.search("[\ud800-\udfff]", environment.get(name, "")):
                raise ValueError(f"{name} is not text in UTF-8")
            limit = _LONGEST.get(name, len(given.get(name, "")))
            if len(given.get(name, "")) > limit:
                raise ValueError(f"{name} has {len(given[name]):,} characters: at most {limit:,} are allowed")
        words = [word.strip() for word in re.split(r"[,\r\n]", environment.get("BLOCKED_WORDS", ""))]
        try:
            blocked = BlockedWords(word for word in words if word)
        except ValueError as error:
            raise ValueError(f"BLOCKED_WORDS: {error}") from None
        rule = "an address or a network of proxies, such as 10.0.0.0/8 (with *, clients could choose their address)"
        proxies = _listed("FORWARDED_ALLOW_IPS", environment, is_network, rule)
        return cls(
            title=given["PAGE_TITLE"],
            intro=given["PAGE_GREETING"],
            rows_each=whole_variable(environment, "ROWS_EACH", ROWS_EACH, 1, MAX_ROWS_EACH),
            blocked=blocked,
            lenses=bool(whole_variable(environment, "LENSES", 1, 0, 1)),
            allowed_hosts=_listed("ALLOWED_HOSTS", environment, is_host, "names without a port, such as example.org"),
            allowed_origins=_listed("ALLOWED_ORIGINS", environment, is_origin, "origins such as https://example.org"),
            proxies=frozenset(str(ip_network(each, strict=False)) for each in proxies)
            | (PRIVATE if environment.get("SPACE_ID") else frozenset()),
            limits=Limits.of(environment),
        )


def _listed(name: str, environment: Mapping[str, str], is_allowed: Callable[[str], bool], rule: str) -> frozenset[str]:
    """Returns the hosts, origins or networks in a variable."""
    values = [value.strip().lower().rstrip("/") for value in environment.get(name, "").split(",") if value.strip()]
    for value in values:
        if not is_allowed(value):
            raise ValueError(f"{name} has {shorten(value)}: it must be {rule}")
    return frozenset(values)
