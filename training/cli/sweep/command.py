"""`python -m training sweep`: trains all combinations of some settings side by side, and compares them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from time import monotonic

from model.backends.device import best_device
from model.files import AlreadyLockedError, acquire_lock, atomic_write
from model.terminal import duration_text

from ...card.curve import draw
from ...corpus.reader import corpus_name
from ...corpus.sources import expand, expanded_path, is_local
from ...errors import RunError
from ...learner import processes
from ...run.console import loss_text, say, say_command
from ...run.facts import Evaluation
from ...run.run_folder import LOCK, has_checkpoint
from ...side_by_side.choice import choose_executor
from ...side_by_side.executor import Executor, TaskResult
from ...side_by_side.task import TrainingTask
from ..commands.compare import Run, read_run
from ..options import TrainOptions, recipe_words
from ..parser import MINUTES
from .grid import Settings, combinations, label
from .options import SweepOptions, shared_options
from .plan import Plan, PlannedRun, read_finished, read_plan, sweep_folder, write_finished
from .table import CURVES, Combination, Table

_CURVE = "curve.png"
_LONGER = 10  # length of the proposed run with the best settings, in lengths of a run of the sweep
_PROGRESS_S = 30.0


def sweep(options: SweepOptions) -> int:
    """Trains the runs that are not complete and prints the results; returns 0, or 1 when a run has failed.

    Raises:
        UsageError, CorpusError, RunError: the sweep cannot start; one line says why.
    """
    if processes.count() > 1:
        raise RunError("a sweep starts its own processes: start it without torchrun")
    resumed = expanded_path(options.resume or "")
    plan = options.plan or read_plan(resumed)
    shared = shared_options(plan)
    executor = choose_executor(options.ray, best_device(shared.device).type)
    for source in filter(is_local, shared.text if options.plan else ()):
        expand(source)  # a missing text is reported here, not by each run
    folder = sweep_folder(plan, options.out, corpus_name(shared.text)) if options.plan else resumed.absolute()
    try:
        unlock = acquire_lock(folder / LOCK)
    except AlreadyLockedError:
        raise RunError(f"another process trains the sweep in {str(folder)!r}: wait for it") from None
    except OSError as error:
        raise RunError(f"{str(folder)!r} cannot be written ({error.strerror})") from None
    try:
        return _Sweep(plan, shared, folder).run(executor, options.ray)
    finally:
        unlock()


class _Sweep:
    """A sweep in its folder, which this process has locked."""

    def __init__(self, plan: Plan, shared: TrainOptions, folder: Path) -> None:
        self._plan, self._shared, self._folder = plan, shared, folder
        self._names = {folder / run.folder: _name(run) for run in plan.runs}
        self._table = Table(list(self._names.values()))
        self._finished = read_finished(folder)
        self._began = self._last_progress = monotonic()
        self._done = 0  # runs that have ended in this process

    def run(self, executor: Executor, ray: str | None) -> int:
        """Trains the runs that are left and prints the tables; returns the exit code."""
        runs = [(self._folder / run.folder, run) for run in self._plan.runs]
        left = [
            TrainingTask(folder=folder, arguments=run.arguments)
            for folder, run in runs
            if run.folder not in self._finished or not has_checkpoint(folder)
        ]
        if left:
            self._train(left, executor, ray)
        return self._conclude()

    def _train(self, left: Sequence[TrainingTask], executor: Executor, ray: str | None) -> None:
        self._print_plan(len(left), executor.workers)
        print(self._table.head, flush=True)
        waiting = {task.folder for task in left}
        for folder in self._names:
            if folder not in waiting:
                self._print_row(folder)
        try:
            with closing(executor.run(left, progress=self._print_progress)) as results:
                for result in results:
                    self._note(result)
        except KeyboardInterrupt:
            words = ["python", "-m", "training", "sweep", "--resume", _shown(self._folder)]
            say_command("\nTo continue:", words + (["--ray", ray] if ray else []))
            raise

    def _note(self, result: TaskResult) -> None:
        """Prints how a run ended, and saves whether it is complete."""
        self._done += 1
        folder = result.task.folder
        if result.exit_code == 0:
            self._finished = write_finished(self._folder, [*self._finished, folder.name])
            self._print_row(folder)
        else:
            say(f"error: {self._names[folder]}: {result.message.removeprefix('error: ')}")

    def _print_plan(self, left: int, workers: int) -> None:
        """Prints how many runs there are, and how long they take."""
        settings, seeds, all_runs = len(combinations(self._plan.over)), len(self._plan.seeds), len(self._names)
        parts = f" ({settings} combinations × {seeds} seeds)" if seeds > 1 else ""
        done = f", {all_runs - left:,} of them done" if left < all_runs else ""
        rounds = math.ceil(left / max(1, workers))
        if "steps" in self._plan.over or self._shared.steps is not None:
            each, total = "", "" if rounds == 1 else f", in {rounds:,} rounds"
        else:
            minutes = self._shared.minutes or MINUTES.default
            each, total = f" of {minutes:g} minutes", f": about {duration_text(60 * minutes * rounds)} in all"
        say(f"{all_runs:,} runs{each}{parts}{done}, {min(workers, left):,} at a time{total}.")
        say(f"They are saved in {_shown(self._folder)}; Ctrl-C saves all and stops.")

    def _print_progress(self, task: TrainingTask, evaluation: Evaluation) -> None:
        if monotonic() - self._last_progress < _PROGRESS_S:
            return
        self._last_progress = monotonic()
        left = len(self._names) - len(self._finished)
        text = ""
        if self._done:
            text = f", {duration_text((monotonic() - self._began) / self._done * left)} left"
        say(
            f"{self._names[task.folder]}: step {evaluation['step']:,}, held-out loss {evaluation['val_loss']:.4f}; "
            f"{len(self._finished):,} of {len(self._names):,} runs done{text}"
        )

    def _print_row(self, folder: Path) -> None:
        """Prints the row of a run that has ended."""
        run = _read(folder, self._names[folder])
        print(self._table.row(self._names[folder], [run] if run else []), flush=True)

    def _conclude(self) -> int:
        """Prints the ranking, draws the curves, and prints what to type next; returns the exit code."""
        found = [self._combination(settings) for settings in combinations(self._plan.over)]
        ranked = sorted(found, key=lambda each: each.loss)
        print(f"\n{self._table.ranking(ranked)}", flush=True)
        best = ranked[0]
        if not best.runs:
            say("error: no run has been evaluated")
            return 1
        self._draw(ranked)
        run = min(best.runs, key=lambda run: float(run.best["val_loss"]))
        folder = next(folder for folder, name in self._names.items() if name == run.name)
        of_seeds = f", the median of {len(best.runs)} seeds" if len(best.runs) > 1 else ""
        say(f"\nBest: {best.name}: held-out loss {loss_text(best.loss)}{of_seeds}.")
        say_command("To generate text with it:", ["python", "-m", "model", "generate", "--model", _shown(folder)])
        say_command("To train longer with these settings:", self._longer(best.name))
        return 0 if len(self._finished) == len(self._names) else 1

    def _combination(self, settings: Settings) -> Combination:
        """Returns a combination with those of its runs that have been evaluated."""
        of_these = [run for run in self._plan.runs if run.settings == settings]
        read = [_read(self._folder / run.folder, _name(run)) for run in of_these]
        return Combination(label(settings), [run for run in read if run])

    def _draw(self, ranked: Sequence[Combination]) -> None:
        """Draws the typical run of each of the best combinations."""
        runs = [replace(each.typical, name=each.name) for each in ranked if each.runs]
        curves = [run.curve for run in runs if run.curve.is_drawable][:CURVES]
        if not curves:
            say("No curves are drawn: a curve needs two evaluations of a run")
            return
        try:
            picture = draw(curves)
        except ImportError:
            say("A picture of the curves needs matplotlib: pip install 'matplotlib>=3.8,<4'")
            return
        atomic_write(self._folder / _CURVE, picture)
        say(f"Drawn: {_shown(self._folder / _CURVE)}")

    def _longer(self, name: str) -> list[str]:
        """Returns the command that trains ten times as long with the settings of a combination."""
        settings = next(each for each in combinations(self._plan.over) if label(each) == name)
        options = self._plan.arguments[: len(self._plan.arguments) - len(self._shared.text)]
        kept = [word for word in options if not word.startswith(("--minutes=", "--steps="))]
        texts = [_shown(Path(text)) if Path(text).is_absolute() else text for text in self._shared.text]
        words = ["python", "-m", "training", *texts, *kept, *recipe_words(settings)]
        if "steps" in settings:
            return words
        if self._shared.steps is not None:
            return [*words, "--steps", str(_LONGER * self._shared.steps)]
        return [*words, "--minutes", f"{_LONGER * (self._shared.minutes or MINUTES.default):g}"]


def _name(run: PlannedRun) -> str:
    return label(run.settings) if run.seed is None else label({**run.settings, "seed": run.seed})


def _read(folder: Path, name: str) -> Run | None:
    """Returns a run that has been evaluated, with its name in the table; None if it has not been."""
    try:
        run = replace(read_run(str(folder)), name=name)
    except RunError:
        return None
    return run if run.best else None


def _shown(path: Path) -> str:
    """Returns a path relative to the working folder if it is inside, else as it is."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
