"""Another way from a character on, driven by an engine that a test steps by hand."""

from __future__ import annotations

import random
import threading
from dataclasses import replace

import pytest

from model import ChatFormat, Engine, generate
from tests.support.app_server import random_model
from tests.support.english import english
from tests.support.shared_conversations import OneModelRegistry, serve, settings, texts, write
from tests.unit.ui.conversation.test_sharing import follow
from ui.conversation import moves, sharing
from ui.conversation.conversation import MAX_BRANCHES, Conversation
from ui.messages import RefusalError
from ui.registry.loaded_model import LoadedModel

LENGTH = 120


@pytest.fixture
def served() -> LoadedModel:
    lm = random_model()
    return LoadedModel("random", lm, Engine(lm), threading.current_thread())


def talk_of(served: LoadedModel, *prompts: str, length: int = LENGTH) -> Conversation:
    conversation = Conversation()
    for seed, prompt in enumerate(prompts, 5):
        moves.send(conversation, served, settings(seed, length), prompt)
        write(conversation)
    return conversation


def branch(conversation: Conversation, keep: int, *, pick: str = "", seed: int = 99, new_seed: bool = False) -> str:
    last = conversation.turns[-1]
    moves.branch(
        conversation, conversation.cut(last.number, keep, pick), settings(seed, last.written), new_seed=new_seed
    )
    write(conversation)
    return conversation.turns[-1].reply


@pytest.mark.parametrize("prompts", [("",), ("ROMEO:",), ("\U0001f643",), ("one", "two"), ("one", "")])
def test_going_on_from_any_character_with_the_same_seed_gives_the_same_text(
    served: LoadedModel, prompts: tuple[str, ...]
) -> None:
    conversation = talk_of(served, *prompts)
    text = conversation.turns[-1].reply
    for keep in [1, LENGTH - 1, *random.Random(0).sample(range(2, LENGTH - 1), 6)]:
        assert branch(conversation, keep) == text
        more = talk_of(served, *prompts, length=LENGTH)
        for each in (conversation, more):
            moves.send(each, served, settings(1, 10), "and?")
            write(each)
        assert conversation.turns[-1].reply == more.turns[-1].reply
        conversation.undo()
        conversation.undo()
        assert len(conversation.turns) == len(prompts)
        assert conversation.turns[-1].reply == text


def test_so_it_does_after_it_was_continued_and_cut_before(served: LoadedModel) -> None:
    conversation = talk_of(served, "ROMEO:", length=40)
    for _ in range(2):
        moves.continue_reply(conversation, served, settings(1, 40))
        write(conversation)
    text = conversation.turns[-1].reply
    assert text == generate(served.lm, "ROMEO:", 120, seed=5)
    for keep in (100, 80, 79, 40, 1):
        assert branch(conversation, keep) == text
    for _ in range(5):
        conversation.undo()
        assert conversation.turns[-1].reply == text
    conversation.undo()
    assert not conversation.turns


def test_another_seed_begins_to_count_and_undo_brings_the_first_text_back(served: LoadedModel) -> None:
    conversation = talk_of(served, "ROMEO:")
    text = conversation.turns[-1].reply
    other = branch(conversation, 50, seed=7, new_seed=True)
    assert other[:50] == text[:50]
    assert other[50:] == generate(served.lm, "ROMEO:" + text[:50], LENGTH - 50, seed=7)
    moves.continue_reply(conversation, served, settings(1, 30))
    write(conversation)
    assert conversation.turns[-1].reply[50:] == generate(served.lm, "ROMEO:" + text[:50], LENGTH - 20, seed=7)
    assert "fact.undo" in conversation.view()
    conversation.undo()
    assert texts(conversation) == [("ROMEO:", text)]
    assert "fact.undo" not in conversation.view()


def test_a_character_that_is_picked_stands_there_and_the_numbers_go_on(served: LoadedModel) -> None:
    conversation = talk_of(served, "ROMEO:")
    text = conversation.turns[-1].reply
    for keep in (1, 33, LENGTH):
        pick = next(each for each in "xyz" if each != text[keep - 1])
        other = branch(conversation, keep, pick=pick)
        assert other[:keep] == text[: keep - 1] + pick
        engine = served.engine
        memory = conversation.turns[-1].parts[-2].memory
        alone = engine.add_request("", settings(5, len(other) - keep).params, memory=memory, draw_offset=keep)
        while not alone.finished:
            engine.step()
        assert other[keep:] == alone.text
        reader = Engine(served.lm)
        read = reader.add_request("ROMEO:" + other[:keep], alone.params, draw_offset=keep)
        while not read.finished:
            reader.step()
        assert read.text == alone.text
        conversation.undo()


def test_branches_are_shared_and_followed() -> None:
    served = serve()
    conversation = talk_of(served, "one", "two")
    branch(conversation, 50, seed=7, new_seed=True)
    branch(conversation, 30)
    branch(conversation, 80, pick="x")
    branch(conversation, 1, pick="y")
    branch(conversation, 90, seed=3, new_seed=True)
    link = sharing.share(conversation, OneModelRegistry(served))
    followed = follow(link, OneModelRegistry(serve()))
    assert texts(followed) == texts(conversation)
    assert english(followed.turns[-1].mark).startswith("The same text")
    again = sharing.share(followed, OneModelRegistry(served))
    assert (again.steps, again.text) == (link.steps, link.text)
    with pytest.raises(RefusalError, match="does not know this character"):
        follow(replace(link, steps=(replace(link.steps[0], pick="Ж"),)), OneModelRegistry(serve()))


def test_a_turn_of_a_chat_can_be_cut_and_ends_as_it_did(served: LoadedModel) -> None:
    served.lm.chat = ChatFormat("Ann: ", "\nBo: ", "\n")
    conversation = talk_of(served, "Hi", "And?", length=2000)
    text = conversation.turns[-1].reply
    assert conversation.turns[-1].over
    for keep in range(1, len(text)):
        assert branch(conversation, keep) == text
        assert conversation.turns[-1].over
        conversation.undo()


def test_what_cannot_be_cut_is_refused_and_nothing_changes(served: LoadedModel) -> None:
    with pytest.raises(RefusalError, match="no reply yet"):
        Conversation().cut(1, 1)
    conversation = talk_of(served, "one", "two")
    view = conversation.view()
    for number, keep, pick in [
        (1, 5, ""), (None, 5, ""), (2, 0, ""), (2, -1, ""), (2, LENGTH, ""), (2, LENGTH + 1, "x"), (2, True, ""),
        (2, "5", ""), (2, 10**30, ""), (2, 5, "Ж"), (2, 5, "ab"), (2, 5, 7), (2, 5, ["x"]),
    ]:  # fmt: skip
        with pytest.raises(RefusalError):
            conversation.cut(number, keep, pick)
    served.engine.max_waiting = 0
    with pytest.raises(RefusalError, match="try again"):
        branch(conversation, 5)
    assert conversation.view() == view


def test_only_so_many_versions_are_kept(served: LoadedModel) -> None:
    conversation = talk_of(served, "", length=5)
    for _ in range(MAX_BRANCHES + 5):
        branch(conversation, 2)
    for _ in range(MAX_BRANCHES):
        conversation.undo()
        assert conversation.turns
    conversation.undo()
    assert not conversation.turns
