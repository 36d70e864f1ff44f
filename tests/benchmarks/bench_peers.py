"""Measures the loss that this project and other character models reach in the same processor time.

    python -m tests.benchmarks.bench_peers TEXT [--minutes 1 5 20] [--seeds 1 2 3] [--only NAME]

Each trains on the first nine tenths of the text in a process with one thread, so that a minute is a minute of one core;
its learning rate follows the processor time that is used. One evaluator measures all on the last tenth: `carried` with
all characters before that the model can see, `cold256` in windows of 256 characters. docs/peers.md has the rules.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from model import CharLSTM, CharTokenizer
from model.cli.inputs import read_text
from tests.benchmarks.peers import PEERS, Peer

OURS = "char-lstm"
COLD = 256
ROWS = 64  # that are evaluated side by side


def train(peer: Peer, ids: Tensor, seconds: float) -> None:
    """Trains for the seconds of processor time."""
    decayed = [weight for weight in peer.parameters() if weight.ndim > 1]
    others = [weight for weight in peer.parameters() if weight.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": peer.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=peer.betas)
    streams = ids[: len(ids) // peer.batch * peer.batch].view(peer.batch, -1)
    state, position, began = None, 0, time.process_time()
    while (used := time.process_time() - began) < seconds:
        for group in optimizer.param_groups:
            group["lr"] = peer.rate(used / seconds)
        if peer.window:  # a transformer reads windows at random, a recurrent network goes on where it was
            starts = torch.randint(len(ids) - peer.length, (peer.batch, 1))
            rows = ids[starts + torch.arange(peer.length + 1)]
        else:
            if position + peer.length + 1 > streams.shape[1]:
                state, position = None, 0
            rows = streams[:, position : position + peer.length + 1]
            position += peer.length
        logits, state = peer(rows[:, :-1], state)
        loss = F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(peer.parameters(), 1.0)
        optimizer.step()
        state = detached(state)


def detached(state: Any) -> Any:
    """Returns a state, a tensor or a list of states, without the history of its computation."""
    return (
        None if state is None else state.detach() if isinstance(state, Tensor) else [detached(each) for each in state]
    )


Forward = Callable[[Tensor, Any], tuple[Tensor, Any]]


@torch.inference_mode()
def losses(forward: Forward, rows: Tensor, window: int | None) -> Tensor:
    """Returns the losses in nats (B, T) of the characters after the first of each row (B, T + 1), from no state.

    Without a window the state is carried. With one, each character but the first ones is predicted from at least three
    quarters of the window.
    """
    stride, parts, state = (window // 4 if window else 1024), [], None
    for start in range(0, rows.shape[1] - 1, stride):
        end = min(start + stride, rows.shape[1] - 1)
        begin = max(0, end - window) if window else start
        logits, state = forward(rows[:, begin:end], None if window else state)
        targets = rows[:, start + 1 : end + 1]
        parts.append(F.cross_entropy(logits[:, start - begin :].transpose(1, 2), targets, reduction="none"))
    return torch.cat(parts, 1)


def evaluate(forward: Forward, ids: Tensor, window: int | None) -> dict[str, float]:
    """Returns the mean losses `carried` and `cold256` of a text ids (N,)."""
    count = (len(ids) - 1) // COLD
    cold = ids[torch.arange(count)[:, None] * COLD + torch.arange(COLD + 1)]
    # Rows side by side, each after 1,024 characters that it reads first and that are not counted.
    size, warm = -(-(len(ids) - 1) // ROWS), 1024
    padded = F.pad(ids, (warm, ROWS * size + 1 - len(ids)))
    rows = padded[torch.arange(ROWS)[:, None] * size + torch.arange(warm + size + 1)]
    carried = torch.cat([losses(forward, part, window)[:, warm:] for part in rows.split(16)]).flatten()[: len(ids) - 1]
    return {
        "carried": carried.double().mean().item(),
        "cold256": torch.cat([losses(forward, part, window) for part in cold.split(ROWS)]).double().mean().item(),
    }


def run(name: str, text: Path, minutes: float, seed: int) -> dict[str, Any]:
    """Trains one model in this process, or this project in another one, and evaluates it."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    whole = read_text(str(text))
    tokenizer = CharTokenizer.from_text(whole)
    ids = torch.from_numpy(tokenizer.encode(whole)).long()
    train_ids, held_out = ids[: len(ids) * 9 // 10], ids[len(ids) * 9 // 10 :]
    if name == OURS:
        return _ours(text, minutes, seed, whole[len(train_ids) :])
    peer = PEERS[name](len(tokenizer)).train()
    train(peer, train_ids, minutes * 60)
    found = evaluate(peer.eval(), held_out, peer.window)
    return {**found, "parameters": sum(weight.numel() for weight in peer.parameters())}


def _ours(text: Path, minutes: float, seed: int, held_out: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        words = [str(text), "--minutes", str(minutes), "--set", f"seed={seed}", "--device=cpu", "--out", str(out)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, "-m", "training", *words], env=environment, check=True, capture_output=True)
        lm = CharLSTM.from_pretrained(str(out))
        ids = torch.from_numpy(lm.tokenizer.encode(held_out, unknown="skip")).long()
        found = evaluate(lm.network, ids, None)
        return {**found, "parameters": lm.config.parameters}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_peers")
    parser.add_argument("text", type=Path)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0, 5.0, 20.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--only", nargs="+", default=[OURS, *PEERS], choices=[OURS, *PEERS])
    options = parser.parse_args()
    for minutes in options.minutes:
        for name in options.only:
            found = [run(name, options.text, minutes, seed) for seed in options.seeds]
            shown = "  ".join(
                f"{key} {statistics.median(each[key] for each in found):.3f}" for key in ("carried", "cold256")
            )
            print(f"{minutes:5g} core-minutes  {name:<22}{shown}  {found[0]['parameters']:,} parameters", flush=True)
