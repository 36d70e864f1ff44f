"""The Hub client's cache on this disk: which commits it holds, and which commit a branch or tag meant last.

Files that are downloaded by commit, as this package does, leave no note of the branch: `note_revision` writes it, so
that the branch can be loaded without a network.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from ..files import atomic_write


def note_revision(
    repo: str, revision: str | None, commit: str, cache_dir: str | Path | None = None, *, repo_type: str = "model"
) -> None:
    """Notes in the cache which commit a branch or tag (None: main) means. Does nothing if the cache is read-only."""
    revision = revision or "main"
    if revision == commit or ".." in revision:
        return
    with contextlib.suppress(OSError):
        reference = _repo_folder(repo, cache_dir, repo_type) / "refs" / revision
        reference.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(reference, commit.encode())


def is_cached(repo: str, commit: str) -> bool:
    """Returns whether the cache holds any file of a commit."""
    return (_repo_folder(repo) / "snapshots" / commit).is_dir()


def remove_cached(repo: str, commit: str) -> None:
    """Removes a commit from the cache, except files that other commits share.

    A commit that a branch or tag is noted to mean stays: it is the copy that is loaded without a network.
    """
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    with contextlib.suppress(OSError, ValueError, CacheNotFound):  # what cannot be removed stays
        cache = scan_cache_dir(constants.HF_HUB_CACHE)
        repos = [each for each in cache.repos if (each.repo_type, each.repo_id) == ("model", repo)]
        if any(each.commit_hash == commit and not each.refs for cached in repos for each in cached.revisions):
            cache.delete_revisions(commit).execute()


def _repo_folder(repo: str, cache_dir: str | Path | None = None, repo_type: str = "model") -> Path:
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    cache = Path(cache_dir or constants.HF_HUB_CACHE).expanduser()
    return cache / repo_folder_name(repo_id=repo, repo_type=repo_type)
