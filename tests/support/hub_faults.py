"""Twelve faults of a Hub, each while a run is pushed to it, resumed from it, or published on it as a Space.

Whatever the Hub does: training ends with the same checkpoint as without a Hub; the program gives up by itself, with one
line that names the fault; and once the Hub works again, the same command or the one in the message succeeds.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load

from model.checkpoint.names import MODEL_FILES
from tests.local_hub import LocalHub
from tests.support.tiny_runs import SIZES, before_step, best_of, checkpoints, outcome, write_text
from training.cli import finish as cli
from training.hub.timeouts import HubTimeouts

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
# The request that fails: the commit, or the last file but one of a download.
ROUTES = {
    "push": "POST /api/models/ada/plays/commit/",
    "pull": "GET /ada/plays/resolve/.*/training_state/state.safetensors",
    "space": "POST /api/spaces/ada/page/commit/",
}
# Faults after which the Hub has the commit although the client gets no answer; the client's next try finds the commit.
COMMIT_SUCCEEDS = ("hangs in the body", "hangs after the work", "cut")
BYTES_SENT = "PUT /lfs/"  # the request in which an upload can have a wrong hash
CELLS = [(way, fault) for way in ROUTES for fault in FAULTS]
HASTY = HubTimeouts(connect_s=5, read_s=1, check_s=4, attempt_s=4, first_retry_s=0.02, longest_retry_s=0.1)
RUN = ("text.txt", *SIZES, "--steps=8", "--evaluations=2")

Here = Callable[..., tuple[int, str]]


@dataclass
class FaultCheck:
    """One local Hub, and the outcome of a run without any Hub to compare with.

    Attributes:
        whole: a run that was neither pushed nor stopped.
    """

    hub: LocalHub
    here: Here
    folder: Path
    monkeypatch: pytest.MonkeyPatch

    def __post_init__(self) -> None:
        for module in ("pusher", "worker_process"):
            self.monkeypatch.setattr(f"training.hub.{module}.HubTimeouts", lambda: HASTY)
        self.monkeypatch.setattr(cli, "PUSH_AT_END_S", 2.0)
        write_text(self.folder)
        self.whole = self.folder / "whole"
        assert self.here(*RUN, "--out=whole")[0] == 0

    def check(self, way: str, fault: str) -> None:
        """Check one fault (a key of FAULTS) in one use of the Hub (a key of ROUTES)."""
        {"push": self._push, "pull": self._pull, "space": self._space}[way](fault)

    def _start_fault(self, way: str, fault: str) -> None:
        route = BYTES_SENT if fault == "wrong hash" and way != "pull" else ROUTES[way]
        self.hub.fail(route, times=None, **FAULTS[fault])

    def _push(self, fault: str) -> None:
        with self.monkeypatch.context() as patched:
            before_step(patched, 2, lambda: self._start_fault("push", fault))
            code, output = self.here(*RUN, "--out=run", "--push-to=ada/plays")
        assert code == 0, output
        assert outcome(self.folder / "run") == outcome(self.whole)
        # The number depends on what was being pushed when the fault began.
        unpushed = re.search(r"Not on the Hub yet: \d checkpoints?\. To push:\n  python -m training push ", output)
        if fault not in ("slow", *COMMIT_SUCCEEDS):
            assert unpushed, output
        if not unpushed:
            assert "\nOn the Hub: " in output, output
            self._check_on_hub("run")
        self.hub.faults.clear()
        assert self.here("push", "run")[0] == 0
        self._check_on_hub("run")

    def _check_on_hub(self, run: str) -> None:
        """The Hub has the newest and the best checkpoint of a run."""
        state = "training_state/state.safetensors"
        newest, best = checkpoints(self.folder / run)[-1], best_of(self.folder / run)
        assert self.hub.read("ada/plays", state, "training") == (newest / state).read_bytes()
        assert self.hub.read("ada/plays", "model.safetensors") == (best / "model.safetensors").read_bytes()
        assert int(load(self.hub.read("ada/plays", state, "training"))["steps_done"]) == 8

    def _pull(self, fault: str) -> None:
        with self.monkeypatch.context() as patched:
            before_step(patched, 4, lambda: os.kill(os.getpid(), signal.SIGTERM))
            assert self.here(*RUN, "--out=run", "--push-to=ada/plays")[0] == 143
        shutil.rmtree(self.folder / "run")
        before = sorted(self.folder.rglob("*"))
        self._start_fault("pull", fault)
        command = ("--resume=hf://ada/plays", "text.txt", "--out=again")
        code, output = self.here(*command)
        self.hub.faults.clear()
        if fault == "slow":
            assert code == 0, output
        else:
            assert (code, output.count("error: ")) == (2, 1), output
            assert sorted(self.folder.rglob("*")) == before
            assert self.here(*command)[0] == 0
        assert outcome(self.folder / "again") == outcome(self.whole)
        assert self.here("push", "again")[0] == 0
        self._check_on_hub("again")

    def _space(self, fault: str) -> None:
        before = outcome(self.whole)
        self._start_fault("space", fault)
        code, output = self.here("space", "whole", "--space=ada/page")
        if fault in ("slow", *COMMIT_SUCCEEDS) and code == 0:
            assert self.hub.repos["spaces/ada/page"].titles()[1:] == ["initial commit"], "the Space is created once"
        else:
            assert (code, output.count("error: ")) == (2, 1), output
        self.hub.faults.clear()
        assert self.here("space", "whole", "--space=ada/page")[0] == 0
        for name in MODEL_FILES:
            assert self.hub.read("spaces/ada/page", name) == (best_of(self.whole) / name).read_bytes()
        assert outcome(self.whole) == before
