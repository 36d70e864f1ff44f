"""Routes of the account and of repos: create, settings, info, trees, branches, tags, commits.

`ROUTES` is a list of (method, pattern of the raw path, function); the pattern's named groups become `Request.params`.
`Context` is passed to every route: the store, the settings of the test, and whose token a request has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode

from tests.local_hub.server import Request, Response, json_response
from tests.local_hub.store import (
    KINDS,
    PREFIXES,
    Account,
    Blob,
    Commit,
    Refusal,
    Repo,
    Store,
    front_matter,
    lfs_pointer,
)

REPO = r"/api/(?P<kind>models|datasets|spaces)/(?P<namespace>[^/]+)/(?P<name>[^/]+)"
LICENSES = {"apache-2.0", "mit", "openrail", "bsd-3-clause", "gpl-3.0", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0"}
LICENSES |= {"cc-by-nc-4.0", "pddl", "unlicense", "wtfpl", "unknown", "other"}  # some of the Hub's
REV = r"(?P<rev>[^/]+)"


@dataclass
class Context:
    """The store, and the settings that `LocalHub` documents."""

    store: Store
    redirect: str = "none"
    lfs_limit: int = 10_000_000
    part_size: int | None = None
    page_size: int = 1000
    stages: tuple[str, ...] = ("BUILDING", "APP_STARTING", "RUNNING")

    def account(self, request: Request) -> Account | None:
        """Returns the account of the request's token; None without a token; 401 for an unknown one."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not scheme:
            return None
        account = self.store.accounts.get(token)
        if account is None:
            raise Refusal(401, "Invalid credentials in Authorization header")
        return account

    def require_account(self, request: Request) -> Account:
        """Returns the account of the request's token; 401 without one."""
        account = self.account(request)
        if account is None:
            raise Refusal(401, "Invalid username or password.")
        return account

    def readable(self, request: Request) -> Repo:
        """Returns the repo of the path; 404 or 401 if the account may not know of it."""
        account = self.account(request)
        kind = KINDS.get(request.params.get("kind", "models").rstrip("/"), "model")
        repo = self.store.repos.get((kind, f"{request.params['namespace']}/{request.params['name']}"))
        if repo is None or (repo.private and not (account and account.owns(repo.namespace))):
            raise Refusal(404 if account else 401, "Repository not found", "RepoNotFound")
        return repo

    def open_files(self, request: Request) -> Repo:
        """Returns the repo of the path; 403 or 401 if it is gated for the account."""
        repo, account = self.readable(request), self.account(request)
        allowed = account and (account.owns(repo.namespace) or account.user in repo.granted)
        if repo.gated and not allowed:
            text = f"Access to model {repo.id} is restricted and you are not in the authorized list."
            raise Refusal(403 if account else 401, text, "GatedRepo")
        return repo

    def writable(self, request: Request) -> tuple[Repo, Account]:
        """Returns the repo of the path and the account; 403 if the account may not write to it."""
        repo, account = self.readable(request), self.require_account(request)
        if account.role != "write" or not account.owns(repo.namespace):
            raise Refusal(403, f"you have no right to write to {repo.id} with this token")
        return repo, account


Route = tuple[str, str, Callable[[Context, Request], Response]]


def whoami(context: Context, request: Request) -> Response:
    account = context.require_account(request)
    orgs = [{"type": "org", "name": name} for name in account.orgs]
    token = {"displayName": "test", "role": account.role}
    return json_response(
        {"type": "user", "name": account.user, "orgs": orgs, "auth": {"type": "access_token", "accessToken": token}}
    )


def url_of(request: Request, repo: Repo) -> str:
    return f"{request.origin}/{PREFIXES[repo.kind]}{repo.id}"


def is_free(sdk: str | None, hardware: str | None) -> bool:
    """Returns whether a free account may have such a Space."""
    return sdk == "static" or hardware == "zero-a10g"


def create_repo(context: Context, request: Request) -> Response:
    account, wanted, store = context.require_account(request), request.json(), context.store
    kind = wanted.get("type") or "model"
    namespace = wanted.get("organization") or account.user
    if account.role != "write":
        raise Refusal(403, f"you have no right to create a {kind} with this token: its role is {account.role}")
    if not account.owns(namespace):
        raise Refusal(403, f'You don\'t have the rights to create a {kind} under the namespace "{namespace}"')
    if status := account.create_status or store.create_status.get(kind):
        raise Refusal(status, "a paid plan is needed" if status == 402 else f"creating a {kind} is refused")
    if account.free and kind == "space" and not is_free(wanted.get("sdk"), wanted.get("hardware")):
        raise Refusal(402, "Subscribe to PRO to create Spaces of this kind")
    repo_id = f"{namespace}/{wanted['name']}"
    with store.lock:
        if repo := store.repos.get((kind, repo_id)):
            raise Refusal(409, "You already created this repo", None, url=url_of(request, repo))
        repo = store.create_repo(kind, repo_id, account.user, wanted.get("visibility") == "private", wanted.get("sdk"))
    if repo.space:
        repo.space.hardware = wanted.get("hardware") or "cpu-basic"
        repo.space.sleep_seconds = wanted.get("sleepTimeSeconds")
        for name in ("variables", "secrets"):
            getattr(repo.space, name).update({item["key"]: item for item in wanted.get(name) or []})
    return json_response({"url": url_of(request, repo), "name": repo_id, "id": repo_id})


def delete_repo(context: Context, request: Request) -> Response:
    account, wanted = context.require_account(request), request.json()
    key = (wanted.get("type") or "model", f"{wanted.get('organization') or account.user}/{wanted['name']}")
    if key not in context.store.repos:
        raise Refusal(404, "Repository not found", "RepoNotFound")
    if account.role != "write" or not account.owns(key[1].partition("/")[0]):
        raise Refusal(403, f"you have no right to delete {key[1]}")
    del context.store.repos[key]
    return json_response({})


def settings(context: Context, request: Request) -> Response:
    repo, _ = context.writable(request)
    wanted = request.json()
    if "visibility" in wanted:
        repo.private = wanted["visibility"] == "private"
    if "gated" in wanted:
        repo.gated = wanted["gated"]
    return json_response({"private": repo.private, "gated": repo.gated})


def auth_check(context: Context, request: Request) -> Response:
    context.open_files(request)
    return json_response({})


def auth_check_write(context: Context, request: Request) -> Response:
    context.writable(request)
    return json_response({})


# info and listings


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


# branches and tags


def refs(context: Context, request: Request) -> Response:
    repo = context.readable(request)
    answer: dict[str, list[dict[str, str]]] = {
        "branches": [ref(name, f"refs/heads/{name}", oid) for name, oid in repo.branches.items()],
        "tags": [ref(name, f"refs/tags/{name}", oid) for name, oid in repo.tags.items()],
        "converts": [],
    }
    if request.flag("include_prs"):
        answer["pullRequests"] = [ref(name.removeprefix("refs/"), name, oid) for name, oid in repo.pulls.items()]
    return json_response(answer)


def ref(name: str, full: str, oid: str) -> dict[str, str]:
    return {"name": name, "ref": full, "targetCommit": oid}


def create_branch(context: Context, request: Request) -> Response:
    repo, _ = context.writable(request)
    name = request.params["branch"]
    start = repo.commit(request.json().get("startingPoint") or "main")
    with context.store.lock:
        if name in repo.branches:
            raise Refusal(409, f"Reference already exists: refs/heads/{name}")
        repo.branches[name] = start.oid
    return json_response({}, 201)


def delete_branch(context: Context, request: Request) -> Response:
    repo, _ = context.writable(request)
    name = request.params["branch"]
    if name == "main" or name not in repo.branches:
        raise Refusal(403 if name == "main" else 404, f"cannot delete branch {name}")
    del repo.branches[name]
    return json_response({})


def create_tag(context: Context, request: Request) -> Response:
    repo, _ = context.writable(request)
    name = request.json()["tag"]
    if name in repo.tags:
        raise Refusal(409, f"Reference already exists: refs/tags/{name}")
    repo.tags[name] = repo.commit(request.params["rev"]).oid
    return json_response({}, 201)


def delete_tag(context: Context, request: Request) -> Response:
    repo, _ = context.writable(request)
    if repo.tags.pop(request.params["rev"], None) is None:
        raise Refusal(404, f"no tag {request.params['rev']}", "RevisionNotFound")
    return json_response({})


def validate_yaml(_: Context, request: Request) -> Response:
    """Returns 400 for front matter that the Hub refuses: not YAML, not a mapping, or a value of a wrong type."""
    wanted = request.json()
    try:
        card = front_matter(str(wanted.get("content", "")))
    except ValueError as error:
        return json_response({"errors": [{"message": str(error)}], "warnings": []}, 400)
    errors = (
        [f'"license" must be one of [{", ".join(sorted(LICENSES))}]']
        if card.get("license", "mit") not in LICENSES
        else []
    )
    errors += [f'"{name}" must be a string' for name in ("library_name", "pipeline_tag") if wrong_text(card, name)]
    if "tags" in card and not (isinstance(card["tags"], list) and all(isinstance(tag, str) for tag in card["tags"])):
        errors.append('"tags" must be an array of strings')
    if wanted.get("repoType") == "space":
        if card.get("sdk") not in ("gradio", "docker", "static"):
            errors.append('"sdk" must be one of [gradio, docker, static]')
        if len(str(card.get("short_description", ""))) > 60:
            errors.append('"short_description" length must be less than or equal to 60 characters long')
    messages = [{"message": text} for text in errors]
    return json_response({"errors": messages, "warnings": []}, 400 if errors else 200)


def wrong_text(card: dict[str, Any], name: str) -> bool:
    return name in card and not isinstance(card[name], str)


ROUTES: list[Route] = [
    ("GET", "/api/whoami-v2", whoami),
    ("POST", "/api/repos/create", create_repo),
    ("DELETE", "/api/repos/delete", delete_repo),
    ("POST", "/api/validate-yaml", validate_yaml),
    ("PUT", f"{REPO}/settings", settings),
    ("GET", f"{REPO}/auth-check", auth_check),
    ("GET", f"{REPO}/auth-check/write", auth_check_write),
    ("GET", REPO, repo_info),
    ("GET", f"{REPO}/revision/{REV}", repo_info),
    ("GET", f"{REPO}/tree/{REV}(?:/(?P<folder>.*))?", tree),
    ("POST", f"{REPO}/paths-info/{REV}", paths_info),
    ("GET", f"{REPO}/commits/{REV}", commits),
    ("GET", f"{REPO}/refs", refs),
    ("POST", f"{REPO}/branch/(?P<branch>[^/]+)", create_branch),
    ("DELETE", f"{REPO}/branch/(?P<branch>[^/]+)", delete_branch),
    ("POST", f"{REPO}/tag/{REV}", create_tag),
    ("DELETE", f"{REPO}/tag/{REV}", delete_tag),
]
