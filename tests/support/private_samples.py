"""Texts with something private in them and texts with nothing, all invented, and what the scan finds in them.

`python -m tests.support.private_samples` writes tests/vectors/private.json again, with which the scan in
the browser is tested.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.unit.training.corpus.canaries import CANARIES
from training.corpus.privacy import findings
from training.corpus.privacy.scan import scan

VECTORS = Path(__file__).parents[1] / "vectors" / "private.json"
_PART = 8  # characters: no secret scanner takes parts of a token for a leak

MORE = {
    "addresses in a sentence": "Ask zoë.k@uni-west.ac.uk, or bo+list@post.io.Then wait; (max@kurz.de)!",
    "numbers in a sentence": "Ring +44 1223 495867 or 0221-9018 2047, not (415) 776-2394.",
    "numbers after words": "Telefon: 447 1295\nFAX (030) 77 18 93\n手机：13918273645",
    "Dutch and Swiss bank accounts": "NL91ABNA0417164300, ch93 0076 2011 6238 5295 7!",
    "two cards": "5555 5555 5555 4444;378282246310005",
    "a Slack export": '[{"client_msg_id": "a1", "text": "x"},\n {"client_msg_id": "a2", "text": "y"}]',
    "a Telegram page": '<div class="from_name">\nA\n<div class="from_name">\nB',
    "password in Chinese": "密码：Xy77ab99",
    "password in Russian": "Пароль: Zima-2023",
    "bearer in a header": "authorization: bearer " + "q7Rt" * 6,
    "several in one line": "a@kurz.de b@kurz.de +49 171 9018234",
    "the same on many lines": "\n\n".join(f"user{n}@kurz.de" for n in range(5)),
}
HARMLESS = {
    "dates and times": "2024-01-15 15.01.2024 01/15/2024 12:30:45 2024-01-15T12:30:00+01:00 1914-1918 pp. 212-736",
    "numbers": "3.14159265358979 +1.2345678901 1,234,567,890 640x480 2147483648 6.02214076e+23 (512, 512, 1024)",
    "ISBNs and versions": "ISBN 978-3-16-148410-0 0-306-40615-2 3.11.7 1.2.3.4 10.212.736.5000 192.168.100.200",
    "reserved addresses": "user@example.com you@some.example root@localhost git@github.com:a/b.git noreply@kurz.de",
    "code with at signs": "@property q@k.transpose(-2, -1) x@w.to(device) icon@2x.png @scope/package@2.0.0",
    "reserved numbers": "555-0123 (555) 123-4567 212-555-0123 +44 20 7946 0958 123-456-7890 999-999-9999",
    "tables": "01 02 03 04 05 06 07 08 09 10\nde ad 01 23 45 67 89 be ef\n0171 is an area code, 030/1999",
    "failed checks": "4111 1111 1111 1112, 4111-1111-1111-1112, 000-12-3456, 666-12-3456, XX82WEST12345698765432",
    "placeholders": 'password = "changeme1" token: "{token_1}" PASSWORD=$DB_1 PASSWORD=<your-password-1>',
    "types and names": "token: uint32_t, secret: SHA256, max_tokens: 4096, password=self.password, token = token2",
    "a sentence": "The password is wrong. The secret is that he is 12345 years old. A token is base64-encoded.",
    "heads of keys": "-----BEGIN RSA PRIVATE KEY-----\n ... (key) ...\n-----BEGIN PUBLIC KEY-----",
    "names in code": "sk-learn hf_hub_download xoxb-your-token-here eyJ SK AKIA sk-toggleable__label-arrow task-1",
    "one quoted line": "31/12/2021, 23:59 - Anna: Happy new year\n",
    "a log": "2021-12-31 23:59:01 - INFO: started\n[2021-12-31 23:59:02] ERROR: stopped\n" * 3,
}
_KINDS = {
    findings.EMAIL: "email",
    findings.PHONE: "phone",
    findings.BANK_ACCOUNT: "iban",
    findings.CARD: "card",
    findings.SSN: "ssn",
    findings.PRIVATE_KEY: "private_key",
    findings.SECRET: "password",
    findings.IN_ADDRESS: "address_password",
    findings.CHAT: "chat",
}


def vectors() -> list[dict[str, Any]]:
    """Returns all texts, in parts, and the findings in each: [kind, line, excerpt]."""
    return [
        {
            "name": name,
            "parts": [text[at : at + _PART] for at in range(0, len(text), _PART)],
            "found": [[_KINDS.get(each.kind, "token"), each.line, each.excerpt] for each in scan(text)],
        }
        for name, text in {**CANARIES, **MORE, **HARMLESS}.items()
    ]


def in_lines(vectors: list[dict[str, Any]]) -> str:
    """Returns JSON with one line for each text."""
    return "[\n" + ",\n".join(json.dumps(each) for each in vectors) + "\n]\n"


if __name__ == "__main__":
    VECTORS.write_text(in_lines(vectors()), encoding="utf-8", newline="\n")
