"""One run, from its first step to its last: trains, looks, shows, and hands what it makes to the keeper.

Stops at a signal as it would at the end: with a checkpoint. What is trained does not depend on the clock, the
terminal, the Hub or how often the run was stopped. Checkpoints are copied where it trains, and written in a thread of
their own while it goes on: one at a time, and a line that tells of one comes when it is on disk.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from model import CharLSTM, CharTokenizer, ChatFormat, generate
from model.checkpoint.format import Checkpoint, CheckpointError
from model.checkpoint.write import write_cells

from ..card.bootstrap import interval
from ..card.cell_names import LONGEST, name_cells
from ..card.curve import sparkline
from ..corpus.ids_file import Ids
from ..hub.spaces import Page
from ..learner import evaluation as evaluate
from ..learner.dataset import split, utf8_bytes
from ..learner.distillation import SoftTargets
from ..learner.recipe import Recipe
from ..learner.trainer import DivergedError, Trainer
from ..learner.training_loop import train
from ..signals import Signals
from .checkpoint_manager import CheckpointManager
from .console import Progress, losses, sample, say, warn
from .snapshot import Snapshot, copied
from .tracking import Tracker

_MEASURED = ("val_loss", "val_loss_95", "val_bpc", "val_cold256", "val_cold256_95", "train_loss")


@dataclass
class TrainingRun:
    """A run in the making.

    Attributes:
        keeper: of its checkpoints.
        tokenizer: its vocabulary.
        trainer: what is trained.
        validation: (N,) what is read at each evaluation: the beginning of the last tenth.
        facts: of the text, for anyone to read: corpus, corpus_sha256, corpus_characters, examples; corpus_public, its
            sources and how they are decoded, if anyone can read them.
        about: of the run, for anyone to read: preset, license, repo, command, versions.
        began_s: seconds that the run took before this process.
        start: ``time.monotonic()`` when this process began.
        metrics: the evaluations so far.
        chat: how the model is talked to, if its text is a chat.
        page: the Space that it ends with, if it is to.
        tracker: follows the evaluations, if someone asked for it.
        samples: what it has written so far, for those who watch it learn: step, prompt, temperature, seed, text.
    """

    checkpoint_manager: CheckpointManager
    tokenizer: CharTokenizer
    trainer: Trainer
    validation: Ids
    facts: Mapping[str, Any]
    about: Mapping[str, Any]
    began_s: float = 0.0
    start: float = field(default_factory=time.monotonic)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    chat: ChatFormat | None = None
    samples: list[dict[str, Any]] = field(default_factory=list)
    page: Page | None = None
    tracker: Tracker | None = None
    _writer: ThreadPoolExecutor = field(init=False, default_factory=lambda: ThreadPoolExecutor(1, "keeper", _alone))
    _writing: Future[None] | None = field(default=None, init=False)

    @classmethod
    def prepare(
        cls,
        checkpoint_manager: CheckpointManager,
        tokenizer: CharTokenizer,
        ids: Ids,
        recipe: Recipe,
        device: torch.device,
        soft_targets: SoftTargets | None = None,
        **rest: Any,
    ) -> TrainingRun:
        """A run at step 0 with the ids (N,) of a whole text, and teachers' predictions of its part to train on."""
        to_train, validation = split(ids)
        trainer = Trainer(recipe, len(tokenizer), to_train, device, soft_targets)
        return cls(checkpoint_manager, tokenizer, trainer, validation[: evaluate.EVALUATED + 1], **rest)

    @property
    def seconds(self) -> float:
        """How long the run has taken, over all its processes."""
        return self.began_s + time.monotonic() - self.start

    @property
    def complete(self) -> bool:
        """Whether the last step was taken and is on disk."""
        return self.trainer.steps_done == self.trainer.recipe.steps == self.checkpoint_manager.kept_step

    def run(self, signals: Signals) -> int:
        """Trains to the end, or until a signal.

        Returns:
            the exit code: 0, 130 after Ctrl-C, 143 after SIGTERM, 1 if the loss was not finite or the last
            checkpoint could not be written.
        """
        recipe, trainer = self.trainer.recipe, self.trainer
        bar = Progress(recipe.steps, trainer.steps_done, recipe.batch * recipe.window)
        try:
            # The writer ends when what it writes is written, however the run ended.
            with self._writer:
                train(trainer, signals, lambda loss: self._after_step(loss, bar))
                self._wait()
                if signals.number and trainer.steps_done not in (0, self.checkpoint_manager.kept_step):
                    self._keep({}, aside=False)
        except DivergedError as error:
            bar.close()
            rates = f"--matrix-lr {recipe.matrix_lr / 2:g} --lr {recipe.lr / 2:g}"
            say(f"error: {error}; {self._last()}: train again with lower rates, such as {rates}")
            return 1
        except (MemoryError, RuntimeError) as error:
            if not _is_memory(error):
                raise
            bar.close()
            say(
                f"error: step {trainer.steps_done + 1:,} does not fit into the memory; {self._last()}: train again "
                f"with smaller sizes, such as --batch {max(1, recipe.batch // 2)}"
            )
            return 1
        finally:
            bar.close()
        if signals.number:
            return signals.exit_code
        if not self.complete:
            say("error: the last checkpoint could not be written: make room, then go on with --resume")
            return 1
        return 0

    def _after_step(self, loss: float, bar: Progress) -> None:
        recipe, step = self.trainer.recipe, self.trainer.steps_done
        bar.advance(loss)
        if recipe.evaluates_after(step):
            self._evaluate(bar)
        elif recipe.samples_after(step):
            self._glance(bar)

    def _evaluate(self, bar: Progress) -> None:
        began = time.monotonic()
        network, step = self.trainer.average, self.trainer.steps_done
        if step == self.trainer.recipe.steps:
            self.checkpoint_manager.get_ready()
        carried = evaluate.carried_losses(network, self.validation, rows=64, context=512)
        cold256 = evaluate.cold_losses(network, self.validation)
        val_loss, cold = evaluate.mean(carried), evaluate.mean(cold256)
        if not math.isfinite(val_loss) or not math.isfinite(cold):
            raise DivergedError(f"the validation loss after step {step:,} is {val_loss}")
        line = {
            "step": step,
            "chars": step * self.trainer.recipe.batch * self.trainer.recipe.window,
            "seconds": round(self.seconds, 2),
            "train_loss": self.trainer.take_train_loss(),
            "val_loss": val_loss,
            "val_bpc": val_loss / math.log(2),
            "val_cold256": cold,
            "chars_per_sec": round(bar.chars_per_sec, 1),
            "lr": self.trainer.learning_rate,
        }
        best = all(val_loss <= each["val_loss"] for each in self.metrics)
        self.metrics.append(line)
        text = self._write_sample()
        lines = tuple(self.metrics)
        self._keep({**line, **self._bounds(carried, cold256)}, lambda: self._show(lines, best, text))
        if self.tracker:
            self.tracker.log(line)
        bar.pause(time.monotonic() - began)

    def _bounds(self, carried: evaluate.Losses, cold256: evaluate.Losses) -> dict[str, list[float]]:
        """Between what the two losses lie, for config.json."""
        found = {"val_loss_95": interval(carried), "val_cold256_95": interval(cold256)}
        return {name: [round(bound, 4) for bound in bounds] for name, bounds in found.items()}

    def _glance(self, bar: Progress) -> None:
        """A sample between two evaluations, for the person who watches."""
        began = time.monotonic()
        say(f"\nstep {self.trainer.steps_done:,}: {bar.loss:.2f} nats while training")
        self._say_sample(self._write_sample())
        bar.pause(time.monotonic() - began)

    def _show(self, lines: Sequence[Mapping[str, Any]], best: bool, text: str | None) -> None:
        line = lines[-1]
        mark = ", the best so far" if best and len(lines) > 1 else ""
        curve = sparkline([each["val_loss"] for each in lines], getattr(sys.stderr, "encoding", None))
        say(f"\nstep {line['step']:,}: {losses(line['val_loss'])}{mark}{'  ' if curve else ''}{curve}")
        self._say_sample(text)
        if len(lines) > 2 and line["val_loss"] > math.log(len(self.tokenizer)) + 0.5:
            warn("that is worse than guessing evenly: the learning rates may be too high")

    def _write_sample(self) -> str | None:
        """What it writes by now, which is noted; None when the weights are about to burst: the loss will tell."""
        asked: dict[str, Any] = {"prompt": "", "temperature": 0.7, "seed": 1}
        try:
            # The averaged weights as they are now, in their own arithmetic: it is over before they go on changing.
            lm = CharLSTM(self.trainer.average, self.tokenizer)
            text = generate(lm, length=evaluate.SAMPLE, precision="float32", **asked)
        except RuntimeError as error:
            warn(f"no sample ({error})")
            return None
        self.samples.append({"step": self.trainer.steps_done, **asked, "text": text})
        return text

    def _say_sample(self, text: str | None) -> None:
        if text is not None:
            say(sample(text))

    def _keep(self, line: Mapping[str, Any], then: Callable[[], None] | None = None, *, aside: bool = True) -> None:
        """Keeps a checkpoint of now, and does something then.

        Args:
            line: what was measured; {} when nothing was.
            then: done once it is on disk, or could not be brought there.
            aside: it is done while training goes on; only the one before it is waited for. Not when the run is over.

        Raises:
            DivergedError: the weights are not finite, or those of the one before it.
        """
        self._wait()
        snapshot = self._snapshot(line)
        if aside and not snapshot.last:
            self._writing = self._writer.submit(self._hand_over, snapshot, then)
        else:
            self._hand_over(snapshot, then)

    def _wait(self) -> None:
        """Until the last snapshot was handed over.

        Raises:
            DivergedError: its weights are not finite.
        """
        if self._writing is not None:
            self._writing.result()

    def _hand_over(self, snapshot: Snapshot, then: Callable[[], None] | None) -> None:
        try:
            self.checkpoint_manager.keep(
                snapshot.step,
                snapshot.write,
                snapshot.metrics,
                snapshot.val_loss,
                last=snapshot.last,
                finish=self._name_cells,
            )
        except CheckpointError as error:
            raise DivergedError(f"the weights after step {snapshot.step:,} cannot be kept: {error}") from None
        if then:
            then()

    def _snapshot(self, line: Mapping[str, Any]) -> Snapshot:
        network, step, recipe = self.trainer.average, self.trainer.steps_done, self.trainer.recipe
        weights = copied(network.state_dict())
        state = {
            "recipe": recipe.to_json(),
            "corpus": {
                "name": self.facts["corpus"],
                "sha256": self.facts["corpus_sha256"],
                "characters": self.facts["corpus_characters"],
                "public": self.facts.get("corpus_public"),
            },
            "about": dict(self.about),
            "seconds": self.seconds,
        }
        return Snapshot(
            step=step,
            val_loss=float(line.get("val_loss", math.inf)),
            last=step == recipe.steps,
            checkpoint=Checkpoint(
                config=network.config,
                tokenizer=self.tokenizer,
                weights=weights,
                training=self._summary(line),
                chat=self.chat,
            ),
            metrics=tuple(self.metrics),
            samples=tuple(self.samples),
            state=state,
            tensors=copied(self.trainer.state_tensors()),
        )

    def _name_cells(self, folder: Path) -> None:
        text = self.tokenizer.decode(self.validation[:LONGEST].tolist())
        write_cells(folder, name_cells(CharLSTM.from_pretrained(folder), text))

    def _summary(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """What config.json says of the training: for people, for the card, and for the app's examples."""
        measured = {name: line[name] for name in _MEASURED if name in line}
        if measured:
            measured["validation_characters"] = len(self.validation) - 1
            measured["validation_bytes"] = utf8_bytes(self.tokenizer, self.validation[1:])
            measured["int8_cost"] = evaluate.int8_cost(self.trainer.average, self.validation)
        return {
            "corpus": self.facts["corpus"],
            "corpus_characters": self.facts["corpus_characters"],
            "line_ends": "\\n",
            "examples": self.facts["examples"],
            "step": self.trainer.steps_done,
            "seconds": round(self.seconds, 1),
            **measured,
            **self.about,
            "recipe": self.trainer.recipe.to_json(),
        }

    def _last(self) -> str:
        kept = self.checkpoint_manager.folder.steps()
        return f"the last checkpoint, {kept[-1].name}, is whole" if kept else "no checkpoint was written before"


def _alone() -> None:
    """Keeps torch from calling other threads to help this one.

    With more threads than processors, OpenMP lets the training threads sleep between any two products: half the speed.
    """
    torch.set_num_threads(1)


def _is_memory(error: Exception) -> bool:
    """Whether it is the machine's memory that ran out; of what else torch raises, nothing is hidden."""
    words = ("allocat", "out of memory", "could not create a primitive")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)
