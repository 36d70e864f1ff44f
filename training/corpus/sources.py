"""Finds the files of one source that a user typed: their labels, their base names, and how to read them.

No file is opened here, and no address requested, before it is read, so that a missing file is reported before a large
one is downloaded. A file that the user named must be text; one that was `found` in a folder or by a glob may be left
out. Only the Hub gets a token, and messages show an address without user, password and query, any of which may be
secret. httpx2, which huggingface_hub installs, and huggingface_hub are imported inside the functions that need them,
because most texts are local.
"""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import os
import re
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from model.checkpoint.names import bundled_name
from model.hub.errors import explain
from model.hub.limits import time_limits
from model.terminal import one_line

from .decode import CHUNK, UNREADABLE, CorpusError, LeftOutError

if TYPE_CHECKING:
    import httpx2
    from huggingface_hub import DatasetInfo

_STDIN = "-"
_GLOB = re.compile(r"[*?\[]")
READ_TIMEOUT_S = 30.0
_CONNECT_TIMEOUT_S = 10.0
_WEB_PAGES = ("text/html", "application/xhtml+xml")
HUB_SCHEME = "hf://"


@dataclass(kw_only=True)
class SourceFile:
    """One file of a source, or in an archive."""

    label: str  # for messages to the user; may hold a path of this machine
    name: str  # the base name, which may be published
    read: Callable[[SourceFile], Generator[bytes]]
    """Yields the content of this file in chunks of 1 MB; sets its size and what the headers of a response say."""
    found: bool = False  # whether it is from a folder, a glob or an archive, and may be left out
    size: int | None = None  # in bytes; None if it is not known
    charset: str = ""  # the encoding according to the server
    is_web_page: bool = False  # according to the server


def expand(typed: str) -> list[SourceFile]:
    """Returns the files of one source, also those that are left out; CorpusError if there is no such source."""
    scheme, separator, rest = typed.partition("://")
    if typed == _STDIN:
        return [SourceFile(label="standard input", name="stdin", read=partial(read_path, None))]
    if separator and scheme.lower() in ("http", "https"):
        url = f"{scheme.lower()}://{rest}"
        return [SourceFile(label=one_line(without_secrets(url)), name=_url_file_name(url), read=partial(_fetch, url))]
    if typed.startswith(HUB_SCHEME):
        return _hub_files(typed)
    if separator and scheme.isalnum():
        raise CorpusError(
            f"{one_line(typed)} cannot be read: a text is a file, a folder, a glob, -, http(s)://… "
            "or hf://datasets/OWNER/NAME/FILE.txt"
        )
    return _expand_local(typed)


def is_public(typed: str) -> bool:
    """Returns whether anyone can read a source: a dataset of the Hub that is neither private nor gated, or an address.

    The Hub is asked without a token; a dataset is not public if it does not answer. An address with a user, a password,
    a query or a fragment may hold a secret, and is not public.
    """
    if not typed.startswith(HUB_SCHEME):
        return "://" in typed and without_secrets(typed) == typed
    with contextlib.suppress(CorpusError):
        info = _seen_by_strangers(_parse_hub_source(typed)[0])
        return info is not None and not (info.private or info.gated or info.disabled)
    return False


def dataset_of(typed: str) -> str:
    """Returns OWNER/NAME of a source that is a dataset of the Hub; "" for another source."""
    return _parse_hub_source(typed)[0] if typed.startswith(HUB_SCHEME) else ""


def language_of(dataset: str) -> str:
    """Returns the one language that the card of a public dataset states; "" if it states none or several."""
    info = _seen_by_strangers(dataset)
    stated = info.card_data.language if info and info.card_data else None
    found = stated if isinstance(stated, list) else [stated]
    return str(found[0] or "") if len(found) == 1 else ""


def _seen_by_strangers(dataset: str) -> DatasetInfo | None:
    """Returns what the Hub says of a dataset without a token; None if it says nothing."""
    from huggingface_hub import HfApi

    with contextlib.suppress(Exception), time_limits():
        return HfApi().dataset_info(dataset, token=False)
    return None


def name_of(typed: str) -> str:
    """Returns a short name for a source, made of its base name, and valid as the name of a folder or a repo."""
    if typed == _STDIN:
        base = "stdin"
    elif typed.lower().startswith(("http://", "https://")):
        base = Path(_url_file_name(typed)).stem
    elif typed.startswith(HUB_SCHEME):
        dataset, _, inside = _parse_hub_source(typed)
        base = dataset.partition("/")[2] if not inside or _GLOB.search(inside) else Path(inside).stem
    else:
        path = expanded_path(typed)
        while _GLOB.search(path.name) and not os.path.exists(path):  # noqa: PTH110  raises no error
            path = path.parent  # a glob is named after the folder that it searches
        if not path.name or path.name == "..":
            path = path.resolve()
        base = path.name if path.is_dir() else path.stem
    return re.sub(r"[^\w.-]+", "-", base).strip("-._")[:60] or "text"


def absolute_source(source: str) -> str:
    """Returns a source that does not depend on the working folder: local paths become absolute."""
    if source == _STDIN or "://" in source:
        return source
    return os.path.abspath(os.path.expanduser(source))  # noqa: PTH100, PTH111  a glob is no path to resolve


def expanded_path(typed: str | Path) -> Path:
    """Returns a path with ~ and ~USER replaced; unchanged if there is no such user."""
    return Path(os.path.expanduser(typed))  # noqa: PTH111  Path.expanduser raises an error then


# --- files of this machine


def read_path(path: Path | None, file: SourceFile, reason: str = "") -> Generator[bytes]:
    """Yields a file, or standard input for None, until it ends: a pipe's size is unknown.

    Raises LeftOutError, also if there is a reason to leave the file out.
    """
    if reason:
        raise LeftOutError(f"{file.label} is left out", reason)
    if path is None and sys.stdin is None:
        raise CorpusError(f"{file.label} is closed: give a file")
    try:
        with path.open("rb") if path else nullcontext(sys.stdin.buffer) as stream:
            file.size = path.stat().st_size or None if path else None  # that of a pipe is not known
            yield from iter(partial(stream.read, CHUNK), b"")
    except OSError as error:
        reason = one_line(error.strerror or type(error).__name__)
        raise LeftOutError(f"{file.label} cannot be read ({reason}): check its name and its permissions") from error


def _expand_local(typed: str) -> list[SourceFile]:
    if not typed.strip():
        raise CorpusError(f"{typed!r} names no text: give a file, a folder, a glob, - or an address")
    label, path = one_line(typed), expanded_path(typed)
    matches, inside = [path], path
    if not os.path.exists(path):  # noqa: PTH110  raises no error
        if not _GLOB.search(typed):
            raise CorpusError(_not_found(typed, label))
        matches = [Path(match) for match in glob.glob(str(path), recursive=True)]  # noqa: PTH207  Path.glob takes no /
        inside = next(parent for parent in path.parents if not _GLOB.search(str(parent)))
        if not matches:
            raise CorpusError(f"no file matches {label}: check the pattern and the folder you are in")
    elif not path.is_dir():
        return [SourceFile(label=label, name=path.name, read=partial(read_path, path))]
    matches.sort(key=lambda match: match.parts)
    # `**` matches a folder and the files in it: each file counts once.
    found = dict.fromkeys(each for match in matches for each in _walk(match, inside))
    return [
        SourceFile(label=one_line(str(file)), name=file.name, read=partial(read_path, file, reason=reason), found=True)
        for file, reason in found
    ]


def _walk(path: Path, inside: Path) -> Iterator[tuple[Path, str]]:
    """Yields a file, or the files of a folder sorted by their path in it: every machine reads the same text.

    With a file comes "", or the reason why it is left out. What a link in the folder `inside` leads to is: a cloned
    folder may link to private files of this machine.
    """
    if Path(os.path.realpath(path)) != Path(os.path.realpath(inside)) / path.relative_to(inside):
        yield path, "linked"
    elif path.is_file():
        yield path, ""
    elif not path.is_dir():
        yield path, UNREADABLE  # a pipe, which may never end
    else:
        try:
            names = sorted(os.listdir(path))  # noqa: PTH208  the names are what is sorted
        except OSError:
            yield path, UNREADABLE
            return
        for name in names:
            if name.startswith("."):
                yield path / name, "hidden"
            else:
                yield from _walk(path / name, inside)


def _not_found(typed: str, label: str) -> str:
    """Returns the message for a path that does not exist, with the most likely correction."""
    if bundled_name(typed) is not None:
        return f"{label} is a model, not a text: to train from it, use --from {label}"
    advice = "check the name and the folder you are in"
    if re.fullmatch(r"[\w.-]+/[\w.-]+", typed, re.ASCII):
        advice += f"; for a dataset on the Hub, write hf://datasets/{label}"
    return f"there is no file or folder {label}: {advice}"


# --- addresses


def without_secrets(url: str) -> str:
    """Returns an address, which need not be valid, without user, password, query and fragment: any may be secret."""
    scheme, _, rest = re.split(r"[?#]", url, maxsplit=1)[0].partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def _url_file_name(url: str) -> str:
    """Returns the base name of the file behind an address, or its host if the path is empty."""
    parts = [part for part in one_line(without_secrets(url)).partition("://")[2].split("/") if part]
    return unquote(parts[-1]) if parts else "web"


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


def _parse_hub_source(source: str) -> tuple[str, str | None, str]:
    """Returns (OWNER/NAME, revision or None, path or "") of an `hf://` source; CorpusError for another address."""
    from huggingface_hub.utils import parse_hf_uri  # type: ignore[attr-defined]

    with contextlib.suppress(ValueError):
        found = parse_hf_uri(source)
        if found.type == "dataset":
            return found.id, found.revision, found.path_in_repo
    raise CorpusError(
        f"{one_line(source)} is not a dataset's address: write hf://datasets/OWNER/NAME/FILE.txt "
        "(or hf://datasets/OWNER/NAME for all its .txt files)"
    )


@contextlib.contextmanager
def _asking_the_hub(dataset: str) -> Generator[None]:
    """Sets time limits, and turns every error of the client into a CorpusError."""
    try:
        with time_limits():
            yield
    except Exception as error:
        message = f"the dataset {one_line(dataset)} cannot be read: {explain(error).reason}"
        raise CorpusError(message) from error


def _hub_files(source: str) -> list[SourceFile]:
    """Returns the files of a source at one commit: one file, the .txt files of a folder, or the files of a glob.

    Raises CorpusError if the dataset cannot be read, or has no such file.
    """
    from huggingface_hub import HfApi

    dataset, revision, path = _parse_hub_source(source)
    with _asking_the_hub(dataset):
        info = HfApi().dataset_info(dataset, revision=revision)
    names = sorted(sibling.rfilename for sibling in info.siblings or [])
    return [
        SourceFile(
            label=one_line(f"hf://datasets/{dataset}/{name}"),
            name=Path(name).name,
            read=partial(_download_file, dataset, info.sha, name),
            found=name != path,
        )
        for name in _select(dataset, names, path)
    ]


def _download_file(dataset: str, commit: str | None, path: str, file: SourceFile) -> Generator[bytes]:
    from huggingface_hub import hf_hub_download

    with _asking_the_hub(dataset):
        cached = hf_hub_download(dataset, path, repo_type="dataset", revision=commit)
    yield from read_path(Path(cached), file)


def _select(dataset: str, names: list[str], path: str) -> list[str]:
    """Returns the files that `path` means: a file, the .txt files of a folder, or the files of a glob."""
    if path in names:
        return [path]
    if _GLOB.search(path):
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
