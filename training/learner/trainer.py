"""The training step, and all that it carries from one step to the next.

Truncated backpropagation through time with the state carried from window to window; Muon and AdamW; warm-up and
decay; clipped gradients; averaged weights. Everything random is a pure function of (seed, step), so a run that
is stopped and resumed is, on the same machine, bit for bit the run that was not.

Several processes can share a batch (see ``parallel``): each has a trainer that reads some of the rows, and all of them
take the same step. Knows tensors only: no files, no clock, no terminal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from model import LSTMConfig, LSTMNetwork, LSTMState

from ..corpus.ids_file import Ids
from . import initialization as initial
from . import processes as parallel
from .dataset import Windows
from .distillation import Expected, mixed
from .dropout import DroppedNetwork
from .optimizers import AdamW, GatewiseMuon, Optimizer
from .recipe import Recipe


class DivergedError(RuntimeError):
    """The loss is NaN or infinite; the weights of this trainer are lost."""


class Trainer:
    """One run's network, optimizers and place in the text.

    Args:
        recipe: how to train.
        vocab_size: how many characters there are.
        ids: (N,) the text to train on.
        device: where.
        expected: (N, V), what teachers expect of it; None if there are none.

    Attributes:
        network: the weights that are trained.
        average: the averaged weights as a network: what is evaluated, kept and served.
        steps_done: how many steps were taken.
    """

    def __init__(
        self,
        recipe: Recipe,
        vocab_size: int,
        ids: Ids,
        device: torch.device | str = "cpu",
        expected: Expected | None = None,
    ) -> None:
        self.recipe = recipe
        self._expected = expected
        self._rows = parallel.rows(recipe.batch)
        parallel.made(self, recipe.to_json(), vocab_size, ids)
        self.windows = Windows(ids, recipe.batch, recipe.window, recipe.seed, self._rows)
        config = LSTMConfig(vocab_size, recipe.embedding_size, recipe.hidden_size, recipe.num_layers)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.network = LSTMNetwork(config)
        initial.begin(self.network, ids)
        self.network.to(device)
        self.steps_done = 0
        self._device = torch.device(device)
        self._forward = DroppedNetwork(self.network, recipe, self._rows)
        self._average = AveragedModel(self.network, multi_avg_fn=self._move_average)
        self._average.requires_grad_(False)
        self._optimizers = self._make_optimizers()
        self._state = self._zeros()
        self._random = torch.Generator(device=device)
        self._losses = torch.zeros(2, dtype=torch.float64)  # sum and count since ``take_train_loss``

    @property
    def average(self) -> LSTMNetwork:
        return cast(LSTMNetwork, self._average.module).eval()

    @property
    def learning_rate(self) -> float:
        """AdamW's rate at the next step."""
        return self.recipe.lr * self.recipe.rate_at(self.steps_done)

    @parallel.by_all
    def step(self) -> float:
        """Reads one window a row and updates the weights.

        Returns:
            the loss in nats a character, with dropout, and with what teachers expect.

        Raises:
            DivergedError: it is not finite. Nothing was updated.
        """
        step = self.steps_done
        self._random.manual_seed(_seed_of(self.recipe.seed, step))
        self._forget(step)
        inputs, targets = (ids.to(self._device) for ids in self.windows.at(step))
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self.recipe.bfloat16):
            logits, state = self._forward(inputs, self._state, self._random)
        loss = self._loss(logits.float(), targets)
        loss = loss * (len(inputs) / self.recipe.batch)  # of the mean over all rows, the part of those here
        loss.backward()  # type: ignore[no-untyped-call]
        loss = loss.detach()
        parallel.add_up([*(p.grad for p in self.network.parameters() if p.grad is not None), loss])
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        nats = float(loss)  # on a GPU this waits for it
        if not math.isfinite(nats):
            raise DivergedError(f"the loss at step {step + 1:,} is {nats}")
        if not math.isfinite(float(norm)):
            raise DivergedError(f"the gradient at step {step + 1:,} is {float(norm)}")
        for optimizer in self._optimizers:
            optimizer.step(self.recipe.rate_at(step), step + 1)
        self.network.zero_grad(set_to_none=True)
        self._average.update_parameters(self.network)
        self._state = state.detach()
        self._losses += torch.tensor([nats, 1.0])
        self.steps_done += 1
        return nats

    def _loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The mean of a step's rows, in nats a character."""
        if self._expected is None:
            return F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        wanted = mixed(self._expected[self.windows.places(self.steps_done)[:, :-1]], targets)
        return F.cross_entropy(logits.flatten(0, 1), wanted.flatten(0, 1))

    def take_train_loss(self) -> float:
        """The mean loss of the steps since it was last taken, with dropout."""
        total, count = self._losses.tolist()
        self._losses.zero_()
        return total / count if count else math.nan

    @parallel.by_all
    def state_tensors(self) -> dict[str, Tensor]:
        """All that ``load_state_tensors`` needs to go on exactly; copies are the caller's affair."""
        tensors = self._tensors()
        for name, part in (("h", self._state.h), ("c", self._state.c)):
            tensors[f"carried.{name}"] = parallel.whole(part, self.recipe.batch)
        tensors["steps_done"] = torch.tensor(self.steps_done)
        return tensors

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes up the state of a run with the same recipe and text, however many processes shared it.

        Raises:
            ValueError: a tensor is missing, unknown, or of another shape: it is another run's state.
        """
        mine = self.state_tensors()
        for name in mine.keys() | tensors.keys():
            if name not in tensors or name not in mine or not _alike(tensors[name], mine[name]):
                raise ValueError(f"the saved state does not fit this run: {name} differs")
        for name, tensor in self._tensors().items():
            tensor.copy_(tensors[name])
        self.steps_done = int(tensors["steps_done"])
        self.take_up(LSTMState(*(tensors[f"carried.{name}"].to(self._device) for name in "hc")))

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Begins with these weights instead of random ones; everything else is as at the start of any run."""
        for network in (self.network, self.average):
            network.load_state_dict(weights)
        self.take_up()

    @parallel.by_all
    def take_up(self, carried: LSTMState | None = None) -> None:
        """Goes on from where the first process stands, which alone is given the state that all rows carry."""
        carried = carried or self._zeros(slice(0, self.recipe.batch))
        done = torch.tensor(self.steps_done)
        parallel.as_the_first([*self._tensors().values(), carried.h, carried.c, done])
        self.steps_done = int(done)
        self._average.n_averaged.fill_(self.steps_done)
        self._state = LSTMState(carried.h[:, self._rows].contiguous(), carried.c[:, self._rows].contiguous())

    def _tensors(self) -> dict[str, Tensor]:
        """What is the same in all processes."""
        tensors = {f"weights.{name}": tensor for name, tensor in self.network.state_dict().items()}
        tensors |= {f"average.{name}": tensor for name, tensor in self.average.state_dict().items()}
        tensors |= {f"optimizer.{name}": tensor for each in self._optimizers for name, tensor in each.tensors()}
        return {**tensors, "losses": self._losses}

    def _zeros(self, rows: slice | None = None) -> LSTMState:
        rows = rows or self._rows
        return LSTMState.zeros(self.network.config, rows.stop - rows.start, device=self._device)

    def _forget(self, step: int) -> None:
        """Sets rows back to a memory of zeros: all where the rows moved elsewhere, and some at random."""
        if self.windows.starts_pass(step):
            self._state = self._zeros()
        elif self.recipe.reset:
            kept = torch.empty(self.recipe.batch, 1, device=self._device)
            kept = kept.bernoulli_(1 - self.recipe.reset, generator=self._random)[self._rows]
            self._state = LSTMState(self._state.h * kept, self._state.c * kept)

    def _make_optimizers(self) -> list[Optimizer]:
        recipe, named = self.recipe, dict(self.network.named_parameters())
        matrices = {name: parameter for name, parameter in named.items() if name.startswith("lstm.weight")}
        others = {name: parameter for name, parameter in named.items() if name not in matrices}
        dtype = torch.bfloat16 if recipe.bfloat16 else torch.float32
        return [
            GatewiseMuon(matrices, recipe.matrix_lr, weight_decay=recipe.weight_decay, dtype=dtype),
            AdamW(others, recipe.lr, weight_decay=recipe.weight_decay),
        ]

    def _move_average(self, averaged: Sequence[Tensor], current: Sequence[Tensor], count: Tensor | int) -> None:
        # Young averages follow quickly, or the random start would stay in them for long.
        decay = min(self.recipe.average, (1 + int(count)) / (10 + int(count)))
        torch._foreach_lerp_(list(averaged), list(current), 1 - decay)


def _alike(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype


def _seed_of(seed: int, step: int) -> int:
    # A CPU generator looks at 32 bits of its seed only, so the two numbers are mixed well first.
    return int(np.random.SeedSequence([seed, step]).generate_state(1)[0])
