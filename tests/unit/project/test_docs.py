"""The documentation says what is true: the code of the lecture runs, files exist, arrows are imports."""

import contextlib
import io
import re
from itertools import pairwise, permutations
from pathlib import Path

import grimp
import pytest
import torch

pytestmark = pytest.mark.slow


ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "lecture.md"
# A block of Python, and what it prints if a block of text follows at once.
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:^```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)


def test_the_code_of_the_lecture_runs_and_prints_what_the_page_shows() -> None:
    page, names = PAGE.read_text(encoding="utf-8"), {"__name__": "lecture"}
    with torch.random.fork_rng(devices=[]):
        for block in BLOCK.finditer(page):
            out, line = io.StringIO(), page[: block.start(1)].count("\n")
            with contextlib.redirect_stdout(out):
                exec(compile("\n" * line + block[1], str(PAGE), "exec"), names)
            assert block[2] in (None, out.getvalue())


def test_links_between_pages_lead_somewhere():
    for page in PAGE.parent.glob("*.md"):
        prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", ["docs/architecture.md", "docs/change.md", "CONTRIBUTING.md"])
def test_the_files_and_folders_that_a_page_names_exist(page: str):
    names = re.findall(r"`((?:model|training|ui|web|deploy|tests)/[\w/.]*)`", (ROOT / page).read_text("utf-8"))
    assert len(names) > 10
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_the_arrows_of_the_architecture_are_the_imports():
    """Each arrow is an import, and each import between two packages of a box, or two boxes, follows arrows."""
    (picture,) = re.findall(r"```mermaid\n(.*?)```", (ROOT / "docs/architecture.md").read_text("utf-8"), re.DOTALL)
    chains = [line.strip().replace("/", ".").split(" --> ") for line in picture.splitlines() if "-->" in line]
    arrows = {pair for chain in chains for pair in pairwise(chain) if pair[0] != "app.py"}
    graph = grimp.build_graph("char_lstm", "model", "training", "ui", "deploy")
    imports = {
        pair
        for pair in permutations({node for pair in arrows for node in pair}, 2)
        if pair[0].rpartition(".")[0] == pair[1].rpartition(".")[0]
        and graph.direct_import_exists(importer=pair[0], imported=pair[1], as_packages=True)
    }
    reached = set(arrows)
    for _ in arrows:
        reached |= {(above, below) for above, middle in reached for top, below in arrows if middle == top}
    assert arrows <= imports <= reached
