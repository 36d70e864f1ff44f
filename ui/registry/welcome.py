"""What an empty page shows of a model: a sample of its own, and beginnings that suit it."""

from __future__ import annotations

import threading

from model import BlockedWords, CharLSTM, Engine, SamplingParams

GREETING_SEED = 7
GREETING_LENGTH = 240
MAX_EXAMPLES = 4
_GREETINGS = 8  # that are tried, at most
_GREETING_S = 5.0  # on a slow machine it is as long as it got in this time
_BUNDLED_EXAMPLES = ("ROMEO:", "First Citizen:\n", "To be, or not to be", "Once upon a time")
_MAX_EXAMPLE = 60  # characters


def examples_of(lm: CharLSTM, blocked: BlockedWords, *, bundled: bool) -> tuple[str, ...]:
    """Beginnings that the model can read in full: its trainer's, else the bundled model's own, else none."""
    noted = lm.training.get("examples")
    offered = list(_BUNDLED_EXAMPLES) if bundled else []
    offered += noted if isinstance(noted, list) else []
    fitting = [
        text
        for text in dict.fromkeys(each for each in offered if isinstance(each, str))
        if 0 < len(text) <= _MAX_EXAMPLE and lm.tokenizer.in_vocab(text).all() and not blocked.inside(text)
    ]
    return tuple(fitting[:MAX_EXAMPLES]) or ("",)


def welcome_text_of(engine: Engine) -> str:
    """What the model writes of itself, ended at a word or a line; if it came to a word that is blocked, another.

    The engine must be running.
    """
    finished = threading.Event()
    text = ""
    for seed in range(GREETING_SEED, GREETING_SEED + _GREETINGS):
        params = SamplingParams(length=GREETING_LENGTH, seed=seed)
        sequence = engine.add_request("", params, deadline_s=_GREETING_S)
        while not sequence.finished:
            finished.wait(0.005)
        text = max(text, sequence.text.strip("\n"), key=len)
        if sequence.finish_reason != "blocked":
            break
    cut = max(text.rfind("\n"), text.rfind(" ") if "\n" not in text[len(text) // 2 :] else -1)
    return text[:cut] if cut > len(text) // 2 else text
