"""How the texts of the gallery are read, each from a small copy of its package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from training.gallery import texts


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_poems_of_even_lines_in_common_characters_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    couplets = ["月月月月月，日日日日日。"] * 2
    poems = [("月", couplets), ("月", ["月月月，日日日日日。", couplets[0]]), ("月", couplets[:1]), ("鬱", couplets)]
    packed = [{"title": title, "paragraphs": paragraphs} for title, paragraphs in poems]
    write(tmp_path / "package/dist/yudingquantangshi/json/0.json", json.dumps(packed).encode())
    monkeypatch.setattr(texts, "_COMMON_CHARACTERS", 7)  # two of the lines, two marks, two brackets and a line end
    assert texts.tang(tmp_path) == "《月》\n月月月月月，日日日日日。\n月月月月月，日日日日日。\n"


def test_the_first_speaker_of_a_conversation_is_the_user_and_personal_data_is_left_out(tmp_path: Path) -> None:
    def said(sender: str, *messages: str) -> list[dict[str, str]]:
        return [{"sender": sender, "text": text} for text in messages]

    talk = [said("x", "Hello", "there"), said("y", "Hi, mail me at ada@babbage.org"), said("y", "or not")]
    talks: dict[str, Any] = {"1": talk, "2": [said("x", "Hello?")], "3": []}
    data = json.dumps({name: {"messages": turns} for name, turns in talks.items()})
    write(tmp_path / "chitchat_dataset/dataset.json", data.encode())
    (line,) = texts.chat(tmp_path).splitlines()
    messages = [(message["role"], message["content"]) for message in json.loads(line)["messages"]]
    assert messages == [("user", "Hello"), ("user", "there"), ("assistant", "or not")]
