"""Routes of OAuth: signing in with Hugging Face on a page, by an authorization code with PKCE.

The consent page has two links: Authorize, which signs in user "ada", and Cancel.
"""

import base64
import hashlib
import html
import secrets
from urllib.parse import parse_qs, urlencode

from tests.local_hub.server import Refusal, Request, Response, json_response
from tests.local_hub.store import Route, Store

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
    ("GET", r"/\.well-known/openid-configuration", configuration),
    ("GET", "/oauth/authorize", authorize),
    ("POST", "/oauth/token", token),
    ("GET", "/oauth/userinfo", userinfo),
]
