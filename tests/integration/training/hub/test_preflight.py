"""What is checked before the first training step: name, token, rights, repo, branch. Each refusal is one line."""

from __future__ import annotations

import json

import pytest

from tests.local_hub import LocalHub
from training.errors import HubError
from training.hub.jobs import CheckRepo, Destination
from training.hub.repos import check_repo_name
from training.hub.timeouts import HubTimeouts
from training.hub.worker_process import run_job

QUICK = HubTimeouts(connect_s=5, read_s=20, check_s=20, first_retry_s=0.02, longest_retry_s=0.1)


def check_repo(
    repo: str, *, private: bool = False, license: str = "unknown", timeouts: HubTimeouts = QUICK
) -> Destination:
    return run_job(CheckRepo(repo=check_repo_name(repo), private=private, license=license), timeouts)


def test_repo_and_branch_are_created(hub: LocalHub, token: str) -> None:
    found = check_repo("plays", private=True)
    assert found == Destination("ada/plays", "ada", True, True, f"{hub.url}/ada/plays")
    assert hub.repos["ada/plays"].private
    assert set(hub.repos["ada/plays"].branches) == {"main", "training"}
    again = check_repo("ada/plays", private=True)
    assert (again.created, again.private) == (False, True)


BAD_NAMES = """a/b/c|| |/|a/|/a|https://huggingface.co/a/b|x.git|a/x.git|café|é/x|a b|a--b|a..b|-a|a/.b|hf://a/b|a\n"""


@pytest.mark.parametrize("name", [*BAD_NAMES.split("|"), "x" * 97])
def test_an_invalid_name_is_refused_without_a_request(hub: LocalHub, token: str, name: str) -> None:
    with pytest.raises(HubError, match="is not the name of a repo") as caught:
        check_repo(name)
    assert repr(name) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not hub.log


def test_valid_names_are_accepted() -> None:
    for name in ("plays", "ada/plays", "Ada_1/my-plays.v2", "a", "_a", "x" * 96):
        assert check_repo_name(name) == name


def test_a_missing_token_is_refused_without_a_request(hub: LocalHub) -> None:
    with pytest.raises(HubError, match=r"'ada/plays' needs a token.*hf auth login"):
        check_repo("ada/plays")
    assert not hub.log


def test_tokens_without_the_right_are_refused(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add_repo("eve/plays")
    tokens = {
        "does not accept the token": "hf_" + "x" * 34,
        "may only read": hub.add_token("ada", "read"),
        "no right to do that": hub.add_token("ada"),
        "paid plan": hub.add_token("eve", create_status=402),
    }
    repos = {"no right to do that": "eve/plays", "paid plan": "eve/more"}
    for text, written in tokens.items():
        monkeypatch.setenv("HF_TOKEN", written)
        with pytest.raises(HubError, match=text) as caught:
            check_repo(repos.get(text, "ada/plays"))
        assert written not in str(caught.value)
        assert not caught.value.retry
    assert set(hub.repos) == {"eve/plays"}


def test_a_public_repo_or_another_model_is_not_overwritten(hub: LocalHub, token: str) -> None:
    hub.add_repo("ada/open")
    with pytest.raises(HubError, match=r"ada/open is public already, and this run is private"):
        check_repo("ada/open", private=True)
    hub.add_repo("ada/bert", {"config.json": b"{}", "pytorch_model.bin": b"x"})
    with pytest.raises(HubError, match="ada/bert holds another kind of model"):
        check_repo("ada/bert")
    assert list(hub.repos["ada/bert"].branches) == ["main"]


def model_files(**training: object) -> dict[str, bytes]:
    config = json.dumps({"training": {"corpus": "faq", "corpus_characters": 90, "val_loss": 1.25, **training}})
    return {"config.json": config.encode(), "model.safetensors": b"weights", "manifest.json": b"{}"}


def check_faq(repo: str, *, replace: bool = False) -> Destination:
    job = CheckRepo(repo=repo, private=False, license="unknown", corpus="faq", corpus_characters=90, replace=replace)
    return run_job(job, QUICK)


@pytest.mark.parametrize("training", [{"corpus": "plays\x1b[31m"}, {"corpus_characters": 91}, {"corpus": None}])
def test_a_model_of_another_text_is_not_replaced(hub: LocalHub, token: str, training: dict[str, object]) -> None:
    hub.add_repo("ada/faq", model_files(**training))
    with pytest.raises(HubError, match="ada/faq holds a model that was trained on another text") as caught:
        check_faq("ada/faq")
    assert str(caught.value).isprintable()
    found = check_faq("ada/faq", replace=True)
    assert (found.loss_to_beat, found.keep_card) == (None, False)


@pytest.mark.parametrize(("loss", "expected"), [(1.25, 1.25), (None, None), ("low", None)])
def test_the_loss_of_a_model_of_this_text_is_to_be_beaten(
    hub: LocalHub, token: str, loss: object, expected: float | None
) -> None:
    hub.add_repo("ada/faq", model_files(val_loss=loss))
    assert check_faq("ada/faq").loss_to_beat == expected
    assert check_faq("ada/faq", replace=True).loss_to_beat is None


def test_files_of_a_repo_without_a_model_are_not_replaced(hub: LocalHub, token: str) -> None:
    hub.add_repo("ada/notes", {"notes.txt": b"mine", "samples.jsonl": b"{}"})
    with pytest.raises(HubError, match=r"ada/notes has files that a push would replace \(samples.jsonl\)"):
        check_faq("ada/notes")
    hub.add_repo("ada/text", {"notes.txt": b"mine", "README.md": b"# Mine\n"})
    assert check_faq("ada/text").keep_card
    hub.add_repo("ada/card", {"README.md": b"---\nlibrary_name: char-lstm\n---\n\n# A\n\n## Use it\n\n"})
    assert not check_faq("ada/card").keep_card


def test_a_waiting_check_reports_the_reason(hub: LocalHub, token: str) -> None:
    hub.fail("GET /api/whoami", 500, 2)
    reported: list[str] = []
    job = CheckRepo(repo="plays", private=False, license="unknown")
    run_job(job, QUICK, report=reported.append)
    assert len(reported) == 1, "once for one reason"
    assert "the Hub has a server error (500)" in reported[0]
    assert "; trying again for up to " in reported[0]


def test_an_unknown_licence_is_refused_before_the_repo_is_created(hub: LocalHub, token: str) -> None:
    with pytest.raises(HubError, match="has no licence 'my-own'"):
        check_repo("plays", license="my-own")
    assert not hub.repos
    assert check_repo("plays", license="cc0-1.0").created


def test_a_token_given_as_a_name_is_not_shown(hub: LocalHub, token: str) -> None:
    with pytest.raises(HubError, match="looks like a token") as caught:
        check_repo(token)
    assert token not in str(caught.value)
    assert not hub.log


def test_a_passing_fault_is_retried(hub: LocalHub, token: str) -> None:
    hub.fail("GET /api/whoami", 503)
    hub.fail("POST /api/repos/create", 429)
    assert check_repo("plays").repo == "ada/plays"


@pytest.mark.parametrize(
    ("kind", "text"),
    [(500, "server error"), ("html", "sign in on a web page"), ("cut", "broke off"), ("hang", "in time")],
)
def test_a_lasting_fault_ends_the_check_with_its_reason(hub: LocalHub, token: str, kind: int | str, text: str) -> None:
    hub.fail("GET /api/whoami", kind, times=None)
    with pytest.raises(HubError, match=text) as caught:
        check_repo("plays", timeouts=HubTimeouts(read_s=1, check_s=60, first_retry_s=100))
    assert caught.value.retry


def test_a_response_that_never_ends_is_cut_off_at_the_deadline(hub: LocalHub, token: str) -> None:
    hub.fail("GET /api/whoami", "hang-body", times=None)
    with pytest.raises(HubError, match=r"did not finish within|in time"):
        check_repo("plays", timeouts=HubTimeouts(read_s=60, check_s=1.5))
