"""A recipe: every number that decides how a model is trained, frozen before the first step.

``--minutes`` picks one: what fits the time on this machine. What was measured is in docs/train.md.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import Any

from model import LSTMConfig

_PREDICTED = 2**25  # numbers that are predicted in a step, at most: rows x window x vocabulary
SAMPLES = 20  # in a run, at most, beside those of evaluations
_FIRST_SAMPLE = 20_000  # characters; what is written before is noise


@dataclass(frozen=True)
class Recipe:
    """Sizes, optimizers, schedule and regularisation of a run.

    Attributes:
        embedding_size, hidden_size, num_layers: the network.
        batch, window: characters a step are batch times window.
        steps: optimizer steps.
        matrix_lr: Muon's rate for the LSTM's matrices; lr: AdamW's for the rest.
        weight_decay: decoupled, of every matrix.
        dropout_weights: of the weights that read the state, one mask a step, in 256ths.
        dropout_in, dropout_between, dropout_out: locked dropout (one mask a row a window, Gal and Ghahramani
            2016) on the embedding, between layers, and before the output.
        reset: the share of rows whose carried state starts again from zeros each step, so that the model also
            writes well from the first character on.
        average: decay a step of the averaged weights, which are what is kept.
        clip: bound of the gradient's norm.
        warmup: the share of the steps in which the rates rise; they then fall to zero in a line.
        evaluations: how many in a run.
        seed: of everything random.
        bfloat16: whether products are computed in bfloat16.

    Raises:
        ValueError: a field's value is not allowed; the message names it.
    """

    embedding_size: int = 64
    hidden_size: int = 512
    num_layers: int = 2
    batch: int = 64
    window: int = 64
    steps: int = 2000
    matrix_lr: float = 0.04
    lr: float = 4e-3
    weight_decay: float = 0.05
    dropout_in: float = 0.05
    dropout_between: float = 0.3
    dropout_out: float = 0.35
    dropout_weights: float = 0.0
    reset: float = 0.02
    average: float = 0.999
    clip: float = 1.0
    warmup: float = 0.03
    evaluations: int = 20
    seed: int = 1
    bfloat16: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value, rule = getattr(self, field.name), _RULES[field.name]
            if not rule.allows(value):
                raise ValueError(f"{field.name} is {value!r:.60}: it must be {rule.text}")

    @property
    def characters(self) -> int:
        """Characters read in the whole run."""
        return self.steps * self.batch * self.window

    def rate_at(self, step: int) -> float:
        """The share of the full learning rate at a step counted from 0: up in a line, down in a line to zero."""
        warmup = max(1, round(self.warmup * self.steps))
        if step < warmup:
            return (step + 1) / warmup
        return 1 - (step - warmup) / max(1, self.steps - warmup)

    def evaluates_after(self, step: int) -> bool:
        """Whether the run stops to look after so many steps. More often at first, when most is to be seen."""
        return step == self.steps or step in self._milestones

    def samples_after(self, step: int) -> bool:
        """Whether the run shows what the model writes by then, looking or not: often enough to watch it learn."""
        return step in self._glances and step * self.batch * self.window >= _FIRST_SAMPLE

    @cached_property
    def _milestones(self) -> frozenset[int]:
        return _more_often_at_first(self.steps, self.evaluations)

    @cached_property
    def _glances(self) -> frozenset[int]:
        return _more_often_at_first(self.steps, SAMPLES)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def _more_often_at_first(steps: int, times: int) -> frozenset[int]:
    return frozenset(round(steps * (i / times) ** 1.5) for i in range(1, times)) - {0}


@dataclass(frozen=True)
class _Rule:
    kind: type
    least: float
    most: float
    text: str
    above: bool = False  # the least itself is not allowed

    def allows(self, value: object) -> bool:
        if self.kind is bool:
            return isinstance(value, bool)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or (self.kind is int and type(value) is not int)
        ):
            return False
        return (self.least < value if self.above else self.least <= value) and value <= self.most


def _whole(least: int, most: int) -> _Rule:
    return _Rule(int, least, most, f"a whole number from {least} to {most:,}")


_RATE = _Rule(float, 0, 10, "a number above 0, at most 10", above=True)
_SHARE = _Rule(float, 0, 0.95, "a number from 0 to 0.95")
_RULES = {
    "embedding_size": _whole(1, 8192),
    "hidden_size": _whole(1, 8192),
    "num_layers": _whole(1, 32),
    "batch": _whole(1, 65536),
    "window": _whole(1, 65536),
    "steps": _whole(1, 10**9),
    "matrix_lr": _RATE,
    "lr": _RATE,
    "weight_decay": _Rule(float, 0, 10, "a number from 0 to 10"),
    "dropout_in": _SHARE,
    "dropout_between": _SHARE,
    "dropout_out": _SHARE,
    "dropout_weights": _SHARE,
    "reset": _SHARE,
    "average": _Rule(float, 0, 0.999999, "a number from 0 to 0.999999"),
    "clip": _Rule(float, 0, 1e9, "a number above 0", above=True),
    "warmup": _SHARE,
    "evaluations": _whole(1, 10_000),
    "seed": _whole(0, 2**32 - 1),
    "bfloat16": _Rule(bool, 0, 1, "true or false"),
}

_ONE_LAYER = Recipe(num_layers=1, batch=32, matrix_lr=0.06, lr=8e-3, dropout_in=0, average=0.998)
PRESETS = {
    "tiny": replace(_ONE_LAYER, hidden_size=256, dropout_out=0.05),
    "small": replace(_ONE_LAYER, hidden_size=384, dropout_out=0.1),
    "medium": Recipe(),
    "large": Recipe(hidden_size=1024, dropout_in=0.1, dropout_between=0.5, dropout_out=0.5, weight_decay=0.1),
}


def preset_for(readable: float, characters: int) -> str:
    """The preset that gives the lowest loss on a text of so many characters, as far as was measured.

    Args:
        readable: how many characters the preset ``small`` could read in the time there is, on the machine there is.
        characters: of the text.
    """
    if readable < 3_000_000 or characters < 200_000:
        return "tiny"
    return "medium" if readable >= 60_000_000 else "small"


def fitted_to(recipe: Recipe, vocab_size: int) -> Recipe:
    """The recipe for a vocabulary: longer embeddings for a large one, and fewer rows where predictions fill the memory.

    Embeddings of about 4√V, as a power of two: with 3,500 Chinese characters, 256 instead of 64 were worth 0.25 nats.
    """
    embedding = 2 ** round(math.log2(4 * math.sqrt(vocab_size)))
    return replace(
        recipe,
        embedding_size=max(recipe.embedding_size, min(512, embedding)),
        batch=max(1, min(recipe.batch, _PREDICTED // (recipe.window * vocab_size))),
    )


def regularised(recipe: Recipe, characters: int, vocab_size: int, *, taught: bool = False) -> Recipe:
    """The recipe with its dropout fitted to a text of so many characters.

    What a network can learn by heart grows with its parameters a character of the text, and with how often it reads
    each. Up to a product of 8, dropout costs more than it gives; then each doubling asks for 0.18 more of the cells,
    and from 18 on for 0.1 more of the weights that read the state. What teachers expect is not learned by heart as a
    text is: with them it takes three doublings more.
    """
    config = LSTMConfig(vocab_size, recipe.embedding_size, recipe.hidden_size, recipe.num_layers)
    doublings = math.log2(recipe.characters / characters * config.parameters / characters) - 3 * taught
    cells = min(0.5, max(0.0, 0.18 * (doublings - 3)))
    weights = min(0.3, max(0.0, 0.1 * (doublings - 4.2)))
    return replace(recipe, dropout_in=0.0, dropout_between=0.9 * cells, dropout_out=cells, dropout_weights=weights)
