"""Sharing and following, driven by an engine that a test steps by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from model import ChatFormat, SamplingParams
from tests.support.english import english, read_view
from tests.support.shared_conversations import OneModelRegistry, a_conversation, serve, settings, texts, write
from ui.conversation import moves, sharing
from ui.conversation.conversation import Conversation
from ui.conversation.links import Link
from ui.messages import RefusalError
from ui.registry.loaded_model import LoadedModel
from ui.registry.registry import ModelRegistry

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SAME = "The same text, character for character, as when the link was made."


def follow(link: Link, registry: ModelRegistry) -> Conversation:
    """All that a link asks for, through its own encoding."""
    read = Link.read(link.query)
    assert read
    conversation = Conversation()
    served = sharing.begin(conversation, read, registry, chars_per_second=None, client_id="")
    write(conversation)
    while sharing.next_step(conversation, served, chars_per_second=None, client_id=""):
        write(conversation)
    return conversation


def test_who_follows_a_link_has_the_same_conversation_and_is_told_so() -> None:
    conversation = a_conversation(serve())
    other = OneModelRegistry(serve())
    followed = follow(sharing.share(conversation, OneModelRegistry(*[conversation.turns[0].served])), other)
    assert texts(followed) == texts(conversation)
    assert [english(turn.mark) for turn in followed.turns] == ["", SAME]
    view = read_view(followed.view())
    assert [each["say"] for each in view if each.get("as") == "notice"] == ["Whoever made this link wrote the prompt."]
    assert sharing.share(followed, other) == sharing.share(conversation, OneModelRegistry(conversation.turns[0].served))


def test_a_model_that_chats_goes_through_the_same_turns() -> None:
    chat = ChatFormat("Ann: ", "\nBo: ", "\n")
    served = serve(chat=chat)
    conversation = Conversation()
    for seed, prompt, length in ((5, "Hi", 2000), (1, "", 3), (7, "And you?", 2000)):
        moves.send(conversation, served, settings(seed, length), prompt)
        write(conversation)
    moves.continue_reply(conversation, served, settings(8, 2000))
    write(conversation)
    assert [turn.over for turn in conversation.turns] == [True, False, True, True]
    followed = follow(sharing.share(conversation, OneModelRegistry(served)), OneModelRegistry(serve(chat=chat)))
    assert texts(followed) == texts(conversation)
    assert english(followed.turns[-1].mark) == SAME
    assert followed.turns[-1].over


def test_only_the_turns_that_the_memory_comes_from_are_shared() -> None:
    one, two = serve(), serve(3, "two")
    registry = OneModelRegistry(one, two)
    conversation = Conversation()
    for served, prompt in ((one, "not this"), (two, "this"), (two, "and this")):
        moves.send(conversation, served, settings(1, 10), prompt)
        write(conversation)
    link = sharing.share(conversation, registry)
    assert link.prompts == ["this", "and this"]
    assert link.model == "two"
    assert texts(follow(link, registry)) == texts(conversation)[1:]


def test_what_cannot_be_shared_is_refused() -> None:
    served = serve()
    registry = OneModelRegistry(served)
    with pytest.raises(RefusalError, match="no reply yet"):
        sharing.share(Conversation(), registry)
    conversation = Conversation()
    moves.send(conversation, served, settings(1, 10), "x" * 100)
    served.engine.abort(conversation.turns[-1].parts[-1])
    write(conversation)
    with pytest.raises(RefusalError, match="Nothing was written"):
        sharing.share(conversation, registry)
    conversation = Conversation()
    for _ in range(60):
        moves.send(conversation, served, settings(1, 1), "")
        write(conversation)
    with pytest.raises(RefusalError, match="no longer kept"):
        sharing.share(conversation, registry)


def together(share: float, seed: int = 5, length: int = 40) -> moves.Settings:
    return moves.Settings(SamplingParams(length=length, seed=seed, share=share), None)


def test_who_follows_a_link_to_a_blend_has_both_models_write_it_again() -> None:
    named = serve(3, "ada/novel@v1", commit=COMMIT)
    named.lm.name = "ada/novel"
    registry = OneModelRegistry(serve(), named)
    both = registry.blend(*registry.loaded_models)
    conversation = Conversation()
    moves.send(conversation, both, together(0.3), "ROMEO:")
    write(conversation)
    moves.continue_reply(conversation, both, together(0.9, length=30))
    write(conversation)
    moves.send(conversation, both, together(0.9, 6), "and then")
    write(conversation)
    link = sharing.share(conversation, registry)
    assert (link.model, link.commit, link.second) == ("", "", ("ada/novel", COMMIT))
    assert [step.params.share for step in link.steps] == [0.3, 0.9, 0.9]
    assert f"&blend_with=ada%2Fnovel%40{COMMIT}&" in link.query
    assert link.query.count("&share=") == 2
    followed = follow(link, registry)
    assert texts(followed) == texts(conversation)
    assert english(followed.turns[-1].mark) == SAME
    assert sharing.share(followed, registry) == link
    offered = json.loads(sharing.offer(link, registry))
    assert english(offered["facts"], " · ").startswith("random + ada/novel@v1 · seed 5")
    assert english(follow(replace(link, second=None), registry).turns[-1].mark).startswith("Not the same text")

    newer = OneModelRegistry(serve(), serve(4, "ada/novel", commit="f" * 40))
    doubt = "for the second model, the link was made with commit 0123456, and here is commit fffffff."
    assert english(follow(link, newer).turns[-1].mark) == f"Not the same text: {doubt}"
    assert english(json.loads(sharing.offer(link, newer))["warning"]) == f"The result may differ: {doubt}"
    with pytest.raises(RefusalError, match=r"one of them is not here: Model is 'ada/novel': it must be one of"):
        sharing.offer(link, OneModelRegistry(serve()))
    with pytest.raises(RefusalError, match="only one of them is here: random"):
        sharing.offer(replace(link, second=("random", "")), registry)


def shared(served: LoadedModel) -> Link:
    conversation = Conversation()
    moves.send(conversation, served, settings(1, 30), "ROMEO:")
    write(conversation)
    return sharing.share(conversation, OneModelRegistry(served))


def mark(link: Link, served: LoadedModel) -> str:
    return english(follow(link, OneModelRegistry(served)).turns[-1].mark)


def test_why_it_is_not_the_same_is_said_as_far_as_it_is_known() -> None:
    made = serve(name="ada/novel", commit=COMMIT)
    link = shared(replace(made, lm=replace(made.lm.models[0], name="ada/novel")))
    assert (link.model, link.commit, link.arithmetic) == ("ada/novel", COMMIT, "1")
    newer = serve(1, "ada/novel", commit="f" * 40)
    assert mark(link, newer) == (
        "Not the same text: the link was made with commit 0123456, and here is commit fffffff."
    )
    offered = json.loads(sharing.offer(link, OneModelRegistry(newer)))
    assert offered["link"] == ["ROMEO:"]
    assert "commit 0123456" in english(offered["warning"])
    exact = serve(name="ada/novel@v1", commit=COMMIT)
    exact.lm = replace(exact.lm.models[0], name="ada/novel")
    assert sharing.find(link, OneModelRegistry(newer, exact)) == [exact]
    assert mark(replace(link, text="0" * 16), exact) == (
        "Not the same text: the link was changed, or was not made by this app."
    )
    assert "may be another, or the link was changed" in mark(replace(shared(serve()), text="0" * 16), serve())
    assert "written in version 9 of the int8 arithmetic" in mark(replace(link, arithmetic="9", text="0" * 16), exact)
    assert "can't be checked" in mark(replace(link, text=""), exact)
    with pytest.raises(RefusalError, match="must be one of the models served here"):
        sharing.offer(replace(link, model="ada/other"), OneModelRegistry(exact))


def test_in_float32_other_machines_are_warned_of() -> None:
    rounded = serve(precision="float32")
    link = shared(rounded)
    assert link.arithmetic == "float32"
    assert mark(link, rounded) == SAME + " It is written in float32, which another machine may round differently."
    assert "written in float32, and here it is written in version 1" in mark(replace(link, text="0" * 16), serve())


def test_a_reply_that_was_stopped_is_not_compared_and_nothing_follows() -> None:
    served = serve()
    conversation = a_conversation(served)
    link = sharing.share(conversation, OneModelRegistry(served))
    followed = Conversation()
    sharing.begin(followed, link, OneModelRegistry(served), chars_per_second=None, client_id="")
    served.engine.abort(followed.turns[-1].parts[-1])
    write(followed)
    assert not sharing.next_step(followed, served, chars_per_second=None, client_id="")
    assert "can't be checked" in english(followed.turns[-1].mark)
    assert len(followed.turns) == 1
