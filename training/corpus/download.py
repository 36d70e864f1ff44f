"""Downloads texts from `http(s)://…` as bytes.

No token is sent, and messages show an address without user, password and query, any of which may be secret. httpx2,
which huggingface_hub installs, is imported inside the function, because most texts are local.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

from model.terminal import one_line

from .decode import CHUNK, CorpusError
from .source_file import SourceFile

if TYPE_CHECKING:
    import httpx2

READ_TIMEOUT_S = 30.0
_CONNECT_TIMEOUT_S = 10.0
_WEB_PAGES = ("text/html", "application/xhtml+xml")


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
