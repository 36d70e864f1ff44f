"""The facts that a run records contain nothing private of the text, the machine or an address."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from training.card.public_text import public_source
from training.cli import options
from training.run.facts import frequent_beginnings, versions


def published(*arguments: str) -> str:
    return options.published_command(options.parse_train(arguments), ())


def test_names_before_a_colon_are_the_first_frequent_beginnings() -> None:
    play = "ROMEO:\nAy me!\n\nFirst Citizen:\nO Romeo.\n\n" * 6 + "ROMEO:\nO!\n" * 3 + "NURSE:\nMadam!\n"
    assert frequent_beginnings(play) == ["ROMEO:", "First Citizen:", "Ay"]


def test_words_with_a_capital_come_before_others() -> None:
    assert frequent_beginnings("and so on\nThen they went\nand back\n" * 7) == ["Then", "and"]


def test_a_chat_in_another_script_has_beginnings_too() -> None:
    assert frequent_beginnings("小明：你好\n小红：再见\n" * 5) == ["小明：", "小红："]


@pytest.mark.parametrize("text", ["", "x", "\n" * 50, "one line only", "Private: once\n" * 4, "\x1b[31m red\n" * 9])
def test_what_is_rare_or_cannot_be_shown_is_no_beginning(text: str) -> None:
    assert frequent_beginnings(text) == []


def test_lists_and_comments_are_no_frequent_beginnings() -> None:
    assert frequent_beginnings("- item one\n# a comment\n--flag value\n" * 9) == []


def test_the_command_is_recorded_as_it_was_typed() -> None:
    command = published("plays.txt", "--minutes=2.5", "--push-to", "ada/plays", "--license=cc0-1.0")
    assert command == ("python -m training plays.txt --minutes 2.5 --push-to ada/plays --license cc0-1.0")
    assert published() == "python -m training"


def test_settings_of_the_recipe_are_recorded() -> None:
    command = published(
        "a.txt", "--steps=20", "--set=hidden_size=8,lr=1e-3", "--set", "bfloat16=false", "--preset=tiny"
    )
    assert command == "python -m training a.txt --steps 20 --preset tiny --set hidden_size=8,lr=0.001,bfloat16=False"


@pytest.mark.parametrize(
    "out",
    [
        ["--out", "/home/ada/secret"],
        ["--out=/home/ada/secret"],
        ["--resume", "/home/ada/secret"],
        ["--resume=~/secret"],
    ],
)
def test_no_folder_of_this_machine_is_recorded(out: list[str]) -> None:
    assert published("/home/ada/texts/play.txt", *out) == "python -m training play.txt"


def test_sources_are_recorded_by_their_file_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    expected = {
        "/home/ada/a b.txt": "a b.txt",
        "../x/y.txt": "y.txt",
        "texts/": "texts",
        "~/texts/*.txt": "*.txt",
        "~nobody-of-this-name/z.txt": "z.txt",
        ".": tmp_path.name,
        "-": "-",
        "/": "text",
        "\udce9.txt": "?.txt",
        "https://ada:secret@example.org:8080/a/b.txt?token=secret#secret": "https://example.org:8080/a/b.txt",
        "HTTPS://example.org/b.txt?X-Signature=secret": "HTTPS://example.org/b.txt",
        "https://ada:secret@[not-a-host/b.txt?secret": "https://[not-a-host/b.txt",  # ended in a traceback
        "hf://datasets/ada/texts@v2/a.txt": "hf://datasets/ada/texts@v2/a.txt",
    }
    assert {typed: public_source(typed) for typed in expected} == expected


def test_the_recorded_command_has_the_yes_without_which_it_would_be_refused() -> None:
    assert "--publish-anyway" in published("a.txt", "--push-to=ada/x", "--publish-anyway")


@pytest.mark.parametrize("option", [["--private"], ["--publish-anyway"], ["--chat"], ["--reply-as", "Anna Smith"]])
def test_the_names_of_private_files_models_and_speakers_are_not_recorded(option: list[str]) -> None:
    typed = ["Chat with Anna Smith.txt", "https://example.org/a.txt", "--push-to=ada/x", *option]
    command = published(*typed, "--from=./anna-smith", "--teacher=./anna-smith", "--teacher=ada/plays")
    assert "nna" not in command
    assert command.startswith("python -m training TEXT https://example.org/a.txt --from MODEL --teacher MODEL")
    assert "--teacher ada/plays" in command


def test_the_names_of_a_chat_are_recorded_if_they_are_asked_for() -> None:
    assert "--quote-chat --reply-as Ben" in published("a.txt", "--quote-chat", "--reply-as=Ben")


def test_versions_name_no_machine() -> None:
    assert set(versions(torch.device("cpu"))) == {"python", "torch", "machine"}
    assert Path.home().name not in versions(torch.device("cpu"))["machine"].split()
