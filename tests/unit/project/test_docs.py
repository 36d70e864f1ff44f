"""The guided pages say what is true: each block of Python runs, and prints what stands under it."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest
import torch

pytestmark = pytest.mark.slow


PAGE = Path(__file__).parents[3] / "docs" / "lecture.md"
# A block of Python, and what it prints if a block of text follows at once.
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:^```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def printed() -> list[tuple[str, str]]:
    """What each block that shows its output should print, and what it prints; they share their names."""
    page, names, found = PAGE.read_text(encoding="utf-8"), {"__name__": "lecture"}, []
    with torch.random.fork_rng(devices=[]):
        for block in BLOCK.finditer(page):
            line = page[: block.start(1)].count("\n")
            found.append((block[2], run(block[1], line, names)))
    return found


def run(code: str, line: int, names: dict[str, Any]) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile("\n" * line + code, str(PAGE), "exec"), names)
    return out.getvalue()


def test_every_block_runs_and_prints_what_the_page_shows(printed):
    for shown, really in printed:
        if shown is not None:
            assert really == shown


def test_links_between_pages_lead_somewhere():
    for page in PAGE.parent.glob("*.md"):
        prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
