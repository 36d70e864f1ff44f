"""A download from the Hub never waits without an end, and what arrives is what the Hub states."""

from __future__ import annotations

import errno
import shutil
import threading
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from model import CharLSTM, CheckpointError, ModelUnavailableError
from model.hub.errors import same_origin
from model.hub.limits import time_limits
from tests.local_hub import LocalHub
from tests.support.tiny_models import saved_files, tiny_model

REPO = "ada/tiny"
INFO = f"GET /api/models/{REPO}\\?"
WEIGHTS = f"GET /{REPO}/resolve/.*/model.safetensors"
HEADS = f"HEAD /{REPO}/resolve/"
ENOUGH_S = 60.0  # so that a broken test ends

Files = dict[str, bytes]


@pytest.fixture
def old(tmp_path: Path) -> Files:
    return saved_files(tiny_model(seed=1), tmp_path / "old")


@pytest.fixture
def new(tmp_path: Path) -> Files:
    return saved_files(tiny_model(seed=2), tmp_path / "new")


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seconds without progress are too long."""
    monkeypatch.setattr("model.hub.limits.STALL_S", 2.0)
    monkeypatch.setattr("model.hub.snapshot._PAUSE_S", 0.01)


def ended(work: Callable[[], Any]) -> Any:
    """The result of work, or the error that it raised; the test fails if it does not end."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:  # noqa: BLE001  the test looks at it
            results.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(ENOUGH_S)
    assert results, "the download still waits"
    return results[0]


def load() -> CharLSTM:
    return CharLSTM.from_pretrained(REPO)


def load_impatiently() -> Any:
    """Return what `load` returns or raises where half a second without progress is too long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model.hub.limits.STALL_S", 0.5)
        return ended(load)


WAITS: dict[str, dict[str, Any]] = {
    "an hour": {"kind": 429, "retry_after": 3600},
    "an hour, and then a fault": {"kind": 503, "retry_after": 3600},
    "one byte a second": {"kind": "trickle", "seconds": 0.2},
    "no answer": {"kind": "hang"},
    "half an answer": {"kind": "hang-body"},
    "faults for ever": {"kind": 500},
}


CELLS = [*((wait, where) for wait in WAITS for where in (INFO, WEIGHTS)), ("no answer", HEADS), ("an hour", HEADS)]
CELLS += [("half an answer", "POST .*/paths-info/"), ("an hour", "POST .*/paths-info/")]


@pytest.mark.parametrize(("wait", "where"), CELLS)
def test_no_wait_is_longer_than_the_silence_that_is_allowed(hub: LocalHub, old: Files, wait: str, where: str) -> None:
    commit = hub.add_repo(REPO, old).branches["main"]
    hub.fail(where, times=None, **WAITS[wait])
    found = load_impatiently()
    assert isinstance(found, ModelUnavailableError)
    assert str(found).count("\n") == 0
    hub.faults.clear()
    assert load().commit == commit


@pytest.mark.parametrize("wait", WAITS)
def test_a_cached_copy_is_used_when_the_newest_commit_does_not_come(
    hub: LocalHub, old: Files, new: Files, wait: str
) -> None:
    repo = hub.add_repo(REPO, old)
    first = load().commit
    hub.commit(repo, new)
    hub.fail(WEIGHTS, times=None, **WAITS[wait])
    lm = load_impatiently()
    assert lm.commit == first
    assert lm.notice == f"the newest commit could not be downloaded: this is the cached copy of {REPO}"
    hub.faults.clear()
    assert load().commit == repo.branches["main"]


def test_a_pause_that_the_hub_asks_for_is_named(hub: LocalHub, old: Files) -> None:
    hub.add_repo(REPO, old)
    hub.fail(WEIGHTS, 429, None, retry_after=3600)
    found = ended(load)
    assert str(found).endswith("the Hub asks for a pause after too many requests (429): wait 60.0 minutes")
    assert (found.retry, found.wait_s) == (True, 3600.0)


def test_a_slow_download_that_makes_progress_comes_to_its_end(
    hub: LocalHub, old: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes two seconds; without the progress of each byte it would be given up after 1.5."""
    monkeypatch.setattr("model.hub.limits.PROGRESS_BYTES", 1)
    monkeypatch.setattr("model.hub.limits.STALL_S", 1.5)
    hub.add_repo(REPO, {**old, "README.md": b"0123456789"})
    hub.fail("GET .*README.md", "trickle", seconds=0.2)
    with time_limits():
        assert Path(huggingface_hub.hf_hub_download(REPO, "README.md")).read_bytes() == b"0123456789"


def test_other_requests_of_the_process_have_no_limits(
    hub: LocalHub, old: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The download takes half a second."""
    hub.add_repo(REPO, {**old, "README.md": b"0123456789"})
    load()
    monkeypatch.setattr("model.hub.limits.STALL_S", 0.1)
    hub.fail("GET .*README.md", "trickle", seconds=0.05)
    assert Path(huggingface_hub.hf_hub_download(REPO, "README.md")).read_bytes() == b"0123456789"


def test_the_limits_survive_a_client_of_ones_own(hub: LocalHub, old: Files) -> None:
    from huggingface_hub.utils._http import default_client_factory

    hub.add_repo(REPO, old)
    huggingface_hub.set_client_factory(default_client_factory)
    hub.fail(WEIGHTS, "hang", None)
    assert isinstance(load_impatiently(), ModelUnavailableError)


@pytest.mark.parametrize("kind", ["cut", "close", "cut-body", "reset-body", 500])
@pytest.mark.parametrize("where", [INFO, WEIGHTS])
def test_one_broken_connection_is_no_failure(
    hub: LocalHub, old: Files, kind: int | str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.hub.limits.STALL_S", 30.0)
    monkeypatch.setattr("time.sleep", lambda _: None)
    commit = hub.add_repo(REPO, old).branches["main"]
    hub.fail(where, kind, 1)
    lm = load()
    assert (lm.commit, lm.notice) == (commit, "")


BROKEN = {
    "reset-body": "the connection to the Hub broke off: try again",
    "close": "the connection to the Hub broke off: try again",
    "short": "the download was cut short: try again",
    "html": "the download was cut short: try again",
    "wrong": "model.safetensors was damaged on its way, 3 times: try again",
    403: "the token has no right to do that (403)",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_fault_of_the_transfer_is_one_clear_line(
    hub: LocalHub, old: Files, kind: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.hub.limits.STALL_S", 30.0)
    monkeypatch.setattr("time.sleep", lambda _: None)
    commit = hub.add_repo(REPO, old).branches["main"]
    hub.fail(WEIGHTS, kind, None)
    found = ended(load)
    assert isinstance(found, ModelUnavailableError)
    assert BROKEN[kind] in str(found)
    assert not [part for part in ("\n", "http", "/tmp", "Error") if part in str(found)]
    hub.faults.clear()
    assert load().commit == commit


def test_bytes_that_change_on_their_way_are_asked_for_again(hub: LocalHub, old: Files) -> None:
    commit = hub.add_repo(REPO, old).branches["main"]
    flipped = hub.fail(WEIGHTS, "wrong", 2)
    assert load().commit == commit
    assert flipped.hits == 2


def test_a_damaged_file_in_the_cache_is_replaced(hub: LocalHub, old: Files) -> None:
    commit = hub.add_repo(REPO, old).branches["main"]
    load()
    found = huggingface_hub.try_to_load_from_cache(REPO, "model.safetensors", revision=commit)
    assert isinstance(found, str)
    blob = Path(found).resolve()
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    hub.log.clear()
    assert load().commit == commit
    assert [request.target.rpartition("/")[2] for request in hub.requests("GET .*/resolve/")] == ["model.safetensors"]


@pytest.mark.parametrize(("name", "size"), [("model.safetensors", 4_000_000), ("manifest.json", 2_000_000)])
def test_a_file_that_is_too_large_is_never_downloaded(hub: LocalHub, old: Files, name: str, size: int) -> None:
    hub.add_repo(REPO, {**old, name: old[name] + bytes(size)})
    found = ended(load)
    assert isinstance(found, CheckpointError)
    assert f"{name} is larger than the " in str(found)
    assert not hub.requests(f"(GET|HEAD) .*/{name}")


def test_a_file_that_does_not_fit_on_the_disk_is_never_downloaded(
    hub: LocalHub, old: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = hub.add_repo(REPO, old).branches["main"]
    usage = namedtuple("usage", "total used free")
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 1_000))
        found = ended(load)
    assert isinstance(found, ModelUnavailableError)
    assert "does not fit on the disk of the Hub's cache, which has 1 kB free: free some space, or set HF_HOME" in str(
        found
    )
    assert not hub.requests("GET .*model.safetensors")
    assert load().commit == commit


def test_a_disk_that_fills_up_meanwhile_is_named(hub: LocalHub, old: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add_repo(REPO, old)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/somewhere")

    monkeypatch.setattr("huggingface_hub.file_download._chmod_and_move", full)
    assert str(ended(load)) == (
        f"{REPO} cannot be loaded: the Hub's cache cannot be written (No space left on device): free some space, or "
        "set HF_HOME to a folder on another disk"
    )


def test_a_cache_that_cannot_be_written_is_named(hub: LocalHub, old: Files, tmp_path: Path) -> None:
    hub.add_repo(REPO, old)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ModelUnavailableError) as caught:
        CharLSTM.from_pretrained(REPO, cache_dir=tmp_path / "file" / "cache")
    assert str(caught.value) == (
        f"{REPO} cannot be loaded: the Hub's cache cannot be written (Not a directory): set HF_HOME to a folder that "
        "you may write to"
    )


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://huggingface.co/api", True),
        ("https://huggingface.co:443/api", True),
        ("https://huggingface.co.evil.example/api", False),
        ("https://huggingface.co@evil.example/api", False),
        ("https://token@huggingface.co/api", False),
        ("http://huggingface.co/api", False),
        ("https://huggingface.co:8443/api", False),
        ("https://huggingface.co:port/api", False),
        ("https://[huggingface.co/api", False),
        ("", False),
    ],
)
def test_origins_are_compared_as_a_whole(url: str, same: bool) -> None:
    assert same_origin(url, "https://huggingface.co") is same


def test_a_redirect_to_another_server_gets_no_token(hub: LocalHub, old: Files, token: str) -> None:
    hub.add_repo(REPO, old)
    other = LocalHub().start()
    try:
        hub.fail(WEIGHTS, "redirect", None, location=f"{other.url}/elsewhere")
        assert isinstance(ended(load), ModelUnavailableError)
        assert other.log
        assert {request.token for request in other.log} == {None}
    finally:
        other.stop()
