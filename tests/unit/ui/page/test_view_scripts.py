"""The scripts of a view are joined into one scope (see ui/page/view.py): what one of them names is there for all."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from ui.page.view import SCOPES
from ui.words import SCRIPT

UI = Path(__file__).parents[4] / "web" / "app"
_TOP = re.compile(r"^(?:async\s+)?(?:function\s*\*?|class|const|let|var)\s+(.*)$", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z_$][\w$]*")


def names(script: str) -> Iterator[str]:
    """What a script declares at its top level: functions, classes, and variables, those taken apart included."""
    for found in _TOP.finditer(script):
        target = found[1]
        pattern = re.match(r"[\[{](.*?)[\]}]\s*=", target)
        if pattern:
            for each in pattern[1].split(","):
                yield _NAME.findall(each.partition("=")[0])[-1]  # {a: b = 1} declares b
        else:
            yield from (found[0] for found in [_NAME.match(target)] if found)


def twice(scripts: dict[str, str]) -> dict[str, list[str]]:
    """The names that more than one script declares, or one more than once; and where."""
    where: dict[str, list[str]] = defaultdict(list)
    for file, script in scripts.items():
        for name in names(script):
            where[name].append(file)
    return {name: files for name, files in where.items() if len(files) > 1}


def test_no_two_scripts_of_the_view_declare_the_same_name() -> None:
    joined: set[str] = set()
    for scope in SCOPES:
        scripts = {"words.js": SCRIPT, **{name: (UI / name).read_text(encoding="utf-8") for name in scope}}
        assert twice(scripts) == {}
        joined |= {name for script in scripts.values() for name in names(script)}
    assert {"t", "lens", "LENSES", "showTurn", "stepOn", "TAKEN_MS", "PATIENCE_MS", "slider", "retell"} <= joined
    assert {path.name for path in UI.glob("*.js")} == {name for scope in SCOPES for name in scope}


def test_a_name_that_is_declared_twice_is_found() -> None:
    one = "function show() {}\nconst [a, b] = [1, 2];\n  let inside = 1;\nclass Box {}\n"
    other = "async function show() {}\nlet { c, d: b } = x;\nconst inside = 2;\nfunction* Box() {}\n"
    assert twice({"one.js": one, "other.js": other}) == {name: ["one.js", "other.js"] for name in ("show", "b", "Box")}
