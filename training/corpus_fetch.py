"""Texts that are elsewhere: `http(s)://…` and `hf://datasets/OWNER/NAME[@REVISION][/PATH]`, as bytes.

Both are bounded: in size, and in how long a silent server is waited for. A Hub dataset is read at one commit
that is pinned first, as whole files through the Hub's cache; never through byte ranges, which a server that does
not know them answers with wrong bytes. httpx2 and huggingface_hub are imported inside the functions that need
them, since most texts are local. No token is sent to an address outside the Hub, and an address is shown without
its user, password and query, which may be secrets.
"""

from __future__ import annotations

import contextlib
import fnmatch
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import unquote

from .corpus_decode import CorpusError, shown

if TYPE_CHECKING:
    import httpx2

Progress = Callable[[str, int, "int | None"], None]
"""Called as (what is read, bytes so far, bytes in all if known), at most ten times a second and at the end."""

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 30.0
MAX_REDIRECTS = 10
HUB_PREFIX = "hf://"

_HUB_SOURCE = re.compile(
    r"hf://datasets/(?P<repo>[A-Za-z0-9._-]+/[A-Za-z0-9._-]+)"
    r"(?:@(?P<revision>refs/(?:pr|convert)/[^/]+|[^/]+))?(?:/(?P<path>.*))?",
    re.DOTALL,
)


def size_text(count: int) -> str:
    """A number of bytes as people read it: `999 bytes`, `1.5 MB`."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.3g} {name}"
    return f"{count} bytes"


def too_large(label: str, size: int | None, limit: int) -> CorpusError:
    """The error for more than `limit` bytes of text; `size` is None where the end was not seen."""
    amount = f"more than {size_text(limit)}" if size is None else size_text(size)
    return CorpusError(
        f"{label} is too large: {amount}, and {size_text(limit)} of text can be read in all: "
        "give a part of it (head -c BYTES OLD.txt > NEW.txt)"
    )


# --- http(s)://


def public_url(url: str) -> str:
    """The address without user, password, query and fragment, any of which may be a secret."""
    scheme, _, rest = re.split(r"[?#]", url, maxsplit=1)[0].partition("://")
    authority, slash, path = rest.partition("/")
    return shown(f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}")


def url_file_name(url: str) -> str:
    """The base name of what is behind an address, or its host where it has none."""
    parts = [part for part in public_url(url).partition("://")[2].split("/") if part]
    return unquote(parts[-1]) if parts else "web"


def fetch_url(url: str, limit: int, progress: Progress | None = None) -> bytearray:
    """The body behind `url`, at most `limit` bytes of it unpacked. CorpusError says why there is none."""
    import httpx2

    label = public_url(url)
    body = bytearray()
    try:
        with (
            httpx2.Client(
                timeout=httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
                follow_redirects=True,
                max_redirects=MAX_REDIRECTS,
                headers={"user-agent": "char-lstm", "accept": "text/plain, */*;q=0.5"},
            ) as client,
            client.stream("GET", url) as response,
        ):
            _check_response(response, url, label, limit)
            _read_body(response, body, label, limit, progress)
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        raise _transfer_error(error, label, len(body)) from error
    return body


def _content_length(response: httpx2.Response) -> int | None:
    text = response.headers.get("content-length", "")
    packed = response.headers.get("content-encoding", "identity") != "identity"
    return int(text) if text.isascii() and text.isdigit() and not packed else None


def _check_response(response: httpx2.Response, url: str, label: str, limit: int) -> None:
    status = response.status_code
    if status in (404, 410):
        raise CorpusError(f"{label} is not there ({status}): check the address in a browser")
    if status in (401, 403):
        raise CorpusError(f"{label} is not open to everyone ({status}): download the text and give the file")
    if status == 429 or status >= 500:
        raise CorpusError(f"{label} is not to be had now (the server answered {status}): try again later")
    if not 200 <= status < 300 or status == 204:
        raise CorpusError(f"{label} gave no text (the server answered {status}): check the address")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        raw = label.replace("/blob/", "/raw/") if "/blob/" in url else ""
        hint = f" (perhaps {raw})" if raw else ""
        raise CorpusError(f"{label} is a web page, not plain text: give the address of the raw text{hint}")
    length = _content_length(response)
    if length is not None and length > limit:
        raise too_large(label, length, limit)


def _read_body(response: httpx2.Response, body: bytearray, label: str, limit: int, progress: Progress | None) -> None:
    total, told = _content_length(response), 0.0
    for chunk in response.iter_bytes():
        if len(body) + len(chunk) > limit:
            raise too_large(label, None, limit)
        body += chunk
        if progress is not None and time.monotonic() - told > 0.1:
            told = time.monotonic()
            progress(label, len(body), total)
    if progress is not None:
        progress(label, len(body), len(body))


def _transfer_error(error: Exception, label: str, received: int) -> CorpusError:
    import httpx2

    if isinstance(error, httpx2.TimeoutException):
        after = f" after {size_text(received)}" if received else ""
        return CorpusError(f"{label} did not answer in time{after}: try again, or download it and give the file")
    if isinstance(error, httpx2.TooManyRedirects):
        return CorpusError(f"{label} sends from one address to the next without end: give the text's own address")
    if isinstance(error, httpx2.UnsupportedProtocol | httpx2.InvalidURL):
        return CorpusError(f"{label} is not an address that can be read: it needs to be http(s)://HOST/PATH")
    if isinstance(error, httpx2.DecodingError):
        return CorpusError(f"{label} is packed in a way that cannot be unpacked: download it and give the file")
    if isinstance(error, httpx2.ConnectError | httpx2.ProxyError):
        return CorpusError(f"{label} cannot be reached ({shown(str(error))}): check the address and the network")
    return CorpusError(f"{label} was cut off after {size_text(received)}: try again")


# --- hf://datasets/…


@dataclass(frozen=True)
class HubFile:
    """One file of a dataset at one commit; `cached` where the Hub is away and a copy of it is here."""

    dataset: str
    commit: str
    path: str
    size: int | None
    cached: bool = False

    @property
    def label(self) -> str:
        return shown(f"hf://datasets/{self.dataset}/{self.path}")


def parse_hub_source(source: str) -> tuple[str, str | None, str]:
    """(OWNER/NAME, revision or None, path or "") of an `hf://` source."""
    match = _HUB_SOURCE.fullmatch(source)
    if match is None:
        raise CorpusError(
            f"{shown(source)} is not a dataset's address: write hf://datasets/OWNER/NAME/FILE.txt "
            "(or hf://datasets/OWNER/NAME for all its .txt files)"
        )
    revision = match["revision"]
    return match["repo"], unquote(revision) if revision else None, (match["path"] or "").strip("/")


def hub_files(source: str) -> list[HubFile]:
    """The files that `source` names, all at one commit: one file, a folder's .txt files, a pattern's files."""
    dataset, revision, path = parse_hub_source(source)
    listing = _listing(dataset, revision)
    if listing is None:
        return [_cached_file(dataset, revision, path)]
    commit, sizes = listing
    names = _select(dataset, sorted(sizes), path)
    return [HubFile(dataset, commit, name, sizes[name]) for name in names]


def fetch_hub(file: HubFile, limit: int, progress: Progress | None = None) -> Path:
    """Where the file's bytes are in the Hub's cache, downloaded if they are not yet there."""
    from huggingface_hub import hf_hub_download

    if file.size is not None and file.size > limit:
        raise too_large(file.label, file.size, limit)
    if progress is not None:
        progress(file.label, 0, file.size)
    try:
        path = hf_hub_download(
            file.dataset, file.path, repo_type="dataset", revision=file.commit, local_files_only=file.cached
        )
    except (OSError, ValueError, RuntimeError) as error:
        _raise_hub_error(error, file.dataset)
    if progress is not None and file.size is not None:
        progress(file.label, file.size, file.size)
    return Path(path)


def _listing(dataset: str, revision: str | None) -> tuple[str, dict[str, int | None]] | None:
    """(commit, size of each file), or None where the Hub cannot be reached."""
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        info = HfApi().dataset_info(dataset, revision=revision, files_metadata=True, timeout=READ_TIMEOUT_S)
    except (httpx2.TransportError, OfflineModeIsEnabled):
        return None
    except HfHubHTTPError as error:
        if error.response.status_code >= 500 or error.response.status_code in (408, 429):
            return None
        _raise_hub_error(error, dataset)
    except (OSError, ValueError) as error:  # ValueError: a bad id, or an answer that is no JSON
        _raise_hub_error(error, dataset)
    if info.sha is None:
        raise CorpusError(f"the dataset {dataset} names no commit: try again, or give a file")
    _remember(dataset, revision or "main", info.sha)
    return info.sha, {sibling.rfilename: sibling.size for sibling in info.siblings or []}


def _remember(dataset: str, revision: str, commit: str) -> None:
    """Notes in the Hub's cache which commit a revision meant. Downloads by commit do not, and `_cached_file` asks."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    if revision == commit or ".." in revision:
        return
    cache = Path(constants.HF_HUB_CACHE).expanduser()
    reference = cache / repo_folder_name(repo_id=dataset, repo_type="dataset") / "refs" / revision
    with contextlib.suppress(OSError):  # a cache that cannot be written does not keep a text from being read
        reference.parent.mkdir(parents=True, exist_ok=True)
        reference.write_text(commit)


def _cached_file(dataset: str, revision: str | None, path: str) -> HubFile:
    """The copy of one named file from an earlier download."""
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
        f"the Hub cannot be reached, and {shown(path) or 'a full listing'} of the dataset {dataset} "
        "is not in the cache: check the network (and HF_ENDPOINT, HF_HUB_OFFLINE), or give a local file"
    )


def _select(dataset: str, names: Sequence[str], path: str) -> list[str]:
    if path in names:
        return [path]
    if any(c in path for c in "*?["):
        found = [name for name in names if fnmatch.fnmatchcase(name, path)]
    else:
        below = f"{path}/" if path else ""
        found = [name for name in names if name.startswith(below) and name.lower().endswith(".txt")]
    if found:
        return found
    wanted = f"no {shown(path)}" if path else "no .txt file"
    has = [name for name in names if not name.startswith(".")]
    listed = ", ".join(shown(name, 80) for name in has[:5]) or "nothing"
    more = f" and {len(has) - 5} more" if len(has) > 5 else ""
    raise CorpusError(
        f"the dataset {dataset} has {wanted}; it has {listed}{more}: "
        f"name a text file of it (hf://datasets/{dataset}/FILE)"
    )


def _raise_hub_error(error: Exception, dataset: str) -> NoReturn:
    from huggingface_hub import errors as hub_errors

    if isinstance(error, hub_errors.HFValidationError):
        text = f"{dataset} cannot be a dataset's name: write hf://datasets/OWNER/NAME/FILE.txt"
    elif isinstance(error, hub_errors.GatedRepoError):
        text = (
            f"the dataset {dataset} is gated: accept its terms on its page on the Hub, "
            "log in (hf auth login) and try again"
        )
    elif isinstance(error, hub_errors.RepositoryNotFoundError):
        text = (
            f"there is no dataset {dataset} on the Hub, or it is private: check the name, "
            "or log in with an account that may read it (hf auth login)"
        )
    elif isinstance(error, hub_errors.RevisionNotFoundError):
        text = f"the dataset {dataset} has no such revision: leave out @REVISION, or check it on its page"
    elif isinstance(error, hub_errors.DisabledRepoError):
        text = f"the dataset {dataset} has been disabled by the Hub: choose another text"
    elif isinstance(error, hub_errors.EntryNotFoundError) and not isinstance(error, FileNotFoundError):
        text = f"a file of the dataset {dataset} is no longer there: try again"
    elif isinstance(error, hub_errors.HfHubHTTPError):
        status = error.response.status_code
        advice = "log in again (hf auth login)" if status in (401, 403) else "try again later"
        text = f"the Hub answered {status} for the dataset {dataset}: {advice}"
    elif isinstance(error, ValueError):
        text = f"what answered for the dataset {dataset} is not the Hub: check the network and HF_ENDPOINT"
    else:
        text = f"the dataset {dataset} could not be downloaded ({type(error).__name__}): try again later"
    raise CorpusError(text) from error
