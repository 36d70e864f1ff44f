"""A conversation goes on when a newer commit of its model is served: driven by engines that a test steps by hand."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from model import CharLSTM, ChatFormat, Engine, generate, stream
from tests.support.app_server import random_model
from tests.unit.ui.conversation.test_conversation import lines, seeded, send
from ui.conversation import moves, sharing
from ui.conversation.conversation import Conversation
from ui.conversation.turn import Turn
from ui.messages import RefusalError
from ui.registry.loaded_model import LoadedModel
from ui.registry.registry import ModelRegistry
from ui.settings import MAX_PROMPT

OLD, NEW = "a" * 40, "b" * 40
CHAT = ChatFormat("Ann: ", "\nBo: ", "\n")


def serve(commit: str, seed: int, **about: object) -> LoadedModel:
    lm = replace(random_model(seed), commit=commit, name="ada/novel", **about)  # type: ignore[arg-type]
    return LoadedModel("ada/novel", lm, Engine(lm), threading.current_thread())


@pytest.fixture
def old() -> LoadedModel:
    return serve(OLD, 0)


@pytest.fixture
def new() -> LoadedModel:
    return serve(NEW, 3)


def swap(old: LoadedModel, new: LoadedModel) -> None:
    """As the shelf does it, once nothing is written by the old one any more."""
    old.newer = new
    old.unloaded = True
    old.engine.release()
    old.lm = old.lm.without_weights()


def write(served: LoadedModel, conversation: Conversation) -> Turn:
    while conversation.writing:
        served.engine.step()
    return conversation.turns[-1]


def notices(conversation: Conversation) -> list[str]:
    return [each["say"] for each in lines(conversation.view()) if each.get("as") == "notice"]


READ = "Commit bbbbbbb of this model is served now, in place of aaaaaaa; it has read the text so far."


def test_send_goes_on_from_the_text_that_the_newer_commit_reads_again(old: LoadedModel, new: LoadedModel) -> None:
    conversation = Conversation()
    first = send(old, conversation, "ROMEO:")
    second = send(old, conversation, "JULIET:")
    swap(old, new)
    told = f"ROMEO:{first}JULIET:{second}"
    assert send(new, conversation, "and?") == generate(new.lm, told + "and?", 20, seed=5)
    assert notices(conversation) == [READ]
    more = generate(new.lm, f"{told}and?{conversation.turns[-1].reply}more", 20, seed=5)
    assert send(new, conversation, "more") == more, "from then on nothing is read twice"
    assert notices(conversation) == [READ]


def test_continue_goes_on_with_the_same_reply_and_undo_brings_it_back(old: LoadedModel, new: LoadedModel) -> None:
    conversation = Conversation()
    first = send(old, conversation, "ROMEO:")
    second = send(old, conversation, "JULIET:", seeded(6))
    swap(old, new)
    moves.continue_reply(conversation, new, seeded(99))
    turn = write(new, conversation)
    read = f"ROMEO:{first}JULIET:{second}"
    assert turn.reply == second + "".join(stream(new.lm, read, 20, seed=6, draw_offset=20))
    assert [part.params.seed for part in turn.parts] == [6, 6]
    assert (turn.parts[-1].draw_offset, turn.prompt, len(conversation.turns)) == (20, "JULIET:", 2)
    seen = list(turn.reading().tokens(len(read) - 20))
    assert all(each.bits >= 0 for each in seen)
    assert notices(conversation) == [READ]
    moves.continue_reply(conversation, new, seeded(99))
    assert write(new, conversation).served is new
    conversation.undo()
    assert conversation.turns[-1].reply == second
    assert not notices(conversation)


def test_what_continue_writes_is_what_that_commit_says_after_this_text(old: LoadedModel, new: LoadedModel) -> None:
    for prompt in ("ROMEO:", ""):
        conversation = Conversation()
        begun = send(old, conversation, prompt)
        swapped = serve(OLD, 0)
        swapped.newer = new
        conversation.turns[-1] = replace(
            conversation.turns[-1], start=replace(conversation.turns[-1].start, served=swapped)
        )
        moves.continue_reply(conversation, new, seeded(8), new_seed=True)
        assert write(new, conversation).parts[-1].text == generate(new.lm, prompt + begun, 20, seed=8)
        # What is shown of it, and any way from it, is by the same numbers.
        turn = conversation.turns[-1]
        cut = conversation.cut(turn.number, 30)
        moves.branch(conversation, cut, seeded(8, length=1), new_seed=False)
        assert write(new, conversation).reply == turn.reply


def test_retry_writes_the_last_turn_anew(old: LoadedModel, new: LoadedModel) -> None:
    conversation = Conversation()
    first = send(old, conversation, "ROMEO:")
    send(old, conversation, "JULIET:")
    swap(old, new)
    moves.retry(conversation, new, seeded(5))
    assert write(new, conversation).reply == generate(new.lm, f"ROMEO:{first}JULIET:", 20, seed=5)
    assert notices(conversation) == [READ]
    conversation.undo()
    conversation.undo()
    moves.retry(conversation, new, seeded(5))
    assert write(new, conversation).reply == generate(new.lm, "ROMEO:", 20, seed=5)
    assert notices(conversation) == ["Commit bbbbbbb of this model is served now, in place of aaaaaaa."]
    assert sharing.share(conversation, ModelRegistry()).commit == NEW


@pytest.mark.parametrize("prompt", ["ROMEO:", ""])
@pytest.mark.parametrize("pick", ["", "Q"])
def test_another_way_from_a_character_of_the_old_reply_is_the_newer_commits(
    old: LoadedModel, new: LoadedModel, prompt: str, pick: str
) -> None:
    conversation = Conversation()
    text = send(old, conversation, prompt)
    swap(old, new)
    moves.branch(conversation, conversation.cut(1, 7, pick), seeded(8), new_seed=True)
    kept = text[: 7 - len(pick)] + pick
    assert write(new, conversation).reply == kept + generate(new.lm, prompt + kept, 13, seed=8)
    conversation.undo()
    assert conversation.turns[-1].reply == text


def test_a_conversation_keeps_its_turns(old: LoadedModel, new: LoadedModel) -> None:
    for served in (old, new):
        served.lm.chat = CHAT
    conversation = Conversation()
    first = send(old, conversation, "Hi", seeded(5, length=2000))
    assert conversation.turns[-1].over
    swap(old, new)
    said = send(new, conversation, "And you?", seeded(5, length=2000))
    read = f"Ann: Hi\nBo: {first}\nAnn: And you?\nBo: "
    assert said == generate(new.lm, read, 2000, seed=5, stop="\n")
    conversation.undo()
    moves.continue_reply(conversation, new, seeded(6, length=2000))
    assert write(new, conversation).reply == generate(new.lm, f"Ann: Hi\nBo: {first}\nBo: ", 2000, seed=6, stop="\n")


def test_what_is_read_again_has_a_bound_and_takes_none_of_the_prompts(
    old: LoadedModel, new: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.conversation.state_handover.MAX_CARRIED", 50)
    conversation = Conversation()
    text = send(old, conversation, "x" * 100)
    swap(old, new)
    assert send(new, conversation, "y") == generate(new.lm, ("x" * 100 + text)[-50:] + "y", 20, seed=5)
    conversation.undo()
    moves.send(conversation, new, seeded(5), "y" * MAX_PROMPT)
    assert len(conversation.turns[-1].to_read) == MAX_PROMPT + 50


def test_another_model_still_begins_with_an_empty_memory(old: LoadedModel, new: LoadedModel) -> None:
    conversation = Conversation()
    send(old, conversation, "ROMEO:")
    swap(old, new)
    other = LoadedModel("other", random_model(5), Engine(random_model(5)), threading.current_thread())
    assert send(other, conversation, "ROMEO:") == generate(other.lm, "ROMEO:", 20, seed=5)
    assert not notices(conversation)


def test_what_two_commits_wrote_cannot_be_shared_and_what_one_wrote_can(old: LoadedModel, new: LoadedModel) -> None:
    conversation = Conversation()
    send(old, conversation, "ROMEO:")
    swap(old, new)
    assert sharing.share(conversation, ModelRegistry()).commit == OLD
    moves.continue_reply(conversation, new, seeded(5))
    write(new, conversation)
    with pytest.raises(RefusalError, match="Two commits of the model wrote this"):
        sharing.share(conversation, ModelRegistry())
    conversation.undo()
    send(new, conversation, "more")
    with pytest.raises(RefusalError, match="Two commits of the model wrote this"):
        sharing.share(conversation, ModelRegistry())


def test_of_two_newer_commits_the_last_one_goes_on(old: LoadedModel, new: LoadedModel) -> None:
    last = serve("c" * 40, 4)
    conversation = Conversation()
    first = send(old, conversation, "ROMEO:")
    swap(old, new)
    swap(new, last)
    assert send(last, conversation, "and?") == generate(last.lm, f"ROMEO:{first}and?", 20, seed=5)


def test_a_model_whose_weights_are_gone_still_says_what_it_was() -> None:
    lm: CharLSTM = replace(random_model(), commit=OLD)
    light = lm.without_weights()
    assert (light.commit, light.config, light.tokenizer) == (OLD, lm.config, lm.tokenizer)
    assert all(weight.is_meta for weight in light.network.parameters())
    assert not any(weight.is_meta for weight in lm.network.parameters())
