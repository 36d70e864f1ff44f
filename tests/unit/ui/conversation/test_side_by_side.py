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


def write(served: list[LoadedModel], *conversations: Conversation) -> None:
    while any(conversation.writing for conversation in conversations):
        for each in served:
            each.engine.step()


def follow(step: beside.Follow, conversation: Conversation, second: Companion, served: list[LoadedModel]) -> bool:
    done = second.follow(conversation, served[1], step, speed=200, client_id="")
    write(served, conversation, second)
    return done


def texts(conversation: Conversation) -> list[str]:
    return [turn.reply for turn in conversation.turns]


def test_the_second_is_asked_what_the_first_was_asked(served: list[LoadedModel]) -> None:
    conversation, second = Conversation(), Companion()
    moves.send(conversation, served[0], Settings(PARAMS, None), "ROMEO:")
    assert follow(beside.send, conversation, second, served)
    moves.send(conversation, served[0], Settings(replace(PARAMS, seed=6), None), "JULIET:")
    assert follow(beside.send, conversation, second, served)
    moves.continue_reply(conversation, served[0], Settings(replace(PARAMS, seed=9, length=5), None))
    assert follow(beside.continue_reply, conversation, second, served)
    for its, each in zip((conversation, second), served, strict=True):
        first = generate(each.lm, "ROMEO:", 20, seed=5)
        assert texts(its) == [first, generate(each.lm, f"ROMEO:{first}JULIET:", 25, seed=6)]
    assert not follow(beside.send, conversation, second, served), "nothing new was done"
    moves.retry(conversation, served[0], Settings(replace(PARAMS, seed=7), None))
    assert follow(beside.retry, conversation, second, served)
    assert second.turns[-1].parts[-1].params.seed == 7
    assert len(second.turns) == 2


def test_undo_and_redo_show_here_what_stood_beside_the_turn_that_is_shown_there(served: list[LoadedModel]) -> None:
    conversation, second = Conversation(), Companion()
    for prompt in ("a", "b"):
        moves.send(conversation, served[0], Settings(PARAMS, None), prompt)
        follow(beside.send, conversation, second, served)
    before = texts(second)
    moves.retry(conversation, served[0], Settings(replace(PARAMS, seed=8), None))
    follow(beside.retry, conversation, second, served)
    other = texts(second)
    assert other[0] == before[0]
    assert other[1] != before[1]
    assert not any("tree" in line for line in second.view().splitlines())
    conversation.undo()
    second.stand_as(conversation)
    assert texts(second) == before
    conversation.redo()
    second.stand_as(conversation)
    assert texts(second) == other
    cut = conversation.cut(conversation.turns[-1].number, 5)
    moves.branch(conversation, cut, Settings(PARAMS, None), new_seed=True)
    write(served, conversation)
    second.stand_as(conversation)  # of what was cut, the second knows what it was cut from
    assert texts(second) == other
    for left in (other, before, before[:1], []):
        conversation.undo()
        second.stand_as(conversation)
        assert texts(second) == left


def test_one_that_comes_later_begins_with_what_is_sent_next(served: list[LoadedModel]) -> None:
    conversation, second = Conversation(), Companion()
    moves.send(conversation, served[0], Settings(PARAMS, None), "a")
    write(served, conversation)
    moves.continue_reply(conversation, served[0], Settings(PARAMS, None))
    assert not follow(beside.continue_reply, conversation, second, served)
    assert second.turns == []
    moves.retry(conversation, served[0], Settings(PARAMS, None))
    assert follow(beside.retry, conversation, second, served)
    assert texts(second) == [generate(served[1].lm, "a", 20, seed=5)]


def test_in_a_chat_each_ends_where_its_own_turn_ends(served: list[LoadedModel]) -> None:
    served[0].lm.chat = ChatFormat("Ann: ", "\nBo: ", "\n")
    conversation, second = Conversation(), Companion()
    moves.send(conversation, served[0], Settings(replace(PARAMS, length=2000), None), "Hi")
    follow(beside.send, conversation, second, served)
    assert conversation.turns[-1].over
    assert texts(second) == [generate(served[1].lm, "Hi", 2000, seed=5)]
    moves.continue_reply(conversation, served[0], Settings(PARAMS, None))
    assert follow(beside.continue_reply, conversation, second, served)
    assert [turn.prompt for turn in second.turns] == ["Hi", ""]


def test_a_model_is_not_set_beside_itself(served: list[LoadedModel]) -> None:
    conversation, second = Conversation(), Companion()
    moves.send(conversation, served[1], Settings(PARAMS, None), "a")
    with pytest.raises(RefusalError, match="different second model"):
        follow(beside.send, conversation, second, served)


def test_who_can_be_chosen() -> None:
    assert beside.chosen("-", ModelRegistry()) is beside.chosen("+ a", ModelRegistry()) is None
    values: list[object] = ["c", 3, ["a"], {}]
    for value in values:
        with pytest.raises(RefusalError):
            beside.chosen(value, ModelRegistry(["a", "b"]))
