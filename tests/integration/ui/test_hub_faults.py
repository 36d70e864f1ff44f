"""Faults of the Hub while models are loaded, at the start of the app and later: some model is always served."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from model import generate
from model.checkpoint.bundled import BUNDLED
from tests.local_hub import LocalHub
from tests.support.app_server import eventually, random_model
from tests.support.hub_faults import HARMLESS, SOME, faulty
from tests.support.tiny_models import saved_files
from ui.messages import Message
from ui.registry.auto_update import AutoUpdater
from ui.registry.registry import ModelRegistry

WEIGHTS = "GET /ada/novel/resolve/.*/model.safetensors"
some_faults = pytest.mark.parametrize("fault", SOME)
Add = Callable[[int], str]


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.registry.registry._GRACE_S", 0.01)


@pytest.fixture
def add(hub: LocalHub, tmp_path: Path) -> Add:
    """Return a function that commits the model of a seed to ada/novel, and returns the commit."""

    def commit(seed: int) -> str:
        files = saved_files(random_model(seed), tmp_path / f"model-{seed}")
        repo = hub.repos.get("ada/novel")
        return hub.commit(repo, files) if repo else hub.add_repo("ada/novel", files).branches["main"]

    return commit


@contextmanager
def following() -> Iterator[ModelRegistry]:
    """Serves ada/novel, and each newer commit of it."""
    registry = ModelRegistry(["ada/novel"])
    updater = AutoUpdater(registry, 0.05)
    registry.start()
    updater.start()
    try:
        assert registry.wait(60)
        yield registry
    finally:
        updater.stop()
        registry.stop()


@some_faults
def test_the_app_starts_with_some_model_and_then_serves_the_one_asked_for(hub: LocalHub, add: Add, fault: str) -> None:
    commit = add(0)
    with ExitStack() as at_end:
        with faulty(hub, fault, "(GET|HEAD) .*/ada/novel"):
            registry = at_end.enter_context(following())
            served = registry.get(None)
            if served.name == BUNDLED:
                assert "ada/novel" in str(registry.notices[0])
                assert Message("model.bundled_instead") in registry.notices
            else:
                assert served.commit == commit
        eventually(lambda: registry.get(None).commit == commit)
        eventually(lambda: not registry.notices)


@some_faults
def test_the_old_commit_is_served_until_the_new_one_is_whole(hub: LocalHub, add: Add, fault: str) -> None:
    first = add(0)
    with following() as registry:
        assert registry.get(None).commit == first
        with faulty(hub, fault, WEIGHTS):
            newer = add(1)
            if fault not in (*HARMLESS, "no network"):
                eventually(lambda: hub.requests(f"{WEIGHTS}|{newer}"))
                assert registry.get(None).commit == first
            assert len(generate(registry.get(None).lm, "ROMEO:", 5, seed=1)) == 5
        eventually(lambda: registry.get(None).commit == newer)
        eventually(lambda: not registry.notices)
        assert registry.get(None).refused_commit is None
