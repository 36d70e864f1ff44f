"""A Hub in trouble, in twelve ways, while something is pushed to it, pulled from it, or put up on it.

Whatever the Hub does: what was trained is what would have been trained without it, the program ends within its deadline
with one line that says what is wrong, and once the Hub is well again the same or the named command ends well.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load

from model.checkpoint.names import MODEL_FILES
from tests.local_hub import LocalHub
from tests.support.tiny_runs import SIZES, before_step, best_of, checkpoints, outcome, write_text
from training.cli import main as cli
from training.hub.pusher import Patience

FAULTS: dict[str, dict[str, Any]] = {
    "429": {"kind": 429},
    "500": {"kind": 500},
    "503": {"kind": 503},
    "hangs before the body": {"kind": "hang"},
    "hangs in the body": {"kind": "hang-body"},
    "hangs after the work": {"kind": "hang", "after": True},
    "cut": {"kind": "cut-body"},
    "slow": {"kind": "slow", "seconds": 0.5},
    "a captive portal": {"kind": "html"},
    "412": {"kind": 412},
    "wrong hash": {"kind": "wrong"},
    "401 midway": {"kind": 401},
}
# Each in the middle of what it breaks: the commit, or the file that is the last but one.
ROUTES = {
    "push": "POST /api/models/ada/plays/commit/",
    "pull": "GET /ada/plays/resolve/.*/training_state/state.safetensors",
    "space": "POST /api/spaces/ada/page/commit/",
}
BYTES_SENT = "PUT /lfs/"  # where a hash can be wrong of what goes up
CELLS = [(way, fault) for way in ROUTES for fault in FAULTS]
HASTY = Patience(connect_s=5, read_s=1, preflight_s=4, attempt_s=4, first_wait_s=0.02, longest_wait_s=0.1)
LIMIT_S = 45.0  # HASTY's longest and PUSH_AT_END_S, on however busy a machine
RUN = ("text.txt", *SIZES, "--steps=8", "--evaluations=2")

Here = Callable[..., tuple[int, str]]


@dataclass
class Trouble:
    """One hub, and what a run comes to without any.

    Attributes:
        whole: a run that was never pushed or stopped.
    """

    hub: LocalHub
    here: Here
    folder: Path
    monkeypatch: pytest.MonkeyPatch

    def __post_init__(self) -> None:
        for module in ("hub.pusher", "hub.spaces", "run.hub_resume"):
            self.monkeypatch.setattr(f"training.{module}.Patience", lambda: HASTY)
        self.monkeypatch.setattr(cli, "PUSH_AT_END_S", 2.0)
        write_text(self.folder)
        self.whole = self.folder / "whole"
        assert self.here(*RUN, "--out=whole")[0] == 0

    def check(self, way: str, fault: str) -> None:
        """Goes through one cell of the table."""
        {"push": self._push, "pull": self._pull, "space": self._space}[way](fault)

    def _begin(self, way: str, fault: str) -> None:
        route = BYTES_SENT if fault == "wrong hash" and way != "pull" else ROUTES[way]
        self.hub.fail(route, times=None, **FAULTS[fault])

    def _in_time(self, *words: str) -> tuple[int, str]:
        began = time.monotonic()
        found = self.here(*words)
        assert time.monotonic() - began < LIMIT_S
        return found

    def _push(self, fault: str) -> None:
        with self.monkeypatch.context() as middle:
            before_step(middle, 2, lambda: self._begin("push", fault))
            code, said = self._in_time(*RUN, "--out=run", "--push-to=ada/plays")
        assert code == 0, said
        assert outcome(self.folder / "run") == outcome(self.whole)
        if fault != "slow":
            # How many wait depends on what was on its way when the trouble began.
            assert re.search(r"Not on the Hub yet: \d checkpoints?\. To push:\n  python -m training push ", said), said
        self.hub.faults.clear()
        self._is_there("run")

    def _is_there(self, run: str) -> None:
        """Pushes what is left of a run; the Hub then has its newest checkpoint, and its best."""
        assert self.here("push", run)[0] == 0
        state = "training_state/state.safetensors"
        newest, best = checkpoints(self.folder / run)[-1], best_of(self.folder / run)
        assert self.hub.read("ada/plays", state, "training") == (newest / state).read_bytes()
        assert self.hub.read("ada/plays", "model.safetensors") == (best / "model.safetensors").read_bytes()
        assert int(load(self.hub.read("ada/plays", state, "training"))["steps_done"]) == 8

    def _pull(self, fault: str) -> None:
        with self.monkeypatch.context() as middle:
            before_step(middle, 4, lambda: os.kill(os.getpid(), signal.SIGTERM))
            assert self.here(*RUN, "--out=run", "--push-to=ada/plays")[0] == 143
        shutil.rmtree(self.folder / "run")
        before = sorted(self.folder.rglob("*"))
        self._begin("pull", fault)
        again = ("--resume=hf://ada/plays", "text.txt", "--out=again")
        code, said = self._in_time(*again)
        self.hub.faults.clear()
        if fault == "slow":
            assert code == 0, said
        else:
            assert (code, said.count("error: ")) == (2, 1), said
            assert sorted(self.folder.rglob("*")) == before
            assert self.here(*again)[0] == 0
        assert outcome(self.folder / "again") == outcome(self.whole)
        self._is_there("again")

    def _space(self, fault: str) -> None:
        before = outcome(self.whole)
        self._begin("space", fault)
        code, said = self._in_time("space", "whole", "--space=ada/page")
        landed = fault in (
            "slow",
            "hangs in the body",
            "hangs after the work",
            "cut",
        )  # and the next try finds it there
        if landed and code == 0:
            assert self.hub.repos["spaces/ada/page"].titles()[1:] == ["initial commit"], "it is made once"
        else:
            assert (code, said.count("error: ")) == (2, 1), said
        self.hub.faults.clear()
        assert self.here("space", "whole", "--space=ada/page")[0] == 0
        for name in MODEL_FILES:
            assert self.hub.read("spaces/ada/page", name) == (best_of(self.whole) / name).read_bytes()
        assert outcome(self.whole) == before
