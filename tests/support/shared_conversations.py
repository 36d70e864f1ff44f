"""Conversations to be shared, written by an engine that a test steps by hand; and links of any conversation."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from typing import Any

from model import Blend, Engine, SamplingParams
from model.backends.backend import Precision
from model.clamps import Clamp, Clamps
from tests.support.app_server import random_model
from ui.conversation import moves
from ui.conversation.conversation import Conversation
from ui.conversation.links import HERE, Link, Step, fingerprint
from ui.conversation.moves import Settings
from ui.registry.loaded_model import LoadedModel
from ui.registry.registry import ModelRegistry

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CHARACTERS = "aZ &=?#+%;/\\\"'<>\n\t\x00\x7fé你🙂\u0301\u202e\u2028{}$`"


def serve(seed: int = 0, name: str = "random", precision: Precision = "int8", **about: Any) -> LoadedModel:
    lm = replace(random_model(seed), **about)
    return LoadedModel(name, lm, Engine(lm, precision=precision), threading.current_thread())


class OneModelRegistry(ModelRegistry):
    """A registry with models whose engines do not run."""

    def __init__(self, *served: LoadedModel) -> None:
        super().__init__()
        self._given = list(served)

    @property
    def loaded_models(self) -> list[LoadedModel]:
        return self._given

    def first(self) -> LoadedModel | None:
        return self._given[0]

    def blend(self, first: LoadedModel, second: LoadedModel) -> LoadedModel:
        lm = Blend(first.lm.models[0], second.lm.models[0])
        name = f"{first.name} + {second.name}"
        return LoadedModel(name, lm, Engine(lm), threading.current_thread(), parts=(first, second))


def write(conversation: Conversation) -> None:
    while conversation.writing:
        conversation.turns[-1].served.engine.step()


def settings(seed: int, length: int, temperature: float = 0.8, top_k: int = 0) -> Settings:
    return Settings(SamplingParams(temperature=temperature, length=length, top_k=top_k, seed=seed), None)


def texts(conversation: Conversation) -> list[tuple[str, str]]:
    return [(turn.prompt, turn.reply) for turn in conversation.turns]


def a_conversation(served: LoadedModel) -> Conversation:
    """Turns that were sent, stopped, continued with other settings, taken back and tried again."""
    conversation = Conversation()
    moves.send(conversation, served, settings(5, 40), "ROMEO:\n🙂 what & where?")
    for _ in range(50):
        served.engine.step()
    served.engine.abort(conversation.turns[-1].parts[-1])
    write(conversation)
    moves.continue_reply(conversation, served, settings(9, 15, 1.5, 7))
    write(conversation)
    moves.send(conversation, served, settings(6, 20), "taken back")
    write(conversation)
    conversation.undo()
    moves.send(conversation, served, settings(6, 20, 0.3), "")
    write(conversation)
    moves.retry(conversation, served, settings(7, 25))
    write(conversation)
    return conversation


def chance_link(seed: int) -> Link:
    """Any link that a page could make."""
    chance = random.Random(seed)
    steps: list[Step] = []
    second = chance.choice([None, None, ("ada/other", COMMIT), ("bundled", "")])
    hold: Clamps = ()
    for at in range(chance.randrange(1, 6)):
        new = not at or chance.random() < 0.5
        new_seed = new or chance.random() < 0.3
        params = SamplingParams(
            temperature=chance.choice([0, 0.8, 1, 1.05, chance.uniform(0, 5)]),
            length=chance.randrange(1, 10_001),
            top_k=chance.choice([0, 1, 40, 10**6]),
            top_p=chance.choice([1, 0.01, chance.uniform(0.001, 1)]),
            min_p=chance.choice([0, 0, 0.05, chance.random()]),
            seed=chance.randrange(2**32) if new_seed else steps[-1].params.seed,
            share=chance.choice([0, 0.5, 1.0, chance.random()]) if second else None,
        )
        if not second and chance.random() < 0.4:
            cells = sorted(chance.sample(range(21), k=chance.randrange(4)))
            hold = tuple(
                Clamp(chance.randrange(2), cell, chance.choice([-4.0, 0.0, 1e-9, chance.uniform(-8, 8)]))
                for cell in cells
            )
        prompt = "".join(chance.choices(CHARACTERS, k=chance.randrange(20))) if new else None
        steps.append(Step(params, prompt, new_seed, chance.choice(["", chance.choice(CHARACTERS)]), hold))
    model, commit = chance.choice([("ada/novel", COMMIT), ("ada/novel@v2", ""), ("", ""), ("bundled (2)", "")])
    return Link(tuple(steps), model, commit, chance.choice([HERE, "float32", "7"]), fingerprint(str(seed)), second)
