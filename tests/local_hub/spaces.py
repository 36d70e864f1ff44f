"""Routes of Spaces: runtime, variables, the page of a static one, and signing in on that page.

OAuth is by an authorization code with PKCE. The consent page has two links: Authorize, which signs in user "ada", and
Cancel.
"""

import base64
import hashlib
import html
import json
import mimetypes
import secrets
from urllib.parse import parse_qs, urlencode

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


WRITING = {"contribute-repos", "write-repos", "manage-repos"}  # scopes of which one is needed to create a repo


def configuration(store: Store, request: Request) -> Response:
    names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "userinfo_endpoint": "userinfo"}
    return json_response({key: f"{request.origin}/oauth/{name}" for key, name in names.items()})


def authorize(store: Store, request: Request) -> Response:
    """Shows the consent page; the links lead back to the page that asked."""
    given = {name: values[0] for name, values in request.query.items()}
    app = store.oauth_apps.get(given.get("client_id", ""))
    if app is None or not given.get("redirect_uri", "").startswith(app):
        raise Refusal(400, "the client id or the redirect URI is not that of an app")
    if given.get("response_type") != "code" or given.get("code_challenge_method") != "S256":
        raise Refusal(400, "an authorization code with PKCE is needed")
    code = secrets.token_urlsafe(16)
    store.grants[code] = given
    answers = {"Authorize": {"code": code}, "Cancel": {"error": "access_denied", "error_description": "denied"}}
    links = [
        f'<a href="{html.escape(given["redirect_uri"])}?{html.escape(urlencode({**answer, "state": given["state"]}))}">'
        f"{name}</a>"
        for name, answer in answers.items()
    ]
    page = f"<!doctype html><title>Authorize</title><p>{html.escape(given.get('scope', ''))}</p>{' '.join(links)}"
    return Response(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"})


def token(store: Store, request: Request) -> Response:
    """Exchanges a code for a token of the visitor; a code is good for one request."""
    given = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    grant = store.grants.pop(given.get("code", ""), None)
    digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    if grant is None or (grant["redirect_uri"], grant["code_challenge"]) != (given.get("redirect_uri"), challenge):
        return json_response({"error": "invalid_grant"}, 400)
    role = "write" if WRITING & set(grant["scope"].split()) else "read"
    written = store.add_account("ada", role, "hf_oauth_")
    return json_response(
        {"access_token": written, "expires_in": 28_800, "scope": grant["scope"], "token_type": "bearer"}
    )


def userinfo(store: Store, request: Request) -> Response:
    name = store.require_account(request).user
    return json_response({"sub": name, "name": name, "preferred_username": name})


ROUTES: list[Route] = [
    ("GET", "/static/(?P<namespace>[^/]+)/(?P<name>[^/]+)/(?P<path>.*)", page),
    ("GET", f"{REPO}/runtime", runtime),
    ("GET", f"{REPO}/variables", variables),
    ("POST", f"{REPO}/variables", variables),
    ("GET", r"/\.well-known/openid-configuration", configuration),
    ("GET", "/oauth/authorize", authorize),
    ("POST", "/oauth/token", token),
    ("GET", "/oauth/userinfo", userinfo),
]
