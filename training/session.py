"""One run, from its first step to its last: evaluates, shows, keeps checkpoints and hands them to the Hub.

Stops at a signal as it would at the end: with a checkpoint. Never stops because of the Hub or a full disk.
"""

from __future__ import annotations

import math
import os
import platform
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from tqdm import tqdm

from model import CharLSTM, CharTokenizer, generate
from model.checkpoint import Checkpoint, replace_file, write_checkpoint

from . import evaluate, model_card
from .corpus import Corpus
from .dataset import Ids, split
from .hub import Pusher
from .recipe import Recipe
from .run_folder import METRICS, RunFolder, metrics_bytes, read_metrics, write_state
from .trainer import DivergedError, Trainer

EVALUATED = 200_000  # characters of the validation split that are read at each evaluation, at most
_SAMPLE = 160  # characters shown at each evaluation
_QUIET_S = 10.0  # between two lines where there is no terminal to draw a bar on


@dataclass
class Session:
    """A run in the making.

    Attributes:
        folder: where it is kept.
        corpus: what it reads.
        tokenizer: its vocabulary.
        trainer: what is trained.
        about: what a card says of the run: preset, license, command, versions …
        pusher: takes checkpoints to the Hub; None when nothing is pushed.
        began_s: seconds that the run has taken before this process's ``start``.
    """

    folder: RunFolder
    corpus: Corpus
    tokenizer: CharTokenizer
    trainer: Trainer
    validation: Ids
    about: Mapping[str, Any]
    pusher: Pusher | None = None
    began_s: float = 0.0
    start: float = field(default_factory=time.monotonic)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    _signal: int = 0

    @classmethod
    def prepare(
        cls, folder: RunFolder, corpus: Corpus, ids: Ids, tokenizer: CharTokenizer, recipe: Recipe, **rest: Any
    ) -> Session:
        """A session at step 0."""
        train, validation = split(ids)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        trainer = Trainer(recipe, len(tokenizer), train, device)
        return cls(folder, corpus, tokenizer, trainer, validation[: EVALUATED + 1], **rest)

    def run(self) -> int:
        """Trains to the end, or until a signal.

        Returns:
            the exit code: 0, 130 after Ctrl-C, 143 after SIGTERM, 1 if the loss was not finite.
        """
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            return self._run()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def lm(self) -> CharLSTM:
        """The averaged weights, ready to write; they go on changing with the trainer."""
        return CharLSTM(self.trainer.average, self.tokenizer, name=self.folder.path.name)

    def _run(self) -> int:
        recipe, trainer = self.trainer.recipe, self.trainer
        bar = _Progress(recipe, trainer.steps_done)
        try:
            while trainer.steps_done < recipe.steps and not self._signal:
                bar.advance(trainer.step())
                if recipe.evaluates_after(trainer.steps_done):
                    self._evaluate(bar)
        except DivergedError as error:
            bar.close()
            self._say_diverged(error)
            return 1
        bar.close()
        if self._signal:
            if not recipe.evaluates_after(trainer.steps_done):
                self._save({})
            return 128 + self._signal
        return 0

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if self._signal:  # asked twice: at once
            os._exit(128 + number)
        self._signal = number
        name = "Ctrl-C" if number == signal.SIGINT else "SIGTERM"
        tqdm.write(f"\n{name}: saving after this step; once more to leave at once, without saving.", file=sys.stderr)

    def _evaluate(self, bar: _Progress) -> None:
        began = time.monotonic()
        network, step = self.trainer.average, self.trainer.steps_done
        val_loss = evaluate.carried(network, self.validation, rows=64, context=512)
        cold = evaluate.cold(network, self.validation)
        seconds = self.began_s + time.monotonic() - self.start
        line = {
            "step": step,
            "chars": step * self.trainer.recipe.batch * self.trainer.recipe.window,
            "seconds": round(seconds, 2),
            "train_loss": self.trainer.take_train_loss(),
            "val_loss": val_loss,
            "val_bpc": val_loss / math.log(2),
            "val_cold256": cold,
            "chars_per_sec": round(bar.chars_per_sec, 1),
            "lr": self.trainer.learning_rate,
        }
        best = not self.metrics or val_loss <= min(each["val_loss"] for each in self.metrics)
        self.metrics.append(line)
        mark = "  best so far" if best and step > 1 else ""
        sample = generate(self.lm(), "", _SAMPLE, temperature=0.7, seed=1)
        bar.write(f"\nstep {step:,}: {val_loss:.4f} nats, {val_loss / math.log(2):.3f} bits a character{mark}")
        bar.write("\n".join(f"  │ {row}" for row in sample.splitlines()))
        self._save(line, best=best)
        bar.pause(time.monotonic() - began)

    def _save(self, line: Mapping[str, Any], *, best: bool = False) -> None:
        step = self.trainer.steps_done
        last = step == self.trainer.recipe.steps
        try:
            folder = self.folder.save(step, lambda beside: self._write(beside, line))
            self.folder.write_metrics(self.metrics)
            if best:
                self.folder.mark("best", folder)
            if (best and self.pusher) or last:
                self._write_card()
        except OSError as error:
            tqdm.write(f"warning: no checkpoint at step {step:,}: {error.strerror}; the run goes on", file=sys.stderr)
            return
        if self.pusher:
            self.pusher.push(folder, "training")
            if best or last:
                self.pusher.push(self.folder.best() or folder, "main")
        self.folder.prune(entry.folder for entry in (self.pusher.waiting() if self.pusher else ()))

    def _write(self, folder: Path, line: Mapping[str, Any]) -> None:
        network = self.trainer.average
        summary = self._summary(line)
        checkpoint = Checkpoint(network.config, self.tokenizer, network.state_dict(), summary)
        write_checkpoint(folder, checkpoint, dtype="bfloat16")
        replace_file(folder / METRICS, metrics_bytes(self.metrics))
        state = {
            "recipe": self.trainer.recipe.to_json(),
            "corpus": {"name": self.corpus.name, "sha256": self.corpus.sha256, "characters": self.corpus.characters},
            "about": dict(self.about),
            "seconds": self.began_s + time.monotonic() - self.start,
        }
        write_state(folder, state, self.trainer.state_tensors())

    def _summary(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """What config.json says of the training: for people, and for the app's examples."""
        measured = {name: line[name] for name in ("val_loss", "val_bpc", "val_cold256", "train_loss") if name in line}
        return {
            "corpus": self.corpus.name,
            "corpus_characters": self.corpus.characters,
            "line_ends": "\\n",
            "examples": beginnings(self.corpus.text),
            "step": self.trainer.steps_done,
            "seconds": round(self.began_s + time.monotonic() - self.start, 1),
            **measured,
            **self.about,
            "recipe": self.trainer.recipe.to_json(),
        }

    def _write_card(self) -> None:
        """Adds the card with its picture to the best checkpoint."""
        best = self.folder.best()
        if best is not None:
            model_card.write_card(best, CharLSTM.from_pretrained(best), read_metrics(best))

    def _say_diverged(self, error: DivergedError) -> None:
        kept = self.folder.steps()
        last = f"the last checkpoint, {kept[-1].name}, is whole" if kept else "no checkpoint was written yet"
        rates = f"--matrix-lr {self.trainer.recipe.matrix_lr / 2:g} --lr {self.trainer.recipe.lr / 2:g}"
        tqdm.write(f"error: {error}; {last}. Train again with lower rates: {rates}", file=sys.stderr)


class _Progress:
    """A bar on a terminal; a line now and then anywhere else."""

    def __init__(self, recipe: Recipe, done: int) -> None:
        self._characters = recipe.batch * recipe.window
        self._bar = tqdm(
            total=recipe.steps,
            initial=done,
            unit="step",
            dynamic_ncols=True,
            smoothing=0.05,
            disable=not sys.stderr.isatty(),
            bar_format="{percentage:3.0f}% {bar} {n_fmt}/{total_fmt} {elapsed}<{remaining} {postfix}",
        )
        self._loss = math.nan
        self._done, self._steps = done, recipe.steps
        self._start, self._spoken = time.monotonic(), 0.0
        self._first = done
        self._idle = 0.0

    @property
    def chars_per_sec(self) -> float:
        """Characters trained on a second, evaluations and checkpoints left out."""
        seconds = time.monotonic() - self._start - self._idle
        return (self._done - self._first) * self._characters / max(seconds, 1e-9)

    def advance(self, loss: float) -> None:
        self._done += 1
        self._loss = loss if math.isnan(self._loss) else 0.95 * self._loss + 0.05 * loss
        text = f"loss {self._loss:.3f}, {self._loss / math.log(2):.2f} bpc, {self.chars_per_sec / 1000:,.1f}k chars/s"
        if not self._bar.disable:
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update()
        elif time.monotonic() - self._spoken > _QUIET_S:
            self._spoken = time.monotonic()
            left = (self._steps - self._done) * self._characters / self.chars_per_sec
            print(
                f"step {self._done:,} of {self._steps:,}: {text}, {left / 60:.1f} min left", file=sys.stderr, flush=True
            )

    def pause(self, seconds: float) -> None:
        """Seconds that were not spent on training."""
        self._idle += seconds

    def write(self, text: str) -> None:
        tqdm.write(text, file=sys.stderr)

    def close(self) -> None:
        self._bar.close()


def beginnings(text: str, count: int = 4) -> list[str]:
    """How lines of a text often begin: something to type into a model of it. Only what stands there many times."""
    starts = Counter(match[0] for match in re.finditer(r"(?m)^\S[^\n]{1,23}?(?=[\s:])[:]?", text[:2_000_000]))
    often = [start for start, times in starts.most_common(50) if times >= 5]
    often.sort(key=lambda start: (not start.endswith(":"), -starts[start]))
    return often[:count]


def versions() -> dict[str, str]:
    """What a run was made with, for its card."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads"
        + (f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""),
    }
