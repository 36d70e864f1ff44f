"""`LocalHub`: the local Hub in a thread, with what tests set and read."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from tests.local_hub import files, repos, spaces
from tests.local_hub.faults import Fault, Faults
from tests.local_hub.server import Logged, Refusal, Request, Response, Server
from tests.local_hub.store import Repo, Store

_ROUTES = [
    (method, re.compile(pattern), function)
    for module in (repos, files, spaces)
    for method, pattern, function in module.ROUTES
]


class LocalHub:
    """A Hub on 127.0.0.1: `start()` it once, `reset()` it between tests, `unplug()` it at the end.

    `fail` activates a fault; `unplug` and `plug_in` take the network away and bring it back.

    Attributes:
        url: its address.
        log: all requests, in order.
        crashes: tracebacks of bugs in the local Hub itself: a test must end without any.
        repos: "user/name" (models), "datasets/user/name" and "spaces/user/name" to `Repo`.

    Settings, which `reset` sets to their defaults:
        context.cdn: whether LFS files are at another origin, to which requests are redirected.
        context.stages: the stages of a Space after a commit; the last one stays.
    """

    def __init__(self, port: int = 0) -> None:
        self.context = Store()
        self.faults = Faults()
        self.log: list[Logged] = []
        self.crashes: list[str] = []
        self._server = self._new_server(port)
        self._is_plugged_in = False
        self.url = self._server.url

    def _new_server(self, port: int) -> Server:
        return Server(port, self.faults, self.log, self.crashes, self._answer)

    @property
    def repos(self) -> dict[str, Repo]:
        return self.context.repos

    def start(self) -> LocalHub:
        self._server.start()
        self._is_plugged_in = True
        return self

    def unplug(self) -> None:
        """Takes the network away: open connections end, new ones are refused. Repos and log stay."""
        self.faults.clear()
        if self._is_plugged_in:
            self._server.stop()
            self._is_plugged_in = False

    def plug_in(self) -> None:
        """Brings the network back, at the same address."""
        if not self._is_plugged_in:
            self._server = self._new_server(self._server.server_port)
            self.start()

    def reset(self) -> None:
        """Deletes repos, tokens, faults and log, ends requests that hang, and resets the settings."""
        self.plug_in()
        self.faults.clear()
        self.context = Store()
        self.log.clear()
        self.crashes.clear()

    def add_token(self, user: str, role: str = "write", *, free: bool = False) -> str:
        return self.context.add_account(user, role, free=free)

    def add_repo(
        self,
        repo_id: str,
        content: dict[str, bytes] | None = None,
        *,
        kind: str = "model",
        private: bool = False,
        gated: str | bool = False,
    ) -> Repo:
        """Creates a repo with these files on main, without a client. Large and binary files are stored as LFS files."""
        sdk = "gradio" if kind == "space" else None
        repo = self.context.create_repo(kind, repo_id, private, sdk)
        repo.gated = gated
        if content:
            self.commit(repo, content)
        return repo

    def commit(self, repo: Repo, content: dict[str, bytes], *, branch: str = "main", title: str = "files") -> str:
        """Commits files to a branch, without a client; a new branch starts at main. Returns the commit id."""
        head = repo.commit(branch if branch in repo.branches else "main")
        listing = dict(head.files)
        for path, data in content.items():
            is_lfs = self.context.uses_lfs(head, path, len(data), data[:512])
            listing[path] = self.context.add_blob(data, is_lfs=is_lfs)
        return self.context.add_commit(repo, branch, title, listing, head.oid).oid

    def fail(self, route_pattern: str, kind: int | str, times: int | None = 1, **options: Any) -> Fault:
        """Activates a fault; `tests/local_hub/faults.py` lists its kinds and options (after, seconds …)."""
        self.faults.append(Fault(re.compile(route_pattern), kind, times, **options))
        return self.faults[-1]

    def requests(self, pattern: str = "") -> list[Logged]:
        """Returns the logged requests whose "METHOD /path?query" matches a regular expression."""
        return [logged for logged in self.log if re.search(pattern, str(logged))]

    def read(self, repo_id: str, path: str, revision: str = "main") -> bytes:
        return self.context.get(self.repos[repo_id].commit(revision).files[path])

    def _answer(self, request: Request) -> Response:
        for method, pattern, function in _ROUTES:
            requested = "GET" if request.method == "HEAD" else request.method
            if requested == method and (found := pattern.fullmatch(request.path)):
                request.params = {name: unquote(text) for name, text in found.groupdict().items() if text is not None}
                return function(self.context, request)
        raise Refusal(404, f"no route {request.method} {request.path}")
