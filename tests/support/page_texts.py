"""The message ids that the sources of the page use, and the placeholders of texts."""

import ast
import re
from pathlib import Path

from ui.messages import pieces

ROOT = Path(__file__).parents[2]
_ID = re.compile(r"[a-z]\w*\.[a-z_][\w.]*")
_ATTRIBUTE = re.compile(r'\bdata-(?:text|label|placeholder)="([^"]+)"')  # in the markup of the page
_CALLS = {"t", "Message", "RefusalError"}  # whose first argument is an id


def ids_used() -> tuple[set[str], set[str], set[str]]:
    """What the sources of both pages hold: ids that are surely shown, texts that look like ids, and beginnings of ids
    that are put together, such as ``lens.``.
    """
    shown, alike, beginnings = set(), set(), set()
    for path in sorted((ROOT / "ui").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _ID.fullmatch(node.value):
                alike.add(node.value)
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                beginnings.add(str(node.values[0].value))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CALLS:
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant):
                    shown.add(str(first.value))
    for path in [ROOT / "web/index.html", *sorted((ROOT / "web").rglob("*.js"))]:
        if path.parent.name == "vendor":
            continue
        script = path.read_text(encoding="utf-8")
        attributes = set(_ATTRIBUTE.findall(script))
        shown |= {id for id in attributes if "$" not in id}
        beginnings |= {id.partition("$")[0] for id in attributes if "$" in id} - {""}
        shown |= set(re.findall(r'\b(?:t|refusal)\(\s*"([^"]+)"', script)) | set(re.findall(r'\bid: "([^"]+)"', script))
        alike |= {text for text in re.findall(r'"([^"\n]*)"', script) if _ID.fullmatch(text)}
        beginnings |= set(re.findall(r"`(\w+\.)\$\{", script))
    return shown, alike | shown, beginnings


def placeholders(text: str) -> set[str]:
    """The names of the values that a text shows, in every form of its plurals."""
    found: set[str] = set()
    for piece, is_place in pieces(text):
        if is_place:
            name, _, rest = piece.partition(",")
            found |= {name.strip()} | {each for form, inside in pieces(rest) if inside for each in placeholders(form)}
    return found
