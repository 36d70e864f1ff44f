"""Compares ways to teach a model by others, on a short text: `python -m tests.benchmarks.bench_teachers my.txt`.

All ways take the same number of steps. One run alone; three members and a model that they teach, by the mean of their
probabilities and by that of their logits (the geometric mean of the probabilities); and a chain, in which each model is
taught by the one before it only. Trained on the first eight tenths of the text and measured (carried) on the ninth; the
last is never read. Each figure is that of the best of ten evaluations, as a run keeps its best checkpoint.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from model import LSTMNetwork
from model.backends.device import has_fast_bfloat16
from training.corpus.ids_file import Ids
from training.learner import evaluation
from training.learner.distillation import SoftTargets
from training.learner.recipe import PRESETS, fit_dropout
from training.learner.trainer import Trainer

MEMBERS = 3
WAYS = ("probabilities", "logits", "chain", "alone")
_EVALUATIONS = 10
_CPU = torch.device("cpu")


class Comparison:
    """Trains on one text (N,) of a vocabulary of V characters."""

    def __init__(self, ids: Ids, vocab_size: int, preset: str) -> None:
        tenth = len(ids) // 10
        self.train_ids, self.held_out = ids[: 8 * tenth], ids[8 * tenth : 9 * tenth]
        self.vocab_size, self.preset = vocab_size, preset

    def train(self, seed: int, steps: int, soft_targets: SoftTargets | None = None) -> tuple[LSTMNetwork, float, float]:
        """Returns the best network of a run, its loss, and the loss at the end."""
        recipe = replace(PRESETS[self.preset], steps=steps, seed=seed, bfloat16=has_fast_bfloat16(_CPU))
        recipe = fit_dropout(recipe, len(self.train_ids), self.vocab_size, has_teachers=soft_targets is not None)
        trainer = Trainer(recipe, self.vocab_size, self.train_ids, _CPU, soft_targets)
        best, lowest, loss = trainer.average, float("inf"), float("inf")
        for number in range(1, _EVALUATIONS + 1):
            while trainer.steps_done < steps * number // _EVALUATIONS:
                trainer.step()
            network = LSTMNetwork(trainer.average.config).eval()
            network.load_state_dict(trainer.average.state_dict())
            loss = evaluation.mean(evaluation.carried_losses(network, self.held_out))
            if loss < lowest:
                best, lowest = network, loss
        return best, lowest, loss

    @torch.inference_mode()
    def log_probabilities(self, network: LSTMNetwork, ids: Ids) -> torch.Tensor:
        """Returns (N, V): the logarithm of the probability of each character after each character of a text."""
        found = torch.zeros(len(ids), self.vocab_size)
        state = None
        for chunk in evaluation.read_in_rows(len(ids), 64, 512, 4096):
            logits, state = network(torch.from_numpy(ids[chunk.positions].astype(np.int64)), chunk.state_before(state))
            found[chunk.positions[chunk.counted]] = logits.log_softmax(-1)[torch.from_numpy(chunk.counted)]
        return found

    def mean(self, networks: Sequence[LSTMNetwork], ids: Ids, *, of_logits: bool) -> torch.Tensor:
        """Returns the mean prediction (N, V) of some networks after each character of a text."""
        found = torch.stack([self.log_probabilities(network, ids) for network in networks])
        return found.mean(0).softmax(-1) if of_logits else found.exp().mean(0)

    def soft_targets(self, networks: Sequence[LSTMNetwork], *, of_logits: bool = False) -> SoftTargets:
        return self.mean(networks, self.train_ids, of_logits=of_logits).numpy().astype(np.float16)

    def loss_together(self, networks: Sequence[LSTMNetwork], *, of_logits: bool) -> float:
        """Returns the loss of the mean prediction of some networks on the held-out text."""
        mean = self.mean(networks, self.held_out[:-1], of_logits=of_logits)
        targets = torch.from_numpy(self.held_out[1:].astype(np.int64))
        return float(-mean.gather(1, targets[:, None]).log().mean())


def compare(comparison: Comparison, ways: Sequence[str], seed: int, member_steps: int, steps: int) -> None:
    """Prints the losses of some ways with one seed."""

    def show(name: str, loss: float, end: float | None = None) -> None:
        print(f"seed {seed}: {name}: {loss:.4f}{'' if end is None else f' (at the end {end:.4f})'}", flush=True)

    members = []
    for number in range(MEMBERS if set(ways) - {"alone"} else 0):
        member, loss, end = comparison.train(1000 * seed + number, member_steps)
        show(f"member {number + 1}, {member_steps} steps", loss, end)
        members.append(member)
    for name in set(ways) & {"probabilities", "logits"}:
        of_logits = name == "logits"
        show(f"members together, mean of {name}", comparison.loss_together(members, of_logits=of_logits))
        soft_targets = comparison.soft_targets(members, of_logits=of_logits)
        show(f"taught by the mean of {name}, {steps} steps", *comparison.train(seed, steps, soft_targets)[1:])
    if "chain" in ways:
        last = members[0]
        for number in range(1, MEMBERS):
            last, loss, end = comparison.train(1000 * seed + number, member_steps, comparison.soft_targets([last]))
            show(f"chain, model {number + 1}", loss, end)
        show("chain, last model", *comparison.train(seed, steps, comparison.soft_targets([last]))[1:])
    if "alone" in ways:
        alone = MEMBERS * member_steps + steps
        show(f"alone, {alone} steps", *comparison.train(seed, alone)[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--characters", type=int, default=100_000, help="of the beginning of the text")
    parser.add_argument("--preset", choices=PRESETS, default="tiny")
    parser.add_argument("--member-steps", type=int, default=500)
    parser.add_argument("--steps", type=int, default=1000, help="of the model that is taught")
    parser.add_argument("--ways", choices=WAYS, nargs="+", default=WAYS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    typed = parser.parse_args()
    text = typed.text.read_text(encoding="utf-8")[: typed.characters]
    vocab = sorted(set(text))
    numbers = {char: number for number, char in enumerate(vocab)}
    ids = np.array([numbers[char] for char in text], np.uint16)
    comparison = Comparison(ids, len(vocab), typed.preset)
    for seed in typed.seeds:
        compare(comparison, typed.ways, seed, typed.member_steps, typed.steps)


if __name__ == "__main__":
    main()
