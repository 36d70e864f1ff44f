"""Texts behind `http(s)://…`, as bytes; and how much of any text may be read.

What an address gives is passed on as it comes. Where the connection breaks, it goes on from that byte, if the server
can tell that it is still the same body. Bounded in size, and in how long a silent server is waited for. httpx2 is
imported inside the functions that need it, since most texts are local. No token is sent to an address, and an
address is shown without its user, password and query, which may be secrets.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote

from model.terminal import one_line

from .decode import CorpusError

if TYPE_CHECKING:
    import httpx2

Progress = Callable[[str, int, "int | None"], None]
"""Called as (what is read, bytes so far, bytes in all if known), at most ten times a second and at the end."""

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 30.0
MAX_REDIRECTS = 10
WAITS_S = (0.5, 2.0, 8.0, 30.0)  # before a connection that broke is tried again, and again


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
        f"{label} is too large: {amount}, and there is room for {size_text(limit)} on the disk of the run: make room, "
        "choose another disk with --out, or give a part of it (head -c BYTES OLD.txt > NEW.txt)"
    )


def bounded(
    chunks: Iterable[bytes], label: str, whole: Callable[[], int | None], limit: int, progress: Progress | None
) -> Iterator[bytes]:
    """The same chunks, while it is told how far they are; CorpusError when they are more than `limit` bytes."""
    done, told = 0, 0.0
    for chunk in chunks:
        done += len(chunk)
        if done > limit:
            raise too_large(label, None, limit)
        if progress is not None and time.monotonic() - told > 0.1:
            told = time.monotonic()
            progress(label, done, whole())
        yield chunk
    if progress is not None:
        progress(label, done, done)


# --- http(s)://


def public_url(url: str) -> str:
    """The address without user, password, query and fragment, any of which may be a secret."""
    scheme, _, rest = re.split(r"[?#]", url, maxsplit=1)[0].partition("://")
    authority, slash, path = rest.partition("/")
    return one_line(f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}")


def url_file_name(url: str) -> str:
    """The base name of what is behind an address, or its host where it has none."""
    parts = [part for part in public_url(url).partition("://")[2].split("/") if part]
    return unquote(parts[-1]) if parts else "web"


def fetch_url(url: str, limit: int, progress: Progress | None = None) -> Generator[bytes]:
    """The body behind `url` as it comes, at most `limit` bytes of it unpacked. CorpusError says why there is none."""
    import httpx2

    label = public_url(url)
    download = _Download(url, label, limit)
    try:
        with httpx2.Client(
            timeout=httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            follow_redirects=True,
            max_redirects=MAX_REDIRECTS,
            # Packed on the way, a body cannot be gone on with.
            headers={"user-agent": "char-lstm", "accept": "text/plain, */*;q=0.5", "accept-encoding": "identity"},
        ) as client:
            yield from bounded(download.chunks(client), label, lambda: download.size, limit, progress)
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        raise _transfer_error(error, label, download.received) from error


class _Download:
    """One body, over as many connections as it takes."""

    def __init__(self, url: str, label: str, limit: int) -> None:
        self._url, self._label, self._limit = url, label, limit
        self._version = ""  # by which the server knows that the body is still the same; "" if it does not
        self.received = 0
        self.size: int | None = None

    def chunks(self, client: httpx2.Client) -> Iterator[bytes]:
        import httpx2

        failed = 0
        while True:
            before = self.received
            try:
                yield from self._connected(client)
                return
            except httpx2.TransportError:
                failed = 1 if self.received > before else failed + 1
                if not self._version or failed > len(WAITS_S):
                    raise
            time.sleep(WAITS_S[failed - 1])

    def _connected(self, client: httpx2.Client) -> Iterator[bytes]:
        """What one connection gives."""
        goes_on = {"range": f"bytes={self.received}-", "if-range": self._version} if self.received else {}
        with client.stream("GET", self._url, headers=goes_on) as response:
            if goes_on:
                known = self._check_goes_on(response)
            else:
                _check_response(response, self._url, self._label, self._limit)
                self.size, self._version, known = _content_length(response), _version(response), 0
            for chunk in response.iter_bytes():
                new = chunk[known:]
                known -= len(chunk) - len(new)
                self.received += len(new)
                if new:
                    yield new

    def _check_goes_on(self, response: httpx2.Response) -> int:
        """How many bytes of this response are known already: none, or all from the beginning."""
        import httpx2

        if response.status_code == 429 or response.status_code >= 500:
            raise httpx2.RemoteProtocolError(f"the server answered {response.status_code}")
        start = response.headers.get("content-range", "").partition("-")[0]
        if _version(response) == self._version:
            if response.status_code == 206 and start == f"bytes {self.received}":
                return 0
            if response.status_code == 200:  # it knows no ranges
                return self.received
        raise CorpusError(f"{self._label} changed while it was downloaded: try again")


def _version(response: httpx2.Response) -> str:
    """What tells this body from any other of this address: its ETag, or when it was last modified."""
    tag = str(response.headers.get("etag", ""))
    if response.headers.get("content-encoding", "identity") != "identity":
        return ""
    return tag if tag.startswith('"') else str(response.headers.get("last-modified", ""))


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
        return CorpusError(f"{label} cannot be reached ({one_line(str(error))}): check the address and the network")
    return CorpusError(f"{label} was cut off after {size_text(received)}: try again")
