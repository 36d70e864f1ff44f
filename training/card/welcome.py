"""Writes the welcome text of a model, which a page shows before the weights are downloaded, and stores it."""

from __future__ import annotations

from dataclasses import replace

from model import CharLSTM, generate
from model.checkpoint.record import Welcome, stored_welcome
from model.settings import WELCOME_LENGTH, WELCOME_SEEDS

from .summary import quotes_of


def write_welcome(lm: CharLSTM) -> Welcome:
    """Returns a text that int8 inference generates without a prompt, and its seed, as config.json stores them."""
    texts = ((seed, generate(lm, "", WELCOME_LENGTH, seed=seed, precision="int8")) for seed in WELCOME_SEEDS)
    seed, text = next(((seed, text) for seed, text in texts if not text.startswith("\n")), (WELCOME_SEEDS[0], ""))
    return {"text": text, "seed": seed}


def with_welcome(lm: CharLSTM) -> CharLSTM:
    """Returns a model that has a welcome text in its config.json, unless nothing may be quoted of it."""
    if stored_welcome(lm.training)[0] or quotes_of(lm.training, is_chat=lm.chat is not None) == "nothing":
        return lm
    return replace(lm, training={**lm.training, "welcome": write_welcome(lm)})
