"""A finding of the scan, and the names of its kinds."""

from __future__ import annotations

from dataclasses import dataclass

EMAIL = "e-mail address"
PHONE = "phone number"
BANK_ACCOUNT = "bank account number"
CARD = "payment card number"
SSN = "social security number"
PRIVATE_KEY = "private key"
SECRET = "password or key"  # noqa: S105  the name of a kind
IN_ADDRESS = "password in an address"
CHAT = "message of an exported chat"

PUBLISH_ANYWAY = "--publish-anyway"
CONTEXT = 16_384  # characters; more than the longest finding and what is read before and after it


@dataclass(frozen=True)
class Finding:
    """Something that looks private: its kind, its place (line and column from 1), and a short harmless excerpt."""

    kind: str
    line: int
    column: int
    excerpt: str


@dataclass(frozen=True)
class Match:
    """A finding in a piece of text: where it starts and ends there."""

    start: int
    end: int
    kind: str
    excerpt: str
