"""The training loop of one run: steps, evaluations, samples and checkpoints, until the last step or a signal.

A signal ends the loop like the last step does: with a checkpoint. The weights depend neither on the terminal nor the
Hub, nor on how often the run was stopped and resumed, and on the clock only through the recorded progress. A checkpoint
is copied between two steps and written by a thread while training continues; at most one is being written.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from model import CharLSTM, CharTokenizer, ChatFormat, generate
from model.checkpoint.format import Checkpoint, CheckpointError
from model.checkpoint.record import Sample, TrainingRecord, thinned

from ..card.curve import sparkline
from ..corpus.ids_file import Ids
from ..hub.space_files import Space
from ..learner import evaluation
from ..learner.dataset import utf8_bytes
from ..learner.recipe import Schedule
from ..learner.trainer import DivergedError, SharedSteps, Trainer
from ..signals import Signals
from .checkpoint_manager import CheckpointManager
from .clock import Clock, ProgressLog
from .console import Progress, loss_text, say, warn
from .measure import Threads
from .snapshot import Evaluation, RunState, Snapshot, TextFacts

_SUMMARY = ("val_loss", "val_loss_95", "val_bpc", "val_cold256", "val_cold256_95", "train_loss")  # in config.json


@dataclass(kw_only=True)
class TrainingRun:
    """A run that is ready to train."""

    checkpoint_manager: CheckpointManager
    tokenizer: CharTokenizer
    trainer: Trainer
    validation: Ids  # (N,) ids read at each evaluation: the beginning of the held-out part of the text
    text: TextFacts
    about: TrainingRecord
    start: float  # `time.monotonic()` when this process began, less the seconds of earlier processes of the run
    clock: Clock
    threads: Threads | None = None  # None to choose the number by measurement
    metrics: list[Evaluation] = field(default_factory=list)  # so far
    samples: list[Sample] = field(default_factory=list)  # so far; a long run keeps evenly spaced ones
    chat: ChatFormat | None = None  # the chat format, if the text is a chat
    page: Space | None = None  # the Space to publish when the run is complete
    # With more threads than processors, OpenMP puts the training threads to sleep between two matrix products, which
    # halves the speed of training: so torch has one thread in the writer's.
    _writer: ThreadPoolExecutor = field(
        init=False, default_factory=lambda: ThreadPoolExecutor(1, "checkpoints", torch.set_num_threads, (1,))
    )
    _writing: Future[None] | None = field(default=None, init=False)

    @property
    def seconds(self) -> float:
        """The seconds that all processes of the run have taken."""
        return time.monotonic() - self.start

    @property
    def is_complete(self) -> bool:
        """Whether the last step was taken and its checkpoint is on disk."""
        return self.clock.is_done and self.trainer.steps_done == self.checkpoint_manager.saved_step

    def run(self, signals: Signals) -> int:
        """Trains until the last step or a signal.

        Returns:
            the exit code: 0; 130 after Ctrl-C, 143 after SIGTERM; 1 when the loss was not finite, memory ran out, or
            the last checkpoint could not be saved.
        """
        recipe, trainer = self.trainer.recipe, self.trainer
        bar = Progress(recipe.steps, self.clock.progress, is_timed=self.clock.minutes is not None)
        folder = self.checkpoint_manager.folder.path
        log = ProgressLog(folder, trainer.steps_done, self.clock.progress, recipe.steps)
        try:
            # Leaving the block waits for the checkpoint that is being written.
            with closing(log), self._writer, SharedSteps(trainer) as steps:
                if not trainer.steps_done:
                    self._generate_sample()  # of random weights, for "Watch it learn"
                self._train(steps, log, signals, bar)
                self._wait_for_writer()
                if signals.number and trainer.steps_done not in (0, self.checkpoint_manager.saved_step):
                    steps.gather_state()
                    self._save({}, is_last=True)
        except (MemoryError, RuntimeError) as error:
            bar.close()
            say(f"error: {self._failure(error)}")
            return 1
        finally:
            bar.close()
        if signals.number:
            return signals.exit_code
        if not self.is_complete:
            has_saved = self.checkpoint_manager.saved_step >= 0
            action = "use --resume" if has_saved else "start the run again in another folder"
            say(f"error: the last checkpoint is not saved completely: free some disk space, then {action}")
            return 1
        return 0

    def _failure(self, error: Exception) -> str:
        """Returns what went wrong and what to do, if the loss was not finite or memory ran out; else raises the error.

        torch has several messages for memory.
        """
        recipe, step = self.trainer.recipe, self.trainer.steps_done + 1
        words = ("allocat", "out of memory", "could not create a primitive")
        if isinstance(error, DivergedError):
            problem = str(error)
            advice = f"lower rates, such as --set matrix_lr={recipe.matrix_lr / 2:g},lr={recipe.lr / 2:g}"
        elif isinstance(error, MemoryError) or any(word in str(error) for word in words):
            problem = f"step {step:,} does not fit into memory"
            advice = f"smaller sizes, such as --set batch={max(1, recipe.batch // 2)}"
        else:
            raise error
        saved = self.checkpoint_manager.folder.steps()
        last = f"the last checkpoint, {saved[-1].name}, is intact" if saved else "no checkpoint was saved before"
        return f"{problem}; {last}: train again with {advice}"

    @property
    def _chars_per_sec(self) -> float:
        """Characters trained on per second, averaged over the last steps, without the time of evaluations."""
        recipe, step_s = self.trainer.recipe, self.clock.step_s
        return recipe.batch * recipe.window / step_s if step_s else 0.0

    def _train(self, steps: SharedSteps, log: ProgressLog, signals: Signals, bar: Progress) -> None:
        """Trains until the last step or a signal."""
        trainer, clock, schedule = self.trainer, self.clock, Schedule(self.trainer.recipe)
        threads = self.threads or Threads(trainer.device)
        while not clock.is_done and not signals.number:
            began, before = time.monotonic(), clock.progress
            recorded, count = log.repeated(trainer.steps_done + 1) or (None, None)
            threads.use(count)
            loss = steps.step(schedule.rate(before), signals)
            seconds = time.monotonic() - began
            clock.add_step(seconds, self.seconds, recorded)
            if recorded is None:
                log.add(trainer.steps_done, clock.progress, threads.count)
                threads.add(seconds)
            bar.advance(loss, clock.progress, trainer.steps_done, self._chars_per_sec, clock.seconds_left(self.seconds))
            if schedule.evaluates(before, clock.progress):
                steps.gather_state()
                self._evaluate(bar, schedule)
            elif schedule.samples(before, clock.progress):
                bar.print_sample(self._generate_sample(), f"step {trainer.steps_done:,}: training loss {bar.loss:.2f}")

    def _evaluate(self, bar: Progress, schedule: Schedule) -> None:
        began = time.monotonic()
        network, step = self.trainer.average, self.trainer.steps_done
        carried = evaluation.carried_losses(network, self.validation, rows=64, context=512)
        cold256 = evaluation.cold_losses(network, self.validation)
        val_loss, cold = (float(losses.mean(dtype=np.float64)) for losses in (carried, cold256))
        if not math.isfinite(val_loss) or not math.isfinite(cold):
            raise DivergedError(f"the validation loss after step {step:,} is {val_loss}")
        line: Evaluation = {
            "step": step,
            "chars": step * self.trainer.recipe.batch * self.trainer.recipe.window,
            "seconds": round(self.seconds, 2),
            "train_loss": self.trainer.take_train_loss(),
            "val_loss": val_loss,
            "val_bpc": evaluation.bits(val_loss),
            "val_cold256": cold,
            "chars_per_sec": round(self._chars_per_sec, 1),
            "lr": self.trainer.recipe.lr * schedule.rate(self.clock.progress),
        }
        self.metrics.append(line)
        text = self._generate_sample()
        losses = [line["val_loss"] for line in self.metrics]
        mark = ", best so far" if len(losses) > 1 and val_loss <= min(losses) else ""
        curve = sparkline(losses)
        say(f"step {step:,}: held-out loss {loss_text(val_loss)}{mark}{'  ' if curve else ''}{curve}")
        if len(losses) > 2 and val_loss > math.log(len(self.tokenizer)) + 0.5:
            warn("this is worse than predicting each character with equal odds: the learning rates may be too high")
        bar.print_sample(text)
        intervals = {"val_loss_95": evaluation.interval(carried), "val_cold256_95": evaluation.interval(cold256)}
        rounded = {name: [round(bound, 4) for bound in bounds] for name, bounds in intervals.items()}
        self._save({**line, **rounded}, is_last=self.clock.is_done)
        self.clock.add_evaluation(time.monotonic() - began)

    def _generate_sample(self) -> str | None:
        """Generates, records and returns a sample; None if it fails because the weights are about to diverge."""
        try:
            # float32 uses the averaged weights without a copy: the sample is complete before training changes them.
            lm = CharLSTM(self.trainer.average, self.tokenizer)
            text = generate(lm, "", evaluation.SAMPLE_LENGTH, temperature=0.7, seed=1, precision="float32")
        except RuntimeError as error:
            warn(f"no sample ({error})")
            return None
        step = self.trainer.steps_done
        sample: Sample = {"step": step, "prompt": "", "temperature": 0.7, "seed": 1, "text": text}
        self.samples = thinned([*self.samples, sample])
        return text

    def _save(self, measured: dict[str, Any], *, is_last: bool) -> None:
        """Saves a checkpoint of this step after the previous one is on disk; in a thread unless it is the last.

        Args:
            measured: the evaluation of this step with its confidence intervals; {} when it was not evaluated.

        Raises:
            DivergedError: the weights of this or of the previous checkpoint are not finite.
        """
        self._wait_for_writer()
        snapshot = self._snapshot(measured)
        if is_last:
            self._write(snapshot)
        else:
            self._writing = self._writer.submit(self._write, snapshot)

    def _wait_for_writer(self) -> None:
        """Waits until the last snapshot is saved; raises DivergedError if its weights are not finite."""
        if self._writing is not None:
            self._writing.result()

    def _write(self, snapshot: Snapshot) -> None:
        try:
            self.checkpoint_manager.save(snapshot)
        except CheckpointError as error:
            raise DivergedError(f"the weights after step {snapshot.step:,} cannot be saved: {error}") from error

    def _snapshot(self, measured: dict[str, Any]) -> Snapshot:
        network = self.trainer.average
        state: RunState = {
            "recipe": asdict(self.trainer.recipe),
            "corpus": self.text.record,
            "about": self.about,
            "seconds": self.seconds,
        }
        if self.clock.minutes is not None:
            state["clock"] = self.clock.to_json()
        return Snapshot(
            checkpoint=Checkpoint(
                config=network.config,
                tokenizer=self.tokenizer,
                weights=_copied(network.state_dict()),
                training=self._config(measured),
                chat=self.chat,
                samples=() if self.chat or self.about.get("quotes") == "nothing" else tuple(self.samples),
            ),
            metrics=tuple(self.metrics),
            samples=tuple(self.samples),
            state=state,
            tensors=_copied(self.trainer.state_tensors()),
            complete=self.clock.is_done,
        )

    def _config(self, measured: dict[str, Any]) -> TrainingRecord:
        """Returns `training` of config.json: what the card and the app show about the training."""
        summary = cast(TrainingRecord, {name: measured[name] for name in _SUMMARY if name in measured})
        if summary:
            summary["validation_characters"] = len(self.validation) - 1
            summary["validation_bytes"] = utf8_bytes(self.tokenizer, self.validation[1:])
            summary["int8_cost"] = evaluation.int8_cost(self.trainer.average, self.validation)
        return {
            "corpus": self.text.record["name"],
            "corpus_characters": self.text.record["characters"],
            "line_ends": "\\n",
            "examples": self.text.examples,
            "step": self.trainer.steps_done,
            "seconds": round(self.seconds, 1),
            **summary,
            **self.about,
            "recipe": asdict(self.trainer.recipe),
        }


def _copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns copies of tensors, on the CPU."""
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}
