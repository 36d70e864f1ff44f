"""Training where files that are open or mapped can be neither renamed nor deleted, as on Windows."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import pytest

from model import CharLSTM
from tests.support.tiny_runs import SIZES, write_text
from tests.support.windows_files import refuse_files_in_use
from training.__main__ import main


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see which files are in use")
def test_a_run_trains_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_text(tmp_path)
    refuse_files_in_use(monkeypatch)
    assert main(["text.txt", *SIZES, "--steps=4", "--set=evaluations=2", "--out=run"]) == 0
    assert CharLSTM.from_pretrained(tmp_path / "run").training["step"] == 4
    assert main(["--resume=run"]) == 0
    gc.collect()  # the runs before map the text until they are collected; a process of its own would have ended
    assert main(["text.txt", "--resume=run"]) == 0  # reads the text again and replaces its copy
    assert not list((tmp_path / "run").glob(".*"))
