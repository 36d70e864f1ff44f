"""What the page says, gathered from its sources: its texts in English, by which the others are found."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHINESE: dict[str, str] = json.loads((ROOT / "web" / "languages" / "zh.json").read_text(encoding="utf-8"))
VALUE = re.compile(r"\{[^{}]?\}")
_NAMES = {"aria-label", "placeholder", "title"}
_REFUSALS = {"RefusalError", "_BusyError"}


def plain(text: str) -> str:
    """A text with all of its values alike."""
    return VALUE.sub("{}", text)


def in_scripts(*folders: str) -> Iterator[tuple[str, bool]]:
    """Each text of the scripts in some folders, and whether it is one that is surely shown: t("…")."""
    for path in _files("*.js", folders):
        script = path.read_text(encoding="utf-8")
        for found in re.finditer(r'(\bt\(\s*)?("(?:[^"\\\n]|\\.)*")', script):
            yield json.loads(found[2]), bool(found[1])
        for found in re.finditer("`([^`]*)`", script):
            whole = re.sub(r"\$\{[^{}]*\}", "{}", found[1])
            yield from ((piece, False) for piece in [whole, *re.split(r"(?<=[.…]) (?=[A-Z])", whole)])


def in_documents(*folders: str) -> Iterator[str]:
    """Each text that stands in the HTML of some folders."""
    for path in _files("*.html", folders):
        reader = _Reader()
        reader.feed(path.read_text(encoding="utf-8"))
        yield from reader.texts


def in_programs(*paths: str) -> Iterator[str]:
    """Each text of some programs, with {} for what is filled in; whole, and by sentences, facts and reasons."""
    for path in paths:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        refusals = {id(call.args[1]): text for call, text in _refused(tree)}
        for node in ast.walk(tree):
            text = refusals.get(id(node)) or _template(node)
            if text:
                yield text
                for sentence in re.split(r"(?<=[.…]) (?=[A-Z])", text):
                    yield sentence.strip()
                    yield from (piece.strip() for piece in re.split(" · |; ", sentence))


def refusals(*paths: str) -> Iterator[str]:
    """Each refusal of some programs, as the page is told it."""
    for path in paths:
        yield from (text for _, text in _refused(ast.parse((ROOT / path).read_text(encoding="utf-8"))))


def told_to_gradio(*paths: str) -> Iterator[str]:
    """Each t("…") of some programs."""
    for path in paths:
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "t":
                text = _template(node.args[0])
                if text:
                    yield text


def _refused(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _REFUSALS:
            reason = _template(node.args[1])
            if reason:
                yield node, reason if _template(node.args[0]) == "" else f"{{}} {reason}"


def _template(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(each.value) if isinstance(each, ast.Constant) else "{}" for each in node.values)
    return None


def _files(pattern: str, folders: tuple[str, ...]) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob(pattern))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.texts += [value for name, value in attrs if name in _NAMES and value]

    def handle_data(self, data: str) -> None:
        self.texts += [data.strip()] if data.strip() else []
