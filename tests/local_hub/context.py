"""What every route of the local Hub gets: the store, the settings of the test, and whose token a request has.

A module of routes has `ROUTES`, a list of (method, pattern of the raw path, function); the pattern's named groups
become `Request.params`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.local_hub.server import Request, Response
from tests.local_hub.store import Account, Refusal, Repo, Store

REPO = r"/api/(?P<kind>models|datasets|spaces)/(?P<namespace>[^/]+)/(?P<name>[^/]+)"
REV = r"(?P<rev>[^/]+)"


@dataclass
class Context:
    """The store, and the settings that `LocalHub` documents."""

    store: Store
    cdn: bool = False
    stages: tuple[str, ...] = ("BUILDING", "APP_STARTING", "RUNNING")
    oauth_apps: dict[str, str] = field(default_factory=dict)  # the beginning of the redirect URIs of a client id
    grants: dict[str, dict[str, str]] = field(default_factory=dict)  # what was asked for with each code of OAuth

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
        kind = request.params.get("kind", "models").rstrip("/")
        prefix = "" if kind == "models" else f"{kind}/"
        repo = self.store.repos.get(f"{prefix}{request.params['namespace']}/{request.params['name']}")
        if repo is None or (repo.private and not (account and account.owns(repo.namespace))):
            raise Refusal(404 if account else 401, "Repository not found", "RepoNotFound")
        return repo

    def open_files(self, request: Request) -> Repo:
        """Returns the repo of the path; 403 or 401 if it is gated for the account."""
        repo, account = self.readable(request), self.account(request)
        if repo.gated and not (account and account.owns(repo.namespace)):
            text = f"Access to model {repo.id} is restricted and you are not in the authorized list."
            raise Refusal(403 if account else 401, text, "GatedRepo")
        return repo

    def writable(self, request: Request) -> Repo:
        """Returns the repo of the path; 403 if the account may not write to it."""
        repo, account = self.readable(request), self.require_account(request)
        if account.role != "write" or not account.owns(repo.namespace):
            raise Refusal(403, f"you have no right to write to {repo.id} with this token")
        return repo


Route = tuple[str, str, Callable[[Context, Request], Response]]


def url_of(request: Request, repo: Repo) -> str:
    return f"{request.origin}/{repo.name}"
