"""Starts a run from the weights of another model (`--from`), and adds the characters that are new to it.

Known characters keep their ids and their weights bit for bit, whether the new text has them or not; new characters
are appended to the vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from model import CharLSTM, LSTMNetwork
from model.char_lstm import is_local, split_revision
from model.checkpoint.record import TrainingRecord
from model.cli.arguments import UsageError
from model.lstm import SIZES
from model.terminal import one_line

from ..corpus.ids_file import Ids
from ..learner.recipe import PRESETS
from ..run.console import say, warn
from .options import TrainOptions

LEARNING_RATE_SCALE = 0.7  # times the rates for random weights; see docs/lab-book.md
_SEED = 1
_BIAS_FROM = 20_000  # characters of the text from which the biases of new characters are computed
_WINDOW = 250


@dataclass(frozen=True)
class NamedModel:
    """A model that a run starts or learns from."""

    lm: CharLSTM
    name: str  # its published name, `user/name@commit`; "" for a folder of this machine
    typed: str = ""  # the name as it was typed

    def about(self, *, private: bool) -> TrainingRecord:
        """Returns the fields `base_model` and `base_corpus` of a run that starts from this model.

        The name of the text of a private model is not published.
        """
        corpus = None if private else self.lm.training.get("corpus")
        about: TrainingRecord = {"base_model": self.name} if self.name else {}
        if isinstance(corpus, str):
            about["base_corpus"] = one_line(corpus)
        return about


def load_base(options: TrainOptions) -> NamedModel | None:
    """Returns the model of `--from`; None when the option was not given."""
    if options.parent is None:
        return None
    base = load_model(options.parent)
    if base.lm.notice:
        warn(base.lm.notice)
    preset = PRESETS[options.preset] if options.preset else base.lm.config
    for name in SIZES:
        size, given = getattr(base.lm.config, name), options.recipe.get(name, getattr(preset, name))
        if given != size:
            option = "--set" if name in options.recipe else f"--preset {options.preset}"
            raise UsageError(f"{option} sets {name} to {given}, and the model of --from has {size}: omit it")
    return base


def load_model(typed: str) -> NamedModel:
    """Returns the model of `user/name[@revision]`, of a run folder or of a checkpoint folder."""
    say(f"Loading {one_line(typed)} …")
    name, revision = split_revision(typed)
    lm = CharLSTM.from_pretrained(name, revision=revision)
    return NamedModel(lm, "" if is_local(name) else f"{lm.name}@{lm.commit}", typed)


def preset_near(lm: CharLSTM) -> str:
    """Returns the name of the preset whose network has the size nearest to the model's."""
    size = lm.config.num_layers * lm.config.hidden_size**2
    distances = {name: math.log(each.num_layers * each.hidden_size**2 / size) for name, each in PRESETS.items()}
    return min(distances, key=lambda name: abs(distances[name]))


def weights_for_new_characters(lm: CharLSTM, ids: Ids, vocab_size: int) -> dict[str, Tensor]:
    """Returns the model's weights, with rows for new characters.

    The embedding of a new character is drawn from a normal distribution with mean and spread of the known ones. Its
    output row is zero, so its odds do not depend on the context; its bias is such that, over the beginning of the text,
    the model predicts it as often as it occurs there.

    Args:
        lm: the model; the first ids are its characters.
        vocab_size: V, distinct characters with the new ones.
    """
    weights = {name: tensor.cpu().clone() for name, tensor in lm.network.state_dict().items()}
    old, ids = len(lm.tokenizer), np.asarray(ids[:_BIAS_FROM])
    if old == vocab_size:
        return weights
    generator = torch.Generator().manual_seed(_SEED)
    rows = weights["embedding.weight"]
    drawn = torch.randn(vocab_size - old, rows.shape[1], generator=generator)
    weights["embedding.weight"] = torch.cat([rows, rows.mean(0) + rows.std(0, correction=0) * drawn])
    for name in ("output.weight", "output.bias"):
        zeros = torch.zeros(vocab_size - old, *weights[name].shape[1:])
        weights[name] = torch.cat([weights[name], zeros])
    counts = torch.from_numpy(np.bincount(ids, minlength=vocab_size)) + 0.5  # a character may occur only later
    expected = _mean_odds(lm, weights, ids)
    weights["output.bias"][old:] = (counts[old:] / counts[:old].sum()).log() - expected.log()
    return weights


@torch.inference_mode()
def _mean_odds(lm: CharLSTM, weights: dict[str, Tensor], ids: Ids) -> Tensor:
    """Returns (V - old,): the mean odds that the model gives to each new character, against all known ones."""
    with torch.device("meta"):
        network = LSTMNetwork(replace(lm.config, vocab_size=len(weights["output.bias"])))
    network.load_state_dict(weights, assign=True)
    old, length = len(lm.tokenizer), min(_WINDOW, len(ids))
    windows = torch.from_numpy(ids[: len(ids) // length * length].astype(np.int64)).view(-1, 1, length)
    total = torch.zeros(len(weights["output.bias"]) - old, dtype=torch.float64)
    for window in windows:  # one by one: the logits of a large vocabulary take much memory
        logits = network.eval()(window)[0][0]  # (T, V)
        total += (logits[:, old:] - logits[:, :old].logsumexp(-1, keepdim=True)).double().exp().mean(0)
    return (total / len(windows)).float()
