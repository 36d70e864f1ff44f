"""Runs followed in Trackio. It brings a web server of its own, so a module that looks like it stands in for it here."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from model.cli.arguments import UsageError
from training.cli.options import parse_train
from training.run import tracking
from training.run.facts import Evaluation
from training.run.tracking import Tracker

LINE: Evaluation = {"step": 20, "seconds": 1.5, "val_loss": 2.0, "lr": 0.001}


@pytest.mark.parametrize("fails", ["", "init", "log", "finish"])
def test_evaluations_are_logged_and_a_fault_is_one_warning(
    fails: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[Any] = []
    run = SimpleNamespace()

    def note(call: str, *what: object) -> SimpleNamespace:
        if call == fails:
            raise OSError("no network")
        calls.append((call, *what))
        return run

    run.log = lambda metrics, step: note("log", metrics, step)
    run.finish = lambda: note("finish")
    run.init = lambda project, name, config, **_: note("init", project, name, config)
    monkeypatch.setitem(sys.modules, "trackio", run)
    tracker = Tracker("my-run", {"hidden_size": 8})
    tracker.log(LINE)
    tracker.log({**LINE, "step": 40})
    tracker.close()
    metrics = {"val_loss": 2.0, "lr": 0.001}
    expected = [("init", "char-lstm", "my-run", {"hidden_size": 8}), ("log", metrics, 20), ("log", metrics, 40)]
    expected.append(("finish",))
    names = [call for call, *_ in expected]
    assert calls == (expected[: names.index(fails)] if fails else expected)
    line = "warning: Trackio stopped logging this run (OSError); metrics.jsonl has the evaluations\n"
    assert capsys.readouterr().err == (line if fails else "")


def test_without_trackio_the_option_names_the_command_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "is_installed", lambda: False)
    with pytest.raises(UsageError, match="pip install trackio"):
        parse_train(["text.txt", "--track"])
