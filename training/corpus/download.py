"""Downloads texts from `http(s)://…` as bytes, and limits how many bytes of any text are read.

A download that breaks is resumed at the next byte, if an ETag or a date shows that the body has not changed. The size
and the wait for a silent server are limited. No token is sent, and messages show an address without user, password and
query, any of which may be secret. httpx2 is imported inside the functions that need it, because most texts are local.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from model.terminal import one_line, size_text

from .decode import CorpusError

if TYPE_CHECKING:
    import httpx2

Progress = Callable[[str, int, "int | None"], None]
"""Called as (label, bytes read, bytes in total if known), at most ten times a second and once at the end."""

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 30.0
MAX_REDIRECTS = 10
_WEB_PAGES = ("text/html", "application/xhtml+xml")
RETRY_WAITS_S = (0.5, 2.0, 8.0, 30.0)  # before each attempt to resume a broken connection


def too_large(label: str, size: int | None, limit: int) -> CorpusError:
    """Returns the error for a text of more than `limit` bytes; `size` is None if its end was not reached."""
    amount = f"more than {size_text(limit)}" if size is None else size_text(size)
    return CorpusError(
        f"{label} is too large: {amount}, and the disk of the run has room for {size_text(limit)}: free some space, "
        "choose another disk with --out, or give a part of the text"
    )


def limit_bytes(
    chunks: Iterable[bytes], label: str, total: Callable[[], int | None], limit: int, progress: Progress | None
) -> Iterator[bytes]:
    """Yields the same chunks and reports progress; CorpusError when they exceed `limit` bytes."""
    done, reported = 0, 0.0
    for chunk in chunks:
        done += len(chunk)
        if done > limit:
            raise too_large(label, None, limit)
        if progress is not None and time.monotonic() - reported > 0.1:
            reported = time.monotonic()
            progress(label, done, total())
        yield chunk
    if progress is not None:
        progress(label, done, done)


def without_secrets(url: str) -> str:
    """Returns an address, which need not be valid, without user, password, query and fragment: any may be secret."""
    scheme, _, rest = re.split(r"[?#]", url, maxsplit=1)[0].partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def public_url(url: str) -> str:
    """Returns an address without secrets as one line, for messages."""
    return one_line(without_secrets(url))


def url_file_name(url: str) -> str:
    """Returns the base name of the file behind an address, or its host if the path is empty."""
    parts = [part for part in public_url(url).partition("://")[2].split("/") if part]
    return unquote(parts[-1]) if parts else "web"


@dataclass
class Facts:
    """The charset of a response body, and whether it is a web page, as its headers say; set before its first bytes."""

    charset: str = ""
    is_web_page: bool = False


def fetch_url(
    url: str, limit: int, progress: Progress | None = None, *, facts: Facts | None = None
) -> Generator[bytes]:
    """Yields the response body of `url`, uncompressed, and sets `facts` by the headers of the response.

    Raises:
        CorpusError: the address cannot be read, or its body exceeds `limit` bytes.
    """
    import httpx2

    label = public_url(url)
    download = _Download(url, label, limit, progress, facts or Facts())
    try:
        with httpx2.Client(
            timeout=httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            follow_redirects=True,
            max_redirects=MAX_REDIRECTS,
            # A compressed body cannot be resumed.
            headers={"user-agent": "char-lstm", "accept": "text/plain, */*;q=0.5", "accept-encoding": "identity"},
        ) as client:
            yield from limit_bytes(download.chunks(client), label, lambda: download.size, limit, progress)
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        raise _transfer_error(error, label, download.received) from error


class _Download:
    """One body, read over as many connections as needed.

    Attributes:
        received: bytes so far.
        size: bytes in total; None if the server does not send it.
    """

    def __init__(self, url: str, label: str, limit: int, progress: Progress | None, facts: Facts) -> None:
        self._facts = facts
        self._url, self._label, self._limit, self._progress = url, label, limit, progress
        self._version = ""  # see `_version`
        self.received = 0
        self.size: int | None = None

    def chunks(self, client: httpx2.Client) -> Iterator[bytes]:
        import httpx2

        failures = 0
        while True:
            before = self.received
            try:
                yield from self._connection(client)
                return
            except httpx2.TransportError:
                failures = 1 if self.received > before else failures + 1
                if not self._version or failures > len(RETRY_WAITS_S):
                    raise
            self._wait(RETRY_WAITS_S[failures - 1])

    def _wait(self, seconds: float) -> None:
        """Waits, and reports the reason every second."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._progress is not None:
                label = f"{self._label} (connection lost, retrying in {math.ceil(left)} s)"
                self._progress(label, self.received, self.size)
            time.sleep(min(left, 1.0))

    def _connection(self, client: httpx2.Client) -> Iterator[bytes]:
        """Yields the bytes of one response that were not received before."""
        resume = {"range": f"bytes={self.received}-", "if-range": self._version} if self.received else {}
        with client.stream("GET", self._url, headers=resume) as response:
            if resume:
                repeated = self._check_resumed(response)
            else:
                _check_response(response, self._url, self._label, self._limit)
                self._facts.charset = response.charset_encoding or ""
                self._facts.is_web_page = _media_type(response) in _WEB_PAGES
                self.size, self._version, repeated = _content_length(response), _version(response), 0
            for chunk in response.iter_bytes():
                new = chunk[repeated:]
                repeated -= len(chunk) - len(new)
                self.received += len(new)
                if new:
                    yield new

    def _check_resumed(self, response: httpx2.Response) -> int:
        """Returns how many bytes at the beginning of this response were received before."""
        import httpx2

        if response.status_code == 429 or response.status_code >= 500:
            raise httpx2.RemoteProtocolError(f"the server answered {response.status_code}")
        start = response.headers.get("content-range", "").partition("-")[0]
        if _version(response) == self._version:
            if response.status_code == 206 and start == f"bytes {self.received}":
                return 0
            if response.status_code == 200:  # the server ignores ranges and sends everything again
                return self.received
        raise CorpusError(f"{self._label} changed while it was downloaded: try again")


def _version(response: httpx2.Response) -> str:
    """Returns the strong ETag, or Last-Modified, by which a later response shows that the body is the same; else ""."""
    tag = str(response.headers.get("etag", ""))
    if response.headers.get("content-encoding", "identity") != "identity":
        return ""
    return tag if tag.startswith('"') else str(response.headers.get("last-modified", ""))


def _content_length(response: httpx2.Response) -> int | None:
    text = response.headers.get("content-length", "")
    compressed = response.headers.get("content-encoding", "identity") != "identity"
    return int(text) if re.fullmatch("[0-9]{1,18}", text) and not compressed else None


def _media_type(response: httpx2.Response) -> str:
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()


def _check_response(response: httpx2.Response, url: str, label: str, limit: int) -> None:
    status = response.status_code
    if status in (404, 410):
        raise CorpusError(f"{label} does not exist ({status}): check the address in a browser")
    if status in (401, 403):
        raise CorpusError(f"{label} may not be read without a login ({status}): download the text and give the file")
    if status == 429 or status >= 500:
        raise CorpusError(f"{label} is unavailable (the server answered {status}): try again later")
    if not 200 <= status < 300 or status == 204:
        raise CorpusError(f"{label} gave no text (the server answered {status}): check the address")
    if _media_type(response) in _WEB_PAGES and "/blob/" in url:
        raw = label.replace("/blob/", "/raw/")
        raise CorpusError(f"{label} is a web page that shows a text: give the address of the raw text (perhaps {raw})")
    length = _content_length(response)
    if length is not None and length > limit:
        raise too_large(label, length, limit)


def _transfer_error(error: Exception, label: str, received: int) -> CorpusError:
    import httpx2

    if isinstance(error, httpx2.TimeoutException):
        after = f" after {size_text(received)}" if received else ""
        return CorpusError(f"{label} did not answer in time{after}: try again, or download it and give the file")
    if isinstance(error, httpx2.TooManyRedirects):
        return CorpusError(f"{label} redirects more than {MAX_REDIRECTS} times: give the final address")
    if isinstance(error, httpx2.UnsupportedProtocol | httpx2.InvalidURL):
        return CorpusError(f"{label} is not an address that can be read: write http(s)://HOST/PATH")
    if isinstance(error, httpx2.DecodingError):
        return CorpusError(f"the compressed data of {label} is damaged: download it and give the file")
    if isinstance(error, httpx2.ConnectError | httpx2.ProxyError):
        return CorpusError(f"{label} cannot be reached ({one_line(str(error))}): check the address and the network")
    return CorpusError(f"the connection to {label} broke after {size_text(received)}: try again")
