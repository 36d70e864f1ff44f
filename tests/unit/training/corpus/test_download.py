"""Texts from http addresses: a real server in a thread, and each way in which it can disturb a download."""

import gzip
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.support.corpus_errors import corpus_error
from tests.support.http_server import HttpServer
from training.corpus.reader import read_corpus

Answer = Callable[[BaseHTTPRequestHandler], object]


class Web:
    """The answers of a local server by path, and the headers of every request."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[str] = []
        self.url = ""

    def serve(self, path: str, body: bytes = b"", status: int = 200, **headers: str) -> str:

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(status)
            for name, value in {"content_length": str(len(body)), **headers}.items():
                request.send_header(name.replace("_", "-"), value)
            request.end_headers()
            request.wfile.write(body)

        self.answers[path] = answer
        return self.url + path


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.requests.append(f"{self.path}\n{self.headers}")
            web.answers.get(self.path.partition("?")[0], lambda request: request.send_error(404))(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HttpServer(0, Handler) as server:
        web.url = server.url
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        yield web
        server.shutdown()


def test_a_text_is_read_from_an_address_and_progress_reported(web: Web) -> None:
    body = "\ufeffÆsop\r\n".encode() * 300_000
    url = web.serve("/books/a%20b.txt", body, content_type="text/plain; charset=utf-8")
    reports: list[tuple[str, int, int | None]] = []
    corpus = read_corpus([url], progress=lambda *report: reports.append(report))
    assert corpus.text == "Æsop\n" + "\ufeffÆsop\n" * 299_999
    assert (corpus.files, corpus.name) == (("a b.txt",), "a-b")
    assert web.url not in repr(corpus)
    assert reports[-1] == (url, len(body), len(body))
    assert len(reports) > 2


PAGE = "<!doctype html><title>Tee</title><script>x</script><p>Grüße &amp; Küsse<p>zwei".encode("latin-1")
LATIN = "text/plain; charset=iso-8859-1"


@pytest.mark.parametrize(
    ("body", "headers", "text"),
    [
        (gzip.compress(b"text " * 1000, mtime=0), {"content_encoding": "gzip"}, "text " * 1000),
        (gzip.compress(b"text " * 1000, mtime=0), {}, "text " * 1000),
        (PAGE, {"content_type": "text/html; charset=iso-8859-1"}, "Tee\n\nGrüße & Küsse\n\nzwei\n"),
        (b"<html>", {"content_type": "text/plain"}, "<html>"),
        (b"no page", {"content_type": "text/html"}, "no page"),
        ("„Grüße“\n".encode("cp1252"), {"content_type": LATIN}, "„Grüße“\n"),  # what browsers mean by iso-8859-1
        ("Grüße".encode(), {"content_type": LATIN}, "Grüße"),
    ],
)
def test_the_headers_say_how_a_body_is_read(web: Web, body: bytes, headers: dict[str, Any], text: str) -> None:
    web.serve("/to.txt", body, **headers)
    assert read_corpus([web.serve("/from", status=302, location="/to.txt")]).text == text


@pytest.mark.parametrize(
    ("path", "body", "headers", "message"),
    [
        *(("/a", b"", {"status": status}, f"server answered {status}") for status in (204, 304, 403, 404, 500)),
        ("/a", b"", {"status": 302, "location": "/a"}, "cannot be downloaded (Exceeded maximum allowed redirects.)"),
        ("/a", b"", {"status": 302, "location": "file:///etc/hostname"}, "is not an address that can be read"),
        ("/a", b"no gzip", {"content_encoding": "gzip"}, "cannot be downloaded (Error -3 while decompressing"),
        ("/a", b"x" * 500, {"content_length": "1000"}, "check the address and the network, and try again"),
        ("/a", b"\xe9\xe9", {"content_type": "text/plain; charset=none"}, "is not UTF-8"),
        ("/a", b"", {}, "there is no text (left out: 1 empty (a))"),
        ("/u/r/blob/main/a", b"<html>", {"content_type": "Text/HTML; charset=utf-8"}, "/u/r/raw/main/a)"),
        ("/a", gzip.compress(b"a" * 9_000_000, mtime=0), {"content_encoding": "gzip"}, "is too large: the disk"),
    ],
)
def test_a_response_without_text_has_its_message(
    web: Web, monkeypatch: pytest.MonkeyPatch, path: str, body: bytes, headers: dict[str, Any], message: str
) -> None:
    monkeypatch.setattr("training.corpus.reader.free_bytes", lambda _: 4_000_000)
    assert message in corpus_error(web.serve(path, body, **headers))


def test_a_silent_server_and_one_that_never_ends_are_errors(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while True:  # until the client has closed the connection
            request.wfile.write(b"x" * 65_536)

    monkeypatch.setattr("training.corpus.reader.free_bytes", lambda _: 4_000_000)
    web.answers |= {"/silent": lambda request: request.rfile.read(1), "/endless": endless}
    assert "is too large: the disk of the run has room for 4 MB" in corpus_error(web.url + "/endless")
    monkeypatch.setattr("training.corpus.sources.READ_TIMEOUT_S", 0.5)
    assert "/silent cannot be downloaded (" in corpus_error(web.url + "/silent")


def test_secrets_in_an_address_are_neither_shown_nor_kept(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_not_to_be_sent")
    secret = web.url.replace("http://", "http://user:pa55@") + "/missing.txt?signature=53cret#fr4gment"
    message = corpus_error(secret)
    web.serve("/missing.txt", b"here")
    corpus = read_corpus([secret])
    for word in ("user", "pa55", "53cret", "fr4gment"):
        assert word not in message + repr(corpus)
    assert corpus.text == "here"
    assert "authorization: basic" in web.requests[0].lower()
    assert "hf_not_to_be_sent" not in str(web.requests)
