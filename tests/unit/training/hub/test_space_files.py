"""Which files of the project a page gets: all of some folders, by rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.tiny_models import tiny_model
from tests.support.tiny_runs import ROOT
from training.errors import RunError
from training.hub.space_files import app_files, static_files, write_static


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one file in each folder."""
    for name in (
        "app.py",
        "model/lstm.py",
        "model/pretrained/config.json",
        "ui/page/page.py",
        "web/README.md",
        "web/words.js",
        "web/languages/zh.json",
        "web/app/view.js",
        "web/static/index.html",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr("training.hub.space_files.ROOT", tmp_path)
    return tmp_path


def test_the_app_gets_all_code_and_all_of_web_but_the_static_page(project: Path) -> None:
    shared = {"web/words.js", "web/languages/zh.json"}
    assert set(app_files()) == {"app.py", "model/lstm.py", "ui/page/page.py", "web/app/view.js", *shared}


def test_the_static_page_gets_all_of_web_but_the_app(project: Path) -> None:
    assert set(static_files()) == {"index.html", "words.js", "languages/zh.json"}


def test_a_new_folder_is_included(project: Path) -> None:
    for name in ("ui/new/deep/module.py", "web/app/new/lens.js", "web/languages/new/de.json", "model/new/kernel.py"):
        (project / name).parent.mkdir(parents=True)
        (project / name).touch()
        assert name in app_files()
    assert "languages/new/de.json" in static_files()
    assert "app/new/lens.js" not in static_files()


def test_two_files_for_one_path_of_the_static_page_are_refused(project: Path) -> None:
    (project / "web" / "static" / "words.js").touch()
    with pytest.raises(RunError, match=r"web/words\.js and web/static/words\.js are one file"):
        static_files()


def test_every_file_of_web_is_part_of_a_page() -> None:
    files = {path for path in (ROOT / "web").rglob("*") if path.is_file() and path.name != "README.md"}
    assert files == {*static_files().values(), *app_files().values()} - {
        path for path in app_files().values() if ROOT / "web" not in path.parents
    }


def test_the_licence_of_a_strangers_model_is_no_html(tmp_path: Path) -> None:
    lm = tiny_model()
    lm.training = {"license": "<img src=x onerror=alert(1)>"}
    write_static(tmp_path, lm)
    assert r"\<img src=x onerror=alert(1)\>" in (tmp_path / "README.md").read_text(encoding="utf-8")
