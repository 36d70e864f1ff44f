"""Routes that list what is in a repo: info and files."""

from __future__ import annotations

from typing import Any

from tests.local_hub.context import REPO, REV, Context, Route
from tests.local_hub.server import Request, Response, json_response
from tests.local_hub.store import Blob, lfs_pointer


def repo_info(context: Context, request: Request) -> Response:
    repo = context.readable(request)
    commit = repo.commit(request.params.get("rev") or "main")
    blobs = request.flag("blobs")
    info: dict[str, Any] = {
        "id": repo.id,
        "modelId": repo.id,
        "author": repo.namespace,
        "sha": commit.oid,
        "private": repo.private,
        "gated": repo.gated,
        "disabled": False,
        "tags": [],
        "cardData": context.store.card(commit),
        "createdAt": repo.created,
        "lastModified": commit.date,
        "downloads": 0,
        "likes": 0,
        "siblings": [sibling(path, blob, blobs) for path, blob in sorted(commit.files.items())],
    }
    if repo.space:
        info["sdk"] = repo.space.sdk
    return json_response(info)


def sibling(path: str, blob: Blob, with_blobs: bool) -> dict[str, Any]:
    if not with_blobs:
        return {"rfilename": path}
    entry = {"rfilename": path, "size": blob.size, "blobId": blob.oid}
    return {**entry, "lfs": lfs_info(blob, "sha256")} if blob.sha256 else entry


def lfs_info(blob: Blob, name: str) -> dict[str, Any]:
    pointer = len(lfs_pointer(str(blob.sha256), blob.size))
    return {name: blob.sha256, "size": blob.size, "pointerSize": pointer}


def tree(context: Context, request: Request) -> Response:
    """Lists all files of a commit, as the client asks when it downloads a whole repo."""
    commit = context.open_files(request).commit(request.params["rev"])
    return json_response([entry(path, blob) for path, blob in sorted(commit.files.items())])


def entry(path: str, blob: Blob) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "file", "path": path, "oid": blob.oid, "size": blob.size}
    return {**found, "lfs": lfs_info(blob, "oid")} if blob.sha256 else found


ROUTES: list[Route] = [
    ("GET", REPO, repo_info),
    ("GET", f"{REPO}/revision/{REV}", repo_info),
    ("GET", f"{REPO}/tree/{REV}", tree),
]
