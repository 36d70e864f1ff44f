"""The local Hub answers the real client as the Hub does: what other tests rely on, and each kind of fault."""

from __future__ import annotations

import hashlib
import os
import threading
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
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.local_hub import LocalHub
from tests.support.app_server import eventually

WEIGHTS = bytes(range(256)) * 400


@pytest.fixture
def api(token: str) -> HfApi:
    return HfApi()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    (path / "training_state").mkdir(parents=True)
    (path / "model.safetensors").write_bytes(WEIGHTS)
    (path / "config.json").write_text("{}")
    (path / "README.md").write_text("---\nlibrary_name: char-lstm\n---\n\n# A model\n")
    (path / "training_state" / "state.json").write_text('{"step": 1}')
    (path / "empty.txt").write_text("")
    return path


def status_of(error: BaseException) -> int:
    assert isinstance(error, HfHubHTTPError)
    return int(error.response.status_code)


# repos


def test_a_folder_goes_up_and_comes_down_by_commit(hub: LocalHub, api: HfApi, token: str, folder: Path) -> None:
    assert api.create_repo("plays").repo_id == "ada/plays"
    first = api.upload_folder(repo_id="ada/plays", folder_path=folder, commit_message="first").oid
    assert hub.repos["ada/plays"].titles() == ["first", "initial commit"]
    listed = {f.path: f for f in api.list_repo_tree("ada/plays", recursive=True)}
    assert listed["model.safetensors"].lfs.sha256 == hashlib.sha256(WEIGHTS).hexdigest()  # type: ignore[union-attr]
    pulled = Path(snapshot_download("ada/plays", revision=first))
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        assert (pulled / path.relative_to(folder)).read_bytes() == path.read_bytes()
    assert {logged.token for logged in hub.requests("^PUT /lfs")} == {None}
    assert {logged.token for logged in hub.requests("^(GET|HEAD) /ada")} == {token}
    assert api.upload_folder(repo_id="ada/plays", folder_path=folder).oid == first, "nothing has changed"
    (folder / "config.json").write_text('{"a": 1}')
    second = api.upload_folder(repo_id="ada/plays", folder_path=folder, delete_patterns="*.txt").oid
    assert Path(hf_hub_download("ada/plays", "config.json")).read_text() == '{"a": 1}'
    assert Path(hf_hub_download("ada/plays", "config.json", revision=first)).read_text() == "{}"
    hub.context.page_size = 1
    assert [c.commit_id for c in api.list_repo_commits("ada/plays")][:2] == [second, first]


def test_large_files_go_up_in_parts(hub: LocalHub, api: HfApi, folder: Path) -> None:
    hub.context.part_size = 30_000
    api.create_repo("ada/plays")
    api.upload_folder(repo_id="ada/plays", folder_path=folder)
    assert len(hub.requests("PUT /lfs/.*/part/")) == 4
    assert hub.read("ada/plays", "model.safetensors") == WEIGHTS


def test_rights(hub: LocalHub, api: HfApi) -> None:
    api.create_repo("ada/plays", private=True)
    reader, eve = hub.add_token("ada", "read"), hub.add_token("eve", create_status=402)
    assert api.whoami(token=reader)["auth"]["accessToken"]["role"] == "read"
    for refused, status in (
        (lambda: api.create_repo("ada/plays"), 409),
        (lambda: api.create_repo("eve/plays"), 403),
        (lambda: api.create_repo("eve/plays", token=eve), 402),
        (lambda: api.auth_check("ada/plays", token=reader, write=True), 403),
        (lambda: api.repo_info("ada/plays", token=eve), 404),
        (lambda: api.whoami(token="hf_nobody"), 401),
    ):
        with pytest.raises(HfHubHTTPError) as caught:
            refused()
        assert status_of(caught.value) == status
    assert set(hub.repos) == {"ada/plays"}


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
    with pytest.raises(RevisionNotFoundError):
        hf_hub_download("eve/open", "config.json", revision="v9")
    with pytest.raises(RemoteEntryNotFoundError):
        hf_hub_download("eve/open", "nothing.json")
    hub.repos["eve/gated"].granted.add("ada")
    assert Path(hf_hub_download("eve/gated", "config.json")).read_text() == "{}"


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


@pytest.mark.parametrize("redirect", ["none", "same", "cdn"])
def test_a_token_never_goes_to_another_origin(hub: LocalHub, api: HfApi, redirect: str) -> None:
    hub.context.redirect = redirect
    hub.add_repo("ada/plays", {"model.safetensors": WEIGHTS}, private=True)
    assert Path(hf_hub_download("ada/plays", "model.safetensors")).read_bytes() == WEIGHTS
    elsewhere = [logged for logged in hub.log if logged.origin != hub.url]
    assert bool(elsewhere) == (redirect == "cdn")
    assert {logged.token for logged in elsewhere} <= {None}


def test_ranges(hub: LocalHub, api: HfApi) -> None:
    hub.add_repo("ada/plays", {"a.txt": b"0123456789"})
    with HfFileSystem(skip_instance_cache=True).open("ada/plays/a.txt", "rb", block_size=4) as file:
        file.seek(3)
        assert file.read(4) == b"3456"
    url = f"{hub.url}/ada/plays/resolve/main/a.txt"
    for asked, status, content in (("bytes=-3", 206, b"789"), ("bytes=8-99", 206, b"89"), ("bytes=10-", 416, b"")):
        answer = httpx2.get(url, headers={"Range": asked})
        assert (answer.status_code, answer.content) == (status, content)


def test_a_space_has_stages_variables_and_logs(hub: LocalHub, api: HfApi, folder: Path) -> None:
    variables = [{"key": "MODELS", "value": "ada/plays"}]
    hardware: Any = "zero-a10g"
    api.create_repo(
        "ada/chat", repo_type="space", space_sdk="gradio", space_hardware=hardware, space_variables=variables
    )
    assert api.get_space_runtime("ada/chat").stage == "NO_APP_FILE"
    api.add_space_variable("ada/chat", "SPEED", "60")
    assert {name: each.value for name, each in api.get_space_variables("ada/chat").items()} == {
        "MODELS": "ada/plays",
        "SPEED": "60",
    }
    (folder / "app.py").write_text("print()")
    (folder / "README.md").write_text("---\nsdk: gradio\n---\n")
    api.upload_folder(repo_id="ada/chat", repo_type="space", folder_path=folder)
    stages = [api.get_space_runtime("ada/chat").stage for _ in range(4)]
    assert stages == ["BUILDING", "APP_STARTING", "RUNNING", "RUNNING"]
    space = hub.repos["spaces/ada/chat"].space
    assert space
    space.logs["build"] = [f"line {number}\n" for number in range(3000)]
    assert list(api.fetch_space_logs("ada/chat", build=True)) == space.logs["build"]


# faults


def head(hub: LocalHub) -> Any:
    return HfApi().repo_info("ada/plays").sha


def test_a_fault_has_a_status_and_an_end(hub: LocalHub) -> None:
    hub.add_repo("ada/plays")
    for status in (401, 412, 429, 500):
        fault = hub.fail("GET /api/models/ada/plays", status, times=2, skip=1)
        assert head(hub)
        for _ in range(2):
            with pytest.raises(HfHubHTTPError) as caught:
                head(hub)
            assert status_of(caught.value) == status
        assert fault.hits == 2
    assert head(hub)
    with pytest.raises(ValueError, match="must be an HTTP status or one of"):
        hub.fail("x", "explode")


def test_faults_of_a_connection(hub: LocalHub) -> None:
    hub.add_repo("ada/plays", {"a.txt": b"aaaa"})
    kinds: dict[str, type[Exception]] = {
        "cut": httpx2.TransportError,
        "close": httpx2.TransportError,
        "cut-body": httpx2.TransportError,
        "reset-body": httpx2.TransportError,
        "html": ValueError,
        "redirect": httpx2.TooManyRedirects,
    }
    for kind, error in kinds.items():
        hub.fail("GET /api/models", kind, None, location="/api/models/ada/plays")
        with pytest.raises(error):
            head(hub)
        hub.faults.clear()
    for kind in ("hang", "hang-body", "trickle", "slow"):
        fault = hub.fail("GET /api/models", kind, seconds=60)
        with pytest.raises(httpx2.ReadTimeout):
            httpx2.get(f"{hub.url}/api/models/ada/plays", timeout=0.3)
        before = threading.active_count()
        fault.lift()
        eventually(lambda before=before: threading.active_count() < before)  # type: ignore[misc]
    hub.fail("GET /ada/plays/resolve", "wrong")
    assert Path(hf_hub_download("ada/plays", "a.txt")).read_bytes() == b"aa`a"
    hub.fail("GET /ada/plays/resolve", "short")
    assert httpx2.get(f"{hub.url}/ada/plays/resolve/main/a.txt").content == b"aaa"
    assert head(hub)


def test_a_commit_whose_response_was_lost_is_made_once(hub: LocalHub, api: HfApi, folder: Path) -> None:
    api.create_repo("ada/plays")
    hub.fail("POST .*/commit/", 500, after=True)
    with pytest.raises(HfHubHTTPError):
        api.upload_folder(repo_id="ada/plays", folder_path=folder)
    assert len(hub.repos["ada/plays"].log()) == 2
    api.upload_folder(repo_id="ada/plays", folder_path=folder)
    assert len(hub.repos["ada/plays"].log()) == 2


def test_wrong_bytes_are_refused(hub: LocalHub) -> None:
    assert httpx2.put(f"{hub.url}/lfs/{'0' * 64}", content=b"x").status_code == 400


def test_a_cut_download_resumes(hub: LocalHub, api: HfApi) -> None:
    data = os.urandom(21 * 1024 * 1024)
    hub.add_repo("ada/plays", {"model.safetensors": data})
    hub.fail("GET /ada/plays/resolve", "cut-body")
    assert Path(hf_hub_download("ada/plays", "model.safetensors")).read_bytes() == data
    assert len(hub.requests("GET /ada/plays/resolve")) == 2


def test_no_network_at_all(hub: LocalHub, api: HfApi) -> None:
    hub.add_repo("ada/plays", {"a.txt": b"a"})
    cached = hf_hub_download("ada/plays", "a.txt")
    hub.unplug()
    assert hf_hub_download("ada/plays", "a.txt") == cached
    with pytest.raises(httpx2.ConnectError):
        head(hub)
    hub.plug_in()
    assert head(hub) == hub.repos["ada/plays"].commit("main").oid
