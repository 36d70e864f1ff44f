"""Models are downloaded from the Hub at one commit, and pushed without changing files that people wrote."""

from __future__ import annotations

import traceback
from dataclasses import replace
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub.errors import HfHubHTTPError

from model import CharLSTM, ModelUnavailableError, generate
from model.__main__ import main
from model.checkpoint.names import MODEL_FILES
from tests.support.hub_faults import check_line
from tests.support.tiny_models import tiny_model

REPO = "ada/tiny"
CARD = b"---\nlibrary_name: char-lstm\n---\n\n# Written by hand\n"
NOBODYS = "hf_ThisIsNobodysToken0123456789abcdef"


def load(**options: Any) -> CharLSTM:
    return CharLSTM.from_pretrained(options.pop("repo", REPO), **options)


def text_of(lm: CharLSTM) -> str:
    return generate(lm, "abc", 40, seed=1)


def check_refused(words: str, **options: Any) -> None:
    """Loading must fail with one line that has the words, no token, no URL and no path."""
    with pytest.raises(ModelUnavailableError) as caught:
        load(**options)
    check_line(str(caught.value))
    assert words in str(caught.value)
    assert not options.get("token") or options["token"] not in "".join(traceback.format_exception(caught.value))


# one commit


def test_the_weights_may_be_sent_by_another_server_which_gets_no_token(hub, commit, token):
    hub.context.redirect = "cdn"
    assert load().commit == commit
    assert {logged.token for logged in hub.log if logged.origin != hub.url} == {None}


def test_branches_tags_and_commits_are_revisions(hub, commit, new):
    repo = hub.repos[REPO]
    later = hub.commit(repo, new, branch="training")
    repo.tags["v1"] = commit
    for revision, expected in ((None, commit), ("training", later), ("v1", commit), (later, later), (commit, commit)):
        lm = load(revision=revision)
        assert (lm.commit, lm.config.hidden_size) == (expected, 7 if expected == later else 12)


def test_a_name_means_the_newest_commit_and_one_that_is_cached_costs_one_request(hub, commit, new):
    huggingface_hub.hf_hub_download(REPO, "config.json")  # a part of a model in the cache is completed
    check_refused(f"{REPO} cannot be loaded: it is not in the cache", local_files_only=True)
    lm = load()
    assert (lm.name, lm.commit, lm.notice) == (REPO, commit, "")
    hub.log.clear()
    assert load(revision=commit).commit == commit
    assert len(hub.log) == 0
    assert load().commit == commit
    assert len(hub.log) == 1
    later = hub.commit(hub.repos[REPO], new)
    assert load().commit == later
    assert hub.requests("/resolve/") == hub.requests(f"/resolve/{later}/") != []


@pytest.mark.parametrize("after", [1, 2])
def test_a_push_in_the_middle_of_a_pull_never_mixes_files(hub, commit, new, monkeypatch, after):
    download, done = huggingface_hub.hf_hub_download, []

    def with_a_push(*arguments: Any, **options: Any) -> str:
        path = download(*arguments, **options)
        done.append(path)
        if len(done) == after:
            hub.commit(hub.repos[REPO], new)
        return path

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", with_a_push)
    lm = load()
    assert (len(done), lm.commit, text_of(lm)) == (3, commit, text_of(tiny_model(seed=1)))
    assert hub.repos[REPO].branches["main"] != commit


# the Hub cannot be reached


def test_without_the_hub_the_newest_cached_copy_is_used_with_a_notice(hub, commit, new):
    load()
    later = hub.commit(hub.repos[REPO], new)
    assert load().config.hidden_size == 7
    hub.unplug()
    lm = load()
    assert (lm.commit, lm.config.hidden_size) == (later, 7)
    assert lm.notice == f"the Hub could not be reached: this is the cached copy of {REPO}"
    check_refused(f"{REPO} at v3 cannot be loaded: the Hub cannot be reached", revision="v3")


@pytest.mark.parametrize("switch", ["constant", "argument"])
def test_offline_means_no_request(hub, commit, tmp_path, monkeypatch, switch):
    where: dict[str, Any] = {"cache_dir": tmp_path / "cache"}
    load(**where)
    hub.log.clear()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", switch == "constant")
    where["local_files_only"] = switch == "argument"
    lm = load(**where)
    assert (lm.commit, lm.notice) == (commit, f"offline: this is the cached copy of {REPO}")
    check_refused("ada/other cannot be loaded: it is not in the cache", repo="ada/other", **where)
    assert hub.log == []


# errors of the Hub


def test_a_missing_repo_or_revision_is_named_even_if_a_copy_is_cached(hub, commit):
    load()
    check_refused(f"{REPO} at v9 cannot be loaded: there is no such revision", revision="v9")
    check_refused("there is no such revision", revision="f" * 40)
    del hub.store.repos["model", REPO]
    check_refused(f"{REPO} cannot be loaded: there is no such repo, or the token may not read it (401): check the name")
    assert load(revision=commit).commit == commit


def test_a_private_or_gated_repo_says_how_to_get_access_and_a_bad_token_is_never_shown(hub, old, tmp_path):
    repo = hub.add_repo(REPO, old, private=True)
    owner, stranger = hub.add_token("ada", "read"), hub.add_token("bob")
    check_refused("the token may not read it", token=stranger)
    assert load(token=owner).config.hidden_size == 12
    repo.private, repo.gated = False, "auto"
    gated = {"revision": repo.branches["main"], "token": stranger, "cache_dir": tmp_path}
    check_refused("it is gated: accept its terms on its page", **gated)
    check_refused(f"{REPO} cannot be loaded: the Hub does not accept the token (401): log in", token=NOBODYS)


# pushing


def test_a_pushed_model_is_loaded_unchanged_and_files_of_people_stay(hub, token):
    hub.add_repo(REPO, {"README.md": CARD, "metrics.jsonl": b"{}\n"})
    lm = tiny_model(seed=5)
    commit = lm.push_to_hub(REPO, dtype="bfloat16")
    back = load()
    assert back.commit == commit == hub.repos[REPO].branches["main"]
    assert back.tokenizer.vocab == lm.tokenizer.vocab
    assert set(hub.repos[REPO].commit("main").files) == {*MODEL_FILES, ".gitattributes", "README.md", "metrics.jsonl"}
    assert hub.read(REPO, "README.md") == CARD
    tiny_model(seed=3).push_to_hub(REPO, revision="experiment")
    assert load().commit == commit
    assert text_of(load(revision="experiment")) == text_of(tiny_model(seed=3))


def test_a_model_that_is_noted_as_private_is_not_pushed_to_a_public_repo_without_a_yes(hub, token):
    model = replace(tiny_model(), training={"sharing": "private"})
    model.push_to_hub("ada/ours")
    assert hub.repos["ada/ours"].private
    hub.add_repo("ada/open")
    with pytest.raises(ModelUnavailableError, match="ada/open is public, and this model is private"):
        model.push_to_hub("ada/open")
    assert "model.safetensors" not in hub.repos["ada/open"].commit("main").files
    model.push_to_hub("ada/open", private=False)
    assert "model.safetensors" in hub.repos["ada/open"].commit("main").files


def test_a_push_without_the_right_fails_and_shows_no_token(hub):
    secret = hub.add_token("bob", "read")
    with pytest.raises(HfHubHTTPError) as caught:
        tiny_model().push_to_hub(REPO, token=secret)
    assert secret not in "".join(traceback.format_exception(caught.value))
    assert REPO not in hub.repos


def test_the_command_line_takes_a_hub_id_and_a_revision(hub, commit, new, capsys):
    later = hub.commit(hub.repos[REPO], new)
    for name, expected, hidden in ((REPO, later, 7), (f"{REPO}@{commit}", commit, 12)):
        assert main(["info", f"--model={name}"]) == 0
        out = capsys.readouterr().out
        assert f"{REPO} at {expected}" in out
        assert f"of {hidden} cells" in out
