"""The welcome text and the example prompts of a model, for an empty page."""

from __future__ import annotations

from model import BlockedWords, CharLSTM, Engine, SamplingParams
from model.checkpoint.record import stored_welcome, whole_lines
from model.settings import WELCOME_LENGTH, WELCOME_SEEDS

MAX_EXAMPLES = 4
_DEADLINE_S = 5.0
_MAX_EXAMPLE = 60  # characters


def example_prompts(lm: CharLSTM, blocked: BlockedWords) -> tuple[str, ...]:
    """Returns the example prompts in config.json whose characters the model knows; ("",) if there are none."""
    fitting = [
        text
        for text in dict.fromkeys(lm.training.get("examples", []))
        if 0 < len(text) <= _MAX_EXAMPLE and lm.tokenizer.in_vocab(text).all() and not blocked.inside(text)
    ]
    return tuple(fitting[:MAX_EXAMPLES]) or ("",)


def welcome_text_of(engine: Engine, lm: CharLSTM, *, deadline_s: float = _DEADLINE_S) -> tuple[str, int]:
    """Returns a text that the model generates without a prompt, cut after a word or a line, and its seed.

    If a blocked word ends the text, it begins with an empty line or nothing was written before the deadline, as on a
    machine that starts several models, the next seed is tried. If the text is incomplete at the deadline, the text that
    `config.json` stores is returned instead, or the incomplete one if none is stored. The engine must be running.
    """
    text, chosen = "", WELCOME_SEEDS[0]
    for seed in WELCOME_SEEDS:
        params = SamplingParams(length=WELCOME_LENGTH, seed=seed)
        sequence = engine.add_request("", params, deadline_s=deadline_s)
        in_time = sequence.wait(2 * deadline_s) and sequence.finish_reason != "time"
        stored = ("", 0) if in_time else stored_welcome_text_of(lm, engine.blocked)
        if stored[0]:
            return stored
        found = sequence.text.rstrip("\n")
        if len(found) > len(text):
            text, chosen = found, seed
        if found and sequence.finish_reason != "blocked" and not found.startswith("\n"):
            text, chosen = found, seed
            break
    return whole_lines(text), chosen


def stored_welcome_text_of(lm: CharLSTM, blocked: BlockedWords) -> tuple[str, int]:
    """Returns the welcome text that `config.json` stores, and its seed; ("", 0) without one, or with a blocked word."""
    text, seed = stored_welcome(lm.training)
    return ("", 0) if blocked.inside(text) else (text, seed)
