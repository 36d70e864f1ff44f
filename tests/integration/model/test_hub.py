"""Models are downloaded from the Hub at one commit, whole or not at all, and pushed without changing other files."""

import json
import traceback
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from model import CharLSTM, CheckpointError, ModelUnavailableError, generate
from model.checkpoint.names import MODEL_FILES
from model.hub import limits
from tests.local_hub import LocalHub
from tests.support.hub_faults import FAULTS, HARMLESS, SOME, check_line, faulty
from tests.support.tiny_models import saved_files, tiny_model

REPO = "ada/tiny"
CARD = b"---\nlibrary_name: char-lstm\n---\n\n# Written by hand\n"
NOBODYS = "hf_ThisIsNobodysToken0123456789abcdef"
WEIGHTS = f"GET /{REPO}/resolve/.*/model.safetensors"
EVERYTHING = f"(GET|HEAD) .*{REPO}"
Files = dict[str, bytes]


@pytest.fixture
def old(tmp_path: Path) -> Files:
    return saved_files(tiny_model(seed=1), tmp_path / "old")


@pytest.fixture
def new(tmp_path: Path) -> Files:
    """Another architecture and alphabet: a file of each would never fit the other."""
    return saved_files(tiny_model("abc\n", hidden=7, layers=1, seed=2), tmp_path / "new")


@pytest.fixture
def commit(hub: LocalHub, old: Files) -> str:
    return hub.add_repo(REPO, old).branches["main"]


def load(**options: Any) -> CharLSTM:
    return CharLSTM.from_pretrained(options.pop("repo", REPO), **options)


def text_of(lm: CharLSTM) -> str:
    return generate(lm, "abc", 40, seed=1)


def check_refused(words: str, **options: Any) -> ModelUnavailableError:
    """Returns the error of loading, which must be one line that has the words, no token, no URL and no path."""
    with pytest.raises(ModelUnavailableError) as caught:
        load(**options)
    check_line(str(caught.value))
    assert words in str(caught.value)
    assert not options.get("token") or options["token"] not in "".join(traceback.format_exception(caught.value))
    return caught.value


def test_the_weights_may_be_sent_by_another_server_which_gets_no_token(hub, commit, token):
    hub.context.cdn = True
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


REASONS = {
    "429 for an hour": "a pause after too many requests (429): wait 60.0 minutes",
    "503": "the Hub has a server error (503): see status.huggingface.co",
    "no network": "the Hub cannot be reached: is the network down",
}


@pytest.mark.parametrize(
    ("fault", "where"),  # a wrong hash: see the tests of content
    [*((fault, WEIGHTS) for fault in FAULTS if fault != "wrong hash"), *((fault, EVERYTHING) for fault in SOME)],
)
def test_a_model_is_loaded_whole_or_from_the_cache_or_not_at_all(hub, commit, new, fault, where):
    with faulty(hub, fault, where):
        if fault in HARMLESS:
            assert load().commit == commit
        else:
            found = check_refused(REASONS.get(fault, ""))
            assert found.retry or fault not in REASONS
    assert load().commit == commit
    newer = hub.commit(hub.repos[REPO], new)
    with faulty(hub, fault, where), suppress(ModelUnavailableError):  # of a fault that only the user can end
        lm = load()
        assert (lm.commit, bool(lm.notice)) == ((newer, False) if fault in HARMLESS else (commit, True))
    assert load().commit == newer


def test_a_missing_repo_or_revision_is_named_even_if_a_copy_is_cached(hub, commit):
    load()
    check_refused(f"{REPO} at v9 cannot be loaded: there is no such revision", revision="v9")
    check_refused("there is no such revision", revision="f" * 40)
    del hub.repos[REPO]
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
        assert check_refused("").retry
        assert huggingface_hub.get_session() is own
    finally:
        huggingface_hub.set_client_factory(lambda: kind(event_hooks=hooks, follow_redirects=True, timeout=None))


@pytest.mark.parametrize("name", MODEL_FILES)
def test_bytes_that_change_on_their_way_or_in_the_cache_are_asked_for_again(hub, commit, old, name):
    flipped = hub.fail(f"GET .*/{name}", "wrong", 1)
    assert load().commit == commit
    assert flipped.hits == 1
    found = huggingface_hub.try_to_load_from_cache(REPO, name, revision=commit)
    assert isinstance(found, str)
    Path(found).resolve().write_bytes(old[name][:-1] + b"?")
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
    with pytest.raises(CheckpointError, match=r"it has no cells\.json"):
        load()


def test_a_pushed_model_is_loaded_unchanged_and_files_of_people_stay(hub, token):
    hub.add_repo(REPO, {"README.md": CARD, "metrics.jsonl": b"{}\n"})
    lm = tiny_model(seed=5)
    commit = lm.push_to_hub(REPO, dtype="bfloat16")
    back = load()
    assert back.commit == commit == hub.repos[REPO].branches["main"]
    assert back.tokenizer.vocab == lm.tokenizer.vocab
    assert set(hub.repos[REPO].commit("main").files) == {*MODEL_FILES, ".gitattributes", "README.md", "metrics.jsonl"}
    assert hub.read(REPO, "README.md") == CARD
    tiny_model(seed=3).push_to_hub(REPO, revision="experiment", dtype="int8")
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
