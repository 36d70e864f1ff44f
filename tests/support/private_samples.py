"""Texts with something private in them and texts with nothing, all invented, and what the scan finds in them.

`python -m tests.support.private_samples` computes the findings in tests/vectors/private.json again; the scan in the
browser is tested with the same file. There the texts are in parts, which no secret scanner takes for a leak.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training.corpus.privacy import ACCOUNT, CHAT, EMAIL, PHONE, SECRET, scan

VECTORS = Path(__file__).parents[1] / "vectors" / "private.json"
STORED: list[dict[str, Any]] = json.loads(VECTORS.read_text(encoding="utf-8"))
SAMPLES: dict[str, str] = {each["name"]: "".join(each["parts"]) for each in STORED}
_PART = 8  # characters
_KINDS = {  # of the browser
    EMAIL: "email",
    PHONE: "phone",
    ACCOUNT: "account",
    CHAT: "chat",
    SECRET: "secret",
}


def vectors() -> list[dict[str, Any]]:
    """Returns all texts, in parts, and the findings in each: [kind, line]."""
    return [
        {
            "name": name,
            "parts": [text[at : at + _PART] for at in range(0, len(text), _PART)],
            "found": [[_KINDS[each.kind], each.line] for each in scan(text)],
        }
        for name, text in SAMPLES.items()
    ]


if __name__ == "__main__":
    lines = ",\n".join(map(json.dumps, vectors()))
    VECTORS.write_text(f"[\n{lines}\n]\n", encoding="utf-8", newline="\n")
