"""AutoUpdater: a newer commit on the Hub replaces the model that is served, while replies are written."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from model import CharLSTM, SamplingParams, generate
from model.checkpoint.bundled import BUNDLED
from tests.local_hub import LocalHub, Repo
from tests.support.app_server import App, eventually, random_model, serving
from tests.support.english import english
from tests.support.page_client import LIMITS, TIMEOUT_S, Visitor
from tests.support.tiny_models import saved_files
from ui.messages import Message
from ui.registry.auto_update import LONGEST_S, AutoUpdater
from ui.registry.loaded_model import LoadedModel
from ui.registry.registry import ModelRegistry

INTERVAL_S = 0.1
STREAMS = 32
NAME = "ada/novel"

Files = dict[str, bytes]


def files_of(folder: Path, seed: int, hidden_size: int = 24) -> Files:
    return saved_files(random_model(seed, hidden_size), folder)


@pytest.fixture
def old(tmp_path: Path) -> Files:
    return files_of(tmp_path / "old", 0)


@pytest.fixture
def new(tmp_path: Path) -> Files:
    """A model of another size, so that a state of one model cannot be used with the other."""
    return files_of(tmp_path / "new", 3, 32)


@pytest.fixture(autouse=True)
def no_grace_period(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.registry.registry._GRACE_S", 0.1)


@contextmanager
def auto_updated(*specs: str) -> Iterator[ModelRegistry]:
    registry = ModelRegistry(specs)
    registry.start()
    auto_updater = AutoUpdater(registry, INTERVAL_S)
    auto_updater.start()
    assert registry.wait(120)
    try:
        yield registry
    finally:
        auto_updater.stop()
        registry.stop()


def commit_of(registry: ModelRegistry, name: str = NAME) -> str:
    return registry.get(name).commit


def commit_requests(hub: LocalHub) -> int:
    """Return how often the newest commit was requested from the Hub."""
    return len(hub.requests(f"GET /api/models/{NAME}.*expand=sha"))


def wait_for_commit_requests(hub: LocalHub, times: int) -> None:
    eventually(lambda: commit_requests(hub) >= times)


def wait_until_refused(served: LoadedModel, commit: str) -> None:
    eventually(lambda: str(served.refused_commit).startswith(f"commit {commit[:7]} is not served: "))


async def _write_while_a_commit_is_pushed(
    app: App, hub: LocalHub, repo: Repo, new: Files
) -> tuple[list[str], str, str]:
    """Write replies while a commit is pushed, and one more reply once it is served.

    Replies with even seeds end at their length; the others are stopped at the end.

    Returns:
        the texts of the replies, the text of the late reply, and the new commit.
    """
    async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=LIMITS) as http:
        visitors = [Visitor(http, app.url) for _ in range(STREAMS)]

        async def write(visitor: Visitor, seed: int) -> str:
            reply = await visitor.send("ROMEO:", length=10_000 if seed % 2 else 100, speed=60, seed=seed)
            assert (reply.ending["end"], reply.ending["error"]) == ("abort" if seed % 2 else "length", None)
            return reply.text

        before = app.served(NAME)
        streams = [asyncio.create_task(write(visitor, seed)) for seed, visitor in enumerate(visitors)]
        while before.engine.running < STREAMS:
            await asyncio.sleep(0.02)
        newer = hub.commit(repo, new)
        while app.served(NAME).commit != newer:
            await asyncio.sleep(0.02)
        late = Visitor(http, app.url)
        written = before.engine.written
        text = (await late.send("ROMEO:", length=60, seed=7)).text
        await asyncio.gather(*streams[::2])
        assert before.engine.running == STREAMS // 2, "running replies continue on the old weights"
        assert before.engine.written > written
        for visitor in visitors[1::2]:
            assert await visitor.stop()
        return list(await asyncio.gather(*streams)), text, newer


def test_running_replies_end_on_the_old_weights_and_new_replies_use_the_new_ones(
    hub: LocalHub, old: Files, new: Files, tmp_path: Path
) -> None:
    repo = hub.add_repo(NAME, old)
    with auto_updated(NAME) as registry, serving(registry) as app:
        served = app.served(NAME)
        thread, network, backend = (
            served.thread,
            weakref.ref(served.lm.models[0].network),
            weakref.ref(served.engine._backend),
        )
        texts, text, newer = asyncio.run(_write_while_a_commit_is_pushed(app, hub, repo, new))
        lm, longest = CharLSTM.from_pretrained(tmp_path / "old"), max(map(len, texts))
        for seed, each in enumerate(texts):
            assert each == generate(lm, "ROMEO:", longest, temperature=0.8, seed=seed)[: len(each)]
            assert len(each) > 20
        assert {len(each) for each in texts[::2]} == {100}
        assert text == generate(CharLSTM.from_pretrained(tmp_path / "new"), "ROMEO:", 60, temperature=0.8, seed=7)
        assert f"commit {newer[:7]}" in english(app.served(NAME).about, " · ")
        eventually(lambda: served.unloaded)
        thread.join(60)
        gc.collect()
        assert not thread.is_alive()
        assert network() is None, "the old weights are released"
        assert backend() is None
        assert served.newer is app.served(NAME)
        assert len(registry.engines) == 1


def test_pinned_commits_and_folders_are_not_updated(hub: LocalHub, old: Files, new: Files, tmp_path: Path) -> None:
    repo = hub.add_repo(NAME, old)
    first = repo.commit("main").oid
    with auto_updated(f"{NAME}@{first}", str(tmp_path / "old"), BUNDLED) as registry:
        assert registry.auto_updated == []
        hub.commit(repo, new)
        eventually(lambda: not [each for each in threading.enumerate() if each.name.startswith("auto update")])
        assert commit_of(registry, f"{NAME}@{first}") == first


INVALID = {
    "a flipped bit": ("model.safetensors", lambda data: data[:-1] + bytes([data[-1] ^ 1]), "(SHA-256)"),
    "code": ("config.json", lambda data: data.replace(b"{", b'{"auto_map": {},', 1), "unknown field 'auto_map'"),
}


def test_an_invalid_commit_is_reported_once_and_the_old_one_is_still_served(
    hub: LocalHub, old: Files, new: Files, caplog: pytest.LogCaptureFixture
) -> None:
    repo = hub.add_repo(NAME, old)
    first = repo.commit("main").oid
    caplog.set_level(logging.INFO, "char-lstm")
    with auto_updated(NAME) as registry:
        served, engine = registry.get(NAME), registry.get(NAME).engine
        for what, (name, spoil, reason) in INVALID.items():
            version = registry.version
            bad = hub.commit(repo, {**new, name: spoil(new[name])})
            wait_until_refused(served, bad)
            assert reason in str(served.refused_commit), what
            assert registry.version != version
            count, pulled = commit_requests(hub), len(hub.requests(f"/resolve/{bad}/"))
            wait_for_commit_requests(hub, count + 2)
            assert len(hub.requests(f"/resolve/{bad}/")) == pulled, "a refused commit is downloaded once"
            messages = [record.getMessage() for record in caplog.records if bad[:7] in record.getMessage()]
            assert messages == [f"{NAME}: {served.refused_commit}; {first[:7]} stays"], what
        assert registry.get(NAME) is served
        assert served.engine is engine
        assert registry.engines == [engine]
        good = hub.commit(repo, new)
        eventually(lambda: commit_of(registry) == good)
        assert not registry.get(NAME).refused_commit
    assert not [record for record in caplog.records if record.exc_info]


WEIGHTS = "GET .*/model.safetensors"


SLOW: dict[str, dict[str, Any]] = {
    "a pause of an hour": {"kind": 429, "retry_after": 3600},
    "one byte a second": {"kind": "trickle", "seconds": 0.1},
    "no answer": {"kind": "hang"},
}


@pytest.mark.parametrize("fault", SLOW)
def test_a_slow_download_does_not_block_the_next_commit(
    hub: LocalHub, old: Files, new: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr("ui.registry.auto_update._LONGEST_WAIT_S", 0.2)
    repo = hub.add_repo(NAME, old)
    with auto_updated(NAME) as registry:
        monkeypatch.setattr("model.hub.limits.READ_S", 0.5)
        monkeypatch.setattr("ui.registry.auto_update._CHECK_S", 1.0)
        slow = hub.fail(WEIGHTS, times=None, **SLOW[fault])
        hub.commit(repo, new)
        eventually(lambda: slow.hits >= 2)
        slow.times = slow.hits  # downloads that hang continue to hang
        newest = hub.commit(repo, files_of(tmp_path / "newest", 4))
        eventually(lambda: commit_of(registry) == newest)
        assert not registry.notices


def test_retry_after_is_respected_and_shown(hub: LocalHub, old: Files, new: Files) -> None:
    repo = hub.add_repo(NAME, old)
    with auto_updated(NAME) as registry:
        pause = hub.fail(f"/api/models/{NAME}", 429, None, retry_after=7200)
        hub.commit(repo, new)
        eventually(lambda: registry.notices)
        assert registry.notices == [Message("model.hub_asks_to_wait", name=NAME, minutes=120)]
        assert pause.hits == 1
    updater = AutoUpdater(registry, INTERVAL_S)
    assert updater.pause_s(1, 200.0) == 200.0
    assert updater.pause_s(1, 7200.0) <= 300.0, "the Hub may be well before"


@pytest.mark.parametrize("pinned", [False, True])
def test_a_model_that_failed_at_the_start_is_retried_even_without_auto_updates(
    hub: LocalHub, old: Files, monkeypatch: pytest.MonkeyPatch, pinned: bool
) -> None:
    monkeypatch.setattr("ui.registry.auto_update._RETRY_S", INTERVAL_S)
    commit = hub.add_repo(NAME, old).commit("main").oid
    hub.unplug()
    registry = ModelRegistry([f"{NAME}@{commit}" if pinned else NAME])
    registry.start()
    updater = AutoUpdater(registry, 0)
    updater.start()
    assert registry.wait(120)
    assert registry.get(None).name == BUNDLED
    hub.plug_in()
    eventually(lambda: registry.get(None).commit == commit)
    eventually(lambda: not [each for each in threading.enumerate() if each.name.startswith("auto update")])
    assert not registry.notices
    updater.stop()
    registry.stop()


def test_the_interval_grows_with_failures_up_to_a_quarter_of_an_hour() -> None:
    auto_updater = AutoUpdater(ModelRegistry(), 60.0)
    for fails, most in ((0, 60.0), (1, 120.0), (3, 480.0), (4, LONGEST_S), (10_000, LONGEST_S)):
        pauses = [auto_updater.pause_s(fails) for _ in range(50)]
        assert 0.8 * most <= min(pauses) < max(pauses) <= most
    assert AutoUpdater(ModelRegistry(), 3600.0).pause_s(9) > 0.8 * 3600


def test_at_most_two_commits_of_a_model_are_loaded(hub: LocalHub, old: Files, new: Files, tmp_path: Path) -> None:
    repo = hub.add_repo(NAME, old)
    with auto_updated(NAME) as registry:
        first = registry.get(NAME)
        sequence = first.engine.add_request("", SamplingParams(length=10_000, seed=1), chars_per_second=20.0)
        second = hub.commit(repo, new)
        eventually(lambda: commit_of(registry) == second)
        third = hub.commit(repo, files_of(tmp_path / "third", 5))
        count = commit_requests(hub)
        eventually(lambda: commit_requests(hub) >= count + 2)
        assert commit_of(registry) == second
        assert not first.unloaded
        first.engine.abort(sequence)
        eventually(lambda: commit_of(registry) == third)
        assert first.unloaded
        assert first.newer
        assert (first.newer.newer or first.newer) is registry.get(NAME)
