"""What every route of a local Hub gets: accounts, repos, commits, the bytes of files, and what a token may do.

A commit holds a whole listing (path to `Blob`). Bytes are in memory, by their hash.
A module of routes has `ROUTES`, a list of (method, pattern of the raw path, function); the pattern's named groups
become `Request.params`.
"""

import fnmatch
import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from tests.local_hub.server import Refusal, Request, Response

_yaml: Any = import_module("yaml")  # has no type information of its own

REPO = r"/api/(?P<kind>models|datasets|spaces)/(?P<namespace>[^/]+)/(?P<name>[^/]+)"
REV = r"(?P<rev>[^/]+)"
PREFIXES = {"model": "", "dataset": "datasets/", "space": "spaces/"}
LFS_PATTERNS = ("*.safetensors", "*.bin", "*.pt", "*.npz", "*.gz", "*.zip", "*.parquet")
GITATTRIBUTES = "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in LFS_PATTERNS).encode()


@dataclass
class Account:
    """The user of a token. A `free` account may have static and ZeroGPU Spaces only."""

    user: str
    role: str
    free: bool


@dataclass(frozen=True)
class Blob:
    """One file of one commit: `key` is git's blob id, or the SHA-256 of an LFS file; it is also the ETag."""

    key: str
    size: int
    is_lfs: bool


@dataclass(frozen=True)
class Commit:
    oid: str
    title: str
    parent: str | None
    files: dict[str, Blob]


@dataclass
class Space:
    """What a Space has besides files. Each request of the runtime gets the next of `stages`; the last one stays."""

    sdk: str
    hardware: str = "cpu-basic"
    stages: list[str] = field(default_factory=lambda: ["NO_APP_FILE"])
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Repo:
    kind: str
    id: str
    private: bool = False
    gated: str | bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    space: Space | None = None

    @property
    def name(self) -> str:
        """The path of its page: "user/name" of a model, "datasets/user/name", "spaces/user/name"."""
        return PREFIXES[self.kind] + self.id

    @property
    def namespace(self) -> str:
        return self.id.partition("/")[0]

    def commit(self, revision: str) -> Commit:
        """Returns the commit of a branch, tag or commit id, or HEAD; else raises RevisionNotFound."""
        names = {"HEAD": self.branches.get("main", ""), **self.tags, **self.branches}
        found = self.commits.get(names.get(revision, revision))
        if found is None:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return found

    def log(self, revision: str = "main") -> list[Commit]:
        """Commits from the revision back to the first."""
        found = [self.commit(revision)]
        while parent := found[-1].parent:
            found.append(self.commits[parent])
        return found

    def titles(self, revision: str = "main") -> list[str]:
        """Commit titles, the newest first."""
        return [commit.title for commit in self.log(revision)]


@dataclass
class Store:
    """Accounts, repos and bytes of one local Hub, and the settings that `LocalHub` documents."""

    cdn: bool = False
    stages: tuple[str, ...] = ("BUILDING", "APP_STARTING", "RUNNING")
    accounts: dict[str, Account] = field(default_factory=dict)  # by their tokens
    repos: dict[str, Repo] = field(default_factory=dict)
    data: dict[str, bytes] = field(default_factory=dict)
    oauth_apps: dict[str, str] = field(default_factory=dict)  # the beginning of the redirect URIs of a client id
    grants: dict[str, dict[str, str]] = field(default_factory=dict)  # what was asked for with each code of OAuth

    def add_account(self, user: str, role: str = "write", prefix: str = "hf_", *, free: bool = False) -> str:
        token = prefix + secrets.token_hex(17)
        self.accounts[token] = Account(user, role, free)
        return token

    def account(self, request: Request) -> Account | None:
        """Returns the account of the request's token; None without a token; 401 for an unknown one."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not scheme:
            return None
        account = self.accounts.get(token)
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
        repo = self.repos.get(f"{prefix}{request.params['namespace']}/{request.params['name']}")
        if repo is None or (repo.private and not (account and account.user == repo.namespace)):
            raise Refusal(404 if account else 401, "Repository not found", "RepoNotFound")
        return repo

    def open_files(self, request: Request) -> Repo:
        """Returns the repo of the path; 403 or 401 if it is gated for the account."""
        repo, account = self.readable(request), self.account(request)
        if repo.gated and not (account and account.user == repo.namespace):
            text = f"Access to model {repo.id} is restricted and you are not in the authorized list."
            raise Refusal(403 if account else 401, text, "GatedRepo")
        return repo

    def writable(self, request: Request) -> Repo:
        """Returns the repo of the path; 403 if the account may not write to it."""
        repo, account = self.readable(request), self.require_account(request)
        if account.role != "write" or account.user != repo.namespace:
            raise Refusal(403, f"you have no right to write to {repo.id} with this token")
        return repo

    def get(self, blob: Blob) -> bytes:
        return self.data[blob.key]

    def add_blob(self, data: bytes, *, is_lfs: bool = False) -> Blob:
        header = b"" if is_lfs else b"blob %d\0" % len(data)
        key = (hashlib.sha256 if is_lfs else hashlib.sha1)(header + data, usedforsecurity=False).hexdigest()
        self.data[key] = data
        return Blob(key, len(data), is_lfs)

    def uses_lfs(self, commit: Commit, path: str, size: int, sample: bytes) -> bool:
        """Returns whether a file goes to LFS: by .gitattributes, by size, or because it is binary; never if empty."""
        attributes = commit.files.get(".gitattributes")
        rules = self.get(attributes).decode().splitlines() if attributes else []
        patterns = [line.split()[0] for line in rules if "filter=lfs" in line]
        matches = any(fnmatch.fnmatch(path.rpartition("/")[2], pattern) for pattern in patterns)
        return size > 0 and (matches or size > 10_000_000 or b"\0" in sample)

    def create_repo(self, kind: str, repo_id: str, private: bool = False, sdk: str | None = None) -> Repo:
        repo = Repo(kind, repo_id, private, space=Space(sdk) if sdk else None)
        self.repos[repo.name] = repo
        self.add_commit(repo, "main", "initial commit", {".gitattributes": self.add_blob(GITATTRIBUTES)}, None)
        return repo

    def add_commit(self, repo: Repo, branch: str, title: str, files: dict[str, Blob], parent: str | None) -> Commit:
        commit = Commit(secrets.token_hex(20), title, parent, dict(files))
        repo.commits[commit.oid] = commit
        repo.branches[branch] = commit.oid
        return commit

    def card(self, commit: Commit) -> dict[str, Any]:
        """Returns the front matter of the commit's README.md; {} if there is none or it is invalid."""
        blob = commit.files.get("README.md")
        try:
            return front_matter(self.get(blob).decode("utf-8", "replace")) if blob else {}
        except ValueError:
            return {}


Route = tuple[str, str, Callable[[Store, Request], Response]]


def front_matter(text: str) -> dict[str, Any]:
    """Returns the YAML mapping between the first two `---` lines; {} without one; ValueError if it is no mapping."""
    found = re.match(r"---[ \t]*\n(.*?)^---[ \t]*$", text.replace("\r\n", "\n"), re.DOTALL | re.MULTILINE)
    if not found:
        return {}
    try:
        value = _yaml.safe_load(found[1])
    except _yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    if not isinstance(value, dict):
        raise ValueError("the metadata is not a mapping")
    return value


def url_of(request: Request, repo: Repo) -> str:
    return f"{request.origin}/{repo.name}"
