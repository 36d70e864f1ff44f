"""A download from the Hub never waits without an end, says what went wrong, and what arrives is what the Hub states."""

from __future__ import annotations

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
from tests.support.hub_faults import FAULTS, HARMLESS, check_line, faulty

REPO = "ada/tiny"
WEIGHTS = f"GET /{REPO}/resolve/.*/model.safetensors"
INFO = f"GET /api/models/{REPO}\\?"
EVERYTHING = f"(GET|HEAD) .*{REPO}"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
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
def test_a_model_is_loaded_whole_or_from_the_cache_or_not_at_all(hub, commit, new, fault, where):
    with faulty(hub, fault, where):
        if fault in HARMLESS:
            assert load().commit == commit
        else:
            refusal()
    assert load().commit == commit
    newer = hub.commit(hub.repos[REPO], new)
    with faulty(hub, fault, where), suppress(ModelUnavailableError):  # of a fault that only the user can end
        lm = load()
        assert (lm.commit, bool(lm.notice)) == ((newer, False) if fault in HARMLESS else (commit, True))
    assert load().commit == newer


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"kind": 429, "retry_after": 3600}, "a pause after too many requests (429): wait 60.0 minutes"),
        ({"kind": 503}, "the Hub has a server error (503): see status.huggingface.co"),
        ({"kind": "html"}, "not from the Hub: does this network ask you to sign in on a web page first?"),
        ({"kind": "redirect", "location": f"/api/models/{REPO}"}, "leads in a circle: is HF_ENDPOINT right"),
        ({"kind": "close"}, "the connection to the Hub broke off: try again"),
        ({"kind": "hang"}, "the Hub did not answer in time: is the network slow or down?"),
    ],
)
def test_without_a_cached_copy_the_reason_is_named(hub, commit, monkeypatch, fault: dict[str, Any], reason):
    """All of them once were "not in the cache, and the Hub cannot be reached"."""
    if fault["kind"] == "hang":
        monkeypatch.setattr(limits, "READ_S", 0.3)
    hub.fail(".", times=None, **fault)
    found = refusal()
    assert reason in str(found)
    assert (found.retry, found.wait_s) == (True, float(fault.get("retry_after", 0)))
    hub.unplug()
    assert "the Hub cannot be reached: is the network down" in str(refusal())


@pytest.mark.parametrize(("kind", "where"), [("cut", WEIGHTS), ("cut-body", WEIGHTS), (500, INFO), (429, INFO)])
def test_one_broken_connection_or_a_short_pause_that_the_hub_asks_for_is_no_failure(hub, commit, kind, where):
    hub.fail(where, kind, 1, **({"retry_after": 1} if kind == 429 else {}))
    lm = load()
    assert (lm.commit, lm.notice) == (commit, "")


@pytest.mark.parametrize("kind", ["short", "redirect"])
def test_the_command_line_prints_one_line(hub, commit, capfd, kind):
    """The client printed 36 lines about its retries, and the name of a class."""
    hub.fail(WEIGHTS, kind, None, location=f"/{REPO}/resolve/main/model.safetensors")
    assert main(["info", f"--model={REPO}"]) == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 1
    check_line(error.removesuffix("\n").removeprefix("error: "))


def test_other_requests_of_the_process_have_no_limits(hub, old, monkeypatch):
    hub.add_repo(REPO, {**old, "README.md": b"0123456789"})
    load()
    monkeypatch.setattr(limits, "TRIES", 0)
    assert Path(huggingface_hub.hf_hub_download(REPO, "README.md")).read_bytes() == b"0123456789"


def test_a_client_of_ones_own_is_kept_and_has_the_limits(hub, commit, monkeypatch):
    before = huggingface_hub.get_session()
    kind, hooks = type(before), before.event_hooks
    monkeypatch.setattr(limits, "READ_S", 0.3)
    try:
        huggingface_hub.set_client_factory(lambda: kind(headers={"X-Mine": "1"}, follow_redirects=True))
        own = huggingface_hub.get_session()
        hub.fail(WEIGHTS, "hang", None)
        assert refusal().retry
        assert huggingface_hub.get_session() is own
    finally:
        huggingface_hub.set_client_factory(lambda: kind(event_hooks=hooks, follow_redirects=True, timeout=None))


# content


@pytest.mark.parametrize("name", MODEL_FILES)
def test_bytes_that_change_on_their_way_or_in_the_cache_are_asked_for_again(hub, commit, old, name):
    flipped = hub.fail(f"GET .*/{name}", "wrong", 1)
    assert load().commit == commit
    assert flipped.hits == 1
    found = huggingface_hub.try_to_load_from_cache(REPO, name, revision=commit)
    assert isinstance(found, str)
    for damaged in (old[name][:-1] + b"?", b""):
        Path(found).resolve().write_bytes(damaged)
        hub.log.clear()
        assert load().commit == commit
        assert len(hub.requests(f"GET .*/resolve/.*{name}")) == 1
    Path(found).resolve().write_bytes(b"")
    hub.unplug()
    with pytest.raises(CheckpointError, match=name):
        load()


@pytest.mark.parametrize(("name", "size"), [("model.safetensors", 4_000_000), ("manifest.json", 2_000_000)])
def test_a_file_that_is_too_large_is_never_downloaded(hub, old, name, size):
    hub.add_repo(REPO, {**old, name: old[name] + bytes(size)})
    with pytest.raises(CheckpointError, match=f"{name} is larger than the "):
        load()
    assert not hub.requests(f"(GET|HEAD) .*/{name}")


def test_files_that_the_manifest_lists_are_part_of_the_model_and_code_is_not_downloaded(hub, old):
    repo = hub.add_repo(REPO, {**old, "modeling.py": b"raise SystemExit", "pytorch_model.bin": b"\x80\x04."})
    load()
    assert {str(request).rpartition("/")[2] for request in hub.requests("/resolve/")} == set(MODEL_FILES)
    manifest = json.loads(old["manifest.json"])
    manifest["sha256"]["cells.json"] = "0" * 64
    hub.commit(repo, {"manifest.json": json.dumps(manifest).encode()})
    with pytest.raises(ModelUnavailableError, match=r"it has no cells\.json"):
        load()
