"""Downloads texts of datasets on the Hub, `hf://datasets/OWNER/NAME[@REVISION][/PATH]`, into the Hub's cache.

The commit is resolved first, and all files come from that commit. huggingface_hub is imported inside the functions that
need it, because most texts are local.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Generator
from functools import partial
from pathlib import Path
from urllib.parse import unquote

from model.hub.errors import explain
from model.hub.limits import time_limits
from model.terminal import one_line

from .decode import CorpusError
from .source_file import SourceFile, SourceFiles, read_path

HUB_PREFIX = "hf://"
_HUB_SOURCE = re.compile(
    r"hf://datasets/(?P<repo>[A-Za-z0-9._-]+/[A-Za-z0-9._-]+)"
    r"(?:@(?P<revision>refs/(?:pr|convert)/[^/]+|[^/]+))?(?:/(?P<path>.*))?",
    re.DOTALL,
)


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


def hub_files(source: str) -> SourceFiles:
    """Returns the files of a source at one commit: one file, the .txt files of a folder, or the files of a glob.

    Raises CorpusError if the dataset cannot be read, or has no such file.
    """
    from huggingface_hub import HfApi

    dataset, revision, path = parse_hub_source(source)
    try:
        with time_limits():
            info = HfApi().dataset_info(dataset, revision=revision)
    except Exception as error:
        raise _unreadable(error, dataset) from error
    names = sorted(sibling.rfilename for sibling in info.siblings or [])
    return SourceFiles(
        source,
        [
            SourceFile(
                label=one_line(f"hf://datasets/{dataset}/{name}"),
                name=Path(name).name,
                read=partial(_download, dataset, info.sha, name),
                found=name != path,
            )
            for name in _select(dataset, names, path)
        ],
    )


def is_public(dataset: str) -> bool:
    """Returns whether anyone can read a dataset without a token: the Hub is asked, and False if it does not answer."""
    from huggingface_hub import HfApi

    try:
        with time_limits():
            info = HfApi().dataset_info(dataset, token=False)
    except Exception:  # noqa: BLE001  no such dataset for strangers, or no answer
        return False
    return not (info.private or info.gated or info.disabled)


def _download(dataset: str, commit: str | None, path: str, file: SourceFile) -> Generator[bytes]:
    from huggingface_hub import hf_hub_download

    try:
        with time_limits():
            cached = hf_hub_download(dataset, path, repo_type="dataset", revision=commit)
    except Exception as error:
        raise _unreadable(error, dataset) from error
    yield from read_path(Path(cached), file)


def _select(dataset: str, names: list[str], path: str) -> list[str]:
    """Returns the files that `path` means: a file, the .txt files of a folder, or the files of a glob."""
    if path in names:
        return [path]
    if any(c in path for c in "*?["):
        found = [name for name in names if fnmatch.fnmatchcase(name, path)]
    else:
        folder = f"{path}/" if path else ""
        found = [name for name in names if name.startswith(folder) and name.lower().endswith(".txt")]
    if not found:
        missing = f"no {one_line(path)}" if path else "no .txt file"
        listed = one_line(", ".join(name for name in names if not name.startswith(".")) or "nothing")
        raise CorpusError(
            f"the dataset {dataset} has {missing}; it has {listed}: "
            f"give one of its text files (hf://datasets/{dataset}/FILE)"
        )
    return found


def _unreadable(error: Exception, dataset: str) -> CorpusError:
    return CorpusError(f"the dataset {one_line(dataset)} cannot be read: {explain(error).reason}")
