"""A second conversation that follows the first, driven by engines that a test steps by hand."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from model import ChatFormat, Engine, SamplingParams, generate
from tests.support.app_server import random_model
from ui.conversation import moves
from ui.conversation import side_by_side as beside
from ui.conversation.conversation import Conversation
from ui.conversation.moves import Settings
from ui.conversation.side_by_side import Companion
from ui.messages import RefusalError
from ui.registry.loaded_model import LoadedModel
from ui.registry.registry import ModelRegistry

PARAMS = SamplingParams(length=20, seed=5)


def serve(seed: int) -> LoadedModel:
    lm = random_model(seed)
    return LoadedModel(f"random {seed}", lm, Engine(lm), threading.current_thread())


@pytest.fixture
def served() -> list[LoadedModel]:
    return [serve(0), serve(3)]


def write(served: list[LoadedModel], *talks: Conversation) -> None:
    while any(talk.writing for talk in talks):
        for each in served:
            each.engine.step()


def follow(step: beside.Follow, talk: Conversation, second: Companion, served: list[LoadedModel]) -> bool:
    done = second.follow(talk, served[1], step, speed=200, owner="")
    write(served, talk, second)
    return done


def texts(talk: Conversation) -> list[str]:
    return [turn.reply for turn in talk.turns]


def test_the_second_is_asked_what_the_first_was_asked(served: list[LoadedModel]) -> None:
    talk, second = Conversation(), Companion()
    moves.send(talk, served[0], Settings(PARAMS, None), "ROMEO:")
    assert follow(beside.send, talk, second, served)
    moves.send(talk, served[0], Settings(replace(PARAMS, seed=6), None), "JULIET:")
    assert follow(beside.send, talk, second, served)
    moves.go_on(talk, served[0], Settings(replace(PARAMS, seed=9, length=5), None))
    assert follow(beside.go_on, talk, second, served)
    for conversation, each in zip((talk, second), served, strict=True):
        first = generate(each.lm, "ROMEO:", 20, seed=5)
        assert texts(conversation) == [first, generate(each.lm, f"ROMEO:{first}JULIET:", 25, seed=6)]
    assert not follow(beside.send, talk, second, served), "nothing new was done"
    moves.retry(talk, served[0], Settings(replace(PARAMS, seed=7), None))
    assert follow(beside.retry, talk, second, served)
    assert second.turns[-1].parts[-1].params.seed == 7
    assert len(second.turns) == 2


def test_undo_and_redo_show_here_what_stood_beside_the_turn_that_is_shown_there(served: list[LoadedModel]) -> None:
    talk, second = Conversation(), Companion()
    for prompt in ("a", "b"):
        moves.send(talk, served[0], Settings(PARAMS, None), prompt)
        follow(beside.send, talk, second, served)
    before = texts(second)
    moves.retry(talk, served[0], Settings(replace(PARAMS, seed=8), None))
    follow(beside.retry, talk, second, served)
    other = texts(second)
    assert other[0] == before[0]
    assert other[1] != before[1]
    assert not any("tree" in line for line in second.view().splitlines())
    talk.undo()
    second.stand_as(talk)
    assert texts(second) == before
    talk.redo()
    second.stand_as(talk)
    assert texts(second) == other
    cut = talk.cut(talk.turns[-1].number, 5)
    moves.branch(talk, cut, Settings(PARAMS, None), anew=True)
    write(served, talk)
    second.stand_as(talk)  # of what was cut, the second knows what it was cut from
    assert texts(second) == other
    for left in (other, before, before[:1], []):
        talk.undo()
        second.stand_as(talk)
        assert texts(second) == left


def test_one_that_comes_later_begins_with_what_is_sent_next(served: list[LoadedModel]) -> None:
    talk, second = Conversation(), Companion()
    moves.send(talk, served[0], Settings(PARAMS, None), "a")
    write(served, talk)
    moves.go_on(talk, served[0], Settings(PARAMS, None))
    assert not follow(beside.go_on, talk, second, served)
    assert second.turns == []
    moves.retry(talk, served[0], Settings(PARAMS, None))
    assert follow(beside.retry, talk, second, served)
    assert texts(second) == [generate(served[1].lm, "a", 20, seed=5)]


def test_in_a_chat_each_ends_where_its_own_turn_ends(served: list[LoadedModel]) -> None:
    served[0].lm.chat = ChatFormat("Ann: ", "\nBo: ", "\n")
    talk, second = Conversation(), Companion()
    moves.send(talk, served[0], Settings(replace(PARAMS, length=2000), None), "Hi")
    follow(beside.send, talk, second, served)
    assert talk.turns[-1].over
    assert texts(second) == [generate(served[1].lm, "Hi", 2000, seed=5)]
    moves.go_on(talk, served[0], Settings(PARAMS, None))
    assert follow(beside.go_on, talk, second, served)
    assert [turn.prompt for turn in second.turns] == ["Hi", ""]


def test_a_model_is_not_set_beside_itself(served: list[LoadedModel]) -> None:
    talk, second = Conversation(), Companion()
    moves.send(talk, served[1], Settings(PARAMS, None), "a")
    with pytest.raises(RefusalError, match="different second model"):
        follow(beside.send, talk, second, served)


def test_who_can_be_chosen() -> None:
    assert beside.chosen("-", ModelRegistry()) is beside.chosen("+ a", ModelRegistry()) is None
    values: list[object] = ["c", 3, ["a"], {}]
    for value in values:
        with pytest.raises(RefusalError):
            beside.chosen(value, ModelRegistry(["a", "b"]))
