"""``python -m model`` in a terminal and in a pipe; a few tests run the real program."""

from __future__ import annotations

import io
import json
import math
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from model import (
    PRETRAINED,
    Blend,
    CharLSTM,
    ChatFormat,
    __version__,
    adapted,
    generate,
    occlusion,
    score,
    score_adapting,
)
from model.__main__ import main
from model.checkpoint.record import TrainingRecord
from model.settings import SETTINGS
from tests.support.platforms import posix_only
from tests.support.tiny_models import ALPHABET, tiny_model

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "model"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny_model().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def lm(folder) -> CharLSTM:
    return CharLSTM.from_pretrained(folder)


@pytest.fixture
def set_stdin(monkeypatch):
    def set_text(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return set_text


def test_generate_writes_only_the_text_when_piped(folder, lm, capfdbinary):
    assert main(["generate", "ROMEO:", "--length=50", "--seed=1", f"--model={folder}"]) == 0
    out, err = capfdbinary.readouterr()
    assert out.decode() == generate(lm, "ROMEO:", 50, seed=1)
    assert b"seed 1" in err


def test_every_setting_reaches_the_sampler(folder, lm, capsys):
    whole = generate(lm, "A", 400, temperature=1.5, top_k=9, top_p=0.9, min_p=0.01, seed=7)
    stop = whole[100:105]
    settings = [
        "--temperature=1.5",
        "--top-k=9",
        "--top-p=0.9",
        "--min-p=0.01",
        "--seed=7",
        f"--stop={stop}",
        "--length=400",
    ]
    assert main(["generate", "A", *settings, f"--model={folder}"]) == 0
    assert capsys.readouterr().out == whole[: whole.index(stop)]


@pytest.mark.parametrize("prompt", ["", "ROMEO:", "it's $HOME", "-x", "two\nlines", "--seed"])
def test_the_printed_command_reproduces_the_text(folder, capsys, prompt):
    assert main(["generate", "--length=40", "--temperature=0.3", f"--model={folder}", "--stop=-z", "--", prompt]) == 0
    first = capsys.readouterr()
    again = shlex.split(first.err.partition("again: ")[2])
    assert again[:4] == ["python", "-m", "model", "generate"]
    assert main(again[3:]) == 0
    assert capsys.readouterr().out == first.out


def test_clamps_are_in_the_printed_command(folder, lm, capsys):
    held = ["--hold=1,5,-4", "--hold", "0,3,1e-5"]
    assert main(["generate", "A", "--length=60", "--seed=7", *held, f"--model={folder}"]) == 0
    written = capsys.readouterr()
    assert written.out == generate(lm, "A", 60, seed=7, clamps=[(1, 5, -4), (0, 3, 1e-5)])
    assert main(shlex.split(written.err.partition("again: ")[2])[3:]) == 0
    assert capsys.readouterr().out == written.out


@pytest.mark.parametrize("share", [[], ["--share=0.25"]])
def test_a_blend_is_in_the_printed_command(folder, lm, tmp_path, capsys, share):
    other = tiny_model(ALPHABET + "ä", hidden=9, layers=1, seed=4)
    other.save_pretrained(tmp_path / "other")
    asked = ["generate", "A", "--length=60", "--seed=7", f"--model={folder}", f"--blend-with={tmp_path}/other", *share]
    assert main([*asked, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["text"] == generate(Blend(lm, other, 0.25 if share else 0.5), "A", 60, seed=7)
    assert [printed[name] for name in ("model", "blend_with", "blend_commit", "share")] == [
        "tiny", "other", None, 0.25 if share else 0.5]  # fmt: skip
    assert main(shlex.split(printed["again"])[3:]) == 0
    assert capsys.readouterr().out == printed["text"]


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_the_precision_is_in_the_printed_command(folder, lm, capsys, precision):
    assert main(["generate", "A", "--seed=7", f"--precision={precision}", f"--model={folder}"]) == 0
    written = capsys.readouterr()
    assert written.out == generate(lm, "A", seed=7, precision=precision)
    assert f"--precision={precision}" in written.err


def test_chat_wraps_the_prompt_and_ends_at_the_turns_end(tmp_path, lm, capsys):
    lm = replace(lm, chat=ChatFormat("A: ", "\nB: ", "\n"))
    lm.save_pretrained(tmp_path)
    words = ["generate", "Hi", "--chat", "--length=2000", "--seed=1", f"--model={tmp_path}"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert out == generate(lm, "A: Hi\nB: ", 2000, seed=1, stop="\n")
    assert len(out) < 2000
    again = shlex.split(err.partition("again: ")[2])
    assert "--chat" in again
    assert main(again[3:]) == 0
    assert capsys.readouterr().out == out
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["finish_reason"] == "stop"
    assert main(["info", f"--model={tmp_path}"]) == 0
    assert '"suffix": "\\nB: "' in capsys.readouterr().out
    assert main([*words, "--stop=x"]) == 2
    assert "--chat stops at the end of the reply: omit --stop" in capsys.readouterr().err


def test_chat_with_a_model_without_a_chat_format_is_refused_in_one_line(folder, capsys):
    assert main(["generate", "Hi", "--chat", f"--model={folder}"]) == 2
    assert "was not trained on conversations: omit --chat" in capsys.readouterr().err


def test_two_runs_without_a_seed_differ(folder, capsys):
    texts = set()
    for _ in range(2):
        main(["generate", f"--model={folder}", "--length=100"])
        texts.add(capsys.readouterr().out)
    assert len(texts) == 2


def test_a_dash_reads_the_prompt_from_standard_input(folder, lm, capsys, set_stdin):
    set_stdin(b"ROMEO:\n")
    assert main(["generate", "-", "--length=20", "--seed=3", f"--model={folder}"]) == 0
    assert capsys.readouterr().out == generate(lm, "ROMEO:\n", 20, seed=3)


def test_unknown_characters_are_reported(folder, capsys):
    assert main(["generate", "né né", "--length=5", f"--model={folder}"]) == 0
    assert "'é' (2 times)" in capsys.readouterr().err


def test_generate_json_has_all_fields_of_a_reply(folder, lm, capsys):
    assert main(["generate", "Aé", "--length=20", "--seed=4", "--json", f"--model={folder}"]) == 0
    reply = json.loads(capsys.readouterr().out)
    assert reply["text"] == generate(lm, "A", 20, seed=4)
    assert (reply["prompt"], reply["seed"], reply["finish_reason"]) == ("Aé", 4, "length")
    assert (reply["model"], reply["commit"], reply["unknown"]) == ("tiny", None, ["é"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--temperature=nan"], "temperature is nan"),
        (["--temperature=abc"], "temperature is 'abc'"),
        (["--temperature=-1"], "temperature is -1"),
        (["--length=0"], "length is 0"),
        (["--length=12.7"], "length is 12.7"),
        (["--length=" + "9" * 5000], "length is"),
        (["--length=10000001"], "10,000,000"),
        (["--seed=4294967296"], "seed is 4294967296"),
        (["--top-k=-1"], "top_k is -1"),
        (["--top-p=0"], "top_p is 0"),
        (["--min-p=2"], "min_p is 2"),
        (["--stop=" + "x" * 101], "stop is"),
        (["--model=./nowhere"], "there is no folder './nowhere'"),
        (["--model=user/name@"], "names no revision"),
        (["--model=a/b/c"], "a/b/c"),
        (["--model="], "the name of the model is empty"),
        (["--hold=2,0,1"], "a clamp names layer 2: this model has layers 0 to 1"),
        (["--hold=0,0"], "a clamp is (0, 0): it must be a layer, a cell and a value"),
        (["--hold=0,0,x"], "a clamp has the value 'x': it must be a number from -8 to 8"),
        (["--hold=0,0,1", f"--blend-with={PRETRAINED}"], "the cells of a blend cannot be clamped"),
        (["--share=0.5"], "--share needs a second model: add --blend-with MODEL"),
        (["--share=2", f"--blend-with={PRETRAINED}"], "share is 2: it must be a number from 0 to 1"),
        (["--blend-with=./nowhere"], "there is no folder './nowhere'"),
        (["--nonsense"], "--nonsense"),
        (["a", "b"], "unrecognized arguments: b"),
        (["\udcff"], "the prompt is not UTF-8"),
    ],
)
def test_an_invalid_value_is_refused_in_one_line(capsys, arguments, message):
    assert main(["generate", *arguments]) == 2
    out, err = capsys.readouterr()
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
    assert out == ""


@pytest.mark.parametrize("arguments", [[], ["sing"], ["score"], ["generate", "--leng=5"]])
def test_an_invalid_command_line_is_refused_in_one_line(capsys, arguments):
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (["generate", "--tempreature=1"], "--temperature"),
        (["generate", "--topk", "5"], "--top-k"),
        (["scoer", "x"], "score"),
        (["generate", "--precision=int4"], "int8"),
        (["score", "x", "--per-char"], "--per-character"),
    ],
)
def test_a_misspelled_option_or_command_gets_a_suggestion(capsys, arguments, suggestion):
    assert main(arguments) == 2
    assert f"did you mean {suggestion}?" in capsys.readouterr().err


def test_the_version_is_that_of_the_package(capsys):
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'\nversion = "{__version__}"\n' in pyproject
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"char-lstm {__version__}\n"


def test_help_lists_the_commands_and_every_setting_with_its_default(capsys):
    for arguments in (["--help"], ["generate", "--help"]):
        with pytest.raises(SystemExit):
            main(arguments)
    out = capsys.readouterr().out
    assert all(name in out for name in ("generate", "score", "why", "info"))
    for name in SETTINGS:
        assert f"--{name.replace('_', '-')} " in out
    assert "(default 0.8)" in out


def test_why_prints_a_line_for_each_character_that_is_left_out(folder, lm, capsys, set_stdin):
    set_stdin("ROM\u6f22EO:\n".encode())
    assert main(["why", "-", "--window=5", f"--model={folder}"]) == 0
    out, err = capsys.readouterr()
    found = occlusion(lm, "ROM\u6f22EO:", 6, 5)
    lines = [line.split("\t") for line in out.splitlines()]
    assert [json.loads(character) for _, character in lines] == list("OM\u6f22EO")
    assert [float(change) for change, _ in lines] == pytest.approx(found.changes, abs=1e-4)
    assert f'":" at 6: {found.bits:.4f} bits' in err


def test_why_json_has_the_numbers_of_the_api(folder, lm, capsys):
    assert main(["why", "ROMEO:", "--at=3", "--precision=float32", "--json", f"--model={folder}"]) == 0
    answer = json.loads(capsys.readouterr().out)
    found = occlusion(lm, "ROMEO:", 3, precision="float32")
    assert answer["changes"] == pytest.approx(found.changes, abs=1e-6)
    assert answer["bits"] == pytest.approx(found.bits, abs=1e-6)
    assert (answer["position"], answer["left_out"], answer["character"]) == (3, "ROM", "E")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["", "--at=0"], "TEXT is empty"),
        (["abc", "--at=3"], "--at is 3: it must be from 0 to 2"),
        (["abc", "--window=0"], "--window is 0: it must be at least 1"),
    ],
)
def test_why_refuses_what_it_cannot_measure(folder, capsys, arguments, reason):
    assert main(["why", *arguments, f"--model={folder}"]) == 2
    assert reason in capsys.readouterr().err


def test_score_prints_nats_and_bits(folder, lm, capsys, tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("Hello é\n", encoding="utf-8")
    assert main(["score", str(path), f"--model={folder}"]) == 0
    out = capsys.readouterr().out
    result = score(lm, "Hello é\n")
    assert f"{result.nats:.4f} per character" in out
    assert f"{result.bpc:.4f} per character" in out
    assert f"{result.bits[result.bits == result.bits].sum():,.0f} bits" in out
    assert "'é'" in out


def test_score_per_character_prints_a_line_for_each(folder, lm, capsys, set_stdin):
    set_stdin("aé\n".encode())
    assert main(["score", "-", "--per-character", f"--model={folder}"]) == 0
    out, err = capsys.readouterr()
    bits = score(lm, "aé\n").bits
    assert out.splitlines() == [f'{bits[0]:.4f}\t"a"', 'unknown\t"é"', f'{bits[2]:.4f}\t"\\n"']
    assert "nats" in err


def test_score_and_generate_adapt_to_a_text(folder, lm, capsys, tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("To be, or not to be.\n" * 20, encoding="utf-8")
    assert main(["score", str(path), "--adapt", "--json", f"--model={folder}"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["protocol"], found["nats"]) == ("adapted", pytest.approx(score_adapting(lm, path.read_text()).nats))
    assert main(["generate", "To", "--length=40", "--seed=1", f"--adapt=@{path}", f"--model={folder}"]) == 0
    out, err = capsys.readouterr()
    assert out == generate(adapted(lm, path.read_text()), "To", 40, seed=1) != generate(lm, "To", 40, seed=1)
    assert "learned from 420 characters" in err
    assert "may give another text elsewhere" in err
    assert f"--adapt=@{path}" in err
    assert main(["generate", "To", "--adapt=x", f"--blend-with={folder}", f"--model={folder}"]) == 2
    assert "--adapt changes the weights of one model: omit --blend-with" in capsys.readouterr().err


def test_score_json_has_the_bits_of_each_character(folder, lm, capsys, set_stdin):
    set_stdin("abé".encode())
    assert main(["score", "-", "--json", f"--model={folder}"]) == 0
    printed = json.loads(capsys.readouterr().out)
    result = score(lm, "abé")
    assert printed["bits"][:2] == pytest.approx(result.bits[:2].tolist(), abs=1e-5)
    assert printed["bits"][2] is None
    assert printed["bpc"] == pytest.approx(result.bpc)
    assert printed["nats"] == pytest.approx(result.bpc * math.log(2))
    assert printed["unknown"] == [{"character": "é", "position": 2, "times": 1}]
    assert printed["protocol"] == "carried"


@pytest.mark.parametrize("data", [b"", "éé".encode()])
def test_score_without_known_characters_is_valid_json(folder, capsys, set_stdin, data):
    set_stdin(data)
    assert main(["score", "-", "--json", f"--model={folder}"]) == 0
    printed = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert printed["characters"] == 0
    assert printed["bpc"] is None


@pytest.mark.parametrize(("data", "reason"), [(b"", "is empty"), ("éé".encode(), "has no character that the model")])
def test_score_of_nothing_is_an_error(folder, capsys, set_stdin, data, reason):
    set_stdin(data)
    assert main(["score", "-", f"--model={folder}"]) == 2
    assert capsys.readouterr().err.startswith(f"error: standard input {reason}")


def test_score_reads_a_text_as_training_does(folder, capsys, set_stdin):
    printed = []
    for data in (b"a\nb\n", b"\xef\xbb\xbfa\r\nb\r"):
        set_stdin(data)
        main(["score", "-", "--json", f"--model={folder}"])
        printed.append(json.loads(capsys.readouterr().out))
    assert printed[0] == printed[1]


@pytest.mark.parametrize("data", [b"good\xff", "text".encode("utf-16")])
def test_score_of_a_text_that_is_not_utf8_names_the_byte(folder, capsys, set_stdin, data):
    set_stdin(data)
    assert main(["score", "-", f"--model={folder}"]) == 2
    assert capsys.readouterr().err.startswith("error: standard input is not UTF-8: byte ")


def test_score_of_a_missing_file_or_a_folder_is_refused_in_one_line(folder, capsys, tmp_path):
    for path in (tmp_path / "missing", tmp_path):
        assert main(["score", str(path), f"--model={folder}"]) == 2
        err = capsys.readouterr().err
        assert err.startswith("error: cannot read ")
        assert err.count("\n") == 1


def test_info_describes_a_model(folder, lm, capsys):
    assert main(["info", f"--model={folder}"]) == 0
    out = capsys.readouterr().out
    for printed in (
        f"{lm.config.parameters:,}",
        "2 layers of 12 cells",
        "58 characters",
        "training corpus",
        "config.json",
    ):
        assert printed in out
    assert main(["info", "--json", f"--model={folder}"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert "".join(printed["vocab"]) == "".join(sorted(ALPHABET))
    assert printed["files"]["model.safetensors"] == (folder / "model.safetensors").stat().st_size
    assert (printed["hidden_size"], printed["num_layers"], printed["parameters"]) == (12, 2, lm.config.parameters)
    assert printed["training"] == {"corpus": "none", "step": 0}


def test_info_prints_nothing_of_a_strangers_config_that_a_terminal_executes(tmp_path, lm, capsys):
    lm.training = {"\x1b[31mred\u202e": "\x9b2J\u202e", "corpus": "a\x1b]0;title\x07"}
    lm.save_pretrained(tmp_path)
    for words in (["info"], ["info", "--json"]):
        assert main([*words, f"--model={tmp_path}"]) == 0
        out = capsys.readouterr().out
        assert not [c for c in out if not c.isprintable() and c != "\n"]
        assert "red" in out


def test_info_rounds_numbers(tmp_path, lm, capsys):
    training: TrainingRecord = {
        "val_loss": 0.1634854153485644,
        "recipe": {"lr": 0.008, "steps": 386, "dropout_in": 1 / 3},
        "repo": "",
    }
    CharLSTM(lm.network, lm.tokenizer, training).save_pretrained(tmp_path)
    assert main(["info", f"--model={tmp_path}"]) == 0
    printed = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines() if line.startswith("training")]
    assert printed == [
        ["training", "val_loss", "0.16349"],
        ["training", "recipe", '{"lr": 0.008, "steps": 386, "dropout_in": 0.33333}'],
    ]


def test_the_bundled_model_is_the_default(monkeypatch, capsys):
    asked = []

    def load(name, **options):
        asked.append(name)
        return tiny_model()

    monkeypatch.setattr(CharLSTM, "from_pretrained", load)
    assert main(["generate", "--length=1", "--seed=1"]) == 0
    assert asked == [str(PRETRAINED)]
    assert "--model" not in capsys.readouterr().err


@posix_only
def test_ctrl_c_keeps_the_generated_text_and_exits_with_130(folder, lm):
    with subprocess.Popen(
        [*COMMAND, "generate", "A", "--length=10000000", "--seed=2", f"--model={folder}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as process:
        assert process.stdout is not None
        first = b""
        while len(first) < 300:  # the text is streamed: the first characters come long before the end
            first += process.stdout.read(300)
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=60)
    text = (first + rest).decode()
    assert process.returncode == 130
    assert text == generate(lm, "A", len(text), seed=2)
    assert b"Traceback" not in err
    assert f"{len(text):,} characters".encode() in err
    assert b"--seed=2" in err


def test_a_closed_pipe_is_no_error(folder):
    command = f"{shlex.join(COMMAND)} generate --length=1000000 --model={shlex.quote(str(folder))} | head -c 20"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, timeout=60)
    assert len(done.stdout) == 20
    assert done.stderr == b""


def test_a_terminal_shows_the_prompt_and_no_control_characters(tmp_path):
    """A model that learned escape sequences must not steer the terminal; one without Unicode must not crash."""
    tiny_model("\x1b\x9b[2Jaé\n").save_pretrained(tmp_path / "odd")
    ours, theirs = os.openpty()
    try:
        done = subprocess.run(
            [*COMMAND, "generate", "aé", "--length=300", "--temperature=5", f"--model={tmp_path / 'odd'}"],
            cwd=ROOT,
            env=dict(os.environ, PYTHONIOENCODING="latin-1", TERM="xterm"),
            stdout=theirs,
            stderr=subprocess.PIPE,
            timeout=60,
        )
        shown = os.read(ours, 100_000)
    finally:
        os.close(ours)
        os.close(theirs)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    assert shown.startswith(b"\x1b[1ma\xe9\x1b[0m")
    written = shown.removeprefix(b"\x1b[1ma\xe9\x1b[0m")
    assert b"\\u241b" in written  # the symbol for ESC, in a terminal that cannot encode it
    assert not {0x1B, 0x9B} & set(written)
    assert written.endswith(b"\r\n")
