"""The Hub client's cache on this disk: the commits in it, and the commit to which a branch or tag pointed last.

This package downloads files by commit, and the client then does not record the branch: `note_revision` records it, so
that the branch can be loaded without a network.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from ..files import atomic_write


def note_revision(repo: str, revision: str | None, commit: str, cache_dir: str | Path | None = None) -> None:
    """Records in the cache to which commit a branch or tag (None: main) points; does nothing in a read-only cache."""
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
