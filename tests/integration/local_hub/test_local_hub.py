"""The local Hub answers the real client as the Hub does: what the tests of uploads and downloads do not show."""

from __future__ import annotations

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
    hf_hub_download,
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


def status_of(error: BaseException) -> int:
    assert isinstance(error, HfHubHTTPError)
    return int(error.response.status_code)


def test_large_files_go_up_in_parts(hub: LocalHub, api: HfApi) -> None:
    hub.context.part_size = 30_000
    api.create_repo("ada/plays")
    api.upload_file(repo_id="ada/plays", path_in_repo="model.safetensors", path_or_fileobj=WEIGHTS)
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


# faults


def head(hub: LocalHub) -> Any:
    return HfApi().repo_info("ada/plays").sha


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


def test_ranges(hub: LocalHub) -> None:
    hub.add_repo("ada/plays", {"a.txt": b"0123456789"})
    url = f"{hub.url}/ada/plays/resolve/main/a.txt"
    for asked, status, content in (("bytes=-3", 206, b"789"), ("bytes=8-99", 206, b"89"), ("bytes=10-", 416, b"")):
        answer = httpx2.get(url, headers={"Range": asked})
        assert (answer.status_code, answer.content) == (status, content)


def test_wrong_bytes_are_refused(hub: LocalHub) -> None:
    assert httpx2.put(f"{hub.url}/lfs/{'0' * 64}", content=b"x").status_code == 400


def test_a_cut_download_resumes(hub: LocalHub, api: HfApi) -> None:
    data = os.urandom(21 * 1024 * 1024)
    hub.add_repo("ada/plays", {"model.safetensors": data})
    hub.fail("GET /ada/plays/resolve", "cut-body")
    assert Path(hf_hub_download("ada/plays", "model.safetensors")).read_bytes() == data
    assert len(hub.requests("GET /ada/plays/resolve")) == 2
