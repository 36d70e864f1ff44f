"""Routes of the account and of repos: create, rights, branches, and the check of a card."""

from __future__ import annotations

from tests.local_hub.context import REPO, Context, Route, url_of
from tests.local_hub.server import Request, Response, json_response
from tests.local_hub.store import PREFIXES, Refusal, front_matter

LICENSES = {"apache-2.0", "mit", "openrail", "bsd-3-clause", "gpl-3.0", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0"}
LICENSES |= {"cc-by-nc-4.0", "pddl", "unlicense", "wtfpl", "unknown", "other"}  # some of the Hub's


def whoami(context: Context, request: Request) -> Response:
    account = context.require_account(request)
    token = {"displayName": "test", "role": account.role}
    return json_response(
        {"type": "user", "name": account.user, "orgs": [], "auth": {"type": "access_token", "accessToken": token}}
    )


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
    if account.free and kind == "space" and not is_free(wanted.get("sdk"), wanted.get("hardware")):
        raise Refusal(402, "Subscribe to PRO to create Spaces of this kind")
    repo_id = f"{namespace}/{wanted['name']}"
    with store.lock:
        if repo := store.repos.get(PREFIXES[kind] + repo_id):
            raise Refusal(409, "You already created this repo", None, url=url_of(request, repo))
        repo = store.create_repo(kind, repo_id, wanted.get("visibility") == "private", wanted.get("sdk"))
    if repo.space:
        repo.space.hardware = wanted.get("hardware") or "cpu-basic"
        repo.space.variables.update({item["key"]: item for item in wanted.get("variables") or []})
    return json_response({"url": url_of(request, repo), "name": repo_id, "id": repo_id})


def auth_check_write(context: Context, request: Request) -> Response:
    context.writable(request)
    return json_response({})


def create_branch(context: Context, request: Request) -> Response:
    repo = context.writable(request)
    name = request.params["branch"]
    start = repo.commit(request.json().get("startingPoint") or "main")
    with context.store.lock:
        if name in repo.branches:
            raise Refusal(409, f"Reference already exists: refs/heads/{name}")
        repo.branches[name] = start.oid
    return json_response({}, 201)


def validate_yaml(_: Context, request: Request) -> Response:
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


ROUTES: list[Route] = [
    ("GET", "/api/whoami-v2", whoami),
    ("POST", "/api/repos/create", create_repo),
    ("POST", "/api/validate-yaml", validate_yaml),
    ("GET", f"{REPO}/auth-check/write", auth_check_write),
    ("POST", f"{REPO}/branch/(?P<branch>[^/]+)", create_branch),
]
