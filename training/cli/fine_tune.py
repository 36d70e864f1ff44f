"""Going on from a model with another text: its weights, and a vocabulary that grows.

Old characters keep their ids and their weights to the bit, whether the new text has them or not; new ones are
appended. Knows models; knows neither the trainer nor files.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from model import CharLSTM, LSTMConfig, LSTMNetwork, ModelUnavailableError
from model.char_lstm import is_local, split_revision
from model.terminal import one_line

from ..corpus.ids_file import Ids
from ..learner.recipe import PRESETS, Recipe
from ..run.console import say, warn
from .options import OptionsError, chosen

SIZES = ("embedding_size", "hidden_size", "num_layers")
RATES = 0.7  # of the learning rates from random weights; see docs/train.md
_SEED = 1
_LOOKED_AT = 20_000  # characters of the text that are read to see how sure of itself the model is
_WINDOW = 250


@dataclass(frozen=True)
class Parent:
    """A model that a run goes on from.

    Attributes:
        lm: the model.
        name: what may be said of it: ``user/name@commit``; "" for one of this machine.
    """

    lm: CharLSTM
    name: str

    @property
    def about(self) -> dict[str, str]:
        """What a run notes of it, for anyone to read."""
        corpus = self.lm.training.get("corpus")
        read = {"base_corpus": one_line(corpus)} if isinstance(corpus, str) else {}
        return {**({"base_model": self.name} if self.name else {}), **read}


def parent_of(options: argparse.Namespace) -> Parent | None:
    """The model to go on from, if there is one; of its sizes, and no others.

    Raises:
        OptionsError: a size was chosen that is not the model's.
        CheckpointError, ModelUnavailableError: the model cannot be had.
    """
    if options.parent is None:
        return None
    say(f"Loading {one_line(options.parent)} …")
    parent = load_parent(options.parent)
    if parent.lm.notice:
        warn(parent.lm.notice)
    config = parent.lm.config
    typed = chosen(options)
    if options.preset is not None:
        typed = {**{name: getattr(PRESETS[options.preset], name) for name in SIZES}, **typed}
    for name in SIZES:
        if (size := getattr(config, name)) != typed.get(name, size):
            option = f"--{name.replace('_', '-')}" if name in chosen(options) else f"--preset {options.preset}"
            raise OptionsError(f"{option} makes {name} {typed[name]}, and --from goes on with {size}: leave it away")
    return parent


def load_parent(typed: str) -> Parent:
    """The model that a person names: ``user/name[@revision]``, a run folder or a checkpoint folder.

    Raises:
        CheckpointError, ModelUnavailableError: it cannot be had; the message is one line.
    """
    try:
        name, revision = split_revision(typed)
    except ValueError as error:
        raise ModelUnavailableError(str(error)) from None
    lm = CharLSTM.from_pretrained(name, revision=revision)
    return Parent(lm, "" if is_local(name) else f"{lm.name}@{lm.commit}")


def preset_near(lm: CharLSTM) -> str:
    """The preset whose network is the most like the model's."""

    def cells(sizes: LSTMConfig | Recipe) -> float:
        return math.log(sizes.num_layers * sizes.hidden_size**2)

    return min(PRESETS, key=lambda name: abs(cells(PRESETS[name]) - cells(lm.config)))


def gentler(recipe: Recipe, lm: CharLSTM) -> Recipe:
    """A recipe for a network of about this size as one for the model's, with lower rates than random weights need."""
    sizes = {name: getattr(lm.config, name) for name in SIZES}
    return replace(recipe, **sizes, lr=RATES * recipe.lr, matrix_lr=RATES * recipe.matrix_lr)


def grown_weights(lm: CharLSTM, ids: Ids, vocab_size: int) -> dict[str, Tensor]:
    """The model's weights with rows for new characters.

    A new character is read as some character like the old ones: its embedding is drawn from their spread. It is
    written as often as the text has it, whatever stands before: its output row is zero, and its bias such that over
    the beginning of the text the model expects it at its frequency there.

    Args:
        lm: the model; the first ids are its characters.
        ids: (N,) the text to train on.
        vocab_size: V, how many characters there are with the new ones.
    """
    weights = {name: tensor.cpu().clone() for name, tensor in lm.network.state_dict().items()}
    old, ids = len(lm.tokenizer), np.asarray(ids[:_LOOKED_AT])
    if old == vocab_size:
        return weights
    generator = torch.Generator().manual_seed(_SEED)
    rows = weights["embedding.weight"]
    drawn = torch.randn(vocab_size - old, rows.shape[1], generator=generator)
    weights["embedding.weight"] = torch.cat([rows, rows.mean(0) + rows.std(0, correction=0) * drawn])
    for name in ("output.weight", "output.bias"):
        zeros = torch.zeros(vocab_size - old, *weights[name].shape[1:])
        weights[name] = torch.cat([weights[name], zeros])
    counts = torch.from_numpy(np.bincount(ids, minlength=vocab_size)) + 0.5  # later ones are rare, not impossible
    expected = _mean_odds(lm, weights, ids)
    weights["output.bias"][old:] = (counts[old:] / counts[:old].sum()).log() - expected.log()
    return weights


@torch.inference_mode()
def _mean_odds(lm: CharLSTM, weights: dict[str, Tensor], ids: Ids) -> Tensor:
    """How likely the model finds each new character, on average, against all old ones together: (V - old,)."""
    with torch.device("meta"):
        network = LSTMNetwork(replace(lm.config, vocab_size=len(weights["output.bias"])))
    network.load_state_dict(weights, assign=True)
    old, length = len(lm.tokenizer), min(_WINDOW, len(ids))
    windows = torch.from_numpy(ids[: len(ids) // length * length].astype(np.int64)).view(-1, 1, length)
    total = torch.zeros(len(weights["output.bias"]) - old, dtype=torch.float64)
    for window in windows:  # one by one: the logits of a large vocabulary take much room
        logits = network.eval()(window)[0][0]  # (T, V)
        total += (logits[:, old:] - logits[:, :old].logsumexp(-1, keepdim=True)).double().exp().mean(0)
    return (total / len(windows)).float()
