"""A conversation's moves, driven by an engine that a test steps by hand."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from model import ChatFormat, Engine, SamplingParams, generate
from tests.support.app_server import random_model
from tests.support.english import read_view
from ui.conversation import moves
from ui.conversation.conversation import MAX_TURNS, Conversation, hello
from ui.conversation.moves import Settings
from ui.messages import Message, RefusalError
from ui.registry.loaded_model import LoadedModel

PARAMS = SamplingParams(length=20, seed=5)
QUICK = Settings(PARAMS, None)


@pytest.fixture
def served() -> LoadedModel:
    lm = random_model()
    return LoadedModel("random", lm, Engine(lm), threading.current_thread(), welcome_text="Hello <b>")


def write(served: LoadedModel, conversation: Conversation) -> None:
    while conversation.writing:
        served.engine.step()


def send(served: LoadedModel, conversation: Conversation, prompt: object = "", settings: Settings = QUICK) -> str:
    moves.send(conversation, served, settings, prompt)
    write(served, conversation)
    return conversation.turns[-1].parts[-1].text


def lines(view: str) -> list[dict[str, Any]]:
    return read_view(view)


def seeded(seed: int, length: int = 20) -> Settings:
    return Settings(replace(PARAMS, seed=seed, length=length), None)


def test_each_turn_goes_on_from_the_memory_of_the_last(served: LoadedModel) -> None:
    conversation = Conversation()
    first = send(served, conversation, "ROMEO:")
    second = send(served, conversation, "JULIET:")
    assert first == generate(served.lm, "ROMEO:", 20, seed=5)
    assert second == generate(served.lm, "ROMEO:" + first + "JULIET:", 20, seed=5)


def test_continue_is_what_a_longer_reply_would_have_been(served: LoadedModel) -> None:
    conversation = Conversation()
    send(served, conversation, "ROMEO:")
    for _ in range(2):
        moves.continue_reply(conversation, served, seeded(99))
        write(served, conversation)
    assert "".join(part.text for part in conversation.turns[0].parts) == generate(served.lm, "ROMEO:", 60, seed=5)
    assert len(conversation.turns) == 1


def test_continue_after_a_stop_in_the_middle(served: LoadedModel) -> None:
    conversation = Conversation()
    moves.send(conversation, served, QUICK, "ROMEO:")
    for _ in range(9):
        served.engine.step()
    served.engine.abort(conversation.turns[-1].parts[-1])
    write(served, conversation)
    begun = conversation.turns[-1].written
    assert 0 < begun < 20
    moves.continue_reply(conversation, served, QUICK)
    write(served, conversation)
    text = "".join(part.text for part in conversation.turns[0].parts)
    assert text == generate(served.lm, "ROMEO:", begun + 20, seed=5)


def test_retry_and_undo_go_back_to_the_memory_before(served: LoadedModel) -> None:
    conversation = Conversation()
    first = send(served, conversation, "ROMEO:")
    second = send(served, conversation, "JULIET:")
    moves.retry(conversation, served, seeded(6))
    write(served, conversation)
    assert (
        conversation.turns[-1].parts[-1].text == generate(served.lm, "ROMEO:" + first + "JULIET:", 20, seed=6) != second
    )
    conversation.undo()
    assert [turn.reply for turn in conversation.turns] == [first, second]  # what gave way to the other is back
    conversation.undo()
    assert send(served, conversation, "JULIET:") == second
    for _ in range(3):
        conversation.undo()
    assert send(served, conversation, "ROMEO:") == first


def test_redo_and_a_walk_bring_back_what_was_left(served: LoadedModel) -> None:
    conversation = Conversation()
    first, second = send(served, conversation, "ROMEO:"), send(served, conversation, "JULIET:")
    assert "tree" not in conversation.view()
    moves.retry(conversation, served, seeded(6))
    write(served, conversation)
    third = conversation.turns[-1].reply
    tree = lines(conversation.view())[-1]
    assert [each[:2] for each in tree["tree"]] == [[1, 0], [2, 1], [3, 1]]
    assert tree["tree"][2][2].startswith("JULIET:" + third[:20])
    assert (tree["here"], tree["redo"]) == (3, False)
    conversation.walk(2)
    assert [turn.reply for turn in conversation.turns] == [first, second]
    assert send(served, conversation) == generate(served.lm, f"ROMEO:{first}JULIET:{second}", 20, seed=5)
    conversation.walk(3)
    assert [turn.reply for turn in conversation.turns] == [first, third]
    for _ in range(3):
        conversation.undo()
    assert not conversation.turns
    assert lines(conversation.view())[-1]["redo"]
    for replies in ([first], [first, second], [first, third]):
        conversation.redo()
        assert [turn.reply for turn in conversation.turns] == replies
    conversation.redo()
    assert conversation.refusal == Message("refusal.no_redo")
    for number in (99, "2", None, True):
        conversation.walk(number)
        assert conversation.refusal == Message("refusal.turn_gone")
    assert [turn.reply for turn in conversation.turns] == [first, third]


def test_a_prompt_that_was_not_read_to_its_end_is_read_by_the_next(served: LoadedModel) -> None:
    conversation = Conversation()
    moves.send(conversation, served, QUICK, "a long prompt " * 10)
    served.engine.abort(conversation.turns[-1].parts[-1])
    write(served, conversation)
    assert conversation.turns[-1].parts[-1].memory is None
    assert send(served, conversation, "and more") == generate(served.lm, "a long prompt " * 10 + "and more", 20, seed=5)
    conversation.undo()
    moves.continue_reply(conversation, served, QUICK)
    write(served, conversation)
    assert conversation.turns[-1].parts[-1].text == generate(served.lm, "a long prompt " * 10, 20, seed=5)


def test_nothing_to_continue_or_retry_is_a_refusal(served: LoadedModel) -> None:
    for move in (moves.continue_reply, moves.retry):
        with pytest.raises(RefusalError, match="no reply yet"):
            move(Conversation(), served, QUICK)


def test_a_refused_move_changes_nothing(served: LoadedModel) -> None:
    conversation = Conversation()
    send(served, conversation, "ROMEO:")
    before = conversation.view()
    served.engine.max_waiting = 0
    for move in (moves.continue_reply, moves.retry):
        with pytest.raises(RefusalError, match="try again"):
            move(conversation, served, QUICK)
    with pytest.raises(RefusalError, match="20,001 characters"):
        moves.send(conversation, served, QUICK, "x" * 20_001)
    assert conversation.view() == before


def test_the_view_of_a_begun_reply_and_its_stream_make_the_view_of_the_finished_one(served: LoadedModel) -> None:
    conversation = Conversation()
    send(served, conversation, "one")
    moves.send(conversation, served, QUICK, "two<script>\ud800")
    begun = conversation.streaming_view("token")
    assert begun.isascii()
    assert "<" not in begun
    assert lines(begun)[-1] == {"stream": "token"}
    write(served, conversation)
    text = conversation.turns[-1].parts[-1].text
    whole = lines(conversation.view())
    assert whole == [*lines(begun)[:-1], {"text": text}, *lines(conversation.turns[-1].foot())]
    assert [each["prompt"] for each in whole if "turn" in each] == ["one", "two<script>\ud800"]
    assert whole[-1]["say"].startswith("seed 5 · 20 characters")
    moves.continue_reply(conversation, served, QUICK)
    assert lines(conversation.streaming_view("another"))[-2:] == [{"text": text}, {"stream": "another"}]


def test_old_turns_leave_the_page_and_are_counted(served: LoadedModel) -> None:
    conversation = Conversation()
    for _ in range(MAX_TURNS + 2):
        send(served, conversation, "", seeded(1, length=1))
    assert len(conversation.turns) == MAX_TURNS
    assert lines(conversation.view())[0] == {"forgotten": 2}
    conversation.clear()
    assert conversation.view(hello(served)) == hello(served)
    assert lines(hello(served)) == [{"hello": "Hello <b>", "by": "random"}]


def test_a_reply_cannot_be_continued_for_ever(served: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moves, "MAX_REPLY", 30)
    conversation = Conversation()
    send(served, conversation)
    with pytest.raises(RefusalError, match="30 characters"):
        moves.continue_reply(conversation, served, QUICK)


def test_another_model_starts_afresh(served: LoadedModel) -> None:
    other = LoadedModel("other", random_model(seed=3), Engine(random_model(seed=3)), threading.current_thread())
    conversation = Conversation()
    send(served, conversation, "ROMEO:")
    assert send(other, conversation, "ROMEO:") == generate(other.lm, "ROMEO:", 20, seed=5)
    moves.retry(conversation, served, QUICK)
    write(served, conversation)
    assert conversation.turns[-1].parts[-1].text == generate(served.lm, "ROMEO:", 20, seed=5)


def test_unknown_characters_are_named_and_faults_said(served: LoadedModel) -> None:
    conversation = Conversation()
    send(served, conversation, "Ж")
    unknown = "This model does not know 'Ж': skipped, so nothing of the prompt was left."
    assert {"say": unknown, "as": "notice"} in lines(conversation.view())
    conversation.turns[-1].parts[-1].error = "RuntimeError while writing"
    assert {"say": "The model failed: RuntimeError while writing. The text so far stays.", "as": "fault"} in lines(
        conversation.view()
    )


# with a model that has read conversations

CHAT = ChatFormat("Ann: ", "\nBo: ", "\n")


@pytest.fixture
def chatting(served: LoadedModel) -> LoadedModel:
    served.lm.chat = CHAT
    return served


LONG = seeded(5, length=2000)


def spoken(served: LoadedModel, read: str, seed: int = 5) -> str:
    """A turn of the model's after it has read this, up to its end."""
    text = generate(served.lm, read, 2000, seed=seed, stop="\n")
    assert 0 < len(text) < 2000
    return text


def test_a_conversation_reads_as_the_text_that_the_model_was_trained_on(chatting: LoadedModel) -> None:
    conversation = Conversation()
    first = send(chatting, conversation, "Hi", LONG)
    assert first == spoken(chatting, "Ann: Hi\nBo: ")
    second = send(chatting, conversation, "And you?", LONG)
    assert second == spoken(chatting, f"Ann: Hi\nBo: {first}\nAnn: And you?\nBo: ")
    view = lines(conversation.view())
    assert [(each["prompt"], each["chat"]) for each in view if "turn" in each] == [("Hi", True), ("And you?", True)]
    assert view[-1]["say"].endswith("finished")
    assert lines(hello(chatting)) == [{"hello": "Hello <b>", "by": "random", "chat": True}]


def test_after_a_turn_that_was_cut_off_the_next_one_begins_anew(chatting: LoadedModel) -> None:
    conversation = Conversation()
    cut = send(chatting, conversation, "Hi", seeded(5, length=3))
    assert len(cut) == 3
    said = send(chatting, conversation, "Go on", LONG)
    assert said == spoken(chatting, f"Ann: Hi\nBo: {cut}\nAnn: Go on\nBo: ")
    conversation.undo()
    moves.continue_reply(conversation, chatting, LONG)
    write(chatting, conversation)
    assert "".join(part.text for part in conversation.turns[0].parts) == spoken(chatting, "Ann: Hi\nBo: ")


def test_to_continue_a_turn_that_is_over_is_to_let_the_model_speak_again(chatting: LoadedModel) -> None:
    conversation = Conversation()
    first = send(chatting, conversation, "Hi", LONG)
    moves.continue_reply(conversation, chatting, seeded(6, length=2000))
    write(chatting, conversation)
    assert [turn.prompt for turn in conversation.turns] == ["Hi", ""]
    assert conversation.turns[1].parts[0].text == spoken(chatting, f"Ann: Hi\nBo: {first}\nBo: ", seed=6)


def test_an_empty_prompt_lets_it_speak_first_and_retry_reads_the_same_again(chatting: LoadedModel) -> None:
    conversation = Conversation()
    first = send(chatting, conversation, "", LONG)
    assert first == spoken(chatting, "Bo: ")
    moves.retry(conversation, chatting, LONG)
    write(chatting, conversation)
    assert conversation.turns[0].parts[0].text == first


def test_a_prompt_that_was_not_read_is_read_with_the_next(chatting: LoadedModel) -> None:
    conversation = Conversation()
    moves.send(conversation, chatting, LONG, "x" * 200)
    chatting.engine.abort(conversation.turns[-1].parts[-1])
    write(chatting, conversation)
    said = send(chatting, conversation, "y", LONG)
    assert said == spoken(chatting, f"Ann: {'x' * 200}\nBo: \nAnn: y\nBo: ")


def test_the_bounds_of_a_prompt_are_those_of_what_was_typed(chatting: LoadedModel) -> None:
    moves.send(Conversation(), chatting, QUICK, "x" * 20_000)
    with pytest.raises(RefusalError, match="20,001 characters"):
        moves.send(Conversation(), chatting, QUICK, "x" * 20_001)


def test_a_prompt_of_nothing_known_is_said_in_a_chat_too(chatting: LoadedModel) -> None:
    conversation = Conversation()
    send(chatting, conversation, "Ж", LONG)
    assert "notice.unknown_all" in conversation.view()
