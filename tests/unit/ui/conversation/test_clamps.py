"""The hand on the memory in a conversation, driven by an engine that a test steps by hand."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from typing import Any

import pytest
import torch

from model import Clamp, generate
from model.int8.sampling import Randomness, choose
from tests.support.english import english, read_view
from tests.support.shared_conversations import OneModelRegistry, serve, settings, texts, write
from tests.unit.ui.conversation.test_sharing import SAME, follow
from ui.conversation import moves, sharing
from ui.conversation.clamps import ModelClamps, read_clamps, write_clamps
from ui.conversation.conversation import Conversation
from ui.conversation.counterfactual import MOST, without
from ui.conversation.links import Link
from ui.messages import RefusalError
from ui.registry.loaded_model import LoadedModel

UP, OFF = (Clamp(0, 3, 4.0),), (Clamp(1, 7, 0.0), Clamp(0, 3, -4.0))
PROMPT = "ROMEO:"


def strong() -> LoadedModel:
    """A model with such weights that a single cell matters."""
    served = serve()
    with torch.no_grad():
        for parameter in served.lm.models[0].network.parameters():
            parameter.mul_(4)
    return serve(network=served.lm.models[0].network)


@pytest.fixture
def served() -> LoadedModel:
    return strong()


def held(clamps: Any, seed: int = 5, length: int = 60) -> moves.Settings:
    return replace(settings(seed, length), clamps=ModelClamps("random", clamps))


def talk_of(served: LoadedModel, clamps: Any, prompt: str = PROMPT) -> Conversation:
    conversation = Conversation()
    moves.send(conversation, served, held(clamps), prompt)
    write(conversation)
    return conversation


def stop_at(conversation: Conversation, length: int) -> None:
    turn = conversation.turns[-1]
    while turn.written < length:
        turn.served.engine.step()
    turn.served.engine.abort(turn.parts[-1])
    write(conversation)


def compare(served: LoadedModel, conversation: Conversation) -> dict[str, Any]:
    """What the turn would be without the hand, by an engine that runs."""
    thread = threading.Thread(target=served.engine.run, daemon=True)
    thread.start()
    try:
        return asyncio.run(without(replace(conversation.turns[-1], start=conversation.turns[-1].start), ""))
    finally:
        served.engine.stop()
        thread.join()


def test_what_is_sent_with_a_hand_on_the_memory_is_written_so_and_says_so(served: LoadedModel) -> None:
    conversation = talk_of(served, UP)
    assert (
        conversation.turns[-1].reply
        == generate(served.lm, PROMPT, 60, seed=5, clamps=UP)
        != generate(served.lm, PROMPT, 60, seed=5)
    )
    assert "cell 3 (layer 0) held up" in read_view(conversation.view())[-1]["say"]
    assert json.loads(conversation.view().splitlines()[0])["held"] == 0
    moves.send(conversation, served, held(()), "and?")
    write(conversation)
    assert "held" not in json.loads(conversation.turns[-1].head().splitlines()[0])


def test_another_model_writes_with_its_cells_free(served: LoadedModel) -> None:
    conversation = Conversation()
    moves.send(conversation, served, replace(held(UP), clamps=ModelClamps("other", UP)), PROMPT)
    write(conversation)
    assert conversation.turns[-1].reply == generate(served.lm, PROMPT, 60, seed=5)


def test_a_hand_that_grips_while_it_writes_holds_from_the_next_character_on(served: LoadedModel) -> None:
    conversation = Conversation()
    moves.send(conversation, served, held(()), PROMPT)
    for at, clamps in ((17, UP), (18, OFF), (40, ())):
        stop_at(conversation, at)
        moves.continue_with_clamps(conversation, replace(settings(99, 1), clamps=ModelClamps("random", clamps)))
    write(conversation)
    turn = conversation.turns[-1]
    assert [part.length for part in turn.parts] == [17, 1, 22, 20]
    assert turn.written == 60
    free = generate(served.lm, PROMPT, 60, seed=5)
    assert turn.reply[:17] == free[:17]
    assert turn.reply != free
    numbers, reading = Randomness(5), turn.reading()
    for seen in list(reading.tokens(len(PROMPT))):
        assert seen.logits is not None
        assert choose(seen.logits, turn.parts[0].params, numbers.number(seen.position - len(PROMPT))) == seen.id
    moves.continue_with_clamps(conversation, held(UP))  # it is over: there is nothing to go on with
    assert len(turn.parts) == 4


@pytest.mark.parametrize("prompt", ["", PROMPT, "🙃", "ROMEO:🙃"])
def test_a_held_turn_is_read_again_as_it_was_written(served: LoadedModel, prompt: str) -> None:
    served.lm.tokenizer = type(served.lm.tokenizer)(
        [each for each in served.lm.tokenizer.vocab if each != "🙂"] + ["🙁"]
    )
    conversation = talk_of(served, UP, prompt)
    moves.send(conversation, served, held(OFF, 8), "")
    write(conversation)
    for turn in conversation.turns:
        given, numbers = len(turn.to_read), Randomness(turn.parts[0].params.seed)
        for seen in list(turn.reading().tokens(given)):
            if seen.logits is not None:
                assert choose(seen.logits, turn.parts[0].params, numbers.number(seen.position - given)) == seen.id
        assert seen.position == given + 59


def test_going_on_from_a_character_holds_what_is_held_now(served: LoadedModel) -> None:
    conversation = talk_of(served, UP)
    text = conversation.turns[-1].reply
    for keep in (1, 30, 59):
        cut = conversation.cut(conversation.turns[-1].number, keep)
        moves.branch(conversation, cut, held(UP, 9), new_seed=False)
        write(conversation)
        assert conversation.turns[-1].reply == text
    cut = conversation.cut(conversation.turns[-1].number, 30)
    moves.branch(conversation, cut, held((), 9), new_seed=False)
    write(conversation)
    assert conversation.turns[-1].reply[:30] == text[:30]
    assert conversation.turns[-1].reply != text


def test_written_again_it_keeps_its_seed_and_undo_brings_the_other_back(served: LoadedModel) -> None:
    conversation = talk_of(served, ())
    free = conversation.turns[-1].reply
    moves.again(conversation, served, held(UP, 77, 5))
    write(conversation)
    assert conversation.turns[-1].reply == generate(served.lm, PROMPT, 60, seed=5, clamps=UP)
    moves.again(conversation, served, held((), 77, 5))
    write(conversation)
    assert conversation.turns[-1].reply == free
    conversation.undo()
    conversation.undo()
    assert texts(conversation) == [(PROMPT, free)]
    with pytest.raises(RefusalError, match="no reply yet"):
        moves.again(Conversation(), served, held(UP))


def test_written_again_it_begins_where_its_seed_began_to_count(served: LoadedModel) -> None:
    conversation = talk_of(served, ())
    moves.continue_reply(conversation, served, settings(6, 20), new_seed=True)
    write(conversation)
    moves.continue_reply(conversation, served, settings(9, 10))
    write(conversation)
    before = conversation.turns[-1].reply
    moves.again(conversation, served, held(UP))
    write(conversation)
    after = conversation.turns[-1].reply
    assert after[:60] == before[:60]
    assert after != before
    assert [(part.draw_offset, part.length) for part in conversation.turns[-1].parts] == [(0, 60), (0, 30)]


def test_a_reply_is_compared_with_what_it_would_be_without_the_hand(served: LoadedModel) -> None:
    conversation = talk_of(served, ())
    free = conversation.turns[-1].reply
    moves.again(conversation, served, held(UP))
    write(conversation)
    assert compare(served, conversation) == {"from": 0, "without": free}


def test_only_what_comes_after_the_hand_is_compared_whatever_was_done(served: LoadedModel) -> None:
    conversation = Conversation()
    moves.send(conversation, served, held(()), PROMPT)
    stop_at(conversation, 17)
    moves.continue_with_clamps(conversation, held(UP))
    write(conversation)
    moves.continue_reply(conversation, served, held(OFF, 6, 10), new_seed=True)
    write(conversation)
    cut = conversation.cut(conversation.turns[-1].number, 66, "x")
    moves.branch(conversation, cut, held((), 1, 6), new_seed=False)
    write(conversation)
    one = generate(served.lm, PROMPT, 60, seed=5)
    two = generate(served.lm, PROMPT + one, 5, seed=6) + "x"
    told = compare(served, conversation)
    assert told["from"] == 17
    assert (one[:17] + told["without"])[:66] == one + two
    assert len(told["without"]) == conversation.turns[-1].written - 17


def test_nothing_is_compared_where_nothing_was_held_and_only_so_much_of_a_long_reply(served: LoadedModel) -> None:
    assert asyncio.run(without(talk_of(served, ()).turns[-1], "")) == {}
    conversation = Conversation()
    moves.send(conversation, served, held(UP, 5, MOST + 100), PROMPT)
    write(conversation)
    assert len(compare(served, conversation)["without"]) == MOST


def test_a_held_conversation_is_shared_and_followed() -> None:
    served = strong()
    conversation = Conversation()
    moves.send(conversation, served, held(()), PROMPT)
    stop_at(conversation, 17)
    moves.continue_with_clamps(conversation, held(UP))
    write(conversation)
    moves.send(conversation, served, held(OFF, 3, 20), "and?")
    write(conversation)
    cut = conversation.cut(conversation.turns[-1].number, 8, "x")
    moves.branch(conversation, cut, held(OFF, 3, 20), new_seed=False)
    write(conversation)
    moves.send(conversation, served, held((), 4, 20), "")
    write(conversation)
    link = sharing.share(conversation, OneModelRegistry(served))
    assert [step.hold for step in link.steps] == [(), UP, tuple(sorted(OFF)), tuple(sorted(OFF)), ()]
    followed = follow(link, OneModelRegistry(strong()))
    assert texts(followed) == texts(conversation)
    assert english(followed.turns[-1].mark) == SAME
    assert "cell 3 (layer 0) held up" in english(
        json.loads(sharing.offer(link, OneModelRegistry(served)))["facts"], " · "
    )
    for step, reason in ((Clamp(9, 0, 1.0), "names layer 9"), (Clamp(0, 24, 1.0), "names cell 24")):
        wrong = replace(link, steps=(replace(link.steps[0], hold=(step,)),))
        with pytest.raises(RefusalError, match=reason):
            follow(wrong, OneModelRegistry(strong()))


@pytest.mark.parametrize(
    ("text", "clamps"),
    [
        ("", ()),
        ("0.3~4", UP),
        ("1.7~0_0.3~-4", OFF),
        ("0.0~-0.25", (Clamp(0, 0, -0.25),)),
        ("0.1~1e-07", (Clamp(0, 1, 1e-7),)),
    ],
)
def test_what_is_held_is_said_in_a_link(text: str, clamps: Any) -> None:
    assert read_clamps(text) == clamps
    assert write_clamps(clamps) == text
    link = Link.read(f"prompt=x&seed=1&hold={text}&more=5&then=y&seed=2&hold=")
    assert link
    assert [step.hold for step in link.steps] == [clamps, clamps, ()]
    assert Link.read(link.query) == link


@pytest.mark.parametrize("text", ["0", "0.1", "0.1~", "0.1~9999", "x.1~1", "0.1~1_", "_".join(["0.1~1"] * 5), "-1.0~1"])
def test_what_is_no_hold_is_refused_in_a_link(text: str) -> None:
    with pytest.raises(RefusalError, match="in this link: it must be LAYER"):
        Link.read(f"seed=1&hold={text}")
