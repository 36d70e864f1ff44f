"""Texts from http addresses: a real server in a thread, and each way in which it can disturb a download."""

from __future__ import annotations

import contextlib
import gzip
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.corpus_errors import corpus_error
from training.corpus.download import url_file_name, without_secrets
from training.corpus.reader import Corpus, read_corpus

Answer = Callable[[BaseHTTPRequestHandler], object]


class Web:
    """The answers of a local server by path, and the headers of every request."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[str] = []
        self.released = threading.Event()
        self.url = ""

    def serve(self, path: str, body: bytes = b"", status: int = 200, **headers: str) -> str:
        """Serves a body at a path and returns the address."""

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
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.requests.append(f"{self.path}\n{self.headers}")
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the client has seen enough
                web.answers.get(self.path.partition("?")[0], lambda request: request.send_error(404))(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        web.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield web
        web.released.set()
        server.shutdown()
        thread.join()


def read(url: str) -> Corpus:
    return read_corpus([url])


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
    assert reports == sorted(reports)


def test_addresses_and_files_mix_in_the_order_typed(web: Web) -> None:
    corpus = read_corpus([web.serve("/b.txt", b"b"), web.serve("/a.txt", b"a")])
    assert (corpus.text, corpus.name) == ("b\na", "b-and-1-more")
    requests = len(web.requests)
    assert "there is no file" in corpus_error(web.url + "/a.txt", "no-such-file.txt")
    assert len(web.requests) == requests  # nothing is downloaded when another source is missing


def test_a_compressed_body_is_decompressed(web: Web) -> None:
    packed = gzip.compress(b"text " * 1000)
    assert read(web.serve("/a", packed, content_encoding="gzip")).text == "text " * 1000
    assert "cannot be downloaded (" in corpus_error(web.serve("/b", b"no gzip", content_encoding="gzip"))
    assert read(web.serve("/a.txt.gz", packed)).text == "text " * 1000


def test_redirects_are_followed_but_not_for_ever(web: Web) -> None:
    web.serve("/to", b"there")
    assert read(web.serve("/from", status=302, location="/to")).text == "there"
    assert "cannot be downloaded (Exceeded maximum allowed redirects.)" in corpus_error(
        web.serve("/loop", status=302, location="/loop")
    )
    assert "not an address" in corpus_error(web.serve("/file", status=302, location="file:///etc/hostname"))


@pytest.mark.parametrize(
    ("status", "message"),
    [
        *((404, "does not exist (404)"), (410, "does not exist (410)")),
        *((401, "may not be read without a login (401)"), (403, "may not be read without a login (403)")),
        *((status, f"gave no text (the server answered {status})") for status in (204, 304, 418, 429, 500, 503)),
    ],
)
def test_each_status_has_its_message(web: Web, status: int, message: str) -> None:
    assert message in corpus_error(web.serve("/a.txt", status=status))


def test_a_web_page_is_read_as_its_text(web: Web) -> None:
    page = "<!doctype html><title>Tee</title><script>x</script><p>Grüße &amp; Küsse<p>zwei".encode("latin-1")
    assert (
        read(web.serve("/page", page, content_type="text/html; charset=iso-8859-1")).text
        == "Tee\n\nGrüße & Küsse\n\nzwei\n"
    )
    assert read(web.serve("/source.txt", b"<html>", content_type="text/plain")).text == "<html>"
    assert read(web.serve("/text", b"no page", content_type="text/html")).text == "no page"
    shown = corpus_error(web.serve("/user/repo/blob/main/a.txt", b"<html>", content_type="Text/HTML; charset=utf-8"))
    assert f"give the address of the raw text (perhaps {web.url}/user/repo/raw/main/a.txt)" in shown


def test_the_charset_of_a_server_is_used_for_what_is_not_utf8(web: Web) -> None:
    corpus = read(web.serve("/a.txt", "„Grüße“\n".encode("cp1252"), content_type="text/plain; charset=iso-8859-1"))
    assert (corpus.text, corpus.warnings) == ("„Grüße“\n", (f"{web.url}/a.txt is read as cp1252",))
    assert read(web.serve("/b.txt", "Grüße".encode(), content_type="text/plain; charset=iso-8859-1")).text == "Grüße"
    assert "is not UTF-8" in corpus_error(web.serve("/c.txt", b"\xe9\xe9", content_type="text/plain; charset=none"))


def test_a_silent_server_and_a_broken_connection_are_errors(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.corpus.download.READ_TIMEOUT_S", 0.5)
    web.answers["/silent"] = lambda _: web.released.wait(20)
    assert "/silent cannot be downloaded (" in corpus_error(web.url + "/silent")
    message = corpus_error(web.serve("/cut", b"x" * 500, content_length="1000"))
    assert "/cut cannot be downloaded (" in message
    assert message.endswith("and try again")


def test_a_body_over_the_limit_is_refused_with_and_without_a_length(web: Web) -> None:
    assert "is too large: 1e+03 GB" in corpus_error(web.serve("/large", b"x" * 2_000_000, content_length=str(10**12)))

    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while not web.released.is_set():
            request.wfile.write(b"x" * 65_536)

    web.answers["/endless"] = endless
    bomb = web.serve("/bomb", gzip.compress(b"a" * 50_000_000), content_encoding="gzip")
    for url in (web.url + "/endless", bomb):
        assert "is too large: more than 1 MB" in corpus_error(url, max_bytes=1_000_000)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1:9/a.txt", "cannot be downloaded"),  # the discard service, which nobody runs
        ("http://no-such-host.invalid/a.txt", "cannot be downloaded"),
        *((url, "") for url in ("http://", "http:///a", "http://[::1", "http://a b/", "http://h:x/", "http://\ud800")),
    ],
)
def test_an_address_that_leads_nowhere_is_refused(web: Web, url: str, message: str) -> None:
    assert message in corpus_error(url)


def test_secrets_in_an_address_are_neither_shown_nor_kept(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_not_to_be_sent")
    secret = web.url.replace("http://", "http://user:pa55@") + "/missing.txt?signature=53cret#fr4gment"
    message = corpus_error(secret)
    web.serve("/missing.txt", b"here")
    corpus = read(secret)
    for word in ("user", "pa55", "53cret", "fr4gment"):
        assert word not in message + repr(corpus)
    assert corpus.text == "here"
    assert "authorization: basic" in web.requests[0].lower()
    assert "hf_not_to_be_sent" not in str(web.requests)


def test_names_of_addresses() -> None:
    assert without_secrets("https://u:p@h.org:8/a/b?x#y") == "https://h.org:8/a/b"
    assert without_secrets("https://h.org?x=1/2@3") == "https://h.org"
    names = {"https://h.org/a/b%C3%A9.txt?x": "bé.txt", "https://h.org/a/": "a", "https://h.org": "h.org"}
    assert {url: url_file_name(url) for url in names} == names
