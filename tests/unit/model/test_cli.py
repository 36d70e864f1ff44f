"""``python -m model`` in a terminal and in a pipe; a few tests run the real program."""

import io
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import pytest

from model import PRETRAINED, Blend, ChatFormat, __version__, adapted, generate, occlusion, score, score_adapting
from model.__main__ import main
from model.checkpoint.names import bundled_names, bundled_spec
from model.checkpoint.record import TrainingRecord
from tests.support.platforms import posix_only
from tests.support.tiny_models import ALPHABET, tiny_model

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny_model().save_pretrained(folder)
    return folder


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command with the tiny model; returns its status, and what it wrote to standard output and error."""

    def run(*words: object, stdin: bytes = b"", model: object = folder) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        given = [f"--model={model}"] if model and words and words[0] != "scoer" else []
        status = main([*map(str, words[:1]), *given, *map(str, words[1:])])
        return (status, *capsys.readouterr())

    return run


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        (["ROMEO:"], {}),
        ([], {}),
        (["two\nlines", "--temperature=1.5", "--top-k=9", "--top-p=0.9", "--min-p=0.01", "--stop=C"],
         {"temperature": 1.5, "top_k": 9, "top_p": 0.9, "min_p": 0.01, "stop": "C"}),
        (["A", "--hold=1,5,-4", "--hold", "0,3,1e-5"], {"clamps": [(1, 5, -4), (0, 3, 1e-5)]}),
        (["A", "--precision=float32"], {"precision": "float32"}),
        (["--stop=-z", "--", "-x"], {"stop": "-z"}),
    ],
)  # fmt: skip
def test_generate_writes_the_text_of_the_python_function(run: Command, lm, words: list[str], settings: dict[str, Any]):
    status, out, err = run("generate", "--length=60", "--seed=7", *words)
    prompt = words[-1] if "--" in words else words[0] if words else ""
    assert (status, out) == (0, generate(lm, prompt, 60, seed=7, unknown="skip", **settings))
    assert "--seed=7 generates the same text again" in err


def test_two_models_write_together(run: Command, lm, tmp_path: Path):
    other = tiny_model(ALPHABET + "ä", hidden=9, layers=1, seed=4)
    other.save_pretrained(tmp_path)
    for share, words in ((0.5, []), (0.25, ["--share=0.25"])):
        out = run("generate", "A", "--length=60", "--seed=7", f"--blend-with={tmp_path}", *words)[1]
        assert out == generate(Blend(lm, other, share), "A", 60, seed=7)


def test_chat_wraps_the_prompt_and_ends_at_the_turns_end(run: Command, lm, tmp_path: Path):
    chat = replace(lm, chat=ChatFormat("A: ", "\nB: ", "\n"))
    chat.save_pretrained(tmp_path)
    words = ["generate", "Hi", "--chat", "--length=2000", "--seed=1"]
    out = run(*words, model=tmp_path)[1]
    assert out == generate(chat, "A: Hi\nB: ", 2000, seed=1, stop="\n")
    assert len(out) < 2000
    status, _, err = run(*words)
    assert (status, "was not trained on conversations: omit --chat" in err) == (2, True)


def test_line_ends_and_a_byte_order_mark_are_read_as_training_reads_them(run: Command, lm):
    """`generate -` reported CR as an unknown character, where `score` took it."""
    data = b"\xef\xbb\xbfTo\r\nbe\r"
    status, out, err = run("generate", "-", "--length=20", "--seed=3", stdin=data)
    assert (status, out, "notice" in err) == (0, generate(lm, "To\nbe\n", 20, seed=3), False)
    assert run("score", "-", stdin=data) == run("score", "-", stdin=b"To\nbe\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["generate", "--temperature=nan"], "temperature is nan: it must be a number from 0 to 5"),
        (["generate", "--chat", "--stop=x"], "--chat stops at the end of the reply: omit --stop"),
        (["generate", "--model=user/name@"], "names no revision"),
        (["generate", "--model="], "there is no folder '' here, and it is not a model's name on the Hub"),
        (["generate", "--hold=0,0,x"], "a clamp has the value 'x': it must be a number from -8 to 8"),
        (["generate", "--adapt=x", f"--blend-with={PRETRAINED}"], "--adapt changes the weights of one model"),
        (["generate", "--share=0.5"], "--share needs a second model: add --blend-with MODEL"),
        (["generate", "--tempreature=1"], "did you mean --temperature?"),
        (["generate", "--precision=int4"], "did you mean int8?"),
        (["score", "x", "--per-char"], "did you mean --per-character? (see python -m model score --help)"),
        (["score", "missing.txt"], "cannot read 'missing.txt': No such file"),
        ([], "COMMAND"),
        (["scoer", "x"], "did you mean score?"),
        (["why", ""], "TEXT is empty"),
        (["why", "abc", "--at=3"], "--at is 3: it must be from 0 to 2"),
    ],
)  # fmt: skip
def test_an_error_of_the_user_is_one_line(run: Command, words: list[str], message: str):
    status, out, err = run(*words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: ")
    assert message in err


def test_help_and_version(capsys):
    for words in (["--version"], ["--help"], ["generate", "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"char-lstm {__version__}\n")
    assert all(name in out for name in ("generate", "score", "why", "info", "list", "--top-k", "(default 0.8)"))


def test_score_prints_nats_and_bits_or_those_of_each_character(run: Command, lm, tmp_path: Path):
    path, text = tmp_path / "text.txt", "aéb\n"
    path.write_text(text, encoding="utf-8")
    result, (_, out, _) = score(lm, text), run("score", path)
    for printed in (f"{result.nats:.4f} per", f"{result.bpc:.4f} per", f"{result.bpc * 3:,.0f} bits", "'é'"):
        assert printed in out
    _, out, err = run("score", path, "--per-character")
    bits = result.bits
    assert out.splitlines() == [f'{bits[0]:.4f}\t"a"', 'unknown\t"é"', f'{bits[2]:.4f}\t"b"', f'{bits[3]:.4f}\t"\\n"']
    assert "nats" in err


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty: give another text"),
        ("éé".encode(), "has no character that the model knows: give another text"),
        (b"good\xff", "is not UTF-8: byte 4 is 0xff"),
    ],
)
def test_score_of_nothing_that_it_can_read_is_an_error(run: Command, data: bytes, reason: str):
    status, _, err = run("score", "-", stdin=data)
    assert (status, err) == (2, f"error: standard input {reason}\n")


def test_score_and_generate_adapt_to_a_text(run: Command, lm, tmp_path: Path):
    path = tmp_path / "text.txt"
    path.write_text("To be, or not to be.\n" * 20, encoding="utf-8")
    assert f"{score_adapting(lm, path.read_text()).nats:.4f} per character" in run("score", path, "--adapt")[1]
    _, out, err = run("generate", "To", "--length=40", "--seed=1", f"--adapt=@{path}")
    assert out == generate(adapted(lm, path.read_text()), "To", 40, seed=1) != generate(lm, "To", 40, seed=1)
    assert "learned from 420 characters" in err


def test_why_prints_how_much_each_character_mattered(run: Command, lm):
    _, out, err = run("why", "-", "--at=6", stdin="ROM\u6f22EO:\nx".encode())
    found = occlusion(lm, "ROM\u6f22EO:", 6)
    lines = [line.split("\t") for line in out.splitlines()]
    assert [json.loads(character) for _, character in lines] == list("ROM\u6f22EO")
    assert [float(change) for change, _ in lines] == pytest.approx(found.changes, abs=1e-4)
    assert f'":" at 6: {found.bits:.4f} bits' in err


def test_info_describes_a_model_and_prints_nothing_that_a_terminal_executes(run: Command, lm, tmp_path: Path):
    hostile = {"\x1b[31mred\u202e": "\x9b2J\u202e", "corpus": "a\x1b]0;title\x07"}
    record = {**hostile, "val_loss": 0.1634854153485644, "recipe": {"lr": 0.008, "dropout_in": 1 / 3}, "repo": ""}
    replace(lm, training=cast(TrainingRecord, record)).save_pretrained(tmp_path)
    out = run("info", model=tmp_path)[1]
    for printed in (f"{lm.config.parameters:,}", "2 layers of 12 cells", "58 characters", "training corpus", "red"):
        assert printed in out
    lines = [line.split(maxsplit=2)[1:] for line in out.splitlines()]
    assert lines[-2:] == [["val_loss", "0.16349"], ["recipe", '{"lr": 0.008, "dropout_in": 0.33333}']]
    assert not [c for c in out if not c.isprintable() and c != "\n"]


def test_info_for_a_bug_has_the_versions_and_nothing_of_the_user(run: Command):
    code, out, _ = run("info", "--bug")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()][:3] == ["char-lstm", "Python", "system"]
    assert version("torch") in out
    assert str(Path.home()) not in out
    assert platform.node() not in out


def test_list_names_the_bundled_models(run: Command):
    names = [bundled_spec(name) for name in bundled_names()]
    assert [line.split()[0] for line in run("list", model=None)[1].splitlines()] == names


@posix_only
@pytest.mark.slow
def test_ctrl_c_keeps_the_generated_text(tmp_path: Path):
    """The text is UTF-8 whatever the encoding of the system, and so is the printed command."""
    lm = tiny_model("абв \n")
    lm.save_pretrained(tmp_path / "русский")
    words = ["generate", "аб", "--length=10000000", "--seed=2", f"--model={tmp_path}/русский"]
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "bufsize": 0}
    with subprocess.Popen([sys.executable, "-m", "model", *words], cwd=ROOT, env=environment, **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = b""
        while len(first) < 300:  # the text is streamed: the first characters come long before the end
            first += process.stdout.read(300)
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=60)
    text = (first + rest).decode()
    assert (process.returncode, text) == (130, generate(lm, "аб", len(text), seed=2))
    assert b"Traceback" not in err
    assert b"--seed=2" in err


@posix_only
def test_a_closed_pipe_is_no_error(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert main(["generate", "A", f"--model={folder}", "--length=10000"]) == 141
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_the_prompt_and_no_control_characters(run: Command, tmp_path: Path, monkeypatch):
    """A model that learned escape sequences must not steer the terminal."""
    tiny_model("\x1b\x9b[2Jaé\n").save_pretrained(tmp_path)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    status, shown, _ = run("generate", "aé", "--length=300", "--temperature=5", model=tmp_path)
    prompt = "\x1b[1maé\x1b[0m"
    written = shown.removeprefix(prompt)
    assert (status, shown.startswith(prompt), "\ufffd" in written, shown[-1]) == (0, True, True, "\n")
    assert not {"\x1b", "\x9b"} & set(written)
