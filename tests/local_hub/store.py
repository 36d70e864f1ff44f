"""The data of a local Hub: accounts, repos, commits and the bytes of files.

A commit holds a whole listing (path to `Blob`). Bytes are files in one folder, named by their hash and written
atomically, so that two uploads of equal files do no harm. One lock, `Store.lock`, guards everything.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
import secrets
import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path
from typing import Any

_yaml: Any = import_module("yaml")  # has no type information of its own

KINDS = {"models": "model", "datasets": "dataset", "spaces": "space"}
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
    """One token and its user. With `create_status`, every create_repo with this token fails with this status.

    A `free` account may have static and ZeroGPU Spaces only.
    """

    token: str
    user: str
    role: str = "write"
    create_status: int | None = None
    free: bool = False

    def owns(self, namespace: str) -> bool:
        return namespace == self.user


@dataclass(frozen=True)
class Blob:
    """One file of one commit: git's blob id (for LFS: the pointer's), size in bytes, and for LFS the SHA-256."""

    oid: str
    size: int
    sha256: str | None = None

    @property
    def key(self) -> str:
        """The file name of the bytes, which is also the ETag."""
        return self.sha256 or self.oid


@dataclass(frozen=True)
class Commit:
    oid: str
    title: str
    message: str
    author: str
    date: str
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
    created: str
    private: bool = False
    gated: str | bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    space: Space | None = None

    @property
    def namespace(self) -> str:
        return self.id.partition("/")[0]

    def commit(self, revision: str) -> Commit:
        """Returns the commit of a branch, tag, commit id or its start; else raises RevisionNotFound."""
        names = {**self.tags, **{f"refs/heads/{k}": v for k, v in self.branches.items()}, **self.branches}
        revision = "main" if revision == "HEAD" else revision
        if revision in names:
            return self.commits[names[revision]]
        if re.fullmatch(r"[0-9a-f]{5,40}", revision):
            found = [oid for oid in self.commits if oid.startswith(revision)]
            if len(found) == 1:
                return self.commits[found[0]]
        raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def log(self, revision: str = "main") -> list[Commit]:
        """Commits from the revision back to the first."""
        found: list[Commit] = []
        oid: str | None = self.commit(revision).oid
        while oid:
            found.append(self.commits[oid])
            oid = found[-1].parent
        return found

    def titles(self, revision: str = "main") -> list[str]:
        """Commit titles, the newest first."""
        return [commit.title for commit in self.log(revision)]

    def uses_lfs(self, path: str, size: int, sample: bytes, attributes: bytes) -> bool:
        """Returns whether a file goes to LFS: by .gitattributes, by size, or because it is binary; never if empty."""
        patterns = [line.split()[0] for line in attributes.decode().splitlines() if "filter=lfs" in line]
        matches = any(fnmatch.fnmatch(path.rpartition("/")[2], pattern) for pattern in patterns)
        return size > 0 and (matches or size > 10_000_000 or b"\0" in sample)


class Store:
    """Accounts, repos and bytes of one local Hub; the bytes are files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self.accounts: dict[str, Account] = {}
        self.repos: dict[tuple[str, str], Repo] = {}
        self._last = datetime.min.replace(tzinfo=timezone.utc)

    def clear(self) -> None:
        """Deletes accounts, repos and bytes."""
        with self.lock:
            self.accounts.clear()
            self.repos.clear()
            for path in self.folder.iterdir():
                path.unlink()

    def now(self) -> str:
        """Returns the time as the Hub writes it; each is later than the one before, so the order is certain."""
        with self.lock:
            time = max(datetime.now(timezone.utc), self._last + timedelta(milliseconds=1))
            self._last = time
        return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"

    def add_account(self, user: str, role: str, token: str | None) -> Account:
        account = Account(token or "hf_" + secrets.token_hex(17), user, role)
        with self.lock:
            self.accounts[account.token] = account
        return account

    # bytes

    def put(self, key: str, data: bytes) -> None:
        temporary = self.folder / f"{key}.{uuid.uuid4().hex}"
        temporary.write_bytes(data)
        temporary.replace(self.folder / key)

    def has(self, key: str) -> bool:
        return (self.folder / key).is_file()

    def get(self, blob: Blob) -> bytes:
        return (self.folder / blob.key).read_bytes()

    def add_blob(self, data: bytes) -> Blob:
        """Stores a regular file."""
        blob = Blob(git_oid(data), len(data))
        self.put(blob.key, data)
        return blob

    def lfs_blob(self, sha256: str) -> Blob:
        """Returns the blob of uploaded LFS bytes; raises 400 if they were not uploaded."""
        if not re.fullmatch(r"[0-9a-f]{64}", sha256) or not self.has(sha256):
            raise Refusal(400, f"LFS pointer pointed to a file that does not exist: {sha256}")
        size = (self.folder / sha256).stat().st_size
        return Blob(git_oid(lfs_pointer(sha256, size)), size, sha256)

    # repos

    def create_repo(self, kind: str, repo_id: str, author: str, private: bool = False, sdk: str | None = None) -> Repo:
        with self.lock:
            repo = Repo(kind, repo_id, self.now(), private, space=Space(sdk) if sdk else None)
            self.repos[kind, repo_id] = repo
            first = {".gitattributes": self.add_blob(GITATTRIBUTES)}
            self.add_commit(repo, "main", "initial commit", "", author, first, None)
        return repo

    def add_commit(
        self, repo: Repo, branch: str, title: str, message: str, author: str, files: dict[str, Blob], parent: str | None
    ) -> Commit:
        """Adds a commit with this listing as the new head of a branch."""
        with self.lock:
            oid = hashlib.sha1(uuid.uuid4().bytes, usedforsecurity=False).hexdigest()
            commit = Commit(oid, title, message, author, self.now(), parent, dict(files))
            repo.commits[oid] = commit
            repo.branches[branch] = oid
        return commit

    def card(self, commit: Commit) -> dict[str, Any]:
        """Returns the front matter of the commit's README.md; {} if there is none or it is invalid."""
        blob = commit.files.get("README.md")
        try:
            return front_matter(self.get(blob).decode("utf-8", "replace")) if blob else {}
        except ValueError:
            return {}


def git_oid(data: bytes) -> str:
    """Returns git's id of a blob."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def lfs_pointer(sha256: str, size: int) -> bytes:
    """Returns the small text that git stores in place of an LFS file."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


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
