"""How the page reads a text to train on, in a real browser: encodings, chats, private data, limits, smoothness."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.support import chat_samples, private_samples
from ui.messages import ENGLISH

LONG = "It is a long story, which I tell you in many words.\n" * 4

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def page(web_page: Page) -> Page:
    return web_page


@pytest.fixture(scope="module")
def run(page: Page) -> Run:
    """Runs a function body in the browser with the exports of a module of learn/corpus as `m`, and one argument `x`."""

    def run(module: str, body: str, x: object = None) -> Any:
        script = f"async ([path, x]) => {{ const m = await import(path); {body} }}"
        return page.evaluate(script, [f"/learn/corpus/{module}.js", x])

    return run


@pytest.fixture(scope="module")
def read(run: Run) -> Run:
    """Reads bytes or a text as the page does; returns what was read, or {"refusal": MESSAGE}."""

    def read(source: bytes | str, **options: object) -> Any:
        body = """
          const bytes = x.bytes === null ? null : Uint8Array.from(atob(x.bytes), (each) => each.charCodeAt(0));
          const source = bytes ? new File([bytes], "my.txt") : x.text;
          return m.readText(source, { name: "my.txt", ...x.options }).catch((error) => {
            if (!error.reason) throw error;
            return { refusal: error.reason };
          });"""
        data = base64.b64encode(source).decode() if isinstance(source, bytes) else None
        return run("read", body, {"bytes": data, "text": source if data is None else "", "options": options})

    return read


def refusal(read: Run, source: bytes | str, **options: object) -> dict[str, Any]:
    """Returns the message with which a text is refused; it has a text, and names the file."""
    message: dict[str, Any] = read(source, **options)["refusal"]
    assert message["id"] in ENGLISH
    return message


# encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_text_is_the_same_in_each_encoding(read: Run, encoding: str, line_end: str) -> None:
    text = LONG + "Für Zoë: 👍🏽 \u2028 \x85 \x0c is one line\n\nthe end"
    found = read(text.replace("\n", line_end).encode(encoding))
    assert found["text"] == text
    assert (found["characters"], found["distinct"]) == (len(text), len(set(text)))
    assert found["lines"] == len(text.split("\n"))
    assert (found["chat"], found["notes"], found["private"]) == (None, [], [])


def test_a_text_that_was_pasted_is_read_alike(read: Run) -> None:
    assert read(LONG.replace("\n", "\r\n"))["text"] == LONG
    assert read(LONG)["lines"] == 4


@pytest.mark.parametrize(
    ("data", "id", "values"),
    [
        (b"", "text.empty", {}),
        (b"\xef\xbb\xbf", "text.empty", {}),
        (b"abc", "text.too_short", {"count": 3, "least": 100}),
        (LONG.encode() + b"\nGr\xfc\xdfe", "text.not_utf8", {"byte": "0xFC", "line": 6}),
        ("é".encode() * 40_000 + b"\xe4b" + b"c" * 90_000, "text.not_utf8", {"byte": "0xE4", "line": 1}),
        ("€".encode() * 70_000 + "€".encode()[:2], "text.not_utf8", {"byte": "0xE2", "line": 1}),
        (bytes(range(1, 256)) * 9, "text.not_utf8", {"byte": "0x80", "line": 2}),
        (LONG.encode("utf-32"), "text.encoding", {"encoding": "UTF-32"}),
        (LONG.encode("utf-32-be"), "text.encoding", {"encoding": "UTF-32"}),
        (LONG.encode("utf-16") + b"a", "text.encoding", {"encoding": "UTF-16"}),
        (LONG.encode() + b"\0 a", "text.nul", {"at": len(LONG)}),
        (b"\x1f\x8b\x08" + b"\0" * 99, "text.archive", {"format": "gzip"}),
        (b"%PDF-1.7\n", "text.document", {"format": "PDF"}),
        (b"SQLite format 3\0", "text.table", {"format": "SQLite"}),
        (b"version https://git-lfs.github.com", "text.pointer", {"format": "Git LFS"}),
        (b"\x89PNG\r\n\x1a\n\0", "text.other", {"format": "PNG"}),
        (b'\x10\0\0\0\0\0\0\0{"a": 1}', "text.other", {"format": "safetensors"}),
    ],
)
def test_what_is_no_text_is_refused(read: Run, data: bytes, id: str, values: dict[str, Any]) -> None:
    assert refusal(read, data) == {"id": id, "values": {"name": "my.txt", **values}}


def archive(**files: str) -> bytes:
    """Returns a .zip of files; their names have "." for "_dot_"."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in files.items():
            file.writestr(name.replace("_dot_", "."), text)
    return packed.getvalue()


def test_the_text_of_an_archive_is_read(read: Run) -> None:
    """An iPhone exports a chat as a .zip."""
    found = read(archive(story_dot_txt=LONG, picture_dot_jpg="x"))
    assert (found["text"], found["notes"]) == (LONG, [{"id": "text.unpacked", "values": {"file": "story.txt"}}])
    chat = chat_samples.SAMPLES["iPhone"] * 3
    found = read(archive(a_dot_txt="another text", _chat_dot_txt=chat))
    assert [each["id"] for each in found["notes"]][:2] == ["text.unpacked", "text.chat_read"]


@pytest.mark.parametrize(
    ("data", "id"),
    [
        (archive(a_dot_txt=LONG, b_dot_txt=LONG), "text.archive"),
        (archive(picture_dot_jpg="x"), "text.archive"),
        (archive(**{"word/document_dot_xml": "x"}), "text.document"),
        (archive(a_dot_txt="\0"), "text.nul"),
        (archive(a_dot_txt="a" * 33_000_000), "text.too_large"),
        (archive(a_dot_txt=LONG)[:-30], "files.damaged"),
    ],
)
def test_an_archive_without_one_text_is_refused(read: Run, data: bytes, id: str) -> None:
    assert refusal(read, data)["id"] == id


def test_a_pasted_text_may_hold_neither_nuls_nor_unpaired_surrogates(read: Run, run: Run) -> None:
    assert refusal(read, f"a\0{LONG}")["id"] == "text.nul"
    body = 'return (await m.readText(`\\ud800${x}\\udfff`, { name: "x" })).text'
    assert run("read", body, LONG) == f"\ufffd{LONG}\ufffd"


def test_a_large_file_is_refused_before_it_is_read(run: Run) -> None:
    body = """
      const file = new File([new Uint8Array(x)], "big.txt");
      file.arrayBuffer = file.stream = () => { throw new Error("was read"); };
      return m.readText(file, { name: "big.txt" }).catch((error) => error.reason)"""
    values = {"name": "big.txt", "megabytes": 200, "most": 32}
    assert run("read", body, 200_000_000) == {"id": "text.too_large", "values": values}


def test_a_reading_ends_when_the_visitor_ends_it(run: Run) -> None:
    body = """
      const controller = new AbortController();
      const reading = m.readText("ab c".repeat(3_000_000), { name: "x" }, controller.signal);
      controller.abort();
      return reading.then(() => "read", (error) => error.name)"""
    assert run("read", body) == "AbortError"


def test_characters_that_make_training_hard_are_noted(read: Run) -> None:
    assert [each["id"] for each in read("a" * 100)["notes"]] == ["text.one_character"]
    many = "".join(chr(0x4E00 + n % 3_000) for n in range(9_000))
    assert read(many)["notes"] == [{"id": "text.many_distinct", "values": {"distinct": 3_000}}]
    assert read(many[:2_000])["notes"] == []


def test_a_text_with_too_many_characters_is_refused(read: Run) -> None:
    text = "".join(chr(0x20000 + n) for n in range(65_537))
    values = {"name": "my.txt", "distinct": 65_537, "most": 65_536}
    assert refusal(read, text) == {"id": "text.too_many_distinct", "values": values}
    assert read(text[:-1])["distinct"] == 65_536


# chats


def test_chats_are_read_as_in_python(run: Run) -> None:
    vectors = chat_samples.STORED
    body = """return x.map(({ input, reply_as }) => {
      const found = { kind: m.chatKind(input) };
      try {
        const reader = new m.ChatReader();
        const { text, messages, leftOut } = reader.read(input, "chat.txt");
        const format = reader.format("chat.txt", reply_as);
        const notes = leftOut ? [{ id: "text.chat_left_out", values: { count: leftOut, all: messages } }] : [];
        return { ...found, text, format, notes, senders: reader.senders() };
      } catch (error) {
        return { ...found, error: error.reason?.id ?? `${error}` };
      }
    })"""
    assert len(vectors) > 40
    for vector, found in zip(vectors, run("chats", body, vectors), strict=True):
        assert found == vector["expected"], vector["name"]
        assert found.get("error", "text.chat_read") in ENGLISH


def test_a_chat_is_recognised_and_read_with_its_notes(read: Run) -> None:
    chat = chat_samples.SAMPLES["Android"] + "05/11/2023, 07:10 - Oskar: Yes\n" * 20
    found = read(chat.encode())
    assert found["text"].startswith("A: Who drives?\n")
    assert (found["chat"]["prefix"], found["chat"]["suffix"], found["chat"]["stop"]) == ("A: ", "\n\nB: ", "\n\n")
    assert found["chat"]["senders"][0] == {"name": "Oskar", "called": "B", "messages": 22}
    letters = {"asks": "Priya", "asks_letter": "A", "replies": "Oskar", "replies_letter": "B"}
    assert found["notes"] == [
        {"id": "text.chat_read", "values": {"count": 24, "senders": 3, "replies": "Oskar", "asks": "Priya"}},
        {"id": "text.chat_letters", "values": letters},
        {"id": "text.chat_left_out", "values": {"count": 5, "all": 29}},
    ]
    assert found["private"] == [{"id": "private.conversation"}]
    assert found["chat"]["replyAs"] == "Oskar"
    other = read(chat, replyAs="Priya")["chat"]
    assert (other["suffix"], other["replyAs"]) == ("\n\nA: ", "Priya")
    assert refusal(read, chat, replyAs="Nobody")["id"] == "text.chat_no_speaker"


def test_a_chat_can_be_read_as_it_is(read: Run) -> None:
    chat = chat_samples.SAMPLES["Android"]
    found = read(chat, chat=False)
    assert (found["text"], found["chat"]) == (chat, None)
    assert found["notes"] == [{"id": "text.chat_whatsapp", "values": {"name": "my.txt"}}]
    assert "private.chat" in [each["id"] for each in found["private"]]


def test_a_chat_that_cannot_be_read_is_a_text(read: Run) -> None:
    alone = "05/11/2023, 07:04 - Priya: one\n" * 5
    found = read(alone)
    assert found["text"] == alone
    reason = {"id": "text.chat_one_speaker", "values": {"name": "my.txt", "speaker": "Priya"}}
    assert found["notes"] == [{"id": "text.chat_not_read", "values": {"reason": reason}}]
    assert refusal(read, alone, chat=True) == reason
    assert refusal(read, LONG, chat=True) == {"id": "text.chat_unknown", "values": {"name": "my.txt", "line": 1}}


def test_a_deeply_nested_file_is_refused_in_one_line(read: Run) -> None:
    assert refusal(read, "[" * 100_000 + "]" * 100_000, chat=True)["id"] in ("text.chat_nested", "text.chat_empty")


# what looks private


def test_what_looks_private_is_found_as_in_python(run: Run) -> None:
    vectors = private_samples.STORED
    body = """
      const findings = (text) => Array.from(m.scan(text), (each) => [each.kind, each.line, each.excerpt]);
      return x.map(({ parts }) => findings(parts.join("")))"""
    assert len(vectors) > 100
    for vector, found in zip(vectors, run("privacy", body, vectors), strict=True):
        assert found == vector["found"], vector["name"]
        assert all(f"private.{kind}" in ENGLISH for kind, _, _ in found)


def test_the_summary_counts_each_kind_and_repeats_nothing(run: Run) -> None:
    text = f"{LONG}ada@kurz.de\n+49 171 9018234\neva@kurz.de ida@kurz.de\n{private_samples.SAMPLES['GitHub token']}\n"
    found = run("privacy", "return m.privateIn(x)", text)
    assert found == [
        {"id": "private.email", "values": {"count": 3, "line": 5, "excerpt": "ad…@ku…"}},
        {"id": "private.phone", "values": {"count": 1, "line": 6, "excerpt": "+49…"}},
        {"id": "private.token", "values": {"count": 1, "line": 8, "excerpt": "ghp_…", "service": "GitHub"}},
    ]


@pytest.mark.parametrize(
    "unit",
    [
        "a", "@", "a@a.", " me@here.org", "2", "+1 2 ", "+49 30 901820\n", "(212) ", "tel ", "tel: 1(2", "eyJ",
        "eyJaaaaaaaa.", "sk-proj-", "xoxb-", "AKIA2222222222222222", "-----BEGIN PRIVATE KEY-----", "://a:b@", "\n",
        " ", "01719018234 ", "DE89 ", "ab12 cd34 ", "4111 1111 ", "password=", "secret:", "PASSWORD=a1", "a@b=\n",
        "@ü.", ":AA", "MAAAA", ".aaaaaa.", "31/12/2021, 23:59 - ", '"from_id": "', "12345678 ", "<",
        "[31/12/2021, 11:59 ",
    ],
)  # fmt: skip
def test_the_time_is_linear_for_any_text(run: Run, page: Page, unit: str) -> None:
    """A quadratic search would take minutes, and the test would end at its limit of time."""
    body = """const text = `31/12/2021, 23:59 - A: ${x.repeat(200_000 / x.length)}\\n31/12/2021, 23:59 - B: b\\n`;
      const { readAll } = await import("/learn/corpus/reading.js");
      return readAll(text, { name: "x" }).characters + Array.from(m.scan(text)).length"""
    assert run("privacy", body, unit) > 0


# the page meanwhile


def test_the_page_stays_smooth_while_a_large_text_is_read(run: Run) -> None:
    """The main thread has no task of its own meanwhile: messages to itself are answered all the time."""
    body = """
      const text = x.repeat(5_000_000 / x.length);
      let [turns, done] = [0, false];
      const reading = m.readText(new Blob([text]), { name: "x" }).finally(() => (done = true));
      while (!done) { await new Promise((go) => setTimeout(go)); turns++; }
      const { characters, private: found } = await reading;
      return { turns, characters, ids: found.map((each) => each.id) }"""
    line = "On 3/4/1848 Ada paid 12.50 for it; write to ada@kurz.de, or call 0171 9018234.\n"
    found = run("read", body, line)
    assert found["characters"] == 5_000_000 // len(line) * len(line)
    assert sorted(found["ids"]) == ["private.email", "private.phone"]
    assert found["turns"] > 20


def test_the_examples_can_be_read(page: Page, run: Run) -> None:
    body = """
      const { readText } = await import("/learn/corpus/read.js");
      const read = async (example) => [example, await readText(await m.fetchExample(example), { name: "x" })];
      return Promise.all(m.EXAMPLES.map(read))"""
    found = run("examples", body)
    assert len(found) == 3
    for example, text in found:
        assert {example["name"]["id"], example["origin"]["id"]} <= set(ENGLISH)
        assert text["characters"] > 2_500
    assert [bool(text["chat"]) for _, text in found] == [False, False, True]
