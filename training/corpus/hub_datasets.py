"""Downloads texts of datasets on the Hub, `hf://datasets/OWNER/NAME[@REVISION][/PATH]`, into the Hub's cache.

The commit is resolved first, and all files come from that commit. The Hub's client resumes broken downloads, also those
of an earlier process. huggingface_hub is imported inside the functions that need it, because most texts are local.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from model.hub.cache import note_revision
from model.hub.errors import explain
from model.hub.limits import time_limits
from model.terminal import one_line

from . import download
from .decode import CorpusError
from .download import Progress, too_large

HUB_PREFIX = "hf://"

_HUB_SOURCE = re.compile(
    r"hf://datasets/(?P<repo>[A-Za-z0-9._-]+/[A-Za-z0-9._-]+)"
    r"(?:@(?P<revision>refs/(?:pr|convert)/[^/]+|[^/]+))?(?:/(?P<path>.*))?",
    re.DOTALL,
)


@dataclass(frozen=True)
class HubFile:
    """One file of a dataset at one commit; `cached` if the Hub cannot be reached and a copy is in the cache."""

    dataset: str
    commit: str
    path: str
    size: int | None
    cached: bool = False

    @property
    def label(self) -> str:
        """The address of the file, for messages."""
        return one_line(f"hf://datasets/{self.dataset}/{self.path}")


def parse_hub_source(source: str) -> tuple[str, str | None, str]:
    """Returns (OWNER/NAME, revision or None, path or "") of an `hf://` source; CorpusError for another address."""
    match = _HUB_SOURCE.fullmatch(source)
    if match is None or "--" in match["repo"] or ".." in match["repo"]:  # not allowed in names of repos
        raise CorpusError(
            f"{one_line(source)} is not a dataset's address: write hf://datasets/OWNER/NAME/FILE.txt "
            "(or hf://datasets/OWNER/NAME for all its .txt files)"
        )
    revision = match["revision"]
    return match["repo"], unquote(revision) if revision else None, (match["path"] or "").strip("/")


def hub_files(source: str) -> list[HubFile]:
    """Returns the files of a source at one commit: one file, the .txt files of a folder, or the files of a glob.

    Raises:
        CorpusError: the dataset cannot be read, or has no such file.
    """
    dataset, revision, path = parse_hub_source(source)
    listing = _listing(dataset, revision)
    if listing is None:
        return [_cached_file(dataset, revision, path)]
    commit, sizes = listing
    names = _select(dataset, sorted(sizes), path)
    return [HubFile(dataset, commit, name, sizes[name]) for name in names]


def fetch_hub(file: HubFile, limit: int, progress: Progress | None = None) -> Path:
    """Returns the path of the file in the Hub's cache, after downloading it if needed.

    Raises:
        CorpusError: the file cannot be downloaded, or has more than `limit` bytes.
    """
    from huggingface_hub import hf_hub_download

    if file.size is not None and file.size > limit:
        raise too_large(file.label, file.size, limit)
    if progress is not None:
        progress(file.label, 0, file.size)
    try:
        with time_limits():
            path = hf_hub_download(
                file.dataset, file.path, repo_type="dataset", revision=file.commit, local_files_only=file.cached
            )
    except Exception as error:
        raise _unreadable(error, file.dataset) from error
    if progress is not None and file.size is not None:
        progress(file.label, file.size, file.size)
    return Path(path)


def is_public(dataset: str) -> bool:
    """Returns whether anyone can read a dataset without a token: the Hub is asked, and False if it does not answer."""
    from huggingface_hub import HfApi

    try:
        with time_limits():
            info = HfApi().dataset_info(dataset, token=False, timeout=download.READ_TIMEOUT_S)
    except Exception:  # noqa: BLE001  no such dataset for strangers, or no answer
        return False
    return not (info.private or info.gated or info.disabled)


def _listing(dataset: str, revision: str | None) -> tuple[str, dict[str, int | None]] | None:
    """Returns (commit, size by file name), or None if the Hub cannot be reached."""
    from huggingface_hub import HfApi, constants

    if constants.HF_HUB_OFFLINE:
        return None
    try:
        with time_limits():
            api, timeout = HfApi(), download.READ_TIMEOUT_S
            info = api.dataset_info(dataset, revision=revision, files_metadata=True, timeout=timeout)
    except Exception as error:
        if explain(error).retry and not isinstance(error, ValueError):  # ValueError: the response is not JSON
            return None
        raise _unreadable(error, dataset) from error
    if info.sha is None:
        raise CorpusError(f"the dataset {dataset} has no commit: try again, or give a file")
    note_revision(dataset, revision, info.sha, repo_type="dataset")
    return info.sha, {sibling.rfilename: sibling.size for sibling in info.siblings or []}


def _cached_file(dataset: str, revision: str | None, path: str) -> HubFile:
    """Returns the cached copy of one file; CorpusError if there is none."""
    from huggingface_hub import resolve_revision, try_to_load_from_cache
    from huggingface_hub.errors import RevisionResolutionError

    try:
        resolved = resolve_revision(dataset, repo_type="dataset", revision=revision, local_files_only=True)
        commit: str | None = resolved.resolved
    except (RevisionResolutionError, ValueError):
        commit = None
    if commit and path and isinstance(try_to_load_from_cache(dataset, path, repo_type="dataset", revision=commit), str):
        return HubFile(dataset, commit, path, None, cached=True)
    raise CorpusError(
        f"the Hub cannot be reached, and {one_line(path) or 'a full listing'} of the dataset {dataset} "
        "is not in the cache: check the network (and HF_ENDPOINT, HF_HUB_OFFLINE), or give a local file"
    )


def _select(dataset: str, names: Sequence[str], path: str) -> list[str]:
    if path in names:
        return [path]
    if any(c in path for c in "*?["):
        found = [name for name in names if fnmatch.fnmatchcase(name, path)]
    else:
        folder = f"{path}/" if path else ""
        found = [name for name in names if name.startswith(folder) and name.lower().endswith(".txt")]
    if found:
        return found
    missing = f"no {one_line(path)}" if path else "no .txt file"
    has = [name for name in names if not name.startswith(".")]
    listed = ", ".join(one_line(name, 80) for name in has[:5]) or "nothing"
    more = f" and {len(has) - 5} more" if len(has) > 5 else ""
    raise CorpusError(
        f"the dataset {dataset} has {missing}; it has {listed}{more}: "
        f"give one of its text files (hf://datasets/{dataset}/FILE)"
    )


def _unreadable(error: Exception, dataset: str) -> CorpusError:
    return CorpusError(f"the dataset {one_line(dataset)} cannot be read: {explain(error).reason}")
