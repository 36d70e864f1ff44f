"""One commit of a model on the Hub, downloaded into the client's cache.

The branch or tag is resolved to a commit first, and each file is downloaded at that commit, so files of two commits are
never mixed, even if the repo is pushed to meanwhile.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..checkpoint.names import CONFIG, LISTED_FILES, MANIFEST, MODEL_FILES, WEIGHTS
from ..checkpoint.read import check_size, read_config, read_manifest
from ..files import FULL_DISK
from ..terminal import one_line, size_text
from .cache import note_revision
from .errors import (
    MissingFileError,
    MissingRevisionError,
    ModelUnavailableError,
    explain,
    is_brief,
    same_origin,
)
from .limits import time_limits

TIMEOUT_S = 10.0  # of the first request, for which the Hub's client has no timeout
_TRIES = 3  # of a request that breaks off, and of a file that arrives damaged
_PAUSE_S = 0.5  # before the second try; twice as long before the third
_OTHER_DISK = "free some space, or set HF_HOME to a folder on another disk"


@dataclass
class Snapshot:
    """One commit of one repo. Files are compared with the Hub's hashes only: `checkpoint` checks their content.

    Attributes:
        repo: `user/name`.
        revision: a branch, tag or commit; None is the main branch.
        token, cache_dir: as in huggingface_hub.
        offline: whether only cached files are used.
        commit: the commit that the revision was resolved to; "" before the first download.
        notice: what the user should know, such as that the Hub cannot be reached and the copy is cached; "" if nothing.
    """

    repo: str
    revision: str | None = None
    token: str | bool | None = None
    cache_dir: str | Path | None = None
    offline: bool = False
    commit: str = ""
    notice: str = ""
    _files: Mapping[str, Any] | None = field(default=None, init=False, repr=False)  # what the Hub states, by name

    def download(self) -> Path:
        """Returns the folder in the cache that holds all files of the model.

        Sizes are checked before a download, and each downloaded file is compared with the Hub's hash of it.

        Raises:
            ModelUnavailableError: they cannot be downloaded.
            CheckpointError: config.json or manifest.json is not valid, or a file is larger than a valid one can be.
        """
        with time_limits():
            folder = self.download_file(CONFIG).parent
            if (size := self._size(WEIGHTS)) is not None:
                check_size(WEIGHTS, size, read_config(folder))
            for name in (MANIFEST, WEIGHTS):
                self.download_file(name)
            hashes = read_manifest(folder)
            for name in LISTED_FILES:
                if name in hashes:
                    self.download_file(name)
        return folder

    def download_file(self, name: str) -> Path:
        """Returns the path in the cache of one file.

        Raises:
            ModelUnavailableError: it cannot be downloaded.
            CheckpointError: it is a file of a checkpoint, and larger than a valid one can be.
        """
        with time_limits():
            if not self.commit:
                self._resolve()
            path = self._cached_file(name)
            if path is not None or self.offline:
                return path or Path(self._call(partial(self._request_file, name), name))
            size = self._size(name)
            if size is not None and name in (CONFIG, MANIFEST, *LISTED_FILES):
                check_size(name, size)
            self._check_disk(size or 0)
            return self._download_whole(name, force=False)

    def repair(self) -> bool:
        """Downloads again the cached files that do not have the Hub's hashes; returns whether there were any.

        Raises:
            ModelUnavailableError: the Hub cannot be reached.
        """
        if self.offline or not self.commit:
            return False
        with time_limits():
            cached = {name: path for name in (*MODEL_FILES, *LISTED_FILES) if (path := self._cached_file(name))}
            damaged = [name for name, path in cached.items() if not self._is_whole(name, path)]
            for name in damaged:
                self._download_whole(name, force=True)
        return bool(damaged)

    def use_cached(self, error: ModelUnavailableError) -> bool:
        """Switches to another cached commit after a failed download, and returns whether the cache has one.

        A revision that is a full commit id has no other commit.
        """
        if self.offline or not error.retry or is_commit(self.revision):
            return False
        found = self._find_cached()
        if not found or found == self.commit:
            return False
        self.commit, self.offline, self._files = found, True, None
        self.notice = f"the newest commit could not be downloaded: this is the cached copy of {self.repo}"
        return True

    def _cached_file(self, name: str) -> Path | None:
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(self.repo, name, cache_dir=self.cache_dir, revision=self.commit)
        return Path(found) if isinstance(found, str) else None

    def _request_file(self, name: str, *, force: bool = False) -> str:
        from huggingface_hub import hf_hub_download

        return hf_hub_download(
            self.repo,
            name,
            revision=self.commit,
            token=self.token,
            cache_dir=self.cache_dir,
            local_files_only=self.offline,
            force_download=force,
        )

    def _download_whole(self, name: str, *, force: bool) -> Path:
        """Downloads a file until it has the Hub's hash, `_TRIES` times at most."""
        for again in range(_TRIES):
            path = Path(self._call(partial(self._request_file, name, force=force or again > 0), name))
            if self._is_whole(name, path):
                return path
        with contextlib.suppress(OSError):
            path.resolve().unlink()  # the next load must not find it
            path.unlink(missing_ok=True)
        raise self._error(f"{name} was damaged on its way, {_TRIES} times: try again", retry=True)

    def _is_whole(self, name: str, path: Path) -> bool:
        """Returns whether a file has the size and the hash that the Hub states; True if it states none."""
        from huggingface_hub.utils.sha import git_hash

        stated = self._file_info(name)
        if stated is None:
            return True
        data = path.read_bytes() if path.stat().st_size == stated.size else b""
        if len(data) != stated.size:
            return False
        if stated.lfs:
            return hashlib.sha256(data).hexdigest() == stated.lfs.sha256
        return git_hash(data) == stated.blob_id

    def _size(self, name: str) -> int | None:
        """Returns the size of a file on the Hub; None if it is cached already, or the Hub does not state it."""
        if self.offline or self._cached_file(name):
            return None
        info = self._file_info(name)
        if info is None and self._files:
            raise self._missing_file(name)
        return info.size if info else None

    def _file_info(self, name: str) -> Any:
        """Returns what the Hub states about a file (size, hash); None if the commit has no such file."""
        from huggingface_hub import HfApi

        if self._files is None:
            api, names = HfApi(token=self.token), [*MODEL_FILES, *LISTED_FILES]
            names += [] if name in names else [name]
            request = partial(api.get_paths_info, self.repo, names, revision=self.commit)
            self._files = {each.path: each for each in self._call(request) if hasattr(each, "blob_id")}
        return self._files.get(name)

    def _check_disk(self, size: int) -> None:
        """Raises ModelUnavailableError if a file of this size does not fit on the disk of the cache."""
        from huggingface_hub import constants

        folder = Path(self.cache_dir or constants.HF_HUB_CACHE).expanduser()
        folder = next((each for each in (folder, *folder.parents) if each.exists()), folder)
        try:
            free = shutil.disk_usage(folder).free
        except OSError:
            return
        if free < size:
            raise self._error(
                f"its file of {size_text(size)} does not fit on the disk of the Hub's cache, which has "
                f"{size_text(free)} free: {_OTHER_DISK}",
                retry=True,
            )

    def list_commits(self, max_pages: int) -> list[tuple[str, str]]:
        """Returns id and title of the commits up to this one, newest first; the Hub sends about 50 a page.

        Raises:
            ModelUnavailableError: the Hub does not send them.
        """
        from huggingface_hub import constants

        found: list[tuple[str, str]] = []
        url = f"{constants.ENDPOINT}/api/models/{self.repo}/commits/{self.commit}"
        for _ in range(max_pages):
            with time_limits():
                page, url = self._call(partial(self._commits_page, url))
            found += page
            if not same_origin(url, constants.ENDPOINT):  # the token is sent to no other host
                break
        return found

    def _commits_page(self, url: str) -> tuple[list[tuple[str, str]], str]:
        """Returns a page of commits and the URL of the next page; `HfApi.list_repo_commits` has no timeout."""
        from huggingface_hub import get_session
        from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

        response = get_session().get(url, headers=build_hf_headers(token=self.token), timeout=TIMEOUT_S)
        hf_raise_for_status(response)
        commits = [(str(each["id"]), str(each["title"])) for each in response.json()]
        return commits, response.links.get("next", {}).get("url", "")

    def newest_commit(self) -> str:
        """Returns the commit to which the revision points on the Hub now, by one small request.

        Raises:
            ModelUnavailableError: the Hub cannot be reached, or has no such revision.
        """
        with time_limits():
            return str(self._call(self._model_info).sha)

    def note_revision(self) -> None:
        """Records in the cache that the revision points to this commit; call it after the model was read."""
        if not self.offline:
            note_revision(self.repo, self.revision, self.commit, self.cache_dir)

    def _model_info(self) -> Any:
        from huggingface_hub import HfApi

        api = HfApi(token=self.token)
        return api.model_info(self.repo, revision=self.revision, timeout=TIMEOUT_S, expand=["sha"])

    def _resolve(self) -> None:
        """Sets `commit` to the Hub's commit of the revision, or to the cached one if the Hub cannot be reached."""
        from huggingface_hub import constants
        from huggingface_hub.utils._validators import validate_repo_id

        self._call(lambda: validate_repo_id(self.repo))
        if self.revision and is_commit(self.revision):
            self.commit = self.revision
            return
        reason = "offline"
        if not (self.offline or constants.HF_HUB_OFFLINE):
            try:
                self.commit = str(_repeat(self._model_info).sha)
                return
            except Exception as error:  # noqa: BLE001  the client raises errors of many kinds
                found = self._unavailable(error)
                if not found.retry or (found.wait_s and not self._find_cached()):
                    raise found from None
                reason = "the Hub could not be reached"
        self.offline = True
        self.notice = f"{reason}: this is the cached copy of {self.repo}"
        self.commit = self._call(self._cached_commit)

    def _cached_commit(self) -> str | None:
        from huggingface_hub import resolve_revision

        found = resolve_revision(self.repo, revision=self.revision, cache_dir=self.cache_dir, local_files_only=True)
        return found.resolved

    def _find_cached(self) -> str | None:
        """Returns the cached commit to which the revision pointed last; None if there is none."""
        try:
            return self._cached_commit()
        except Exception:  # noqa: BLE001  the client raises errors of many kinds
            return None

    def _call(self, request: Callable[[], Any], file: str = "") -> Any:
        try:
            return _repeat(request)
        except Exception as error:  # noqa: BLE001  the client raises errors of many kinds
            raise self._unavailable(error, file) from None

    def _unavailable(self, error: Exception, file: str = "") -> ModelUnavailableError:
        """Returns the error to raise for an error of the client; its message has no URL, no path and no token."""
        from huggingface_hub import errors

        if file and isinstance(error, errors.RemoteEntryNotFoundError):
            return self._missing_file(file)
        found = explain(error)
        if isinstance(error, errors.RevisionNotFoundError):
            return MissingRevisionError(self._message(found.reason))
        reason = found.reason
        if type(error).__module__ == "builtins" and isinstance(error, OSError) and error.errno:  # of the cache's disk
            remedy = _OTHER_DISK if error.errno in FULL_DISK else "set HF_HOME to a folder that you may write to"
            reason = f"the Hub's cache cannot be written ({error.strerror}): {remedy}"
        return self._error(reason, retry=found.retry, wait_s=found.wait_s)

    def _missing_file(self, file: str) -> MissingFileError:
        return MissingFileError(f"{self._model()} is not a char-lstm model: it has no {file}", file)

    def _error(self, reason: str, *, retry: bool, wait_s: float = 0.0) -> ModelUnavailableError:
        error = ModelUnavailableError(self._message(reason))
        error.retry, error.wait_s = retry, wait_s
        return error

    def _message(self, reason: str) -> str:
        return f"{self._model()} cannot be loaded: {reason}"

    def _model(self) -> str:
        return one_line(self.repo, 100) + (f" at {one_line(self.revision, 100)}" if self.revision else "")


def is_commit(revision: str | None) -> bool:
    """Returns whether a revision is a full commit id, 40 hex digits, which no push changes."""
    return re.fullmatch("[0-9a-f]{40}", revision or "") is not None


def _repeat(request: Callable[[], Any]) -> Any:
    """Returns what a request returns; repeats it if the connection breaks off or the Hub has a server error."""
    for again in range(_TRIES):
        try:
            return request()
        except Exception as error:
            if again == _TRIES - 1 or not is_brief(error):
                raise
            time.sleep(_PAUSE_S * 2**again)
    raise AssertionError("a request is repeated until it returns or raises")
