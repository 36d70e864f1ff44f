"""The recipe: every number that decides how a model is trained, fixed before the first step; and the schedule, which
derives the learning rate, evaluations and samples at each progress from them.

Each field has a command-line flag. The presets are recipes for short and long trainings; `--minutes` chooses the one
that fits. Measurements behind these numbers are in docs/lab-book.md.

Progress is counted in planned steps, from 0 to `recipe.steps`. In a run of `--steps` it is the number of steps done; in
a run of `--minutes` the clock sets it (see `run.clock`), because machines change their speed. Nothing else depends on
the clock, so a run that repeats the recorded progress of another one takes the same steps.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import Any

from model import LSTMConfig
from model.lstm import MAX_SIZES
from model.settings import MAX_SEED, Setting, setting_field, settings_of

_MAX_LOGITS = 2**25  # of a step: rows × window × vocabulary


def _whole(default: int, least: int, most: int, text: str) -> Any:
    return setting_field(Setting(type=int, default=default, minimum=least, maximum=most, help=text))


def _real(default: float, most: float, text: str, *, above_zero: bool = False) -> Any:
    return setting_field(Setting(type=float, default=default, maximum=most, exclusive_minimum=above_zero, help=text))


def _flag(text: str) -> Any:
    return setting_field(Setting(type=bool, default=False, help=text))


@dataclass(frozen=True)
class Recipe:
    """Sizes, optimizers, schedule and regularization of a run; saved with it, so field names stay.

    Raises:
        ValueError: a field's value is not allowed; the message begins with the field's name.
    """

    embedding_size: int = _whole(
        64,
        1,
        MAX_SIZES["embedding_size"],
        "numbers in the vector of a character; by default more for a large vocabulary",
    )
    hidden_size: int = _whole(512, 1, MAX_SIZES["hidden_size"], "cells of each LSTM layer")
    num_layers: int = _whole(2, 1, MAX_SIZES["num_layers"], "LSTM layers")
    batch: int = _whole(64, 1, 65536, "rows of text that are read side by side; by default fewer for a huge vocabulary")
    window: int = _whole(64, 1, 65536, "BPTT length: characters that each row reads in a step")
    steps: int = _whole(2000, 1, 10**9, "optimizer steps; with --minutes, the number planned before the first step")
    matrix_lr: float = _real(0.04, 10, "Muon's learning rate, for the matrices of the LSTM", above_zero=True)
    lr: float = _real(4e-3, 10, "AdamW's learning rate, for embedding, output and biases", above_zero=True)
    weight_decay: float = _real(0.05, 10, "decoupled weight decay of the matrices, times their learning rate")
    dropout_in: float = _real(0.05, 0.95, "share of the embedding that locked dropout sets to zero")
    dropout_between: float = _real(0.3, 0.95, "share of the cells that locked dropout sets to zero between layers")
    dropout_out: float = _real(0.35, 0.95, "share of the cells that locked dropout sets to zero before the output")
    dropout_weights: float = _real(
        0.0, 0.95, "share of the recurrent weights that weight dropout sets to zero, in steps of 1/256"
    )
    reset: float = _real(0.02, 0.95, "probability that a row's carried state is reset to zero before a step")
    average: float = _real(0.999, 0.999999, "EMA decay per step of the averaged weights, which are evaluated and saved")
    clip: float = _real(1.0, 10**9, "maximum norm of the gradient", above_zero=True)
    warmup: float = _real(
        0.03, 0.95, "share of the steps in which the learning rates rise; then they fall linearly to zero"
    )
    evaluations: int = _whole(
        20, 1, 10_000, "evaluations, each with a checkpoint; by default one per minute where --minutes allows it"
    )
    evaluated: int = _whole(
        200_000,
        1,
        10**9,
        "characters of the held-out text that an evaluation reads, at most; by default fewer where --minutes is short",
    )
    shuffle: bool = _flag("read the paragraphs, which blank lines separate, in another random order in each pass")
    seed: int = _whole(1, 0, MAX_SEED, "seed of all random numbers")
    bfloat16: bool = _flag("compute matrix products in bfloat16 instead of float32")

    def __post_init__(self) -> None:
        for name, setting in RECIPE_SETTINGS.items():
            setting.check(getattr(self, name))

    def network_config(self, vocab_size: int) -> LSTMConfig:
        """Returns the sizes of the network for a vocabulary. Raises ValueError if it has too many parameters."""
        return LSTMConfig(vocab_size, self.embedding_size, self.hidden_size, self.num_layers)

    @property
    def characters(self) -> int:
        """The number of characters read in the whole run."""
        return self.steps * self.batch * self.window


RECIPE_SETTINGS = settings_of(Recipe)
_ONE_LAYER = Recipe(num_layers=1, batch=32, matrix_lr=0.06, lr=8e-3, dropout_in=0, average=0.998)
PRESETS = {
    "tiny": replace(_ONE_LAYER, hidden_size=256, dropout_out=0.05),
    "small": replace(_ONE_LAYER, hidden_size=384, dropout_out=0.1),
    "medium": Recipe(),
    "large": Recipe(hidden_size=1024, dropout_in=0.1, dropout_between=0.5, dropout_out=0.5, weight_decay=0.1),
}


def help_text(name: str) -> str:
    """Returns the help of a field's command-line flag: what it is, its unit, and its default in each preset."""
    text = RECIPE_SETTINGS[name].help
    if name == "bfloat16":
        return f"{text} (default: where the hardware has it)"
    if RECIPE_SETTINGS[name].type is bool:
        return f"{text} (default: no)"
    values = {preset: f"{getattr(recipe, name):g}" for preset, recipe in PRESETS.items()}
    same = len(set(values.values())) == 1
    default = values["medium"] if same else ", ".join(f"{preset} {value}" for preset, value in values.items())
    if name.startswith("dropout"):
        default = "fitted to the text"
    return f"{text} (default: {default})"


def preset_for(readable: float, characters: int) -> str:
    """Returns the name of the preset that had the lowest loss in measurements on texts of this length.

    Args:
        readable: characters that the preset `small` can train on in the time of the run, on this machine.
    """
    if readable < 3_000_000 or characters < 200_000:
        return "tiny"
    return "medium" if readable >= 120_000_000 else "small"


def fit_to_vocabulary(recipe: Recipe, vocab_size: int) -> Recipe:
    """Returns the recipe for a vocabulary: larger embeddings for a large one, fewer rows where logits fill the memory.

    Embeddings have about 4√V numbers, rounded to a power of two: with 3,500 Chinese characters, 256 instead of 64 were
    worth 0.25 nats.
    """
    embedding = 2 ** round(math.log2(4 * math.sqrt(vocab_size)))
    return replace(
        recipe,
        embedding_size=max(recipe.embedding_size, min(512, embedding)),
        batch=max(1, min(recipe.batch, _MAX_LOGITS // (recipe.window * vocab_size))),
    )


def fit_dropout(recipe: Recipe, characters: int, vocab_size: int, *, has_teachers: bool = False) -> Recipe:
    """Returns the recipe with dropout rates that fit the number of characters in the text to train on.

    A network overfits more, the more parameters it has per character of the text and the more often it reads each
    character. Up to a product of 8, dropout raises the loss. From there each doubling of the product adds 0.18 to the
    rate for cells, and from 18 on 0.1 to the rate for recurrent weights; a network that is small for its text needs
    less, however often it reads it. Soft targets of teachers are harder to memorize than a text: with them the same
    rates begin three doublings later.
    """
    size = recipe.network_config(vocab_size).parameters / characters
    doublings = math.log2(recipe.characters / characters * size) - 3 * has_teachers
    cells = max(0.0, min(0.5, 0.25 + 0.12 * math.log2(size), 0.18 * (doublings - 3)))
    weights = max(0.0, min(0.3, 0.07 * size, 0.1 * (doublings - 4.2)))
    return replace(recipe, dropout_in=0.0, dropout_between=0.9 * cells, dropout_out=cells, dropout_weights=weights)


SAMPLES = 20  # in a run, at most, in addition to those of evaluations
_FIRST_SAMPLE = 20_000  # characters read before the first sample, which would be noise


class Schedule:
    """What a run of a recipe does at each progress."""

    def __init__(self, recipe: Recipe) -> None:
        self._steps = recipe.steps
        self._warmup = max(1, round(recipe.warmup * recipe.steps))
        self._evaluations = _denser_at_first(recipe.steps, recipe.evaluations)
        first_sample = _FIRST_SAMPLE / (recipe.batch * recipe.window)
        self._samples = [at for at in _denser_at_first(recipe.steps, SAMPLES) if at >= first_sample]

    def rate(self, progress: float) -> float:
        """Returns the share of the full learning rate for the next step: linear warm-up, then linear decay to zero."""
        if progress < self._warmup:
            return min(1.0, (progress + 1) / self._warmup)
        return max(0.0, 1 - (progress - self._warmup) / max(1, self._steps - self._warmup))

    def evaluates(self, before: float, after: float) -> bool:
        """Returns whether a run evaluates after a step that took its progress from `before` to `after`.

        It evaluates more often at first, and after its last step.
        """
        return after >= self._steps or _passes(self._evaluations, before, after)

    def samples(self, before: float, after: float) -> bool:
        """Returns whether it prints a sample after such a step, if it does not evaluate there."""
        return _passes(self._samples, before, after)

    def evaluations_left(self, progress: float) -> int:
        """Returns how many evaluations follow."""
        return len(self._evaluations) - bisect_right(self._evaluations, progress) + (progress < self._steps)


def _passes(positions: list[int], before: float, after: float) -> bool:
    return bisect_right(positions, after) > bisect_right(positions, before)


def _denser_at_first(steps: int, times: int) -> list[int]:
    """Returns at most `times - 1` positions between 0 and the last step, in order, with growing gaps."""
    return sorted({round(steps * (i / times) ** 1.5) for i in range(1, times)} - {0})
