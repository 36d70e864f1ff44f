"""The local Hub answers the real client as the Hub does: each call that the project makes, and each fault."""

from __future__ import annotations

import hashlib
import os
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import httpx2
import pytest
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    HfFileSystem,
    hf_hub_download,
    snapshot_download,
)
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.local_hub import LocalHub
from tests.support.app_server import eventually

WEIGHTS = bytes(range(256)) * 400
CARD = "---\nlibrary_name: char-lstm\ntags:\n- text-generation\n---\n\n# A model\n"


@pytest.fixture
def api(token: str) -> HfApi:
    return HfApi()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    (path / "training_state").mkdir(parents=True)
    (path / "model.safetensors").write_bytes(WEIGHTS)
    (path / "config.json").write_text("{}")
    (path / "README.md").write_text(CARD)
    (path / "training_state" / "state.json").write_text('{"step": 1}')
    (path / "empty.txt").write_text("")
    return path


def status_of(error: BaseException) -> int:
    assert isinstance(error, HfHubHTTPError)
    return int(error.response.status_code)


# account and repos


def test_whoami_returns_user_orgs_and_role(hub: LocalHub, api: HfApi) -> None:
    reader = hub.add_token("bob", "read", orgs=("lab",))
    assert api.whoami()["name"] == "ada"
    assert api.whoami()["auth"]["accessToken"]["role"] == "write"
    assert api.whoami(token=reader)["orgs"][0]["name"] == "lab"
    with pytest.raises(HfHubHTTPError) as caught:
        api.whoami(token="hf_nobody")
    assert status_of(caught.value) == 401


def test_create_repo_rules(hub: LocalHub, api: HfApi) -> None:
    assert api.create_repo("plays").repo_id == "ada/plays"
    assert api.create_repo("ada/plays", exist_ok=True).repo_id == "ada/plays"
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_repo("ada/plays")
    assert status_of(caught.value) == 409
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_repo("eve/plays")
    assert status_of(caught.value) == 403
    hub.create_status["space"] = 402
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_repo("ada/chat", repo_type="space", space_sdk="gradio")
    assert status_of(caught.value) == 402
    broke = hub.add_token("eve", create_status=403)
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_repo("eve/plays", token=broke)
    assert status_of(caught.value) == 403
    assert set(hub.repos) == {"ada/plays"}


def test_settings_rights_and_deletion(hub: LocalHub, api: HfApi) -> None:
    api.create_repo("ada/plays", private=True)
    reader = hub.add_token("ada", "read")
    api.auth_check("ada/plays", token=reader)
    api.auth_check("ada/plays", write=True)
    with pytest.raises(HfHubHTTPError):
        api.auth_check("ada/plays", token=reader, write=True)
    with pytest.raises(RepositoryNotFoundError):
        api.repo_info("ada/plays", token=hub.add_token("eve"))
    api.update_repo_settings("ada/plays", private=False, gated="auto")
    assert api.repo_info("ada/plays").gated == "auto"
    api.delete_repo("ada/plays")
    with pytest.raises(RepositoryNotFoundError):
        api.repo_info("ada/plays")


def test_an_invalid_repo_id_makes_no_request(hub: LocalHub, api: HfApi) -> None:
    for name in ("a/b/c", "", "x.git", "café/x"):
        with pytest.raises(HFValidationError):
            api.repo_info(name)
    assert not hub.log


# up and down


def test_a_folder_goes_up_and_comes_down_by_commit(
    hub: LocalHub, api: HfApi, token: str, folder: Path, tmp_path: Path
) -> None:
    api.create_repo("ada/plays")
    commit = api.upload_folder(repo_id="ada/plays", folder_path=folder, commit_message="first").oid
    assert hub.repos["ada/plays"].titles() == ["first", "initial commit"]
    listed = {f.path: f for f in api.list_repo_tree("ada/plays", recursive=True)}
    assert listed["model.safetensors"].lfs.sha256 == hashlib.sha256(WEIGHTS).hexdigest()  # type: ignore[union-attr]
    assert "training_state" in listed
    pulled = Path(snapshot_download("ada/plays", revision=commit))
    for path in folder.rglob("*"):
        if path.is_file():
            assert (pulled / path.relative_to(folder)).read_bytes() == path.read_bytes()
    assert {logged.token for logged in hub.requests("^PUT /lfs")} == {None}
    assert {logged.token for logged in hub.requests("^(GET|HEAD) /ada")} == {token}
    again = len(hub.log)
    assert snapshot_download("ada/plays", revision=commit) == str(pulled)
    assert len(hub.log) == again, "a snapshot at a commit needs no request when it is cached"


def test_unchanged_files_make_no_commit_and_changes_are_seen(hub: LocalHub, api: HfApi, folder: Path) -> None:
    api.create_repo("ada/plays")
    first = api.upload_folder(repo_id="ada/plays", folder_path=folder).oid
    assert api.upload_folder(repo_id="ada/plays", folder_path=folder).oid == first
    (folder / "config.json").write_text('{"a": 1}')
    (folder / "empty.txt").unlink()
    second = api.upload_folder(repo_id="ada/plays", folder_path=folder, delete_patterns="*.txt").oid
    assert second != first
    assert Path(hf_hub_download("ada/plays", "config.json")).read_text() == '{"a": 1}'
    assert Path(hf_hub_download("ada/plays", "config.json", revision=first)).read_text() == "{}"
    assert not api.file_exists("ada/plays", "empty.txt")
    assert [c.commit_id for c in api.list_repo_commits("ada/plays")][:2] == [second, first]


def test_large_files_go_up_in_parts(hub: LocalHub, api: HfApi, folder: Path) -> None:
    hub.context.part_size = 30_000
    api.create_repo("ada/plays")
    api.upload_folder(repo_id="ada/plays", folder_path=folder)
    assert len(hub.requests("PUT /lfs/.*/part/")) == 4
    assert hub.read("ada/plays", "model.safetensors") == WEIGHTS


def test_branches_tags_and_pull_requests(hub: LocalHub, api: HfApi, folder: Path) -> None:
    api.create_repo("ada/plays")
    api.create_branch("ada/plays", branch="training/fast")
    api.create_branch("ada/plays", branch="training/fast", exist_ok=True)
    with pytest.raises(HfHubHTTPError):
        api.create_branch("ada/plays", branch="training/fast")
    api.upload_folder(repo_id="ada/plays", folder_path=folder, revision="training/fast")
    api.create_tag("ada/plays", tag="v1", revision="training/fast")
    opened = api.upload_folder(repo_id="ada/plays", folder_path=folder, create_pr=True)
    refs = api.list_repo_refs("ada/plays", include_pull_requests=True)
    assert {branch.name for branch in refs.branches} == {"main", "training/fast"}
    assert [tag.name for tag in refs.tags] == ["v1"]
    assert opened.pr_num == 1
    assert refs.pull_requests is not None
    assert hub.repos["ada/plays"].titles() == ["initial commit"]
    assert Path(snapshot_download("ada/plays", revision="v1"), "config.json").exists()
    api.delete_branch("ada/plays", branch="training/fast")
    api.delete_tag("ada/plays", tag="v1")
    assert list(hub.repos["ada/plays"].branches) == ["main"]


def test_paths_info_and_pages(hub: LocalHub, api: HfApi) -> None:
    hub.add_repo("ada/plays", {f"part/{number}.txt": b"x" for number in range(7)})
    hub.context.page_size = 3
    paths = [item.path for item in api.list_repo_tree("ada/plays", recursive=True)]
    assert len(paths) == 9
    found = api.get_paths_info("ada/plays", ["part/1.txt", "part", "nothing"])
    assert [item.path for item in found] == ["part/1.txt", "part"]


def test_a_commit_is_atomic_and_checks_its_parent(hub: LocalHub, api: HfApi) -> None:
    repo = hub.add_repo("ada/plays", {"a.txt": b"a"})
    old = repo.commit("main").oid
    with pytest.raises(RemoteEntryNotFoundError):
        api.create_commit(
            "ada/plays",
            [CommitOperationAdd("b.txt", b"b"), CommitOperationDelete("nothing.txt")],
            commit_message="half",
        )
    assert repo.commit("main").oid == old
    hub.commit(repo, {"c.txt": b"c"})
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_commit("ada/plays", [CommitOperationAdd("b.txt", b"b")], commit_message="late", parent_commit=old)
    assert status_of(caught.value) == 412


def test_a_card_with_broken_front_matter_is_refused(hub: LocalHub, api: HfApi, folder: Path) -> None:
    api.create_repo("ada/plays")
    (folder / "README.md").write_text("---\ntags: [a\n---\n")
    with pytest.raises(ValueError, match="Invalid metadata"):
        api.upload_folder(repo_id="ada/plays", folder_path=folder)


# no access


def test_missing_private_and_gated_repos_raise_different_errors(hub: LocalHub, api: HfApi) -> None:
    files = {"config.json": b"{}"}
    hub.add_repo("eve/secret", files, private=True)
    hub.add_repo("eve/gated", files, gated="manual")
    hub.add_repo("eve/open", files)
    for token in (None, False):
        for name in ("eve/nothing", "eve/secret"):
            with pytest.raises(RepositoryNotFoundError):
                hf_hub_download(name, "config.json", token=token)
        with pytest.raises(GatedRepoError):
            hf_hub_download("eve/gated", "config.json", token=token)
        with pytest.raises(GatedRepoError):
            api.auth_check("eve/gated", token=token)
    with pytest.raises(RevisionNotFoundError):
        hf_hub_download("eve/open", "config.json", revision="v9")
    with pytest.raises(RemoteEntryNotFoundError):
        hf_hub_download("eve/open", "nothing.json")
    hub.repos["eve/gated"].granted.add("ada")
    assert Path(hf_hub_download("eve/gated", "config.json")).read_text() == "{}"


@pytest.mark.parametrize("redirect", ["none", "same", "cdn"])
def test_a_token_never_goes_to_another_origin(hub: LocalHub, api: HfApi, token: str, redirect: str) -> None:
    hub.context.redirect = redirect
    hub.add_repo("ada/plays", {"model.safetensors": WEIGHTS}, private=True)
    assert Path(hf_hub_download("ada/plays", "model.safetensors")).read_bytes() == WEIGHTS
    elsewhere = [logged for logged in hub.log if logged.origin != hub.url]
    assert bool(elsewhere) == (redirect == "cdn")
    assert {logged.token for logged in elsewhere} <= {None}


def test_ranges(hub: LocalHub, api: HfApi) -> None:
    hub.add_repo("ada/plays", {"model.safetensors": WEIGHTS, "a.txt": b"0123456789"})
    for path, data in (("a.txt", b"0123456789"), ("model.safetensors", WEIGHTS)):
        with HfFileSystem(skip_instance_cache=True).open(f"ada/plays/{path}", "rb", block_size=4) as file:
            file.seek(3)
            assert file.read(4) == data[3:7]
    url = f"{hub.url}/ada/plays/resolve/main/a.txt"
    for asked, status, content in (("bytes=-3", 206, b"789"), ("bytes=8-99", 206, b"89"), ("bytes=10-", 416, b"")):
        answer = httpx2.get(url, headers={"Range": asked})
        assert (answer.status_code, answer.content) == (status, content)


# Spaces


def test_every_line_of_a_log_is_read(hub: LocalHub, api: HfApi) -> None:
    """Each line once had a time one millisecond after the line before; the client omits lines of the future."""
    repo = hub.add_repo("ada/chat", kind="space")
    assert repo.space
    repo.space.logs["build"] = [f"line {number}\n" for number in range(3000)]
    assert list(api.fetch_space_logs("ada/chat", build=True)) == repo.space.logs["build"]


def test_a_space_has_runtime_variables_and_secrets(hub: LocalHub, api: HfApi, folder: Path) -> None:
    api.create_repo(
        "ada/chat",
        repo_type="space",
        space_sdk="gradio",
        space_hardware="zero-a10g",  # type: ignore[arg-type]
        space_variables=[{"key": "MODELS", "value": "ada/plays"}],
        space_secrets=[{"key": "HF_TOKEN", "value": "hf_secret"}],
    )
    assert api.get_space_runtime("ada/chat").stage == "NO_APP_FILE"
    assert api.get_space_variables("ada/chat")["MODELS"].value == "ada/plays"
    api.add_space_variable("ada/chat", "SPEED", "60")
    assert set(api.delete_space_variable("ada/chat", "MODELS")) == {"SPEED"}
    assert hub.repos["spaces/ada/chat"].space is not None
    (folder / "app.py").write_text("print()")
    (folder / "README.md").write_text("---\nsdk: gradio\n---\n")
    api.upload_folder(repo_id="ada/chat", repo_type="space", folder_path=folder)
    assert [api.get_space_runtime("ada/chat").stage for _ in range(4)] == [
        "BUILDING",
        "APP_STARTING",
        "RUNNING",
        "RUNNING",
    ]
    assert api.pause_space("ada/chat").stage == "PAUSED"
    assert api.space_info("ada/chat").sdk == "gradio"


# faults


def head(hub: LocalHub) -> Any:
    return HfApi().repo_info("ada/plays").sha


@pytest.mark.parametrize("status", [401, 402, 403, 412, 429, 500, 503])
def test_fault_status(hub: LocalHub, status: int) -> None:
    hub.add_repo("ada/plays")
    fault = hub.fail("GET /api/models/ada/plays", status, times=2)
    for _ in range(2):
        with pytest.raises(HfHubHTTPError) as caught:
            head(hub)
        assert status_of(caught.value) == status
    assert head(hub)
    assert fault.hits == 2
    assert [logged.fault for logged in hub.log] == [status, status, None]


def test_fault_429_has_retry_after(hub: LocalHub, api: HfApi, folder: Path) -> None:
    api.create_repo("ada/plays")
    fault = hub.fail("/preupload/", 429, retry_after=0)
    with warnings.catch_warnings():
        api.upload_folder(repo_id="ada/plays", folder_path=folder)
    assert fault.hits == 1


def test_fault_cut_and_portal_and_wrong(hub: LocalHub) -> None:
    hub.add_repo("ada/plays")
    for kind, error in (
        ("cut", httpx2.TransportError),
        ("cut-body", httpx2.TransportError),
        ("html", ValueError),
    ):
        hub.fail("GET /api/models", kind)
        with pytest.raises(error):
            head(hub)
    hub.add_repo("ada/text", {"a.txt": b"aaaa"})
    hub.fail("GET /ada/text/resolve", "wrong")
    assert Path(hf_hub_download("ada/text", "a.txt")).read_bytes() == b"aa`a"


def test_fault_hang_is_released(hub: LocalHub) -> None:
    hub.add_repo("ada/plays")
    for kind in ("hang", "hang-body"):
        fault = hub.fail("GET /api/models", kind)
        with pytest.raises(httpx2.ReadTimeout):
            httpx2.get(f"{hub.url}/api/models/ada/plays", timeout=0.3)
        before = threading.active_count()
        fault.lift()
        eventually(lambda before=before: threading.active_count() < before)  # type: ignore[misc]
    assert head(hub)


def test_fault_slow_and_skip_and_lift(hub: LocalHub) -> None:
    hub.add_repo("ada/plays")
    hub.fail("GET /api/models", "slow", seconds=0.3)
    started = time.monotonic()
    assert head(hub)
    assert time.monotonic() - started >= 0.25
    fault = hub.fail("GET /api/models", 500, times=None, skip=1)
    assert head(hub)
    with pytest.raises(HfHubHTTPError):
        head(hub)
    fault.lift()
    assert head(hub)
    with pytest.raises(ValueError, match="must be an HTTP status or one of"):
        hub.fail("x", "explode")


def test_fault_after_the_work_is_done(hub: LocalHub, api: HfApi, folder: Path) -> None:
    """A commit whose response was lost is not made twice."""
    api.create_repo("ada/plays")
    hub.fail("POST .*/commit/", 500, after=True)
    with pytest.raises(HfHubHTTPError):
        api.upload_folder(repo_id="ada/plays", folder_path=folder)
    assert len(hub.repos["ada/plays"].log()) == 2
    api.upload_folder(repo_id="ada/plays", folder_path=folder)
    assert len(hub.repos["ada/plays"].log()) == 2


def test_a_cut_download_resumes(hub: LocalHub, api: HfApi) -> None:
    data = os.urandom(21 * 1024 * 1024)
    hub.add_repo("ada/plays", {"model.safetensors": data})
    hub.fail("GET /ada/plays/resolve", "cut-body")
    assert Path(hf_hub_download("ada/plays", "model.safetensors")).read_bytes() == data
    assert len(hub.requests("GET /ada/plays/resolve")) == 2


def test_a_lost_put_is_sent_again_and_wrong_bytes_are_refused(hub: LocalHub, api: HfApi, folder: Path) -> None:
    api.create_repo("ada/plays")
    hub.fail("PUT /lfs", "cut")
    api.upload_folder(repo_id="ada/plays", folder_path=folder)
    assert hub.read("ada/plays", "model.safetensors") == WEIGHTS
    assert httpx2.put(f"{hub.url}/lfs/{'0' * 64}", content=b"x").status_code == 400


def test_no_network_at_all(hub: LocalHub, api: HfApi) -> None:
    hub.add_repo("ada/plays", {"a.txt": b"a"})
    cached = hf_hub_download("ada/plays", "a.txt")
    hub.unplug()
    assert hf_hub_download("ada/plays", "a.txt") == cached
    with pytest.raises(httpx2.ConnectError):
        head(hub)
    hub.plug_in()
    assert head(hub) == hub.repos["ada/plays"].commit("main").oid
