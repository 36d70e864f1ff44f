"""Step: one character at a time, and all that there was on the way to it."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model import ChatFormat, generate
from tests.support.english import english
from tests.support.shared_conversations import OneModelRegistry, serve, settings, texts, write
from tests.unit.ui.conversation.test_clamps import UP, compare, held, strong
from tests.unit.ui.conversation.test_sharing import SAME, follow
from ui.conversation import moves, sharing
from ui.conversation.conversation import Conversation
from ui.conversation.moves import Settings
from ui.registry.loaded_model import LoadedModel
from ui.routes.lenses import describe_turn_step

ROOT = Path(__file__).parents[4]
PROMPT = "ROMEO:🙃"


@pytest.fixture
def served() -> LoadedModel:
    return strong()


def step(conversation: Conversation, served: LoadedModel, chosen: Settings, prompt: str = "") -> None:
    moves.step(conversation, served, chosen, prompt)
    write(conversation)
    moves.stepped(conversation)


def told_of(conversation: Conversation, offset: int, cell: int = 5) -> dict[str, Any]:
    turn = conversation.turns[-1]
    return dict(describe_turn_step(turn, turn.reading(), len(turn.to_read) + offset, cell))


def place(described: dict[str, Any], char: str) -> tuple[float, float]:
    return next((low, high) for each, low, high in described["strip"] if each == char)


def test_steps_write_the_text_that_a_reply_would_be_and_are_one_piece_of_it(served: LoadedModel) -> None:
    conversation = Conversation()
    step(conversation, served, held(UP, 5, 99), PROMPT)
    for _ in range(29):
        step(conversation, served, held(UP, 77, 99))
    turn = conversation.turns[-1]
    assert turn.reply == generate(served.lm, PROMPT, 30, seed=5, clamps=UP, unknown="skip")
    assert [(part.draw_offset, part.length, part.params.length) for part in turn.parts] == [(0, 30, 30)]
    moves.continue_reply(conversation, served, held(UP, 1, 20))
    write(conversation)
    assert turn.reply == generate(served.lm, PROMPT, 50, seed=5, clamps=UP, unknown="skip")
    cut = conversation.cut(turn.number, 13)
    assert cut.parts[-1].memory is not None
    link = sharing.share(conversation, OneModelRegistry(served))
    assert [each.params.length for each in link.steps] == [30, 20]
    assert texts(follow(link, OneModelRegistry(strong()))) == texts(conversation)


def test_steps_with_other_settings_are_another_piece(served: LoadedModel) -> None:
    conversation = Conversation()
    for temperature in (0.8, 0.8, 2.0, 2.0, 2.0):
        step(conversation, served, settings(5, 9, temperature), "" if conversation.turns else PROMPT)
    step(conversation, served, replace(held(UP), params=settings(5, 9, 2.0).params))
    assert [part.length for part in conversation.turns[-1].parts] == [2, 3, 1]
    shared = follow(sharing.share(conversation, OneModelRegistry(served)), OneModelRegistry(strong()))
    assert texts(shared) == texts(conversation)
    assert english(shared.turns[-1].mark) == SAME
    assert compare(served, conversation)["from"] == 5


def test_in_a_chat_a_step_after_the_end_is_another_turn() -> None:
    served = serve(chat=ChatFormat("Ann: ", "\nBo: ", "\n"))
    conversation = Conversation()
    moves.send(conversation, served, settings(5, 2000), "Hi")
    write(conversation)
    assert conversation.turns[-1].over
    step(conversation, served, settings(5, 1))
    assert [len(turn.parts) for turn in conversation.turns] == [1, 1]
    assert conversation.turns[-1].written == 1


@pytest.mark.parametrize("ways", [{}, {"temperature": 0.0}, {"temperature": 2.5, "top_k": 9}, {"top_p": 0.6}])
def test_the_number_of_the_seed_falls_on_the_character_that_was_written(
    served: LoadedModel, ways: dict[str, Any]
) -> None:
    conversation = Conversation()
    chosen = held((), 5, 20)
    moves.send(conversation, served, replace(chosen, params=replace(chosen.params, **ways)), PROMPT)
    write(conversation)
    moves.continue_reply(conversation, served, held(UP, 8, 20), new_seed=True)
    write(conversation)
    text = conversation.turns[-1].reply
    for offset in (0, 1, 19, 20, 21, 39):
        found = told_of(conversation, offset)
        low, high = place(found, text[offset])
        assert found["read"] == (text[offset - 1] if offset else ":")
        assert (found["draw"]["seed"], found["draw"]["number"]) == ((5, offset) if offset < 20 else (8, offset - 20))
        if offset < 20 and "temperature" in ways:
            assert found["temperature"] == ways["temperature"]
            assert found["filters"] == ([("Top-k", 9)] if "top_k" in ways else [])
        if found["temperature"]:
            assert low - 1e-5 <= found["draw"]["value"] <= high + 1e-5
        else:
            assert (low, high) == (0, 1)
        assert found["likely"][0][1] == max(share for _, share in found["likely"])


def test_the_numbers_of_a_cell_make_it_what_it_becomes_and_the_bytes_are_of_them_all(served: LoadedModel) -> None:
    conversation = Conversation()
    moves.send(conversation, served, held((), 5, 20), PROMPT)
    write(conversation)
    found, before = told_of(conversation, 7), told_of(conversation, 6)
    assert found["sizes"] == {"V": 108, "E": 8, "H": 24}
    assert len(base64.b64decode(found["row"])) == 8
    for layer, earlier in zip(found["layers"], before["layers"], strict=True):
        h, c, i, f, g, o, after, shown = layer["cell"]
        assert f * c + i * g == pytest.approx(after, abs=0.01)
        assert o * np.tanh(after) == pytest.approx(shown, abs=0.01)
        assert (h, c) == (earlier["cell"][7], earlier["cell"][6])
        rows = np.frombuffer(base64.b64decode(layer["bytes"]), np.int8).reshape(8, 24) / 127
        np.testing.assert_allclose(rows[:, 5], [h, np.tanh(c), i, f, g, o, np.tanh(after), shown], atol=0.005)
        assert not layer["held"]


def test_what_was_not_drawn_is_said_to_be_given(served: LoadedModel) -> None:
    conversation = Conversation()
    moves.send(conversation, served, held(UP, 5, 20), PROMPT)
    write(conversation)
    moves.branch(
        conversation, conversation.cut(conversation.turns[-1].number, 10, "x"), held(UP, 5, 20), new_seed=False
    )
    write(conversation)
    assert (told_of(conversation, 9)["draw"], told_of(conversation, 9)["picked"]) == (None, True)
    assert told_of(conversation, 8)["draw"]["number"] == 8
    assert told_of(conversation, 10)["read"] == "x"
    assert told_of(conversation, -5)["draw"] is None
    assert told_of(conversation, -len(PROMPT)) == {}
    assert told_of(conversation, 3, cell=3)["layers"][0]["held"]
    assert (
        told_of(conversation, 3, cell=10**6)["layers"][0]["cell"]
        == told_of(conversation, 3, cell=23)["layers"][0]["cell"]
    )


@pytest.mark.parametrize("name", ["app/lens_step.js", "lenses/step.js"])
def test_the_lines_of_code_are_those_of_the_files(name: str) -> None:
    script = (ROOT / "web" / name).read_text(encoding="utf-8")
    lines = re.findall(r'^  \w+: \["(\S+?)", "(.+)"\],$', script, re.MULTILINE)
    assert len(lines) == 8
    for name, line in lines:
        assert line.replace('\\"', '"') in (ROOT / name).read_text(encoding="utf-8"), line
