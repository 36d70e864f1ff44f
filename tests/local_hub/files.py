"""Routes of files: uploads (preupload, LFS batch, PUT), commits, and downloads.

LFS bytes are stored only if their SHA-256 is the announced one. A commit is atomic: the branch moves only after every
line of it was checked.
"""

import base64
import hashlib
import json
import secrets
from typing import Any

from tests.local_hub.server import Refusal, Request, Response, json_response
from tests.local_hub.store import REPO, REV, Blob, Route, Store, url_of

PLAIN = r"/(?P<kind>datasets/|spaces/)?(?P<namespace>[^/]+)/(?P<name>[^/]+)"
SHA = r"(?P<sha>[0-9a-f]{64})"


def preupload(store: Store, request: Request) -> Response:
    """Returns which files go to LFS, and which the repo has already."""
    repo = store.writable(request)
    commit, answers = repo.commit(request.params["rev"]), []
    for item in request.json()["files"]:
        path = item["path"]
        is_lfs = store.uses_lfs(commit, path, item["size"], base64.b64decode(item["sample"]))
        answer = {"path": path, "uploadMode": "lfs" if is_lfs else "regular", "shouldIgnore": False}
        answers.append({**answer, "oid": commit.files[path].key} if path in commit.files else answer)
    return json_response({"files": answers})


def lfs_batch(store: Store, request: Request) -> Response:
    store.writable(request)
    objects = request.json()["objects"]
    for item in objects:
        if item["oid"] not in store.data:
            href = f"{storage_origin(store, request)}/lfs/{item['oid']}?X-Signature={secrets.token_hex(8)}"
            item["actions"] = {"upload": {"href": href}}
    return json_response({"transfer": "basic", "objects": objects})


def storage_origin(store: Store, request: Request) -> str:
    """Returns the address of LFS files: this server, with `cdn` under another name, another origin for a client."""
    return request.origin.replace("127.0.0.1", "localhost") if store.cdn else request.origin


def lfs_put(store: Store, request: Request) -> Response:
    if hashlib.sha256(request.body).hexdigest() != request.params["sha"]:
        raise Refusal(400, "the bytes do not have the announced SHA-256")
    store.add_blob(request.body, is_lfs=True)
    return Response(200)


def commit(store: Store, request: Request) -> Response:
    """Applies a commit to the head of the branch; 412 if the head is not the announced parent."""
    repo = store.writable(request)
    lines = [json.loads(line) for line in request.body.splitlines() if line.strip()]
    header = next(line["value"] for line in lines if line["key"] == "header")
    branch = request.params["rev"]
    if branch not in repo.branches:
        raise Refusal(404, f"Invalid rev id: {branch}", "RevisionNotFound")
    head = repo.commit(branch)
    if (parent := header.get("parentCommit")) and not head.oid.startswith(parent):
        raise Refusal(412, "A commit has happened since. Please refresh and try again.")
    files = dict(head.files)
    for line in lines:
        apply(store, files, line["key"], line["value"])
    made = store.add_commit(repo, branch, header["summary"], files, head.oid)
    if repo.space:
        repo.space.stages = list(store.stages)
    url = f"{url_of(request, repo)}/commit/{made.oid}"
    return json_response({"success": True, "commitOid": made.oid, "commitUrl": url})


def apply(store: Store, files: dict[str, Blob], key: str, value: dict[str, Any]) -> None:
    """Applies one line of a commit to the listing `files`."""
    path = value.get("path", "")
    if key == "file":
        files[path] = store.add_blob(base64.b64decode(value["content"]))
    elif key == "lfsFile":
        if value["oid"] not in store.data:
            raise Refusal(400, f"LFS pointer pointed to a file that does not exist: {value['oid']}")
        files[path] = Blob(value["oid"], len(store.data[value["oid"]]), is_lfs=True)
    elif key == "deletedFile" and files.pop(path, None) is None:
        raise Refusal(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")


def resolve(store: Store, request: Request) -> Response:
    repo = store.open_files(request)
    found = repo.commit(request.params["rev"])
    blob = found.files.get(request.params["path"])
    if blob is None:
        return json_response({"error": "Entry not found"}, 404, X_Error_Code="EntryNotFound", X_Repo_Commit=found.oid)
    headers = {"X-Repo-Commit": found.oid, "ETag": f'"{blob.key}"'}
    if blob.is_lfs and store.cdn:
        linked = {"X-Linked-Etag": f'"{blob.key}"', "X-Linked-Size": str(blob.size)}
        place = f"{storage_origin(store, request)}/cdn/{found.oid}/{blob.key}"
        return Response(302, headers={**headers, **linked, "Location": place})
    return Response(200, store.get(blob), headers)


def cdn(store: Store, request: Request) -> Response:
    """Sends LFS bytes as a CDN does: to anyone with the URL."""
    headers = {"ETag": f'"{request.params["sha"]}"', "X-Repo-Commit": request.params["rev"]}
    return Response(200, store.data[request.params["sha"]], headers)


ROUTES: list[Route] = [
    ("POST", f"{REPO}/preupload/{REV}", preupload),
    ("POST", f"{REPO}/commit/{REV}", commit),
    ("POST", f"{PLAIN}\\.git/info/lfs/objects/batch", lfs_batch),
    ("PUT", f"/lfs/{SHA}", lfs_put),
    ("GET", f"/cdn/(?P<rev>[0-9a-f]{{40}})/{SHA}", cdn),
    ("GET", f"{PLAIN}/resolve/{REV}/(?P<path>.+)", resolve),
]
