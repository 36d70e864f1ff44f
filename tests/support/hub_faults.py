"""Faults of a Hub and of the network, each in every use of the Hub.

A run is pushed, resumed from the Hub, or published as a Space; a model is loaded, served from the start of the app, or
replaced by a newer commit. Whatever the Hub does: training ends with the same checkpoint as without a Hub, and the app
serves a model; the program gives up by itself, with one line that names the fault; and once the Hub works again, the
same command or the one in the message succeeds. Full disks are in tests/integration/model/test_pulls.py.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load

from model import CharLSTM, ModelUnavailableError, generate
from model.checkpoint.bundled import BUNDLED
from model.checkpoint.names import CONFIG, WEIGHTS
from tests.local_hub import LocalHub
from tests.support.app_server import eventually, random_model
from tests.support.tiny_models import saved_files
from tests.support.tiny_runs import SIZES, Here, before_step, best_of, checkpoints, outcome, write_text
from training.cli import finish as cli
from training.hub.timeouts import HubTimeouts
from ui.messages import Message
from ui.registry.auto_update import AutoUpdater
from ui.registry.registry import ModelRegistry

FAULTS: dict[str, dict[str, Any]] = {
    "429": {"kind": 429},
    "429 for an hour": {"kind": 429, "retry_after": 3600},
    "500": {"kind": 500},
    "503": {"kind": 503},
    "503 for an hour": {"kind": 503, "retry_after": 3600},
    "hangs before the body": {"kind": "hang"},
    "hangs in the body": {"kind": "hang-body"},
    "hangs after the work": {"kind": "hang", "after": True},
    "one byte a second": {"kind": "trickle", "seconds": 0.5},
    "reset": {"kind": "cut"},
    "closed": {"kind": "close"},
    "cut": {"kind": "cut-body"},
    "reset in the body": {"kind": "reset-body"},
    "answer lost": {"kind": "cut", "after": True},
    "a byte short": {"kind": "short"},
    "slow": {"kind": "slow", "seconds": 0.5},
    "a captive portal": {"kind": "html"},
    "redirect to another server": {"kind": "redirect"},
    "wrong hash": {"kind": "wrong"},
    "400": {"kind": 400},
    "401 midway": {"kind": 401},
    "402": {"kind": 402},
    "403": {"kind": 403},
    "404": {"kind": 404},
    "409": {"kind": 409},
    "412": {"kind": 412},
    "413": {"kind": 413},
    "no network": {},
}
# The request that fails: the commit, the last file but one of a download, or the weights of a model.
ROUTES = {
    "push": "POST /api/models/ada/plays/commit/",
    "pull": "GET /ada/plays/resolve/.*/training_state/state.safetensors",
    "space": "POST /api/spaces/ada/page/commit/",
    "load": "GET /ada/novel/resolve/.*/model.safetensors",
    "start": "(GET|HEAD) .*/ada/novel",
    "renewal": "GET /ada/novel/resolve/.*/model.safetensors",
}
# Faults after which the Hub has the commit although the client gets no answer; the client's next try finds the commit.
COMMIT_SUCCEEDS = (
    *("hangs in the body", "hangs after the work", "one byte a second", "cut", "reset in the body", "answer lost"),
    "a byte short",
)
HARMLESS = ("slow",)
BYTES_SENT = "PUT /lfs/"  # the request in which an upload can have a wrong hash
CELLS = [(way, fault) for way in ROUTES for fault in FAULTS]
HASTY = HubTimeouts(connect_s=5, read_s=1, check_s=4, attempt_s=4, first_retry_s=0.02, longest_retry_s=0.1)
RUN = ("text.txt", *SIZES, "--steps=8", "--set=evaluations=2")


@dataclass
class FaultCheck:
    """One local Hub, and the outcome of a run without any Hub to compare with."""

    hub: LocalHub
    here: Here
    folder: Path
    monkeypatch: pytest.MonkeyPatch

    def __post_init__(self) -> None:
        for module in ("pusher", "worker_process"):
            self.monkeypatch.setattr(f"training.hub.{module}.HubTimeouts", lambda: HASTY)
        self.monkeypatch.setattr(cli, "PUSH_AT_END_S", 2.0)
        self.monkeypatch.setattr("model.hub.limits.STALL_S", 2.5)
        self.monkeypatch.setattr("model.hub.snapshot._PAUSE_S", 0.01)
        self.monkeypatch.setattr("ui.registry.registry._GRACE_S", 0.05)
        self.monkeypatch.setattr("ui.registry.auto_update._LONGEST_WAIT_S", 0.2)  # instead of a day
        write_text(self.folder)

    @cached_property
    def whole(self) -> Path:
        """A run that was neither pushed nor stopped."""
        assert self.here(*RUN, "--out=whole")[0] == 0
        return self.folder / "whole"

    def check(self, way: str, fault: str) -> None:
        """Check one fault (a key of FAULTS) in one use of the Hub (a key of ROUTES)."""
        getattr(self, f"_{way}")(fault)
        elsewhere = self.hub.requests("/elsewhere")
        assert {request.token for request in elsewhere} <= {None}, "no other server gets the token"

    def _start_fault(self, way: str, fault: str) -> None:
        if fault == "no network":
            self.hub.unplug()
            return
        route = BYTES_SENT if fault == "wrong hash" and way in ("push", "space") else ROUTES[way]
        other = self.hub.url.replace("127.0.0.1", "localhost")  # another origin for a client
        location = {"location": f"{other}/elsewhere"} if FAULTS[fault]["kind"] == "redirect" else {}
        self.hub.fail(route, times=None, **FAULTS[fault], **location)

    def _end_fault(self) -> None:
        self.hub.plug_in()
        self.hub.faults.clear()

    def _push(self, fault: str) -> None:
        with self.monkeypatch.context() as patched:
            before_step(patched, 2, lambda: self._start_fault("push", fault))
            code, output = self.here(*RUN, "--out=run", "--push-to=ada/plays")
        assert code == 0, output
        assert outcome(self.folder / "run") == outcome(self.whole)
        # The number depends on what was being pushed when the fault began.
        unpushed = re.search(r"Not on the Hub yet: \d checkpoints?\. To push:\n  python -m training push ", output)
        if fault not in (*HARMLESS, *COMMIT_SUCCEEDS):
            assert unpushed, output
        if not unpushed:
            assert "\nOn the Hub: " in output, output
            self._check_on_hub("run")
        self._end_fault()
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
        self._end_fault()
        if fault in HARMLESS:
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
        if fault in (*HARMLESS, *COMMIT_SUCCEEDS) and code == 0:
            assert self.hub.repos["spaces/ada/page"].titles()[1:] == ["initial commit"], "the Space is created once"
        else:
            assert (code, output.count("error: ")) == (2, 1), output
        self._end_fault()
        assert self.here("space", "whole", "--space=ada/page")[0] == 0
        assert self.hub.read("spaces/ada/page", WEIGHTS) == (best_of(self.whole) / WEIGHTS).read_bytes()
        assert json.loads(self.hub.read("spaces/ada/page", CONFIG))["training"]["welcome"]
        assert outcome(self.whole) == before

    # reading

    def _add_model(self, seed: int) -> str:
        """Commits another model to ada/novel; returns the commit."""
        files = saved_files(random_model(seed), self.folder / f"model-{seed}")
        repo = self.hub.repos.get("ada/novel")
        return self.hub.commit(repo, files) if repo else self.hub.add_repo("ada/novel", files).branches["main"]

    def _load(self, fault: str) -> None:
        commit = self._add_model(0)
        self._start_fault("load", fault)
        try:
            loaded = CharLSTM.from_pretrained("ada/novel").commit
        except ModelUnavailableError as error:
            loaded, message = None, str(error)
            assert not [part for part in ("\n", "http:", "/tmp", "Traceback") if part in message], message
        assert (loaded == commit) is (fault in HARMLESS)
        self._end_fault()
        assert CharLSTM.from_pretrained("ada/novel").commit == commit
        newer = self._add_model(1)
        self._start_fault("load", fault)
        with suppress(ModelUnavailableError):  # of a fault that only the user can end
            lm = CharLSTM.from_pretrained("ada/novel")
            assert (lm.commit, bool(lm.notice)) == ((newer, False) if fault in HARMLESS else (commit, True))
        self._end_fault()
        assert CharLSTM.from_pretrained("ada/novel").commit == newer

    def _start(self, fault: str) -> None:
        commit = self._add_model(0)
        self._start_fault("start", fault)
        with self._following() as registry:
            served = registry.get(None)
            if served.name == BUNDLED:
                assert "ada/novel" in str(registry.notices[0])
                assert Message("model.bundled_instead") in registry.notices
            else:
                assert served.commit == commit
            self._end_fault()
            eventually(lambda: registry.get(None).commit == commit)
            eventually(lambda: not registry.notices)

    def _renewal(self, fault: str) -> None:
        first = self._add_model(0)
        with self._following() as registry:
            assert registry.get(None).commit == first
            self._start_fault("renewal", fault)
            newer = self._add_model(1)
            if fault not in (*HARMLESS, "no network"):
                eventually(lambda: self.hub.requests(ROUTES["renewal"] + f"|{newer}"))
                assert registry.get(None).commit == first
            assert len(generate(registry.get(None).lm, "ROMEO:", 5, seed=1)) == 5
            self._end_fault()
            eventually(lambda: registry.get(None).commit == newer)
            eventually(lambda: not registry.notices)
            assert registry.get(None).refused_commit is None

    @contextmanager
    def _following(self) -> Iterator[ModelRegistry]:
        """Serves ada/novel, and each newer commit of it."""
        registry = ModelRegistry(["ada/novel"])
        updater = AutoUpdater(registry, 0.1)
        registry.start()
        updater.start()
        try:
            assert registry.wait(60)
            yield registry
        finally:
            updater.stop()
            registry.stop()
