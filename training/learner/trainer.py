"""One optimizer step of training, and all tensors that the next step needs.

Truncated backpropagation through time with the LSTM state carried from window to window; Muon and AdamW; warm-up and
decay; clipped gradients; averaged weights. Everything random is a pure function of (seed, step), so a run that is
stopped and resumed on the same CPU ends with the same weights, bit for bit, as one that was never stopped. On a GPU
this needs deterministic algorithms, see docs/resume.md.

Several processes can share a batch (see `processes`): the trainer of each reads some of the rows, and all trainers
take the same step. Before each step rank 0 sends the others the learning rate, or that the carried state is needed, or
that the run ends.

Dropout is locked between the layers, with weight dropout inside them. `nn.LSTM` would draw a new mask at every
character. A locked (variational) mask is drawn once per row and window, so that a cell is zero for a whole window: Gal
and Ghahramani 2016; Merity, Keskar, Socher 2017. Weight dropout (DropConnect, Wan et al. 2013), as Merity et al. use
it, sets single recurrent weights to zero, for all rows of a step.

Shapes: N characters of the text, B batch, T window, V vocabulary, E embedding, H hidden, L layers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.optim.swa_utils import AveragedModel

from model import LSTMNetwork, LSTMState

from ..corpus.ids_file import Ids
from ..errors import RunError
from ..os_calls import keep_freed_memory
from ..signals import Signals
from . import processes
from .dataset import Paragraphs, Windows
from .distillation import SoftTargets, mix_targets
from .optimizers import AdamW, GatewiseMuon
from .recipe import Recipe

_EMBEDDING_NORM = 2.0  # of a character's vector at first, on average
_COUNTED = 1_000_000  # characters from the beginning of the text, whose frequencies are the first predictions
_END, _GATHER = -1.0, -2.0  # in place of a rate


class DivergedError(RuntimeError):
    """The loss or the gradient is NaN or infinite; the weights of this trainer cannot be used."""


class Trainer:
    """The network, the optimizers and the position in the text of one run.

    Args:
        vocab_size: V.
        ids: (N,) the text to train on.
        soft_targets: (N, V) teachers' predictions after each character; None without teachers.
        paragraphs: the paragraphs of the text, to read them in random order; None for the order of the text.
        is_shared: whether the processes that torchrun started share the batch; all of them take each step.

    Attributes:
        network: the network that is trained.
        is_stopped: whether a process that shares the batch asked to stop in the last step.
    """

    def __init__(
        self,
        recipe: Recipe,
        vocab_size: int,
        ids: Ids,
        device: torch.device | str = "cpu",
        soft_targets: SoftTargets | None = None,
        paragraphs: Paragraphs | None = None,
        *,
        is_shared: bool = False,
    ) -> None:
        self.recipe = recipe
        self.device = torch.device(device)
        self._is_shared, self.is_stopped = is_shared, False
        self._rows = processes.rows(recipe.batch) if is_shared else slice(0, recipe.batch)  # those that this one reads
        self._soft_targets = soft_targets
        self.windows = Windows(ids, recipe.batch, recipe.window, recipe.seed, self._rows, paragraphs)
        config = recipe.network_config(vocab_size)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.network = LSTMNetwork(config)
        _initialize(self.network, ids)
        self.network.to(self.device)
        self._average = AveragedModel(self.network, multi_avg_fn=self._move_average)
        self._average.requires_grad_(False)
        named, dtype = dict(self.network.named_parameters()), torch.bfloat16 if recipe.bfloat16 else torch.float32
        matrices = {name: named.pop(name) for name in list(named) if name.startswith("lstm.weight")}
        self._optimizers: list[GatewiseMuon | AdamW] = [
            GatewiseMuon(matrices, recipe.matrix_lr, weight_decay=recipe.weight_decay, dtype=dtype),
            AdamW(named, recipe.lr, weight_decay=recipe.weight_decay),
        ]
        # The carried state of the whole batch, (L, B, H); the rows of other processes are current after `gather_state`.
        self._state = LSTMState.zeros(config, recipe.batch, device=self.device)
        self._random = torch.Generator(device=self.device)
        # Sum and number of the losses since `take_train_loss`; on the CPU, because MPS has no float64.
        self._losses = torch.zeros(2, dtype=torch.float64)

    @property
    def steps_done(self) -> int:
        """The number of optimizer steps so far."""
        return int(self._average.n_averaged)

    @property
    def average(self) -> LSTMNetwork:
        """A network with the averaged weights (EMA), which are evaluated, saved and served."""
        return cast(LSTMNetwork, self._average.module).eval()

    def step(self, rate: float = 1.0, *, stop: bool = False) -> float:
        """Reads one window per row and updates the weights.

        Args:
            rate: the share of the full learning rates, 0 to 1.
            stop: whether this process asks all that share the batch to stop after this step.

        Returns the training loss in nats per character: with dropout, and with the soft targets of teachers.

        Raises:
            DivergedError: the loss or the gradient is not finite. Nothing was updated.
        """
        step = self.steps_done
        # A CPU generator reads only the lower 32 bits of its seed, so both numbers are hashed into them.
        self._random.manual_seed(int(np.random.SeedSequence([self.recipe.seed, step]).generate_state(1)[0]))
        self._reset_state(step)
        inputs, targets = (ids.to(self.device) for ids in self.windows.at(step))
        own = LSTMState(self._state.h[:, self._rows], self._state.c[:, self._rows])
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.bfloat16):
            logits, own = forward_with_dropout(self.network, self.recipe, self._rows, inputs, own, self._random)
        loss = self._loss(logits.float(), targets)
        loss = loss * (len(inputs) / self.recipe.batch)  # this process's part of the mean over all rows
        loss.backward()  # type: ignore[no-untyped-call]
        loss = loss.detach()
        if self._is_shared:
            stops = torch.tensor(float(stop), device=self.device)
            gradients = [parameter.grad for parameter in self.network.parameters() if parameter.grad is not None]
            processes.sum_over_ranks([*gradients, loss, stops])
            self.is_stopped = bool(stops)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        nats = float(loss)  # on a GPU this waits for the step
        if not math.isfinite(nats):
            raise DivergedError(f"the loss at step {step + 1:,} is {nats}")
        if not math.isfinite(float(norm)):
            raise DivergedError(f"the gradient at step {step + 1:,} is {float(norm)}")
        for optimizer in self._optimizers:
            optimizer.step(rate, step + 1)
        self.network.zero_grad(set_to_none=True)
        self._average.update_parameters(self.network)
        self._state.h[:, self._rows] = own.h.detach()
        self._state.c[:, self._rows] = own.c.detach()
        self._losses += torch.tensor([nats, 1.0])
        return nats

    def _loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Returns the mean loss over this process's rows, in nats per character."""
        if self._soft_targets is None:
            return F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        wanted = mix_targets(self._soft_targets[self.windows.positions(self.steps_done)[:, :-1]], targets)
        return F.cross_entropy(logits.flatten(0, 1), wanted.flatten(0, 1))

    def take_train_loss(self) -> float:
        """Returns the mean training loss since the last call, in nats per character; NaN if no step was taken."""
        total, count = self._losses.tolist()
        self._losses.zero_()
        return total / count if count else math.nan

    def state_tensors(self) -> dict[str, Tensor]:
        """Returns the tensors that `load_state_tensors` needs to continue bit for bit: views, which a step changes.

        With several processes, call `gather_state` before: the carried state lacks the rows of other processes.
        """
        tensors = {f"weights.{name}": tensor for name, tensor in self.network.state_dict().items()}
        tensors |= {f"average.{name}": tensor for name, tensor in self.average.state_dict().items()}
        tensors |= {f"optimizer.{name}": tensor for each in self._optimizers for name, tensor in each.tensors()}
        tensors |= {"losses": self._losses, "steps_done": self._average.n_averaged}
        return {**tensors, "carried.h": self._state.h, "carried.c": self._state.c}

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Continues a run with the same recipe and text; the number of processes may differ.

        Raises:
            RunError: a tensor is missing, unknown, or of another shape or dtype: it is another run's state.
        """
        own = self.state_tensors()
        for name in own.keys() | tensors.keys():
            a, b = own.get(name), tensors.get(name)
            if a is None or b is None or (a.shape, a.dtype) != (b.shape, b.dtype):
                raise RunError(f"the saved state does not fit this run: {name} differs")
        for name, tensor in own.items():
            tensor.copy_(tensors[name])

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Replaces the random weights of a new run, averaged weights included; nothing else changes."""
        for network in (self.network, self.average):
            network.load_state_dict(weights)

    def gather_state(self) -> None:
        """Copies the carried state of the other processes' rows, for a checkpoint; all processes call this."""
        for state in (self._state.h, self._state.c):
            state[:, : self._rows.start] = 0
            state[:, self._rows.stop :] = 0
        processes.sum_over_ranks([self._state.h, self._state.c])

    def _reset_state(self, step: int) -> None:
        """Sets carried states to zero: of all rows at the start of a pass, else of each row by chance (`reset`)."""
        if self.windows.starts_pass(step):
            self._state.h.zero_()
            self._state.c.zero_()
        elif self.recipe.reset:
            kept = torch.empty(self.recipe.batch, 1, device=self.device)
            kept.bernoulli_(1 - self.recipe.reset, generator=self._random)
            self._state.h.mul_(kept)
            self._state.c.mul_(kept)

    def _move_average(self, averaged: Sequence[Tensor], current: Sequence[Tensor], count: Tensor | int) -> None:
        # A smaller decay at first: otherwise the random initial weights stay in the average for thousands of steps.
        decay = min(self.recipe.average, (1 + int(count)) / (10 + int(count)))
        torch._foreach_lerp_(list(averaged), list(current), 1 - decay)


@torch.no_grad()
def _initialize(network: LSTMNetwork, ids: Ids) -> None:
    """Makes a new network predict each character with its frequency in a text (N,), in every context.

    The output weights are zero, so that the first steps learn from the LSTM's state instead of undoing random weights
    (Yang and Hu 2021 initialize output layers so); the output biases are the characters' log frequencies, which would
    otherwise be learned first (Karpathy 2019, "A Recipe for Training Neural Networks"). Embeddings are short at first:
    AdamW moves each number by about its learning rate per step, and long vectors would keep their random directions.
    """
    counts = np.bincount(ids[:_COUNTED], minlength=network.config.vocab_size) + 1
    network.embedding.weight.mul_(_EMBEDDING_NORM / network.config.embedding_size**0.5)
    network.output.weight.zero_()
    network.output.bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))


def forward_with_dropout(
    network: LSTMNetwork, recipe: Recipe, rows: slice, ids: Tensor, state: LSTMState, random: Generator
) -> tuple[Tensor, LSTMState]:
    """Runs a network layer by layer, with dropout on the embedding, between the layers and before the output.

    Args:
        rows: those of the whole batch that `ids` and `state` have. Masks are drawn for the whole batch, so a row's mask
            does not depend on how many processes share the batch.
        ids: (B, T)
        random: draws the masks.

    Returns:
        logits (B, T, V), and the state after the last character.
    """

    def drop(x: Tensor, rate: float) -> Tensor:
        """Applies locked dropout to x (B, T, E or H)."""
        if rate == 0:
            return x
        mask = torch.empty(recipe.batch, 1, x.shape[2], device=x.device).bernoulli_(1 - rate, generator=random)
        return x * (mask[rows] / (1 - rate)).to(x.dtype)

    def drop_weights(weight: Tensor) -> Tensor:
        """Applies weight dropout with this step's mask to the recurrent weights of a layer, (4H, H)."""
        if recipe.dropout_weights == 0:
            return weight
        dropped = round(256 * recipe.dropout_weights)
        mask = _random_bytes(weight.numel(), weight.device, random) >= dropped
        return weight * mask.view_as(weight) * (256 / (256 - dropped))

    x = drop(network.embedding(ids), recipe.dropout_in)  # (B, T, E)
    rates = [recipe.dropout_between] * (network.config.num_layers - 1) + [recipe.dropout_out]
    h, c = [], []
    for layer, (weight_ih, weight_hh, *biases) in enumerate(network.lstm.all_weights):
        weights = [weight_ih, drop_weights(weight_hh), *biases]
        before = [each[layer : layer + 1].to(x.dtype) for each in (state.h, state.c)]
        # What `nn.LSTM` calls: has_biases, num_layers, dropout, train, bidirectional, batch_first. x is (B, T, H).
        x, h_n, c_n = torch.lstm(x, before, weights, True, 1, 0.0, True, False, True)
        x = drop(x, rates[layer])
        h.append(h_n)
        c.append(c_n)
    return network.output(x), LSTMState(torch.cat(h).float(), torch.cat(c).float())


def _random_bytes(count: int, device: torch.device, random: Generator) -> Tensor:
    """Returns random bytes, (count,) uint8."""
    if device.type == "mps":  # which draws no int64 from the full range
        return torch.empty(count, dtype=torch.uint8, device=device).random_(0, 256, generator=random)
    # One int64 is drawn for eight bytes: a tenth of the time of one draw for each byte.
    eights = torch.empty(-(-count // 8), dtype=torch.int64, device=device)
    return eights.random_(-(2**63), None, generator=random).view(torch.uint8)[:count]


class SharedSteps:
    """The steps of a trainer on rank 0, or of the only process; leaving its `with` block ends the other processes."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer, self._is_shared = trainer, processes.count() > 1
        if self._is_shared:
            tensors = {name: tensor.cpu() for name, tensor in trainer.state_tensors().items()}
            windows, vocab_size = trainer.windows, trainer.network.config.vocab_size
            processes.broadcast((trainer.recipe, vocab_size, trainer.device.type, windows.paragraphs, tensors))
            processes.broadcast(np.array(windows.ids))  # not the file, which other machines lack

    def step(self, rate: float, signals: Signals) -> float:
        """Takes a step; returns the loss. A signal to another process counts as SIGTERM to this one."""
        self._send(rate)
        loss = self._trainer.step(rate, stop=bool(signals.number))
        if self._trainer.is_stopped:
            signals.receive_from_other_process()
        return loss

    def gather_state(self) -> None:
        """Makes the trainer's `state_tensors` complete, for a checkpoint."""
        if self._is_shared:
            self._send(_GATHER)
            self._trainer.gather_state()

    def _send(self, number: float) -> None:
        if self._is_shared:
            processes.broadcast(number)

    def __enter__(self) -> SharedSteps:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        # After another error the processes may be in the middle of a step; they notice that this one has ended.
        if error is None or isinstance(error, DivergedError):
            self._send(_END)


def follow(signals: Signals) -> int:
    """Takes the steps of rank 0 in another process; returns the exit code.

    Raises:
        LostProcessError: another process has died, or rank 0 has ended before its first step.
    """
    keep_freed_memory()
    signals.mode = "silent"  # rank 0 prints it and saves
    recipe, vocab_size, device, paragraphs, tensors = processes.broadcast()
    trainer = Trainer(recipe, vocab_size, processes.broadcast(), device, paragraphs=paragraphs, is_shared=True)
    trainer.load_state_tensors(tensors)
    while (rate := processes.broadcast()) != _END:
        if rate == _GATHER:
            trainer.gather_state()
        else:
            with suppress(DivergedError):  # the loss is that of all processes: rank 0 prints the error and ends the run
                trainer.step(rate, stop=bool(signals.number))
    return 0
