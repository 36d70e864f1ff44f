"""Messages for visitors: an id and values, turned into text by the table of each language.

``web/languages/en.json`` maps each id to its English text, and every other file of that folder maps the same ids to
another language. The page receives ids and values and picks the visitor's language (``web/document/words.js``).
Programs and logs get English, rendered here from the same table. A text may hold

    {name}                                    a value as it is
    {count, number}                           a number with thousands separators
    {count, short}                            a rounded number, such as 3.3M
    {count, plural, one {…} other {…}}        one of several forms; a form may hold placeholders itself
    {names, list,; }                          several values with "; " between them
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Union

FOLDER = Path(__file__).parents[1] / "web" / "languages"


LANGUAGES: dict[str, dict[str, str]] = {  # the table of each language, by its tag, such as "en" or "zh-CN"
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(FOLDER.glob("*.json"))
    if path.stem != "index"
}
ENGLISH = LANGUAGES["en"]
_TABLE_OF: dict[str, str] = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))


_LONGEST_TAG = 35  # characters: the work grows with the square of the length


def best_language(wanted: str) -> str:
    """Returns the tag of the best table for an Accept-Language header or a tag such as "de-AT"; "en" if none fits.

    That is the table that ``web/languages/index.json`` has for the longest beginning of the tag (RFC 4647, lookup).
    """
    tag = wanted[:_LONGEST_TAG].split(",")[0].split(";")[0].strip().lower()
    while tag and tag not in _TABLE_OF:
        tag = tag.rpartition("-")[0]
    return _TABLE_OF.get(tag, "en")


_BUSY = ("loading", "named_loading", "queue_full", "just_updated", "no_answer")
_STATUS = {  # of the refusals that are not answered with 400
    **{f"refusal.{each}": 503 for each in _BUSY},
    **{f"refusal.{each}": 429 for each in ("too_many", "requests_at_once", "replies_at_once")},
    "refusal.characters": 413,
    "refusal.body_too_long": 413,
    "refusal.commit_gone": 404,
}
Value = Union[str, int, float, "Message", Sequence[Union[str, "Message"]]]


@dataclass(frozen=True, init=False)
class Message:
    """A text for visitors, in no language yet.

    Attributes:
        id: a key of the tables in ``web/languages``.
        values: the values of the text's placeholders, by name; messages may be among them.
    """

    id: str
    values: dict[str, Value]

    def __init__(self, id: str, /, **values: Value) -> None:
        object.__setattr__(self, "id", id)
        object.__setattr__(self, "values", values)

    def __str__(self) -> str:
        """Returns the English text."""
        return filled(ENGLISH[self.id], **self.values)

    def as_json(self) -> dict[str, object]:
        """Returns the id and the values, from which ``web/document/words.js`` makes the text."""
        values = {name: _as_json(value) for name, value in self.values.items()}
        return {"id": self.id, "values": values} if values else {"id": self.id}


class RefusalError(ValueError):
    """A request that is refused. The message is one line for the visitor.

    Attributes:
        id: the id of the message, or the message itself. Its text begins with ``{field}`` if an argument is at fault.
        field: the name of that argument in the API; "" if no argument is at fault.
        values: the values of the message's other placeholders, by name.
        status: the HTTP status of the answer.
        wait_s: seconds after which the same request may be repeated; 0 if that does not help.
    """

    def __init__(
        self, id: str | Message, /, *, field: str = "", status: int = 0, wait_s: int = 0, **values: Value
    ) -> None:
        self.id, self.values = (id.id, id.values) if isinstance(id, Message) else (id, values)
        self.field, self.status = field, status or _STATUS.get(self.id, 400)
        self.wait_s = wait_s or int(self.status == 503)
        # Programs get the argument's name; the page gets its label, see `message`.
        super().__init__(str(Message(self.id, **self.values, **({"field": field} if field else {}))))

    @property
    def message(self) -> Message:
        """The same line for the page, which shows the field by its label."""
        if not self.field:
            return Message(self.id, **self.values)
        label = f"setting.{self.field}"
        return Message(self.id, field=Message(label) if label in ENGLISH else self.field, **self.values)


def _as_json(value: Value) -> object:
    if isinstance(value, Message):
        return value.as_json()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_as_json(each) for each in value]
    return value


def filled(text: str, /, **values: Value) -> str:
    """Returns a text from a table of any language with the values in its placeholders."""
    return "".join(_placed(piece, values) if is_place else piece for piece, is_place in pieces(text))


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Yields the parts of a text in their order, and whether each is a placeholder (without its outer braces)."""
    depth = start = 0
    for at, character in enumerate(text):
        if character == "{":
            if depth == 0:
                yield text[start:at], False
                start = at + 1
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                yield text[start:at], True
                start = at + 1
    yield text[start:], False


def _placed(placeholder: str, values: dict[str, Value]) -> str:
    name, kind, rest = (*placeholder.split(",", 2), "", "")[:3]
    value = values[name.strip()]
    if kind.strip() == "number":
        return f"{value:,}"
    if kind.strip() == "short" and isinstance(value, int):
        return _short(value)
    if kind.strip() == "plural":
        parts = list(pieces(rest))
        forms = {parts[at][0].strip(): parts[at + 1][0] for at in range(0, len(parts) - 1, 2)}
        return filled(forms["one" if value == 1 and "one" in forms else "other"], **values)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return (rest or ", ").join(str(each) for each in value)
    return str(value)


def _short(number: int) -> str:
    for unit, size in (("M", 1_000_000), ("K", 1_000)):
        if number >= 0.99995 * size:  # 999,950 is 1M, not 1000K
            return f"{number / size:.1f}".removesuffix(".0") + unit
    return str(number)
