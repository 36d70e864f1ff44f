"""The data of a local Hub: accounts, repos, commits and the bytes of files.

A commit holds a whole listing (path to `Blob`). Bytes are in memory, by their hash. One lock, `Store.lock`, guards all.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
import secrets
import threading
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

_yaml: Any = import_module("yaml")  # has no type information of its own

PREFIXES = {"model": "", "dataset": "datasets/", "space": "spaces/"}
LFS_PATTERNS = ("*.safetensors", "*.bin", "*.pt", "*.npz", "*.gz", "*.zip", "*.parquet")
GITATTRIBUTES = "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in LFS_PATTERNS).encode()


class Refusal(Exception):  # noqa: N818 - a response, not a bug
    """A response with an error: HTTP status, message, and the X-Error-Code that the client reads."""

    def __init__(self, status: int, message: str, code: str | None = None, **extra: Any) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.extra = status, message, code, extra


@dataclass
class Account:
    """One token and its user. A `free` account may have static and ZeroGPU Spaces only."""

    token: str
    user: str
    role: str = "write"
    free: bool = False

    def owns(self, namespace: str) -> bool:
        return namespace == self.user


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


class Store:
    """Accounts, repos and bytes of one local Hub."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.accounts: dict[str, Account] = {}
        self.repos: dict[str, Repo] = {}
        self.data: dict[str, bytes] = {}

    def clear(self) -> None:
        """Deletes accounts, repos and bytes."""
        with self.lock:
            for each in (self.accounts, self.repos, self.data):
                each.clear()

    def add_account(self, user: str, role: str = "write", prefix: str = "hf_", *, free: bool = False) -> str:
        """Returns the token of a new account."""
        account = Account(prefix + secrets.token_hex(17), user, role, free)
        self.accounts[account.token] = account
        return account.token

    # bytes

    def get(self, blob: Blob) -> bytes:
        return self.data[blob.key]

    def add_blob(self, data: bytes, *, is_lfs: bool = False) -> Blob:
        """Stores the bytes of a file."""
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

    # repos

    def create_repo(self, kind: str, repo_id: str, private: bool = False, sdk: str | None = None) -> Repo:
        with self.lock:
            repo = Repo(kind, repo_id, private, space=Space(sdk) if sdk else None)
            self.repos[repo.name] = repo
            self.add_commit(repo, "main", "initial commit", {".gitattributes": self.add_blob(GITATTRIBUTES)}, None)
        return repo

    def add_commit(self, repo: Repo, branch: str, title: str, files: dict[str, Blob], parent: str | None) -> Commit:
        """Adds a commit with this listing as the new head of a branch."""
        with self.lock:
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
