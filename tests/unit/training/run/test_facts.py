"""The facts that a run records contain nothing private of the text, the machine or an address."""

from pathlib import Path

import pytest

from training.card.public_text import public_source
from training.cli import options
from training.run.snapshot import frequent_beginnings


def published(*arguments: str) -> str:
    return options.published_command(options.parse_train(arguments), ())


@pytest.mark.parametrize(
    ("text", "beginnings"),
    [
        (
            "ROMEO:\nAy me!\n\nFirst Citizen:\nO Romeo.\n\n" * 6 + "ROMEO:\nO!\n" * 3 + "NURSE:\nMadam!\n",
            ["ROMEO:", "First Citizen:", "Ay"],  # names first, then words with a capital
        ),
        ("and so on\nThen they went\nand back\n" * 7, ["Then", "and"]),
        ("小明：你好\n小红：再见\n" * 5, ["小明：", "小红："]),
        ("Private: once\n" * 4, []),
    ],
)
def test_frequent_beginnings_are_those_that_can_be_shown(text: str, beginnings: list[str]) -> None:
    assert frequent_beginnings(text) == beginnings


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        (
            "a.txt --steps=20 --set=num-layers=3,lr=1e-3 --set bfloat16=False --preset=tiny",
            "char-lstm train a.txt --steps 20 --preset tiny --set num_layers=3,lr=0.001,bfloat16=False",
        ),
        ("/home/ada/texts/play.txt --out /home/ada/secret", "char-lstm train play.txt"),
        ("a.txt --push-to=ada/x --publish-anyway", "char-lstm train TEXT --push-to ada/x --publish-anyway"),
        ("a.txt --quote-chat --reply-as=Ben", "char-lstm train TEXT --chat --quote-chat --reply-as Ben"),
    ],
)
def test_the_command_is_recorded_without_folders_of_this_machine(typed: str, command: str) -> None:
    assert published(*typed.split()) == command


@pytest.mark.parametrize("option", [["--private"], ["--publish-anyway"], ["--chat"], ["--reply-as", "Anna Smith"]])
def test_the_names_of_private_files_models_and_speakers_are_not_recorded(option: list[str]) -> None:
    typed = ["Chat with Anna Smith.txt", "https://example.org/a.txt", "--push-to=ada/x", *option]
    command = published(*typed, "--from=./anna-smith", "--teacher=./anna-smith", "--teacher=ada/plays")
    assert "nna" not in command
    assert command.startswith("char-lstm train TEXT https://example.org/a.txt --from MODEL --teacher MODEL")
    assert "--teacher ada/plays" in command


def test_sources_are_recorded_by_their_file_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    expected = {
        "/home/ada/a b.txt": "a b.txt",
        "~/texts/*.txt": "*.txt",
        ".": tmp_path.name,
        "https://ada:secret@example.org:8080/a/b.txt?token=secret#secret": "https://example.org:8080/a/b.txt",
        "https://ada:secret@[not-a-host/b.txt?secret": "https://[not-a-host/b.txt",  # ended in a traceback
        "hf://datasets/ada/texts@v2/a.txt": "hf://datasets/ada/texts@v2/a.txt",
    }
    assert {typed: public_source(typed) for typed in expected} == expected
