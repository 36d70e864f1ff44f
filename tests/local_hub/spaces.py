"""Routes of Spaces: runtime, variables, the page of a static Space."""

import json
import mimetypes

from tests.local_hub.server import Refusal, Request, Response, json_response
from tests.local_hub.store import REPO, Route, Space, Store


def space_of(store: Store, request: Request, write: bool) -> Space:
    repo = store.writable(request) if write else store.readable(request)
    if repo.space is None:
        raise Refusal(404, "not a Space", "RepoNotFound")
    return repo.space


def runtime(store: Store, request: Request) -> Response:
    """Returns the runtime; each call moves on to the next stage, until the last."""
    space = space_of(store, request, write=False)
    stage = space.stages.pop(0) if len(space.stages) > 1 else space.stages[0]
    running = space.hardware if stage == "RUNNING" else None
    return json_response({"stage": stage, "hardware": {"current": running, "requested": space.hardware}})


def variables(store: Store, request: Request) -> Response:
    """Reads or changes variables."""
    space = space_of(store, request, write=request.method != "GET")
    if request.method == "POST":
        wanted = request.json()
        space.variables[wanted["key"]] = wanted
    return json_response(space.variables)


def page(store: Store, request: Request) -> Response:
    """Sends a file of a static Space. Into its page the Hub puts the Space's OAuth app, if the card asks for one."""
    request.params["kind"] = "spaces"
    repo = store.readable(request)
    commit, path = repo.commit("main"), request.params["path"] or "index.html"
    blob = commit.files.get(path)
    if blob is None:
        raise Refusal(404, "no such file")
    data = store.get(blob)
    if path == "index.html":
        card, folder = store.card(commit), f"{request.origin}/static/{repo.id}/"
        variables = {"SPACE_CREATOR_USER_ID": "1"}
        if card.get("hf_oauth"):
            store.oauth_apps[f"client-{repo.id}"] = folder
            scopes = " ".join(["openid", "profile", *card.get("hf_oauth_scopes", [])])
            variables |= {"OAUTH_CLIENT_ID": f"client-{repo.id}", "OAUTH_SCOPES": scopes}
        script = f"<script>window.huggingface={{variables:{json.dumps(variables)}}};</script>"
        data = data.replace(b"<head>", b"<head>" + script.encode(), 1)
    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    return Response(200, data, {"Content-Type": kind})


ROUTES: list[Route] = [
    ("GET", "/static/(?P<namespace>[^/]+)/(?P<name>[^/]+)/(?P<path>.*)", page),
    ("GET", f"{REPO}/runtime", runtime),
    ("GET", f"{REPO}/variables", variables),
    ("POST", f"{REPO}/variables", variables),
]
