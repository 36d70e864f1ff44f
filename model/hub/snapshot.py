"""One commit of a model on the Hub, downloaded into the client's cache.

The branch or tag is resolved to a commit first, and each file is downloaded at that commit: so files of two commits
are never mixed, however often the repo is pushed to meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..checkpoint.names import CELLS, MODEL_FILES
from ..checkpoint.read import read_manifest
from ..terminal import one_line
from .cache import note_revision
from .errors import MissingFileError, MissingRevisionError, ModelUnavailableError, explain

TIMEOUT_S = 10.0  # the Hub's client has none of its own for the first request


@dataclass
class Snapshot:
    """One commit of one repo. No file is checked here: see `checkpoint`.

    Attributes:
        repo: `user/name`.
        revision: a branch, tag or commit; the Hub's main when None.
        token, cache_dir: as in huggingface_hub.
        offline: only cached files are used.
        commit: the commit that the revision was resolved to; "" before the first download.
        notice: what the user should know, such as that the cached copy is used because the Hub is down; "" if nothing.
    """

    repo: str
    revision: str | None = None
    token: str | bool | None = None
    cache_dir: str | Path | None = None
    offline: bool = False
    commit: str = ""
    notice: str = ""

    def download(self, *, force_download: bool = False) -> Path:
        """Returns the folder in the cache that holds all files of the model.

        Raises:
            ModelUnavailableError: they cannot be downloaded.
        """
        folder = [self.download_file(name, force_download=force_download).parent for name in MODEL_FILES][-1]
        if CELLS in read_manifest(folder):
            return self.download_file(CELLS, force_download=force_download).parent
        return folder

    def download_file(self, name: str, *, force_download: bool = False) -> Path:
        """Returns the path in the cache of one file.

        Raises:
            ModelUnavailableError: it cannot be downloaded.
        """
        from huggingface_hub import hf_hub_download

        if not self.commit:
            self._resolve()
        request = partial(
            hf_hub_download,
            self.repo,
            name,
            revision=self.commit,
            token=self.token,
            cache_dir=self.cache_dir,
            local_files_only=self.offline,
            force_download=force_download,
        )
        return Path(self._call(request, name))

    def list_commits(self, max_pages: int) -> list[tuple[str, str]]:
        """Returns id and title of the commits up to this one, newest first; the Hub sends about 50 a page.

        Raises:
            ModelUnavailableError: the Hub does not send them.
        """
        from huggingface_hub import constants

        found: list[tuple[str, str]] = []
        url = f"{constants.ENDPOINT}/api/models/{self.repo}/commits/{self.commit}"
        for _ in range(max_pages):
            page, url = self._call(partial(self._commits_page, url))
            found += page
            if not url.startswith(f"{constants.ENDPOINT}/"):  # the token is sent to no other host
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
        """Returns the commit that the revision means on the Hub now, by one small request.

        Raises:
            ModelUnavailableError: the Hub cannot be reached, or has no such revision.
        """
        return str(self._call(self._model_info).sha)

    def note_revision(self) -> None:
        """Notes in the cache that the revision means this commit: call it once the model could be read."""
        if not self.offline:
            note_revision(self.repo, self.revision, self.commit, self.cache_dir)

    def _model_info(self) -> Any:
        from huggingface_hub import HfApi

        api = HfApi(token=self.token)
        return api.model_info(self.repo, revision=self.revision, timeout=TIMEOUT_S, expand=["sha"])

    def _resolve(self) -> None:
        """Sets `commit`: the Hub's, or the cached one if the Hub cannot be reached."""
        from huggingface_hub import constants
        from huggingface_hub.utils._validators import validate_repo_id

        self._call(lambda: validate_repo_id(self.repo))
        if self.revision and re.fullmatch("[0-9a-f]{40}", self.revision):
            self.commit = self.revision
            return
        reason = "offline"
        if not (self.offline or constants.HF_HUB_OFFLINE):
            try:
                self.commit = str(self._model_info().sha)
                return
            except Exception as error:  # noqa: BLE001  the client raises errors of many kinds
                if not explain(error).retry:
                    raise self._unavailable(error) from None
                reason = "the Hub could not be reached"
        self.offline = True
        self.notice = f"{reason}: this is the cached copy of {self.repo}"
        self.commit = self._call(self._cached_commit)

    def _cached_commit(self) -> str | None:
        from huggingface_hub import resolve_revision

        found = resolve_revision(self.repo, revision=self.revision, cache_dir=self.cache_dir, local_files_only=True)
        return found.resolved

    def _call(self, request: Callable[[], Any], file: str = "") -> Any:
        try:
            return request()
        except Exception as error:  # noqa: BLE001  the client raises errors of many kinds
            raise self._unavailable(error, file) from None

    def _unavailable(self, error: Exception, file: str = "") -> ModelUnavailableError:
        """Returns the error to raise for one of the client's; its message holds no URL, no path and no token."""
        from huggingface_hub import errors

        model = one_line(self.repo, 100) + (f" at {one_line(self.revision, 100)}" if self.revision else "")
        if file and isinstance(error, errors.RemoteEntryNotFoundError):
            return MissingFileError(f"{model} is not a char-lstm model: it has no {file}", file)
        message = f"{model} cannot be loaded: {explain(error).reason}"
        if isinstance(error, errors.RevisionNotFoundError):
            return MissingRevisionError(message)
        return ModelUnavailableError(message)
