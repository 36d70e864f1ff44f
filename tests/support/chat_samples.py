"""WhatsApp exports, invented for the tests, and what the reader makes of them, also the reader in the browser.

`python -m tests.support.chat_samples` computes the results in tests/vectors/chats.json again.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from training.corpus.chats.reader import ChatReader
from training.corpus.decode import CorpusError

VECTORS = Path(__file__).parents[1] / "vectors" / "chats.json"
# Words of an error of Python, and the message of the page.
_ERRORS = {"has no message": "text.chat_empty", "a chat needs two speakers": "text.chat_one_speaker"}
STORED: list[dict[str, Any]] = json.loads(VECTORS.read_text(encoding="utf-8"))
SAMPLES: dict[str, str] = {each["name"]: each["input"] for each in STORED}


def result_of(text: str, reply_as: str | None) -> dict[str, Any]:
    """Returns what the reader makes of an export: its text, format and counts, or the id of the error."""
    reader = ChatReader()
    try:
        turns = reader.read(text, "chat.txt")
        chat = reader.format(reply_as)
    except CorpusError as error:
        return {"error": next(id for words, id in _ERRORS.items() if words in str(error))}
    counts = [re.search(r"left out ([\d,]+) of ([\d,]+)", warning) for warning in reader.warnings]
    left_out = [int(number.replace(",", "")) for count in counts if count for number in count.groups()]
    return {
        "text": turns,
        "format": {"prefix": chat.prefix, "suffix": chat.suffix, "stop": chat.stop},
        "notes": [{"id": "text.chat_left_out", "values": dict(zip(("count", "all"), left_out, strict=True))}]
        if left_out
        else [],
        "senders": [
            {"name": name, "called": reader.names[name], "messages": count}
            for name, count in reader.speakers.most_common()
        ],
    }


def vectors() -> list[dict[str, Any]]:
    """Returns all samples with the results of the reader."""
    return [{**each, "expected": result_of(each["input"], each["reply_as"])} for each in STORED]


if __name__ == "__main__":
    lines = ",\n".join(map(json.dumps, vectors()))
    VECTORS.write_text(f"[\n{lines}\n]\n", encoding="utf-8", newline="\n")
