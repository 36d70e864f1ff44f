"""What is checked before the first training step: name, token, rights, licence, repo. Each refusal is one line."""

import json
from functools import partial
from typing import Any

import pytest
from huggingface_hub.errors import HfHubHTTPError

from tests.local_hub import LocalHub
from training.errors import HubError
from training.hub.calls import retried
from training.hub.checkpoints import check_repo, check_repo_name

PUBLIC: dict[str, Any] = {"private": False, "license": "unknown"}
FAQ: dict[str, Any] = {**PUBLIC, "corpus": "faq", "corpus_characters": 90}


@pytest.mark.parametrize(
    ("route", "left"), [("/branch/training", ["ada/plays"]), ("/auth-check", ["ada/plays"]), ("/repos/create", [])]
)
def test_a_check_that_fails_leaves_no_repo_behind(hub: LocalHub, token: str, route: str, left: list[str]) -> None:
    """The repo was once created before the right to write was asked for and before the branch was created."""
    hub.fail(route, 403, None)
    try:
        check_repo("plays", **PUBLIC)
    except HfHubHTTPError:
        assert left == []
    assert [*hub.repos] == left


def test_a_token_that_is_given_as_a_name_is_not_shown() -> None:
    with pytest.raises(HubError, match="looks like a token") as caught:
        check_repo_name("hf_" + "x" * 34)
    assert "xxx" not in str(caught.value)


def test_tokens_without_the_right_are_refused(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HubError, match=r"'ada/plays' needs a token.*hf auth login"):
        check_repo("ada/plays", **PUBLIC)
    assert not hub.log
    hub.add_repo("eve/plays")
    hub.fail("POST /api/repos/create", 402)
    for text, written, repo in (
        ("does not accept the token", "hf_" + "x" * 34, "ada/plays"),
        ("may only read", hub.add_token("ada", "read"), "ada/plays"),
        ("no right to do that", hub.add_token("ada"), "eve/plays"),
        ("paid plan", hub.add_token("ada"), "ada/plays"),
    ):
        monkeypatch.setenv("HF_TOKEN", written)
        with pytest.raises(HubError, match=text) as caught:
            retried(f"checking {repo}", partial(check_repo, repo, **PUBLIC), print)
        assert written not in str(caught.value)
        assert not caught.value.retry
    assert set(hub.repos) == {"eve/plays"}


def model_files(**training: object) -> dict[str, bytes]:
    config = json.dumps({"training": {"corpus": "faq", "corpus_characters": 90, "val_loss": 1.25, **training}})
    return {"config.json": config.encode(), "model.safetensors": b"weights", "manifest.json": b"{}"}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"config.json": b"{}", "pytorch_model.bin": b"x"}, "holds another kind of model"),
        (model_files(corpus="plays\x1b[31m"), "holds a model that was trained on another text"),
        (model_files(corpus_characters=91), "holds a model that was trained on another text"),
        ({"notes.txt": b"mine", "samples.jsonl": b"{}"}, r"has files that a push would replace \(samples.jsonl\)"),
    ],
)
def test_what_is_in_a_repo_is_not_replaced_in_silence(
    hub: LocalHub, token: str, files: dict[str, bytes], message: str
) -> None:
    hub.add_repo("ada/faq", files)
    with pytest.raises(HubError, match=f"ada/faq {message}") as caught:
        check_repo("ada/faq", **FAQ)
    assert str(caught.value).isprintable()
    if "another kind" not in message:
        found = check_repo("ada/faq", **FAQ, replace=True)
        assert (found.loss_to_beat, found.keep_card) == (None, False)


def test_a_private_run_needs_a_private_repo_and_a_model_of_its_text_is_to_be_beaten(hub: LocalHub, token: str) -> None:
    hub.add_repo("ada/open")
    with pytest.raises(HubError, match="ada/open is public already, and this run is private"):
        check_repo("ada/open", private=True, license="unknown")
    for number, (loss, expected) in enumerate(((1.25, 1.25), (None, None), ("low", None))):
        hub.add_repo(f"ada/faq-{number}", model_files(val_loss=loss))
        assert check_repo(f"ada/faq-{number}", **FAQ).loss_to_beat == expected
        assert check_repo(f"ada/faq-{number}", **FAQ, replace=True).loss_to_beat is None


def test_a_passing_fault_is_retried_and_reported_once(hub: LocalHub, token: str) -> None:
    hub.fail("GET /api/whoami", 503, 2)
    hub.fail("POST /api/repos/create", 429)
    reported: list[str] = []
    assert retried("checking plays", lambda: check_repo("plays", **PUBLIC), reported.append).repo == "ada/plays"
    assert [("503" in line, "429" in line) for line in reported] == [(True, False), (False, True)]
    assert all("; trying again for up to " in line for line in reported)
