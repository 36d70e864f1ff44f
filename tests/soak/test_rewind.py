"""Two hundred places in a conversation with the bundled model, from each of which it goes on as it did."""

from __future__ import annotations

import random
import threading
import time

from model import PRETRAINED, CharLSTM, Engine, SamplingParams
from ui.conversation import moves
from ui.conversation.conversation import Conversation
from ui.conversation.moves import Settings
from ui.registry.loaded_model import LoadedModel

PLACES, LENGTH = 200, 2000


def test_from_any_character_the_same_seed_gives_the_same_text() -> None:
    lm = CharLSTM.from_pretrained(PRETRAINED)
    served, chance = LoadedModel("bundled", lm, Engine(lm), threading.current_thread()), random.Random(0)
    conversation = Conversation()

    def write() -> str:
        while conversation.writing:
            served.engine.step()
        return conversation.turns[-1].reply

    asked = Settings(SamplingParams(length=LENGTH, seed=7), None)
    for prompt in ("ROMEO:\n", "What & why?"):
        moves.send(conversation, served, asked, prompt)
        text = write()
    slowest = 0.0
    for _ in range(PLACES):
        began = time.perf_counter()
        cut = conversation.cut(conversation.turns[-1].number, chance.randrange(1, LENGTH))
        slowest = max(slowest, time.perf_counter() - began)
        moves.branch(conversation, cut, asked, new_seed=False)
        assert write() == text
        if chance.random() < 0.7:
            conversation.undo()
            assert conversation.turns[-1].reply == text
    print(f"{PLACES} places in {LENGTH:,} characters; the slowest reading again took {1000 * slowest:.0f} ms")
