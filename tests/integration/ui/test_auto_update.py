"""Updates: a newer commit replaces the model that is served, while replies are written and while the Hub fails."""

import asyncio
import gc
import logging
import threading
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from model import CharLSTM, SamplingParams, generate
from model.checkpoint.names import BUNDLED
from tests.local_hub import LocalHub, Repo
from tests.support.app_server import App, eventually, random_model, serving
from tests.support.hub_faults import HARMLESS, SOME, faulty
from tests.support.page_client import LIMITS, TIMEOUT_S, PageClient, english
from tests.support.tiny_models import saved_files
from ui.messages import Message
from ui.registry.auto_update import start_updates
from ui.registry.registry import ModelRegistry

INTERVAL_S = 0.1
NAME = "ada/novel"
WEIGHTS = f"GET /{NAME}/resolve/.*/model.safetensors"

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
    start_updates(registry, INTERVAL_S)
    assert registry.settled.wait(120)
    try:
        yield registry
    finally:
        registry.stop()


def commit_of(registry: ModelRegistry, name: str = NAME) -> str:
    return registry.get(name).commit


def commit_requests(hub: LocalHub) -> int:
    return len(hub.requests(f"GET /api/models/{NAME}.*expand=sha"))


async def _write_while_a_commit_is_pushed(app: App, hub: LocalHub, repo: Repo, new: Files) -> tuple[str, str, str]:
    """Write a reply while a commit is pushed, and one once it is served; returns both texts and the commit."""
    async with httpx.AsyncClient(timeout=TIMEOUT_S, limits=LIMITS) as http:
        page, other = PageClient(http, app.url), PageClient(http, app.url)
        slow = page.request(NAME, "ROMEO:", app.served(NAME).commit, length=10_000, speed=60, seed=1)
        writing = asyncio.create_task(page.read(slow))
        engine = app.served(NAME).engine
        while not engine.running:
            await asyncio.sleep(0.02)
        newer = hub.commit(repo, new)
        while app.served(NAME).commit != newer:
            await asyncio.sleep(0.02)
        text, written = (await other.write(NAME, "ROMEO:", commit=newer, length=60)).text, engine.written
        while engine.written == written:  # the running reply continues on the old weights
            await asyncio.sleep(0.02)
        assert await page.stop(slow)
        reply = await writing
        assert (reply.ending["end"], reply.ending["error"]) == ("abort", None)
        return reply.text, text, newer


def test_a_running_reply_ends_on_the_old_weights_and_a_new_one_uses_the_new_ones(
    hub: LocalHub, old: Files, new: Files, tmp_path: Path
) -> None:
    repo = hub.add_repo(NAME, old)
    with auto_updated(NAME) as registry, serving(registry) as app:
        served = app.served(NAME)
        weights = weakref.ref(served.lm.models[0].network), weakref.ref(served.engine._backend)
        first, late, newer = asyncio.run(_write_while_a_commit_is_pushed(app, hub, repo, new))
        lm = CharLSTM.from_pretrained(tmp_path / "old")
        assert first == generate(lm, "ROMEO:", len(first), temperature=0.8, seed=1)
        assert late == generate(CharLSTM.from_pretrained(tmp_path / "new"), "ROMEO:", 60, temperature=0.8, seed=7)
        assert f"commit {newer[:7]}" in english(app.served(NAME).about, " · ")
        eventually(lambda: not registry.draining)
        served.thread.join(60)
        gc.collect()
        assert [each() for each in weights] == [None, None], "the old weights are released"
        assert served.newer is app.served(NAME)
        assert registry.all_loaded == [served.newer]


def test_pinned_commits_and_folders_are_not_updated(hub: LocalHub, old: Files, new: Files, tmp_path: Path) -> None:
    repo = hub.add_repo(NAME, old)
    first = repo.commit("main").oid
    with auto_updated(f"{NAME}@{first}", str(tmp_path / "old"), BUNDLED) as registry:
        assert registry.auto_updated == []
        hub.commit(repo, new)
        eventually(lambda: not [each for each in threading.enumerate() if each.name.startswith("auto update")])
        assert commit_of(registry, f"{NAME}@{first}") == first


def test_an_invalid_commit_is_reported_once_and_the_old_one_is_still_served(
    hub: LocalHub, old: Files, new: Files, caplog: pytest.LogCaptureFixture
) -> None:
    repo = hub.add_repo(NAME, old)
    first = repo.commit("main").oid
    caplog.set_level(logging.INFO, "char-lstm")
    with auto_updated(NAME) as registry:
        served, version = registry.get(NAME), registry.version
        bad = hub.commit(repo, {**new, "model.safetensors": b"?" + new["model.safetensors"]})
        eventually(lambda: registry.version != version)
        assert str(served.refused_commit).startswith(f"commit {bad[:7]} is not served: ")
        assert "(SHA-256)" in str(served.refused_commit)
        count, pulled = commit_requests(hub), len(hub.requests(f"/resolve/{bad}/"))
        eventually(lambda: commit_requests(hub) >= count + 2)
        assert len(hub.requests(f"/resolve/{bad}/")) == pulled, "a refused commit is downloaded once"
        messages = [record.getMessage() for record in caplog.records if bad[:7] in record.getMessage()]
        assert messages == [f"{NAME}: {served.refused_commit}; {first[:7]} stays"]
        assert registry.all_loaded == [served]
        good = hub.commit(repo, new)
        eventually(lambda: commit_of(registry) == good)
        assert not registry.get(NAME).refused_commit
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(("fault", "is_pinned"), [*((fault, False) for fault in SOME), ("no network", True)])
def test_the_app_starts_with_some_model_and_then_serves_the_one_asked_for(
    hub: LocalHub, old: Files, fault: str, is_pinned: bool
) -> None:
    commit = hub.add_repo(NAME, old).branches["main"]
    with ExitStack() as at_end:
        with faulty(hub, fault, f"(GET|HEAD) .*/{NAME}"):
            registry = at_end.enter_context(auto_updated(f"{NAME}@{commit}" if is_pinned else NAME))
            served = registry.get(None)
            if served.name == BUNDLED:
                assert NAME in str(registry.notices[0])
                assert Message("model.bundled_instead") in registry.notices
            else:
                assert served.commit == commit
        eventually(lambda: registry.get(None).commit == commit)
        eventually(lambda: not registry.notices)


@pytest.mark.parametrize("fault", SOME)
def test_the_old_commit_is_served_until_the_new_one_is_whole(hub: LocalHub, old: Files, new: Files, fault: str) -> None:
    repo = hub.add_repo(NAME, old)
    first = repo.branches["main"]
    with auto_updated(NAME) as registry:
        assert registry.get(None).commit == first
        with faulty(hub, fault, WEIGHTS):
            newer = hub.commit(repo, new)
            if fault not in (*HARMLESS, "no network"):
                eventually(lambda: hub.requests(f"{WEIGHTS}|{newer}"))
                assert registry.get(None).commit == first
            assert len(generate(registry.get(None).lm, "ROMEO:", 5, seed=1)) == 5
        eventually(lambda: registry.get(None).commit == newer)
        eventually(lambda: not registry.notices)
        assert registry.get(None).refused_commit is None


def test_pages_do_not_poll_if_no_commit_is_ever_looked_for() -> None:
    registry = ModelRegistry([NAME])
    assert registry.may_change
    start_updates(registry, 0)
    assert not registry.may_change


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
        assert first in registry.draining
        first.engine.abort(sequence)
        eventually(lambda: commit_of(registry) == third)
        assert first not in registry.all_loaded
        assert first.newer
        assert (first.newer.newer or first.newer) is registry.get(NAME)
