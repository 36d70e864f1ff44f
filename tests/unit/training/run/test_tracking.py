"""Runs followed in Trackio. It brings a web server of its own, so a module that looks like it stands in for it here."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from model.cli.arguments import UsageError
from training.cli.options import parse_train
from training.run import tracking as track
from training.run.facts import Evaluation
from training.run.tracking import Tracker

LINE: Evaluation = {"step": 20, "seconds": 1.5, "val_loss": 2.0, "lr": 0.001}


class Trackio(types.ModuleType):
    """Records its calls; the call named by ``fails`` raises."""

    def __init__(self, fails: str = "") -> None:
        super().__init__("trackio")
        self.calls: list[Any] = []
        self.fails = fails

    def init(self, project: str, name: str, **rest: Any) -> Trackio:
        return self._note("init", project, name, rest["config"])

    def log(self, metrics: dict[str, Any], step: int) -> None:
        self._note("log", metrics, step)

    def finish(self) -> None:
        self._note("finish")

    def _note(self, call: str, *what: Any) -> Trackio:
        if call == self.fails:
            raise OSError("no network")
        self.calls.append((call, *what))
        return self


@pytest.mark.parametrize("fails", ["", "init", "log", "finish"])
def test_evaluations_are_logged_and_a_fault_is_one_warning(fails: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = Trackio(fails)
    warnings: list[str] = []
    monkeypatch.setitem(sys.modules, "trackio", module)
    tracker = Tracker("my-run", {"hidden_size": 8}, warnings.append)
    tracker.log(LINE)
    tracker.log({**LINE, "step": 40})
    tracker.close()
    metrics = {"val_loss": 2.0, "lr": 0.001}
    calls = [
        ("init", "char-lstm", "my-run", {"hidden_size": 8}),
        ("log", metrics, 20),
        ("log", metrics, 40),
        ("finish",),
    ]
    names = [call for call, *_ in calls]
    assert module.calls == (calls[: names.index(fails)] if fails else calls)
    assert len(warnings) == bool(fails)
    assert all("OSError" in warning and "metrics.jsonl" in warning for warning in warnings)


def test_without_trackio_the_option_names_the_command_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(track, "is_installed", lambda: False)
    with pytest.raises(UsageError, match="pip install trackio"):
        parse_train(["text.txt", "--track"])
