"""The documentation says what is true: its code runs, and the files that it names exist."""

import contextlib
import io
import re
from pathlib import Path
from unittest.mock import MagicMock

import pytest
import torch

pytestmark = pytest.mark.slow


ROOT = Path(__file__).parents[3]
# A block of Python, and what it prints if a block of text follows at once.
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:^```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("name", ["lecture.md", "python.md"])
def test_the_code_of_a_page_runs_and_prints_what_the_page_shows(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path, names = ROOT / "docs" / name, {"__name__": "page"}
    page = path.read_text(encoding="utf-8")
    with torch.random.fork_rng(devices=[]):
        for block in BLOCK.finditer(page):
            out, line = io.StringIO(), page[: block.start(1)].count("\n")
            with contextlib.redirect_stdout(out):
                exec(compile("\n" * line + block[1], str(path), "exec"), names)
            assert block[2] in (None, out.getvalue())


def test_links_between_pages_lead_somewhere():
    for page in (ROOT / "docs").glob("*.md"):
        prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", ["docs/architecture.md", "docs/change.md", "CONTRIBUTING.md"])
def test_the_files_and_folders_that_a_page_names_exist(page: str):
    names = re.findall(r"`((?:model|training|ui|web|deploy|tests)/[\w/.]*)`", (ROOT / page).read_text("utf-8"))
    assert len(names) > 10
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_what_programs_may_rely_on_is_documented():
    """The names of the package, the arguments of the API, and the variables that the app reads."""
    import char_lstm
    import model
    from app import parse_options
    from ui.routes.api import _generate_arguments
    from ui.site_config import SiteConfig

    docs = {name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("stable", "api", "serve")}
    (listed,) = re.findall(r"## Python\n(.*?)\n## ", docs["stable"], re.DOTALL)
    names = {name for row in re.findall(r"^\| (`.*?) \|", listed, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert names == {*model.__all__}
    assert all(getattr(char_lstm, name) is getattr(model, name) for name in names)
    in_api = {name for code in re.findall(r"`([^`\n]+)`", docs["api"]) for name in re.findall(r"\w+", code)}
    assert set(_generate_arguments("")) <= in_api
    environment = MagicMock()  # an empty one, which records what is read
    environment.get.side_effect = lambda _, default=None: default
    environment.__contains__.return_value = False
    parse_options([], environment)
    SiteConfig.of(environment)
    read = {call.args[0] for call in [*environment.get.mock_calls, *environment.__contains__.mock_calls]}
    assert len(read) > 10
    assert [name for name in read - {"SPACE_ID"} if f"`{name}`" not in docs["serve"]] == []
