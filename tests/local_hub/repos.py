"""Routes of the account and of repos: create, rights, branches, what is in them, and the check of a card."""

from typing import Any

from tests.local_hub.server import Refusal, Request, Response, json_response
from tests.local_hub.store import PREFIXES, REPO, REV, Blob, Route, Store, front_matter, url_of

LICENSES = {"apache-2.0", "mit", "openrail", "bsd-3-clause", "gpl-3.0", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0"}
LICENSES |= {"cc-by-nc-4.0", "pddl", "unlicense", "wtfpl", "unknown", "other"}  # some of the Hub's


def whoami(store: Store, request: Request) -> Response:
    account = store.require_account(request)
    token = {"displayName": "test", "role": account.role}
    return json_response(
        {"type": "user", "name": account.user, "orgs": [], "auth": {"type": "access_token", "accessToken": token}}
    )


def create_repo(store: Store, request: Request) -> Response:
    account, wanted = store.require_account(request), request.json()
    kind = wanted.get("type") or "model"
    namespace = wanted.get("organization") or account.user
    if account.role != "write":
        raise Refusal(403, f"you have no right to create a {kind} with this token: its role is {account.role}")
    if account.user != namespace:
        raise Refusal(403, f'You don\'t have the rights to create a {kind} under the namespace "{namespace}"')
    is_free = wanted.get("sdk") == "static" or wanted.get("hardware") == "zero-a10g"
    if account.free and kind == "space" and not is_free:
        raise Refusal(402, "Subscribe to PRO to create Spaces of this kind")
    repo_id = f"{namespace}/{wanted['name']}"
    if repo := store.repos.get(PREFIXES[kind] + repo_id):
        raise Refusal(409, "You already created this repo", None, url=url_of(request, repo))
    repo = store.create_repo(kind, repo_id, wanted.get("visibility") == "private", wanted.get("sdk"))
    if repo.space:
        repo.space.hardware = wanted.get("hardware") or "cpu-basic"
        repo.space.variables.update({item["key"]: item for item in wanted.get("variables") or []})
    return json_response({"url": url_of(request, repo), "name": repo_id, "id": repo_id})


def auth_check_write(store: Store, request: Request) -> Response:
    store.writable(request)
    return json_response({})


def create_branch(store: Store, request: Request) -> Response:
    repo = store.writable(request)
    name = request.params["branch"]
    start = repo.commit(request.json().get("startingPoint") or "main")
    if name in repo.branches:
        raise Refusal(409, f"Reference already exists: refs/heads/{name}")
    repo.branches[name] = start.oid
    return json_response({}, 201)


def validate_yaml(_: Store, request: Request) -> Response:
    """Returns 400 for front matter that the Hub refuses: not YAML, not a mapping, or a value of a wrong type."""
    wanted = request.json()
    try:
        card = front_matter(str(wanted.get("content", "")))
    except ValueError as error:
        return json_response({"errors": [{"message": str(error)}], "warnings": []}, 400)
    errors = [] if card.get("license", "mit") in LICENSES else ['"license" must be one of [apache-2.0, mit, ...]']
    if wanted.get("repoType") == "space":
        if card.get("sdk") not in ("gradio", "docker", "static"):
            errors.append('"sdk" must be one of [gradio, docker, static]')
        if len(str(card.get("short_description", ""))) > 60:
            errors.append('"short_description" length must be less than or equal to 60 characters long')
    messages = [{"message": text} for text in errors]
    return json_response({"errors": messages, "warnings": []}, 400 if errors else 200)


def repo_info(store: Store, request: Request) -> Response:
    repo = store.readable(request)
    commit = repo.commit(request.params.get("rev") or "main")
    has_sizes = request.query.get("blobs", [""])[0].lower() == "true"
    info: dict[str, Any] = {
        "id": repo.id,
        "author": repo.namespace,
        "sha": commit.oid,
        "private": repo.private,
        "gated": repo.gated,
        "cardData": store.card(commit),
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


def tree(store: Store, request: Request) -> Response:
    """Lists all files of a commit, as the client asks when it downloads a whole repo."""
    commit = store.open_files(request).commit(request.params["rev"])
    listed = [
        {"type": "file", "path": path, "oid": blob.key, "size": blob.size, **lfs_info(blob, "oid")}
        for path, blob in sorted(commit.files.items())
    ]
    return json_response(listed)


ROUTES: list[Route] = [
    ("GET", "/api/whoami-v2", whoami),
    ("POST", "/api/repos/create", create_repo),
    ("POST", "/api/validate-yaml", validate_yaml),
    ("GET", f"{REPO}/auth-check/write", auth_check_write),
    ("POST", f"{REPO}/branch/(?P<branch>[^/]+)", create_branch),
    ("GET", REPO, repo_info),
    ("GET", f"{REPO}/revision/{REV}", repo_info),
    ("GET", f"{REPO}/tree/{REV}", tree),
]
