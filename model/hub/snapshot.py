"""One commit of a model on the Hub, downloaded into the client's cache; and the commits in that cache.

The branch or tag is resolved to a commit first, and each file is downloaded at that commit, so files of two commits are
never mixed, even if the repo is pushed to meanwhile.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ..checkpoint.format import Checkpoint, CheckpointError
from ..checkpoint.names import CONFIG, LISTED_FILES, MANIFEST, WEIGHTS
from ..checkpoint.read import check_size, read_checkpoint, read_config, read_manifest
from ..files import atomic_write
from ..lstm import LSTMConfig
from ..terminal import one_line
from .errors import ModelUnavailableError, explain
from .limits import time_limits

T = TypeVar("T")
PULL_S = 900.0  # in which the requests for a file may begin


@dataclass
class Snapshot:
    """One commit of one repo."""

    repo: str  # `user/name`
    revision: str | None = None  # a branch, tag or commit; None is the main branch
    # As in huggingface_hub
    token: str | bool | None = None
    cache_dir: str | Path | None = None
    offline: bool = False  # whether only cached files are used
    commit: str = ""  # the commit that the revision was resolved to; "" before the first download
    # What the user should know, such as that the Hub cannot be reached and the copy is cached; "" if nothing
    notice: str = ""
    _listing: Mapping[str, Any] | None = field(default=None, init=False, repr=False)

    def read(self) -> Checkpoint:
        """Returns the checkpoint, and records in the cache that the revision points to its commit.

        If the download fails, it is that of the cached commit to which the revision pointed last, with a `notice`; a
        revision that is a full commit id has no other commit.

        Raises:
            ModelUnavailableError: the files can neither be downloaded nor are they cached.
            CheckpointError: a file is missing or not valid, or larger than a valid one can be.
        """
        try:
            checkpoint = self._read_downloaded()
        except ModelUnavailableError as error:
            found = "" if self.offline or not error.retry or is_commit(self.revision) else self._cached_commit()
            if found in ("", self.commit):
                raise
            failed = "the newest commit could not be downloaded" if self.commit else "the Hub could not be reached"
            self.commit, self.offline, self.notice = found, True, f"{failed}: this is the cached copy of {self.repo}"
            checkpoint = self._read_downloaded()
        if not self.offline:
            note_revision(self.repo, self.revision, self.commit, self.cache_dir)
        return checkpoint

    def _read_downloaded(self, *, force: bool = False) -> Checkpoint:
        """Returns the checkpoint of the commit; `force` downloads files again that are in the cache.

        If it is not valid, its files are downloaded again once, because they may be damaged.
        """
        self._resolve()
        try:
            folder = self._download(CONFIG, force).parent
            self._download(MANIFEST, force)
            self._download(WEIGHTS, force, read_config(folder))
            for name in read_manifest(folder).keys() & set(LISTED_FILES):
                self._download(name, force)
            return read_checkpoint(folder)
        except CheckpointError:
            if self.offline or force:
                raise
        return self._read_downloaded(force=True)

    def newest_commit(self) -> str:
        """Returns the commit to which the revision points on the Hub now, by one small request.

        Raises:
            ModelUnavailableError: the Hub cannot be reached, or has no such revision.
        """
        return str(self._info(expand=["sha"]).sha)

    def _resolve(self) -> None:
        """Sets `commit` before the first download."""
        from huggingface_hub import constants

        if self.commit:
            return
        if self.revision and is_commit(self.revision):
            self.commit = self.revision
        elif not (self.offline or constants.HF_HUB_OFFLINE):
            self._files()
        else:
            self.commit, self.offline = self._cached_commit(), True
            self.notice = f"offline: this is the cached copy of {self.repo}"

    def _files(self) -> Mapping[str, Any]:
        """Returns size and hash of each file by its name, as the Hub states them; the same request gives the commit."""
        if self._listing is None:
            info = self._info(files_metadata=True)
            self.commit, self._listing = str(info.sha), {each.rfilename: each for each in info.siblings or []}
        return self._listing

    def _info(self, **what: Any) -> Any:
        from huggingface_hub import HfApi

        revision, model_info = self.commit or self.revision, HfApi(token=self.token).model_info
        return self._call(partial(model_info, self.repo, revision=revision, **what))

    def _cached_commit(self) -> str:
        """Returns the cached commit to which the revision pointed last; "" if there is none."""
        from huggingface_hub import resolve_revision
        from huggingface_hub.errors import RevisionResolutionError

        try:
            found = resolve_revision(self.repo, revision=self.revision, cache_dir=self.cache_dir, local_files_only=True)
        except (RevisionResolutionError, ValueError):  # ValueError: not the name of a repo
            return ""
        return found.resolved

    def _download(self, name: str, force: bool, config: LSTMConfig | None = None) -> Path:
        """Returns the path in the cache of one file. The size of weights needs their `config`."""
        from huggingface_hub import hf_hub_download, try_to_load_from_cache

        where: Any = {"revision": self.commit, "cache_dir": self.cache_dir}
        cached = try_to_load_from_cache(self.repo, name, **where) if self.commit and not force else None
        if isinstance(cached, str):
            return Path(cached)
        if self.offline:
            raise ModelUnavailableError(self._failed("it is not in the cache: load it once with a network"))
        stated = self._files().get(name)
        if stated is None:
            raise CheckpointError(f"{self._model()} is not a char-lstm model: it has no {name}")
        check_size(name, stated.size or 0, config)
        download = partial(hf_hub_download, self.repo, name, token=self.token, force_download=force, **where)
        return Path(self._call(download))

    def _call(self, request: Callable[[], T]) -> T:
        """Returns what a request returns.

        Raises:
            ModelUnavailableError: it failed. The message has no URL, no path and no token.
        """
        try:
            with time_limits(PULL_S):
                return request()
        except Exception as error:
            found = explain(error)
            raise ModelUnavailableError(self._failed(found.reason), retry=found.retry) from error

    def _failed(self, reason: str) -> str:
        return f"{self._model()} cannot be loaded: {reason}"

    def _model(self) -> str:
        return one_line(self.repo, 100) + (f" at {one_line(self.revision, 100)}" if self.revision else "")


def is_commit(revision: str | None) -> bool:
    """Returns whether a revision is a full commit id, 40 hex digits, which no push changes."""
    return re.fullmatch("[0-9a-f]{40}", revision or "") is not None


def note_revision(repo: str, revision: str | None, commit: str, cache_dir: str | Path | None = None) -> None:
    """Records in the cache to which commit a branch or tag (None: main) points; does nothing in a read-only cache.

    With it, the branch can be loaded without a network. The client records it only for downloads by the branch.
    """
    revision = revision or "main"
    if revision == commit or ".." in revision:
        return
    with contextlib.suppress(OSError):
        reference = _repo_folder(repo, cache_dir) / "refs" / revision
        reference.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(reference, commit.encode())


def is_cached(repo: str, commit: str) -> bool:
    """Returns whether the cache holds any file of a commit."""
    return (_repo_folder(repo) / "snapshots" / commit).is_dir()


def remove_cached(repo: str, commit: str) -> None:
    """Removes a commit from the cache, except files that other commits share.

    A commit to which a recorded branch or tag points stays, so that it can be loaded without a network.
    """
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    with contextlib.suppress(OSError, ValueError, CacheNotFound):  # what cannot be removed stays
        cache = scan_cache_dir(constants.HF_HUB_CACHE)
        repos = [each for each in cache.repos if (each.repo_type, each.repo_id) == ("model", repo)]
        if any(each.commit_hash == commit and not each.refs for cached in repos for each in cached.revisions):
            cache.delete_revisions(commit).execute()


def _repo_folder(repo: str, cache_dir: str | Path | None = None) -> Path:
    """Returns the folder of a model, as the documentation of the cache describes it."""
    from huggingface_hub import constants

    return Path(cache_dir or constants.HF_HUB_CACHE).expanduser() / f"models--{repo.replace('/', '--')}"
