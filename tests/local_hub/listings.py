"""Routes that list what is in a repo: info and files."""

from __future__ import annotations

from typing import Any

from tests.local_hub.context import REPO, REV, Context, Route
from tests.local_hub.server import Request, Response, json_response
from tests.local_hub.store import Blob


def repo_info(context: Context, request: Request) -> Response:
    repo = context.readable(request)
    commit = repo.commit(request.params.get("rev") or "main")
    has_sizes = request.query.get("blobs", [""])[0].lower() == "true"
    info: dict[str, Any] = {
        "id": repo.id,
        "author": repo.namespace,
        "sha": commit.oid,
        "private": repo.private,
        "gated": repo.gated,
        "cardData": context.store.card(commit),
        "siblings": [
            {"rfilename": path, **({"size": blob.size, **lfs_info(blob, "sha256")} if has_sizes else {})}
            for path, blob in sorted(commit.files.items())
        ],
    }
    if repo.space:
        info["sdk"] = repo.space.sdk
    return json_response(info)


def lfs_info(blob: Blob, name: str) -> dict[str, Any]:
    return {"lfs": {name: blob.key, "size": blob.size, "pointerSize": 134}} if blob.is_lfs else {}


def tree(context: Context, request: Request) -> Response:
    """Lists all files of a commit, as the client asks when it downloads a whole repo."""
    commit = context.open_files(request).commit(request.params["rev"])
    listed = [
        {"type": "file", "path": path, "oid": blob.key, "size": blob.size, **lfs_info(blob, "oid")}
        for path, blob in sorted(commit.files.items())
    ]
    return json_response(listed)


ROUTES: list[Route] = [
    ("GET", REPO, repo_info),
    ("GET", f"{REPO}/revision/{REV}", repo_info),
    ("GET", f"{REPO}/tree/{REV}", tree),
]
