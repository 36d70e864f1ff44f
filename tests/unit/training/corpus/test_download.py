"""Texts from http addresses: a real server in a thread, and each way in which it can disturb a download."""

from __future__ import annotations

import contextlib
import gzip
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.corpus_errors import corpus_error
from training.corpus.decode import CorpusError
from training.corpus.download import public_url, url_file_name
from training.corpus.reader import Corpus, read_corpus

Answer = Callable[[BaseHTTPRequestHandler], None]


class Web:
    """The answers of a local server by path, and the headers of every request."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.released = threading.Event()
        self.url = ""

    def serve(self, path: str, body: bytes = b"", status: int = 200, length: int | None = None, **headers: str) -> str:
        """Serves a body at a path and returns the address; `length` is a false size."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(status)
            for name, value in {"content-length": str(length or len(body)), **headers}.items():
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
            path = self.path.partition("?")[0]
            web.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the client has seen enough
                web.answers.get(path, lambda request: request.send_error(404))(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield web
    web.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


def read(url: str, **options: int) -> Corpus:
    return read_corpus([url], **options)  # type: ignore[arg-type]


def test_a_text_is_read_from_an_address(web: Web) -> None:
    url = web.serve("/books/a%20b.txt", "\ufeffÆsop\r\n".encode(), content_type="text/plain; charset=utf-8")
    corpus = read(url)
    assert corpus.text == "Æsop\n"
    assert corpus.files == ("a b.txt",)
    assert corpus.name == "a-b"
    assert web.url not in repr(corpus)


def test_a_compressed_body_is_decompressed(web: Web) -> None:
    packed = gzip.compress(b"text " * 1000)
    assert read(web.serve("/a", packed, content_encoding="gzip")).text == "text " * 1000
    assert "the compressed data of " in corpus_error(web.serve("/b", b"no gzip", content_encoding="gzip"))
    assert read(web.serve("/a.txt.gz", packed)).text == "text " * 1000


def test_redirects_are_followed_but_not_for_ever(web: Web) -> None:
    web.serve("/to", b"there")
    assert read(web.serve("/from", status=302, location="/to")).text == "there"
    assert "redirects more than 10 times" in corpus_error(web.serve("/loop", status=302, location="/loop"))
    assert "not an address" in corpus_error(web.serve("/file", status=302, location="file:///etc/hostname"))


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "does not exist (404)"),
        (410, "does not exist (410)"),
        (401, "may not be read without a login (401)"),
        (403, "may not be read without a login (403)"),
        (429, "try again later"),
        (500, "the server answered 500"),
        (503, "try again later"),
        (204, "gave no text"),
        (418, "the server answered 418"),
        (304, "the server answered 304"),
    ],
)
def test_each_status_has_its_message(web: Web, status: int, message: str) -> None:
    assert message in corpus_error(web.serve("/a.txt", status=status))


def test_a_web_page_around_a_text_is_refused_and_the_raw_address_suggested(web: Web) -> None:
    page = web.serve("/user/repo/blob/main/a.txt", b"<html>", content_type="Text/HTML; charset=utf-8")
    message = corpus_error(page)
    assert "is a web page that shows a text" in message
    assert f"perhaps {web.url}/user/repo/raw/main/a.txt" in message


def test_a_web_page_is_read_as_its_text(web: Web) -> None:
    page = "<!doctype html><title>Tee</title><script>x</script><p>Grüße &amp; Küsse<p>zwei".encode("latin-1")
    assert (
        read(web.serve("/page", page, content_type="text/html; charset=iso-8859-1")).text
        == "Tee\n\nGrüße & Küsse\n\nzwei\n"
    )
    assert read(web.serve("/source.txt", b"<html>", content_type="text/plain")).text == "<html>"
    assert read(web.serve("/text", b"no page", content_type="text/html")).text == "no page"


def test_the_charset_of_a_server_is_used_for_what_is_not_utf8(web: Web) -> None:
    corpus = read(web.serve("/a.txt", "„Grüße“\n".encode("cp1252"), content_type="text/plain; charset=iso-8859-1"))
    assert corpus.text == "„Grüße“\n"
    assert corpus.warnings == (f"{web.url}/a.txt is read as cp1252",)
    assert read(web.serve("/b.txt", "Grüße".encode(), content_type="text/plain; charset=iso-8859-1")).text == "Grüße"
    assert "is not UTF-8" in corpus_error(web.serve("/c.txt", b"\xe9\xe9", content_type="text/plain; charset=none"))


def test_a_silent_server_times_out(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.corpus.download.READ_TIMEOUT_S", 1.5)  # a busy machine answers in less

    def half(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("content-length", "2000")
        request.end_headers()
        request.wfile.write(b"x" * 1000)
        web.released.wait(20)

    def silent(request: BaseHTTPRequestHandler) -> None:
        web.released.wait(20)

    web.answers["/silent"] = silent
    web.answers["/half"] = half
    assert "did not answer in time: " in corpus_error(web.url + "/silent")
    assert "did not answer in time after 1 kB: " in corpus_error(web.url + "/half")


def test_a_broken_connection_is_an_error(web: Web) -> None:
    assert "a.txt broke after 500 bytes" in corpus_error(web.serve("/a.txt", b"x" * 500, length=1000))


class Cut:
    """A body whose connection breaks after every so many bytes, on a server that can resume."""

    def __init__(self, body: bytes, every: int, *, ranges: bool = True, tag: str = '"one"') -> None:
        self.body, self.every, self.ranges, self.tag = body, every, ranges, tag
        self.changed = False

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("range", "")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.ranges else 0
        if asked:
            assert request.headers["if-range"] == self.tag
        if asked and self.changed:
            start, self.tag = 0, '"two"'
        request.send_response(206 if start else 200)
        if start:
            request.send_header("content-range", f"bytes {start}-{len(self.body) - 1}/{len(self.body)}")
        if self.tag:
            request.send_header("etag", self.tag)
        request.send_header("content-length", str(len(self.body) - start))
        request.end_headers()
        end = len(self.body) if asked and not self.ranges else start + self.every
        request.wfile.write(self.body[start:end])
        request.wfile.flush()
        request.connection.shutdown(2)


@pytest.fixture
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.corpus.download.RETRY_WAITS_S", (0.01, 0.01))


@pytest.mark.usefixtures("_short_waits")
def test_a_broken_download_is_resumed_and_the_wait_reported(web: Web) -> None:
    body = "".join(f"line {number}, ünd möre\n" for number in range(30_000)).encode()
    web.answers["/a.txt"] = Cut(body, every=200_001)
    reports: list[tuple[str, int, int | None]] = []
    corpus = read_corpus([web.url + "/a.txt"], progress=lambda *report: reports.append(report))
    assert corpus.text.encode() == body
    assert reports[-1] == (web.url + "/a.txt", len(body), len(body))
    assert (web.url + "/a.txt (connection lost, retrying in 1 s)", 200_001, len(body)) in reports
    assert [headers.get("range") for _, headers in web.requests][1:] == [
        f"bytes={start}-" for start in range(200_001, len(body), 200_001)
    ]


@pytest.mark.usefixtures("_short_waits")
def test_without_ranges_a_download_starts_again(web: Web) -> None:
    body = b"some text\n" * 50_000
    web.answers["/a.txt"] = Cut(body, every=300_000, ranges=False)
    assert read(web.url + "/a.txt").text.encode() == body
    assert len(web.requests) == 2


@pytest.mark.usefixtures("_short_waits")
def test_two_versions_are_never_mixed(web: Web) -> None:
    web.answers["/a.txt"] = cut = Cut(b"some text\n" * 50_000, every=300_000)
    cut.changed = True
    assert "changed while it was downloaded: try again" in corpus_error(web.url + "/a.txt")
    web.answers["/b.txt"] = Cut(b"some text\n" * 50_000, every=300_000, tag="")  # nobody could tell
    assert "broke after 300 kB" in corpus_error(web.url + "/b.txt")


@pytest.mark.usefixtures("_short_waits")
def test_a_connection_that_keeps_breaking_is_an_error(web: Web) -> None:
    web.answers["/a.txt"] = cut = Cut(b"some text\n" * 50_000, every=300_000)

    def nothing_more(request: BaseHTTPRequestHandler) -> None:
        if "range" in request.headers:
            request.connection.shutdown(2)
        else:
            cut(request)

    web.answers["/a.txt"] = nothing_more
    assert "broke after 300 kB" in corpus_error(web.url + "/a.txt")
    assert len(web.requests) == 3


def test_a_body_over_the_limit_is_refused_with_and_without_a_length(web: Web) -> None:
    announced = web.serve("/large", b"", length=10**12)
    assert "is too large: 1e+03 GB" in corpus_error(announced)

    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while not web.released.is_set():
            request.wfile.write(b"x" * 65_536)

    web.answers["/endless"] = endless
    assert "is too large: more than 1 MB" in corpus_error(web.url + "/endless", max_bytes=1_000_000)
    bomb = web.serve("/bomb", gzip.compress(bytes(50_000_000)), content_encoding="gzip")
    assert "is too large: more than 1 MB" in corpus_error(bomb, max_bytes=1_000_000)


def test_an_empty_body_is_refused(web: Web) -> None:
    assert "is empty" in corpus_error(web.serve("/empty.txt"))


def test_an_unreachable_host_is_refused(web: Web) -> None:
    closed = "http://127.0.0.1:9"  # the discard service, which nobody runs
    assert "cannot be reached" in corpus_error(f"{closed}/a.txt")
    assert "cannot be reached" in corpus_error("http://no-such-host.invalid/a.txt")


@pytest.mark.parametrize(
    "url", ["http://", "http:///a", "https://[::1", "http://a b/", "http://host:x/", "http://\ud800"]
)
def test_an_invalid_address_is_refused(url: str) -> None:
    assert corpus_error(url)  # raises no other error


def test_secrets_in_an_address_are_neither_shown_nor_kept(web: Web) -> None:
    secret = web.url.replace("http://", "http://user:pa55@") + "/missing.txt?signature=53cret#fr4gment"
    message = corpus_error(secret)
    web.serve("/missing.txt", b"here")
    corpus = read(secret)
    for word in ("user", "pa55", "53cret", "fr4gment"):
        assert word not in message
        assert word not in repr(corpus)
    assert corpus.text == "here"
    assert "authorization" in web.requests[0][1]


def test_no_token_goes_to_an_address(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_not_to_be_sent")
    read(web.serve("/a.txt", b"text"))
    assert "hf_not_to_be_sent" not in str(web.requests)


def test_progress_is_reported(web: Web) -> None:
    url = web.serve("/a.txt", b"x" * 300_000)
    reports: list[tuple[str, int, int | None]] = []
    read_corpus([url], progress=lambda *report: reports.append(report))
    assert reports[-1] == (url, 300_000, 300_000)
    assert [done for _, done, _ in reports] == sorted(done for _, done, _ in reports)
    assert reports[0][2] == 300_000


def test_nothing_is_downloaded_when_another_source_is_missing(web: Web) -> None:
    url = web.serve("/a.txt", b"x")
    with pytest.raises(CorpusError, match="there is no file"):
        read_corpus([url, "no-such-file.txt"])
    assert web.requests == []


def test_addresses_and_files_mix_in_the_order_typed(web: Web) -> None:
    corpus = read_corpus([web.serve("/b.txt", b"b"), web.serve("/a.txt", b"a")])
    assert corpus.text == "b\na"
    assert corpus.name == "b-and-1-more"


def test_names_of_addresses() -> None:
    assert public_url("https://u:p@h.org:8/a/b?x#y") == "https://h.org:8/a/b"
    assert public_url("https://h.org?x=1/2@3") == "https://h.org"
    assert url_file_name("https://h.org/a/b%C3%A9.txt?x") == "bé.txt"
    assert url_file_name("https://h.org/a/") == "a"
    assert url_file_name("https://h.org") == "h.org"
