"""A download from the Hub never waits without an end, says what went wrong, and what arrives is what the Hub states."""

from __future__ import annotations

import errno
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from model import CharLSTM, CheckpointError, ModelUnavailableError
from model.__main__ import main
from model.checkpoint.names import MODEL_FILES
from model.hub import limits
from tests.local_hub import LocalHub
from tests.support.hub_faults import FAULTS, HARMLESS, check_line, faulty
from tests.support.tiny_models import saved_files, tiny_model

REPO = "ada/tiny"
WEIGHTS = f"GET /{REPO}/resolve/.*/model.safetensors"
INFO = f"GET /api/models/{REPO}\\?"
EVERYTHING = f"(GET|HEAD) .*{REPO}"

Files = dict[str, bytes]


@pytest.fixture
def old(tmp_path: Path) -> Files:
    return saved_files(tiny_model(seed=1), tmp_path / "old")


@pytest.fixture
def new(tmp_path: Path) -> Files:
    return saved_files(tiny_model(seed=2), tmp_path / "new")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.hub.snapshot._PAUSE_S", 0.01)


def load() -> CharLSTM:
    return CharLSTM.from_pretrained(REPO)


def refusal() -> ModelUnavailableError:
    """The error of a load, which must fail."""
    with pytest.raises(ModelUnavailableError) as caught:
        load()
    check_line(str(caught.value))
    return caught.value


@pytest.mark.parametrize("where", [WEIGHTS, EVERYTHING], ids=["weights", "everything"])
@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "wrong hash"])  # see the tests of content
def test_a_model_is_loaded_whole_or_from_the_cache_or_not_at_all(
    hub: LocalHub, old: Files, new: Files, fault: str, where: str
) -> None:
    repo = hub.add_repo(REPO, old)
    commit = repo.branches["main"]
    with faulty(hub, fault, where):
        if fault in HARMLESS:
            assert load().commit == commit
        else:
            refusal()
    assert load().commit == commit
    newer = hub.commit(repo, new)
    with faulty(hub, fault, where), suppress(ModelUnavailableError):  # of a fault that only the user can end
        lm = load()
        assert (lm.commit, bool(lm.notice)) == ((newer, False) if fault in HARMLESS else (commit, True))
    assert load().commit == newer


REASONS: dict[str, dict[str, Any]] = {
    "asks for a pause after too many requests (429): wait 60.0 minutes": {"kind": 429, "retry_after": 3600},
    "the Hub has a server error (503): see status.huggingface.co": {"kind": 503},
    "the answer is not from the Hub: does this network ask you to sign in on a web page first?": {"kind": "html"},
    "the Hub's address leads in a circle: is HF_ENDPOINT right": {
        "kind": "redirect",
        "location": "/api/models/ada/tiny",
    },
    "the connection to the Hub broke off: try again": {"kind": "close"},
    "the Hub did not answer in time: is the network slow or down?": {"kind": "hang"},
}


@pytest.mark.parametrize("reason", REASONS)
def test_without_a_cached_copy_the_reason_is_named(
    hub: LocalHub, old: Files, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    """All of them once were "not in the cache, and the Hub cannot be reached"."""
    if REASONS[reason]["kind"] == "hang":
        monkeypatch.setattr(limits, "READ_S", 0.3)
    hub.add_repo(REPO, old)
    hub.fail(".", times=None, **REASONS[reason])
    found = refusal()
    assert reason in str(found)
    assert (found.retry, found.wait_s) == (True, 3600.0 if "(429)" in reason else 0.0)
    hub.unplug()
    assert "the Hub cannot be reached: is the network down" in str(refusal())


@pytest.mark.parametrize("where", [INFO, WEIGHTS])
def test_a_short_pause_that_the_hub_asks_for_is_waited_out(hub: LocalHub, old: Files, where: str) -> None:
    """One such answer once was the end of a pull."""
    commit = hub.add_repo(REPO, old).branches["main"]
    hub.fail(where, 429, 1, retry_after=1)
    assert load().commit == commit


@pytest.mark.parametrize("kind", ["cut", "close", "cut-body", "reset-body", 500])
@pytest.mark.parametrize("where", [INFO, WEIGHTS])
def test_one_broken_connection_is_no_failure(hub: LocalHub, old: Files, kind: int | str, where: str) -> None:
    commit = hub.add_repo(REPO, old).branches["main"]
    hub.fail(where, kind, 1)
    lm = load()
    assert (lm.commit, lm.notice) == (commit, "")


@pytest.mark.parametrize("kind", ["short", "redirect"])
def test_the_command_line_prints_one_line(
    hub: LocalHub, old: Files, capfd: pytest.CaptureFixture[str], kind: str
) -> None:
    """The client printed 36 lines about its retries, and the name of a class."""
    hub.add_repo(REPO, old)
    hub.fail(WEIGHTS, kind, None, location=f"/{REPO}/resolve/main/model.safetensors")
    assert main(["info", f"--model={REPO}"]) == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 1
    check_line(error.removesuffix("\n").removeprefix("error: "))


def test_other_requests_of_the_process_have_no_limits(
    hub: LocalHub, old: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_repo(REPO, {**old, "README.md": b"0123456789"})
    load()
    monkeypatch.setattr(limits, "TRIES", 0)
    assert Path(huggingface_hub.hf_hub_download(REPO, "README.md")).read_bytes() == b"0123456789"


def test_a_client_of_ones_own_is_kept_and_has_the_limits(
    hub: LocalHub, old: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = huggingface_hub.get_session()
    kind, hooks = type(before), before.event_hooks
    monkeypatch.setattr(limits, "READ_S", 0.3)
    try:
        huggingface_hub.set_client_factory(lambda: kind(headers={"X-Mine": "1"}, follow_redirects=True))
        own = huggingface_hub.get_session()
        hub.add_repo(REPO, old)
        hub.fail(WEIGHTS, "hang", None)
        assert refusal().retry
        assert huggingface_hub.get_session() is own
    finally:
        huggingface_hub.set_client_factory(lambda: kind(event_hooks=hooks, follow_redirects=True, timeout=None))


# content


@pytest.mark.parametrize("name", MODEL_FILES)
def test_bytes_that_change_on_their_way_are_asked_for_again(hub: LocalHub, old: Files, name: str) -> None:
    commit = hub.add_repo(REPO, old).branches["main"]
    flipped = hub.fail(f"GET .*/{name}", "wrong", 1)
    assert load().commit == commit
    assert flipped.hits == 1


@pytest.mark.parametrize("name", MODEL_FILES)
@pytest.mark.parametrize("damage", ["flipped", "emptied"])
def test_a_damaged_cached_file_is_downloaded_again_once(hub: LocalHub, old: Files, name: str, damage: str) -> None:
    commit = hub.add_repo(REPO, old).branches["main"]
    load()
    found = huggingface_hub.try_to_load_from_cache(REPO, name, revision=commit)
    assert isinstance(found, str)
    blob = Path(found).resolve()
    blob.write_bytes(old[name][:-1] + b"?" if damage == "flipped" else b"")
    hub.log.clear()
    assert load().commit == commit
    assert len(hub.requests(f"GET .*/resolve/.*{name}")) == 1
    blob.write_bytes(b"")
    hub.unplug()
    with pytest.raises(CheckpointError, match=name):
        load()


@pytest.mark.parametrize(("name", "size"), [("model.safetensors", 4_000_000), ("manifest.json", 2_000_000)])
def test_a_file_that_is_too_large_is_never_downloaded(hub: LocalHub, old: Files, name: str, size: int) -> None:
    hub.add_repo(REPO, {**old, name: old[name] + bytes(size)})
    with pytest.raises(CheckpointError, match=f"{name} is larger than the "):
        load()
    assert not hub.requests(f"(GET|HEAD) .*/{name}")


def test_code_in_a_repo_is_not_downloaded(hub: LocalHub, old: Files) -> None:
    hub.add_repo(REPO, {**old, "modeling.py": b"raise SystemExit", "pytorch_model.bin": b"\x80\x04."})
    load()
    fetched = {str(request).rpartition("/")[2] for request in hub.requests("/resolve/")}
    assert fetched == set(MODEL_FILES)


def test_files_that_the_manifest_lists_are_part_of_the_model(hub: LocalHub, old: Files) -> None:
    manifest = json.loads(old["manifest.json"])
    manifest["sha256"]["cells.json"] = "0" * 64
    hub.add_repo(REPO, {**old, "manifest.json": json.dumps(manifest).encode()})
    with pytest.raises(ModelUnavailableError, match=r"it has no cells\.json"):
        load()


def test_a_disk_that_fills_up_is_named(hub: LocalHub, old: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add_repo(REPO, old)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/somewhere")

    monkeypatch.setattr("huggingface_hub.file_download.http_get", full)
    assert str(refusal()).endswith("the disk is full: free some space, or set HF_HOME to a folder on another disk")
