"""Routes that list what is in a repo: info, trees, paths, commits, branches and tags."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import parse_qs, urlencode

from tests.local_hub.context import REPO, REV, Context, Route
from tests.local_hub.server import Request, Response, json_response
from tests.local_hub.store import Blob, Commit, Refusal, lfs_pointer


def repo_info(context: Context, request: Request) -> Response:
    repo = context.readable(request)
    commit = repo.commit(request.params.get("rev") or "main")
    card = context.store.card(commit)
    blobs = request.flag("blobs")
    siblings = [sibling(path, blob, blobs) for path, blob in sorted(commit.files.items())]
    tags = [str(tag) for tag in card.get("tags") or []]
    info: dict[str, Any] = {
        "id": repo.id,
        "modelId": repo.id,
        "author": repo.namespace,
        "sha": commit.oid,
        "private": repo.private,
        "gated": repo.gated,
        "disabled": False,
        "tags": tags,
        "cardData": card,
        "createdAt": repo.created,
        "lastModified": commit.date,
        "downloads": 0,
        "likes": 0,
        "siblings": siblings,
    }
    for name in ("library_name", "pipeline_tag"):
        if isinstance(card.get(name), str):
            info[name] = card[name]
    if repo.space:
        host = f"https://{repo.id.replace('/', '-').lower()}.hf.space"
        runtime = {"stage": repo.space.stages[0], "hardware": {"current": repo.space.hardware, "requested": None}}
        info.update(sdk=repo.space.sdk, host=host, subdomain=repo.id.replace("/", "-").lower(), runtime=runtime)
    return json_response(info)


def sibling(path: str, blob: Blob, with_blobs: bool) -> dict[str, Any]:
    if not with_blobs:
        return {"rfilename": path}
    entry = {"rfilename": path, "size": blob.size, "blobId": blob.oid}
    return {**entry, "lfs": lfs_info(blob, "sha256")} if blob.sha256 else entry


def lfs_info(blob: Blob, name: str) -> dict[str, Any]:
    pointer = len(lfs_pointer(str(blob.sha256), blob.size))
    return {name: blob.sha256, "size": blob.size, "pointerSize": pointer}


def entry(path: str, commit: Commit) -> dict[str, Any] | None:
    """Returns the entry of a file or directory in a tree; None if there is no such path."""
    path = path.rstrip("/")
    if blob := commit.files.get(path):
        found: dict[str, Any] = {"type": "file", "path": path, "oid": blob.oid, "size": blob.size}
        return {**found, "lfs": lfs_info(blob, "oid")} if blob.sha256 else found
    below = sorted((name, blob.oid) for name, blob in commit.files.items() if name.startswith(path + "/"))
    if not below:
        return None
    return {
        "type": "directory",
        "path": path,
        "oid": hashlib.sha1(repr(below).encode(), usedforsecurity=False).hexdigest(),
        "size": 0,
    }


def tree(context: Context, request: Request) -> Response:
    commit = context.open_files(request).commit(request.params["rev"])
    folder = request.params.get("folder", "").strip("/")
    start = f"{folder}/" if folder else ""
    inside = [path.removeprefix(start) for path in commit.files if path.startswith(start)]
    if folder and not inside:
        raise Refusal(404, f"{folder} does not exist on this revision", "EntryNotFound")
    names = {name.partition("/")[0] for name in inside}
    if request.flag("recursive"):
        parents = {"/".join(name.split("/")[:depth]) for name in inside for depth in range(1, name.count("/") + 1)}
        names = {*inside, *parents}
    return page(context, request, [entry(start + name, commit) for name in sorted(names)])


def page(context: Context, request: Request, items: list[Any]) -> Response:
    """Returns one page of a listing; the Link header has the URL of the next."""
    start = int(request.query.get("cursor", ["0"])[0])
    end = start + context.page_size
    if end >= len(items):
        return json_response(items[start:])
    query = urlencode({**request.query, "cursor": [str(end)]}, doseq=True)
    return json_response(items[start:end], Link=f'<{request.origin}{request.path}?{query}>; rel="next"')


def paths_info(context: Context, request: Request) -> Response:
    commit = context.open_files(request).commit(request.params["rev"])
    if request.headers.get("content-type", "").startswith("application/json"):
        paths = request.json().get("paths", [])
    else:
        paths = parse_qs(request.body.decode()).get("paths", [])
    found = [entry(path, commit) for path in paths]
    return json_response([item for item in found if item])


def commits(context: Context, request: Request) -> Response:
    log = context.readable(request).log(request.params["rev"])
    items = [
        {"id": c.oid, "title": c.title, "message": c.message, "date": c.date, "authors": [{"user": c.author}]}
        for c in log
    ]
    return page(context, request, items)


def refs(context: Context, request: Request) -> Response:
    repo = context.readable(request)
    answer: dict[str, list[dict[str, str]]] = {
        "branches": [ref(name, f"refs/heads/{name}", oid) for name, oid in repo.branches.items()],
        "tags": [ref(name, f"refs/tags/{name}", oid) for name, oid in repo.tags.items()],
        "converts": [],
    }
    return json_response(answer)


def ref(name: str, full: str, oid: str) -> dict[str, str]:
    return {"name": name, "ref": full, "targetCommit": oid}


ROUTES: list[Route] = [
    ("GET", REPO, repo_info),
    ("GET", f"{REPO}/revision/{REV}", repo_info),
    ("GET", f"{REPO}/tree/{REV}(?:/(?P<folder>.*))?", tree),
    ("POST", f"{REPO}/paths-info/{REV}", paths_info),
    ("GET", f"{REPO}/commits/{REV}", commits),
    ("GET", f"{REPO}/refs", refs),
]
