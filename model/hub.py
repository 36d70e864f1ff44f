"""One commit of a model on the Hub, brought into the client's cache: pinned first, then each file of it.

Whatever the client raises becomes one line for a person. Knows the names of a checkpoint's files, and no network.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from .checkpoint.checkpoint import CELLS, SERVED, lists_cells
from .files import atomic_write

TIMEOUT_S = 10.0  # the Hub's client has none of its own for the first request


class ModelUnavailableError(OSError):
    """A model could not be had from the Hub. The message says which and why, and what to do."""


class NoSuchFileError(ModelUnavailableError):
    """A commit lacks a file that every model has: it will never be one.

    Attributes:
        file: its name.
    """

    def __init__(self, message: str, file: str) -> None:
        super().__init__(message)
        self.file = file


class NoSuchRevisionError(ModelUnavailableError):
    """The repo is there, and has no such branch, tag or commit."""


@dataclass
class Pull:
    """One commit of one repo, brought into the Hub's cache.

    Attributes:
        repo: ``user/name``.
        revision: a branch, tag or commit; the Hub's main when None.
        token, cache_dir: as everywhere in huggingface_hub.
        offline: only what is cached.
        commit: the one that is pinned, once it is.
        notice: what should be said of it, such as that the Hub was away; "" when nothing.
    """

    repo: str
    revision: str | None = None
    token: str | bool | None = None
    cache_dir: str | Path | None = None
    offline: bool = False
    commit: str = ""
    notice: str = ""

    def folder(self, *, force_download: bool = False) -> Path:
        """Where its files lie: those of one commit, nothing of them checked.

        Raises:
            ModelUnavailableError: they cannot be had.
        """
        folder = [self.file(name, force_download=force_download).parent for name in SERVED][-1]
        return self.file(CELLS, force_download=force_download).parent if lists_cells(folder) else folder

    def file(self, name: str, *, force_download: bool = False) -> Path:
        """Where one of its files lies.

        Raises:
            ModelUnavailableError: it cannot be had.
        """
        from huggingface_hub import hf_hub_download

        if not self.commit:
            self._pin()
        asked = partial(
            hf_hub_download,
            self.repo,
            name,
            revision=self.commit,
            token=self.token,
            cache_dir=self.cache_dir,
            local_files_only=self.offline,
            force_download=force_download,
        )
        return Path(self._ask(asked))

    def log(self, most: int) -> list[tuple[str, str]]:
        """The commits before the one that is pinned, and that one: their ids and titles, the newest first.

        Args:
            most: pages of the Hub's list, of some fifty commits each; what is older is left out.

        Raises:
            ModelUnavailableError: the Hub does not tell.
        """
        from huggingface_hub import constants

        found: list[tuple[str, str]] = []
        url = f"{constants.ENDPOINT}/api/models/{self.repo}/commits/{self.commit}"
        for _ in range(most):
            page, url = self._ask(partial(self._page, url))
            found += page
            if not url.startswith(constants.ENDPOINT):  # the token goes nowhere else
                break
        return found

    def _page(self, url: str) -> tuple[list[tuple[str, str]], str]:
        """A page of a list, and where the next one is. The client's own way to read lists may wait for ever."""
        from huggingface_hub import get_session
        from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

        answer = get_session().get(url, headers=build_hf_headers(token=self.token), timeout=TIMEOUT_S)
        hf_raise_for_status(answer)
        commits = [(str(each["id"]), str(each["title"])) for each in answer.json()]
        return commits, answer.links.get("next", {}).get("url", "")

    def newest(self) -> str:
        """The commit that the revision means on the Hub just now: one small request.

        Raises:
            ModelUnavailableError: the Hub cannot be reached, or knows no such revision.
        """
        from huggingface_hub import HfApi

        api = HfApi(token=self.token)
        ask = partial(api.model_info, self.repo, revision=self.revision, timeout=TIMEOUT_S, expand=["sha"])
        return str(self._ask(ask).sha)

    def _pin(self) -> None:
        """Settles on a commit: the Hub's, or when it is out of reach the one that is cached."""
        from huggingface_hub import HfApi, constants
        from huggingface_hub.utils._validators import validate_repo_id

        self._ask(lambda: validate_repo_id(self.repo))
        if self.revision and re.fullmatch("[0-9a-f]{40}", self.revision):
            self.commit = self.revision
            return
        api = HfApi(token=self.token)
        self.offline = self.offline or bool(constants.HF_HUB_OFFLINE)
        self.notice = "offline"
        if not self.offline:
            try:
                self.commit = str(api.model_info(self.repo, revision=self.revision, timeout=TIMEOUT_S).sha)
            except Exception as error:  # noqa: BLE001  whatever the client raises is judged by _is_outage
                if not _is_outage(error):
                    raise self._unavailable(error) from None
                self.offline = True
                self.notice = "the Hub could not be reached"
            else:
                self.notice = ""
                return
        self.commit = self._ask(
            lambda: (
                api.resolve_revision(
                    self.repo, revision=self.revision, cache_dir=self.cache_dir, local_files_only=True
                ).resolved
            )
        )
        self.notice += f": this is the copy of {self.repo} kept here"

    def remember(self) -> None:
        """Notes in the cache which commit the name meant, for a day without network: one that could be read."""
        if not self.offline and self.commit != self.revision:
            remember(self.repo, self.revision, self.commit, self.cache_dir)

    def _ask(self, request: Callable[[], Any]) -> Any:
        try:
            return request()
        except Exception as error:  # noqa: BLE001  of whatever kind, it becomes one clear line
            raise self._unavailable(error) from None

    def _unavailable(self, error: Exception) -> ModelUnavailableError:
        """One line for a person from whatever the client raised; neither its URLs nor its paths."""
        from huggingface_hub import errors

        what = readable(self.repo) + (f" at {readable(self.revision)}" if self.revision else "")
        reasons: list[tuple[type[Exception], str]] = [
            (errors.HFValidationError, "is not a model's name on the Hub: write user/name"),
            (errors.GatedRepoError, "is gated: ask for access on its page on the Hub, then log in (hf auth login)"),
            (errors.DisabledRepoError, "has been disabled by the Hub"),
            (
                errors.RepositoryNotFoundError,
                "is not on the Hub, or is private: check the name, or log in (hf auth login)",
            ),
            (errors.RevisionResolutionError, "is not kept here, and the Hub is out of reach: try again with a network"),
            (errors.LocalEntryNotFoundError, "could not be downloaded whole: try again"),
        ]
        if isinstance(error, errors.RemoteEntryNotFoundError):
            missing = _missing(error)
            return NoSuchFileError(f"{what} is not a char-lstm model: it has no {missing}", missing)
        if isinstance(error, errors.RevisionNotFoundError):
            return NoSuchRevisionError(f"{what} does not exist: check the revision, a branch, tag or commit")
        for kind, reason in reasons:
            if isinstance(error, kind):
                return ModelUnavailableError(f"{what} {reason}")
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status == 401:
            return ModelUnavailableError(f"{what} could not be had: the Hub does not accept the token (hf auth login)")
        if status is not None:
            return ModelUnavailableError(f"{what} could not be had: the Hub answered {status}")
        return ModelUnavailableError(f"{what} could not be had: {type(error).__name__}")


def remember(repo: str, revision: str | None, commit: str, cache_dir: str | Path | None = None) -> None:
    """Notes in the Hub's cache which commit a branch or tag means."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    cache = Path(cache_dir or constants.HF_HUB_CACHE).expanduser()
    reference = cache / repo_folder_name(repo_id=repo, repo_type="model") / "refs" / (revision or "main")
    with contextlib.suppress(OSError):  # a cache that cannot be written must not keep a model from loading
        reference.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(reference, commit.encode())


def is_kept(repo: str, commit: str) -> bool:
    """Whether any file of a commit is in the Hub's cache."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    cache = Path(constants.HF_HUB_CACHE).expanduser()
    return (cache / repo_folder_name(repo_id=repo, repo_type="model") / "snapshots" / commit).is_dir()


def forget(repo: str, commit: str) -> None:
    """Removes a commit from the Hub's cache, but for the files that other commits have too.

    A commit that a branch or tag means there stays: it is what there would be on a day without network.
    """
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    with contextlib.suppress(OSError, ValueError, CacheNotFound):  # what cannot be removed stays
        cache = scan_cache_dir(constants.HF_HUB_CACHE)
        found = [each for each in cache.repos if (each.repo_type, each.repo_id) == ("model", repo)]
        if any(each.commit_hash == commit and not each.refs for kept in found for each in kept.revisions):
            cache.delete_revisions(commit).execute()


def check_client(what: str) -> None:
    """Only what has to do with the Hub needs the Hub's client.

    Raises:
        ModelUnavailableError: it is not installed; ``what`` is then not done.
    """
    try:
        import huggingface_hub  # noqa: F401
    except ImportError:
        raise ModelUnavailableError(f"{what}: the Hub's client is missing (pip install huggingface_hub)") from None


def readable(name: str) -> str:
    """A name as it was typed, unless it would break the line it stands in."""
    return name if name and name.isprintable() and len(name) <= 100 else f"{name!r:.100}"


def _missing(error: Exception) -> str:
    path = str(getattr(getattr(error, "response", None), "url", "")).split("?")[0]
    return next((name for name in (*SERVED, CELLS) if path.endswith(name)), "such file")


def _is_outage(error: Exception) -> bool:
    """Whether it is the Hub's or the network's trouble, which a cached copy can bridge, rather than an answer."""
    from huggingface_hub.errors import HfHubHTTPError

    if not isinstance(error, HfHubHTTPError):
        return True  # no connection, no answer in time, or an answer that is not the Hub's
    return error.response.status_code >= 500 or error.response.status_code in (408, 429)
