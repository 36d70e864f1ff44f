"""Routes of Spaces: runtime, hardware, variables, the page of a static Space."""

from __future__ import annotations

import json
import mimetypes
from typing import Any

from tests.local_hub.context import REPO, Context, Route
from tests.local_hub.repos import is_free
from tests.local_hub.server import Request, Response, json_response
from tests.local_hub.store import Refusal, Space


def space_of(context: Context, request: Request, write: bool) -> Space:
    repo = context.writable(request) if write else context.readable(request)
    if repo.space is None:
        raise Refusal(404, "not a Space", "RepoNotFound")
    return repo.space


def runtime_of(space: Space) -> dict[str, Any]:
    """Returns the runtime; each call moves on to the next stage, until the last."""
    stage = space.stages.pop(0) if len(space.stages) > 1 else space.stages[0]
    running = space.hardware if stage == "RUNNING" else None
    return {"stage": stage, "hardware": {"current": running, "requested": space.hardware}}


def runtime(context: Context, request: Request) -> Response:
    return json_response(runtime_of(space_of(context, request, write=False)))


def hardware(context: Context, request: Request) -> Response:
    space, wanted = space_of(context, request, write=True), request.json()
    if context.require_account(request).free and not is_free(space.sdk, wanted["flavor"]):
        raise Refusal(402, "Subscribe to PRO to use this hardware")
    space.hardware = wanted["flavor"]
    return json_response(runtime_of(space))


def variables(context: Context, request: Request) -> Response:
    """Reads or changes variables."""
    space = space_of(context, request, write=request.method != "GET")
    if request.method == "POST":
        wanted = request.json()
        space.variables[wanted["key"]] = wanted
    return json_response(space.variables)


def page(context: Context, request: Request) -> Response:
    """Sends a file of a static Space. Into its page the Hub puts the Space's OAuth app, if the card asks for one."""
    request.params["kind"] = "spaces"
    repo = context.readable(request)
    commit, path = repo.commit("main"), request.params["path"] or "index.html"
    blob = commit.files.get(path)
    if blob is None:
        raise Refusal(404, "no such file")
    data = context.store.get(blob)
    if path == "index.html":
        card, folder = context.store.card(commit), f"{request.origin}/static/{repo.id}/"
        variables = {"SPACE_CREATOR_USER_ID": "1"}
        if card.get("hf_oauth"):
            context.oauth_apps[f"client-{repo.id}"] = folder
            scopes = " ".join(["openid", "profile", *card.get("hf_oauth_scopes", [])])
            variables |= {"OAUTH_CLIENT_ID": f"client-{repo.id}", "OAUTH_SCOPES": scopes}
        script = f"<script>window.huggingface={{variables:{json.dumps(variables)}}};</script>"
        data = data.replace(b"<head>", b"<head>" + script.encode(), 1)
    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    return Response(200, data, {"Content-Type": kind})


ROUTES: list[Route] = [
    ("GET", "/static/(?P<namespace>[^/]+)/(?P<name>[^/]+)/(?P<path>.*)", page),
    ("GET", f"{REPO}/runtime", runtime),
    ("POST", f"{REPO}/hardware", hardware),
    ("GET", f"{REPO}/variables", variables),
    ("POST", f"{REPO}/variables", variables),
]
