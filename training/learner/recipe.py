"""The recipe: every number that decides how a model is trained, fixed before the first step.

A command-line flag belongs to each field. The presets are recipes for short and long trainings; `--minutes` picks the
one that fits. Measurements behind these numbers are in docs/lab-book.md.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any

from model import LSTMConfig

_MAX_LOGITS = 2**25  # of a step, at most: rows x window x vocabulary
SAMPLES = 20  # in a run, at most, besides those of evaluations
_FIRST_SAMPLE = 20_000  # characters read before the first sample, which would be noise


@dataclass(frozen=True)
class _Bounds:
    """The values that a field may have."""

    kind: type
    least: float
    most: float
    text: str  # after "it must be"
    above: bool = False  # the least itself is not allowed

    def allow(self, value: object) -> bool:
        if self.kind is bool:
            return isinstance(value, bool)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if self.kind is int and type(value) is not int:
            return False
        return (self.least < value if self.above else self.least <= value) and value <= self.most


def _whole(least: int, most: int) -> _Bounds:
    return _Bounds(int, least, most, f"a whole number from {least} to {most:,}")


_LEARNING_RATE = _Bounds(float, 0, 10, "a number above 0, at most 10", above=True)
_SHARE = _Bounds(float, 0, 0.95, "a number from 0 to 0.95")


def _setting(default: Any, bounds: _Bounds, text: str) -> Any:
    """A field with its default, its bounds, and its help text, which names the unit."""
    return field(default=default, metadata={"bounds": bounds, "help": text})


@dataclass(frozen=True)
class Recipe:
    """Sizes, optimizers, schedule and regularization of a run; saved with it, so field names stay.

    Raises:
        ValueError: a field's value is not allowed; the message begins with the field's name.
    """

    embedding_size: int = _setting(
        64, _whole(1, 8192), "numbers in the vector of a character; by default more for a large vocabulary"
    )
    hidden_size: int = _setting(512, _whole(1, 8192), "cells of each LSTM layer")
    num_layers: int = _setting(2, _whole(1, 32), "LSTM layers")
    batch: int = _setting(
        64, _whole(1, 65536), "rows of text that are read side by side; by default fewer for a huge vocabulary"
    )
    window: int = _setting(64, _whole(1, 65536), "BPTT length: characters that each row reads in a step")
    steps: int = _setting(2000, _whole(1, 10**9), "optimizer steps")
    matrix_lr: float = _setting(0.04, _LEARNING_RATE, "Muon's learning rate, for the matrices of the LSTM")
    lr: float = _setting(4e-3, _LEARNING_RATE, "AdamW's learning rate, for embedding, output and biases")
    weight_decay: float = _setting(
        0.05, _Bounds(float, 0, 10, "a number from 0 to 10"), "decoupled weight decay of every matrix, times its rate"
    )
    dropout_in: float = _setting(0.05, _SHARE, "share of the embedding that locked dropout sets to zero")
    dropout_between: float = _setting(0.3, _SHARE, "share of the cells that locked dropout sets to zero between layers")
    dropout_out: float = _setting(0.35, _SHARE, "share of the cells that locked dropout sets to zero before the output")
    dropout_weights: float = _setting(
        0.0, _SHARE, "share of the recurrent weights that weight dropout sets to zero, in steps of 1/256"
    )
    reset: float = _setting(0.02, _SHARE, "probability that a row's carried state is reset to zero before a step")
    average: float = _setting(
        0.999,
        _Bounds(float, 0, 0.999999, "a number from 0 to 0.999999"),
        "EMA decay per step of the averaged weights, which are evaluated and saved",
    )
    clip: float = _setting(1.0, _Bounds(float, 0, 1e9, "a number above 0", above=True), "maximum norm of the gradient")
    warmup: float = _setting(
        0.03, _SHARE, "share of the steps in which the learning rates rise; then they fall linearly to zero"
    )
    evaluations: int = _setting(
        20, _whole(1, 10_000), "evaluations, each with a checkpoint; by default one a minute where --minutes allows it"
    )
    seed: int = _setting(1, _whole(0, 2**32 - 1), "seed of all random numbers")
    bfloat16: bool = _setting(
        False, _Bounds(bool, 0, 1, "true or false"), "compute matrix products in bfloat16 instead of float32"
    )

    def __post_init__(self) -> None:
        for each in fields(self):
            value, bounds = getattr(self, each.name), each.metadata["bounds"]
            if not bounds.allow(value):
                raise ValueError(f"{each.name} is {value!r:.60}: it must be {bounds.text}")

    @property
    def characters(self) -> int:
        """Characters read in the whole run."""
        return self.steps * self.batch * self.window

    def rate_at(self, step: int) -> float:
        """The share of the full learning rate at a step counted from 0: linear warm-up, then linear decay to zero."""
        warmup = max(1, round(self.warmup * self.steps))
        if step < warmup:
            return (step + 1) / warmup
        return 1 - (step - warmup) / max(1, self.steps - warmup)

    def evaluates_after(self, step: int) -> bool:
        """Whether the run evaluates after so many steps: more often at first, when most changes, and at the end."""
        return step == self.steps or step in self._evaluation_steps

    def samples_after(self, step: int) -> bool:
        """Whether the run prints a sample after so many steps even without an evaluation, so that a person can watch
        it learn."""
        return step in self._sample_steps and step * self.batch * self.window >= _FIRST_SAMPLE

    @cached_property
    def _evaluation_steps(self) -> frozenset[int]:
        return _denser_at_first(self.steps, self.evaluations)

    @cached_property
    def _sample_steps(self) -> frozenset[int]:
        return _denser_at_first(self.steps, SAMPLES)

    def to_json(self) -> dict[str, Any]:
        """All fields, as a run saves them."""
        return asdict(self)


def _denser_at_first(steps: int, times: int) -> frozenset[int]:
    """At most ``times - 1`` steps between 0 and the last, with growing gaps."""
    return frozenset(round(steps * (i / times) ** 1.5) for i in range(1, times)) - {0}


_ONE_LAYER = Recipe(num_layers=1, batch=32, matrix_lr=0.06, lr=8e-3, dropout_in=0, average=0.998)
PRESETS = {
    "tiny": replace(_ONE_LAYER, hidden_size=256, dropout_out=0.05),
    "small": replace(_ONE_LAYER, hidden_size=384, dropout_out=0.1),
    "medium": Recipe(),
    "large": Recipe(hidden_size=1024, dropout_in=0.1, dropout_between=0.5, dropout_out=0.5, weight_decay=0.1),
}


def help_text(name: str) -> str:
    """The help of a field's command-line flag: what it is, its unit, and its default in each preset."""
    text: str = next(each.metadata["help"] for each in fields(Recipe) if each.name == name)
    if name == "bfloat16":
        return f"{text} (default: where the hardware has it and it is faster)"
    values = {preset: f"{getattr(recipe, name):g}" for preset, recipe in PRESETS.items()}
    same = len(set(values.values())) == 1
    default = values["medium"] if same else ", ".join(f"{preset} {value}" for preset, value in values.items())
    if name.startswith("dropout"):
        default = f"fitted to the text; with --no-fit {default}"
    return f"{text} (default: {default})"


def preset_for(readable: float, characters: int) -> str:
    """The preset with the lowest loss on a text, as far as was measured.

    Args:
        readable: characters that the preset ``small`` can read in the time of the run, on this machine.
        characters: of the text.
    """
    if readable < 3_000_000 or characters < 200_000:
        return "tiny"
    return "medium" if readable >= 60_000_000 else "small"


def fitted_to(recipe: Recipe, vocab_size: int) -> Recipe:
    """The recipe for a vocabulary: larger embeddings for a large one, and fewer rows where logits fill the memory.

    Embeddings have about 4√V numbers, rounded to a power of two: with 3,500 Chinese characters, 256 instead of 64 were
    worth 0.25 nats.
    """
    embedding = 2 ** round(math.log2(4 * math.sqrt(vocab_size)))
    return replace(
        recipe,
        embedding_size=max(recipe.embedding_size, min(512, embedding)),
        batch=max(1, min(recipe.batch, _MAX_LOGITS // (recipe.window * vocab_size))),
    )


def regularized(recipe: Recipe, characters: int, vocab_size: int, *, has_teachers: bool = False) -> Recipe:
    """The recipe with dropout rates that fit the number of characters in the text to train on.

    A network overfits more, the more parameters it has per character of the text and the more often it reads each
    character. Up to a product of 8, dropout costs more than it gives; from there each doubling asks for 0.18 more of
    the cells, and from 18 on for 0.1 more of the recurrent weights. Soft targets of teachers are harder to memorize
    than a text: with them the same rates come three doublings later.
    """
    config = LSTMConfig(vocab_size, recipe.embedding_size, recipe.hidden_size, recipe.num_layers)
    doublings = math.log2(recipe.characters / characters * config.parameters / characters) - 3 * has_teachers
    cells = min(0.5, max(0.0, 0.18 * (doublings - 3)))
    weights = min(0.3, max(0.0, 0.1 * (doublings - 4.2)))
    return replace(recipe, dropout_in=0.0, dropout_between=0.9 * cells, dropout_out=cells, dropout_weights=weights)
