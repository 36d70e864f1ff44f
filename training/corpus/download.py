"""Downloads texts: `http(s)://…` as bytes, and `hf://datasets/OWNER/NAME[@REVISION][/PATH]` into the Hub's cache.

Only the Hub gets a token. Messages show an address without user, password and query, any of which may be secret. All
files of a dataset come from one commit. httpx2, which huggingface_hub installs, and huggingface_hub are imported inside
the functions that need them, because most texts are local.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from model.hub.errors import explain
from model.hub.limits import time_limits
from model.terminal import one_line

from .decode import CHUNK, CorpusError
from .source_file import SourceFile, SourceFiles, read_path

if TYPE_CHECKING:
    import httpx2

READ_TIMEOUT_S = 30.0
_CONNECT_TIMEOUT_S = 10.0
_WEB_PAGES = ("text/html", "application/xhtml+xml")
HUB_PREFIX = "hf://"
_HUB_SOURCE = re.compile(
    r"hf://datasets/(?P<repo>[A-Za-z0-9._-]+/[A-Za-z0-9._-]+)"
    r"(?:@(?P<revision>refs/(?:pr|convert)/[^/]+|[^/]+))?(?:/(?P<path>.*))?",
    re.DOTALL,
)

# --- addresses


def without_secrets(url: str) -> str:
    """Returns an address, which need not be valid, without user, password, query and fragment: any may be secret."""
    scheme, _, rest = re.split(r"[?#]", url, maxsplit=1)[0].partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def url_file_name(url: str) -> str:
    """Returns the base name of the file behind an address, or its host if the path is empty."""
    parts = [part for part in one_line(without_secrets(url)).partition("://")[2].split("/") if part]
    return unquote(parts[-1]) if parts else "web"


def web_file(url: str) -> SourceFile:
    """Returns the file behind an address; nothing is requested before it is read."""
    return SourceFile(label=one_line(without_secrets(url)), name=url_file_name(url), read=partial(_fetch, url))


def _fetch(url: str, file: SourceFile) -> Generator[bytes]:
    """Yields the response body, uncompressed, after setting what its headers say of the file."""
    import httpx2

    # The size of a body that the server compresses is not known before.
    headers = {"user-agent": "char-lstm", "accept": "text/plain, */*;q=0.5", "accept-encoding": "identity"}
    timeout = httpx2.Timeout(READ_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S)
    try:
        with httpx2.stream("GET", url, timeout=timeout, follow_redirects=True, headers=headers) as response:
            _check_response(response, url, file)
            yield from response.iter_bytes(CHUNK)
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:  # whose text may hold a password
        raise CorpusError(f"{file.label} is not an address that can be read: write http(s)://HOST/PATH") from error
    except httpx2.HTTPError as error:
        reason = one_line(str(error)) or type(error).__name__
        raise CorpusError(
            f"{file.label} cannot be downloaded ({reason}): check the address and the network, and try again"
        ) from error


def _check_response(response: httpx2.Response, url: str, file: SourceFile) -> None:
    status, length = response.status_code, response.headers.get("content-length", "")
    if not 200 <= status < 300 or status == 204:
        raise CorpusError(
            f"{file.label} gave no text (the server answered {status}): check the address in a browser; if it needs a "
            "login, download the text and give the file"
        )
    file.is_web_page = response.headers.get("content-type", "").partition(";")[0].strip().lower() in _WEB_PAGES
    file.charset = response.charset_encoding or ""
    if re.fullmatch("[0-9]{1,18}", length) and response.headers.get("content-encoding", "identity") == "identity":
        file.size = int(length)
    if file.is_web_page and "/blob/" in url:
        raise CorpusError(
            f"{file.label} is a web page that shows a text: give the address of the raw text "
            f"(perhaps {file.label.replace('/blob/', '/raw/')})"
        )


# --- datasets on the Hub


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
        raise _unreadable_dataset(error, dataset) from error
    names = sorted(sibling.rfilename for sibling in info.siblings or [])
    return SourceFiles(
        source,
        [
            SourceFile(
                label=one_line(f"hf://datasets/{dataset}/{name}"),
                name=Path(name).name,
                read=partial(_download_file, dataset, info.sha, name),
                found=name != path,
            )
            for name in _select(dataset, names, path)
        ],
    )


def is_public_dataset(dataset: str) -> bool:
    """Returns whether anyone can read a dataset without a token: the Hub is asked, and False if it does not answer."""
    from huggingface_hub import HfApi

    try:
        with time_limits():
            info = HfApi().dataset_info(dataset, token=False)
    except Exception:  # noqa: BLE001  no such dataset for strangers, or no answer
        return False
    return not (info.private or info.gated or info.disabled)


def _download_file(dataset: str, commit: str | None, path: str, file: SourceFile) -> Generator[bytes]:
    from huggingface_hub import hf_hub_download

    try:
        with time_limits():
            cached = hf_hub_download(dataset, path, repo_type="dataset", revision=commit)
    except Exception as error:
        raise _unreadable_dataset(error, dataset) from error
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


def _unreadable_dataset(error: Exception, dataset: str) -> CorpusError:
    return CorpusError(f"the dataset {one_line(dataset)} cannot be read: {explain(error).reason}")
