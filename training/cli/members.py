"""--teachers N: a run first trains other models of its text, its members, and then learns from their predictions.

Each member is a run of its own in RUN/members/1, RUN/members/2 … with the options of the run and a seed derived from
the run's seed. They train side by side with one thread each, or one after another on a GPU. RUN/members/plan.json holds
what is needed to continue a run that was stopped before its own first step.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic

import torch

from model import CharLSTM, ChatFormat
from model.files import atomic_write, json_bytes
from model.settings import MAX_SEED
from model.terminal import duration_text

from ..corpus.sources import absolute_source, expanded_path
from ..errors import RunError
from ..learner.recipe import Recipe
from ..run.console import loss_text, say, say_command
from ..run.facts import Evaluation, TextFacts
from ..run.run_folder import MEMBERS, has_checkpoint
from ..side_by_side.choice import choose_executor
from ..side_by_side.executor import Executor
from ..side_by_side.task import TrainingTask
from .fine_tune import NamedModel
from .options import AUTO, TrainOptions, absolute_model, recipe_words
from .parser import MINUTES

PLAN = "plan.json"
_FORMAT = 1
_TIME_SHARE = 0.5  # of the time that is left, for all members: see docs/teachers.md
_STEPS_SHARE = 0.5  # of --steps, for each member
_MIN_AUTO, _MAX_AUTO = 3, 8  # members of --teachers auto
_MAY_CHANGE = ("device", "ray", "track", "push_to", "space", "private", "publish_anyway", "replace")  # with --resume


@dataclass(frozen=True, kw_only=True)
class MembersPlan:
    """The members of a run.

    Attributes:
        count: the number of members; 0 for a run without them.
        minutes: the minutes of each member; None if the run has a fixed number of steps.
        steps: the steps of each member; None if the run has minutes.
    """

    count: int
    minutes: float | None = None
    steps: int | None = None


@dataclass(frozen=True, kw_only=True)
class StartedRun:
    """A run that was started and has no checkpoint yet, because its members train first.

    Attributes:
        options: the options that the run was started with.
        text: what is published about its text.
        chat: the format of its text; None if it is not a chat.
        plan: its members.
        seconds: the time that the run has taken so far.
        complete: the numbers of the members that are complete.
    """

    options: TrainOptions
    text: TextFacts
    chat: ChatFormat | None
    plan: MembersPlan
    seconds: float = 0.0
    complete: tuple[int, ...] = ()

    def write(self, run: Path) -> None:
        """Writes the plan into a run folder.

        Raises:
            OSError: the disk is full or not writable.
        """
        (run / MEMBERS).mkdir(exist_ok=True)
        note = {
            "format_version": _FORMAT,
            "options": asdict(_with_absolute_paths(self.options)),
            "text": asdict(self.text),
            "chat": asdict(self.chat) if self.chat else None,
            "plan": asdict(self.plan),
            "seconds": self.seconds,
            "complete": self.complete,
        }
        atomic_write(run / MEMBERS / PLAN, json_bytes(note))

    def task(self, run: Path, number: int, device: torch.device) -> TrainingTask:
        """Returns the task that trains the member with a number, from 1, of the run in the folder `run`."""
        options, plan = _with_absolute_paths(self.options), self.plan  # Ray runs it in another folder
        words = [f"--text-of={run.absolute()}", "--teachers=0", f"--device={device.type}"]
        words += [f"--minutes={plan.minutes}" if plan.steps is None else f"--steps={plan.steps}"]
        words += [f"--seed={member_seed(int(options.recipe.get('seed', Recipe.seed)), number)}"]
        words += [f"--preset={options.preset}"] if options.preset else []
        words += [f"--from={options.parent}"] if options.parent else []
        words += ["--no-fit"] if options.no_fit else []
        words += recipe_words({name: value for name, value in options.recipe.items() if name != "seed"})
        return TrainingTask(folder=run.absolute() / MEMBERS / str(number), arguments=tuple(words))


def started_run(typed: TrainOptions) -> StartedRun | None:
    """Returns the run of --resume if it was stopped before its first checkpoint, while its members trained; else None.

    Its options are those of its start, replaced by those of `_MAY_CHANGE` that are given now.

    Raises:
        RunError: its plan cannot be read.
    """
    run = expanded_path(typed.resume or "")
    path = run / MEMBERS / PLAN
    if typed.resume is None or has_checkpoint(run) or not path.is_file():
        return None
    try:
        note = json.loads(path.read_bytes())
        if note["format_version"] != _FORMAT:
            raise ValueError(f"format version {note['format_version']}")
        fields = {**note["options"], "text": tuple(note["options"]["text"])}
        options = TrainOptions(**{**fields, "teachers": tuple(fields["teachers"]), "out": typed.resume})
        return StartedRun(
            options=replace(options, **{name: getattr(typed, name) or getattr(options, name) for name in _MAY_CHANGE}),
            text=TextFacts(**note["text"]),
            chat=ChatFormat(**note["chat"]) if note["chat"] else None,
            plan=MembersPlan(**note["plan"]),
            seconds=float(note["seconds"]),
            complete=tuple(note["complete"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{str(path)!r} cannot be read ({error}): remove {typed.resume}, and start the run again"
        ) from None


def plan_members(options: TrainOptions, start: float, device: torch.device) -> MembersPlan:
    """Returns how many members a new run trains, and for how long.

    Args:
        start: the `time.monotonic()` from which the minutes of the run count.

    Raises:
        RunError: Ray cannot be used.
    """
    if not options.members:
        return MembersPlan(count=0)
    at_once = _executor(options, device).workers
    # A multiple of the members that train at once, so that no processor is idle before the last member ends.
    auto = min(_MAX_AUTO, at_once * math.ceil(_MIN_AUTO / at_once))
    count = auto if options.members == AUTO else int(options.members)
    if options.steps is not None:
        return MembersPlan(count=count, steps=max(1, round(_STEPS_SHARE * options.steps)))
    left_s = max(0.0, 60 * (options.minutes or MINUTES.default) - (monotonic() - start))
    rounds = math.ceil(count / at_once)
    return MembersPlan(count=count, minutes=round(_TIME_SHARE * left_s / 60 / rounds, 4))


def _executor(options: TrainOptions, device: torch.device) -> Executor:
    return choose_executor(options.ray, device.type)


def train_members(started: StartedRun, run: Path, start: float, device: torch.device) -> list[NamedModel]:
    """Trains the members of a run that are not complete; returns the best checkpoint of every member.

    Args:
        started: the run, with at least one member.
        run: its folder, which holds the text.
        start: the `time.monotonic()` from which the minutes of the run count.

    Raises:
        RunError: a member failed.
        KeyboardInterrupt: a signal came; the members have saved their checkpoints.
    """
    numbers = [number for number in range(1, started.plan.count + 1) if number not in started.complete]
    tasks = {number: started.task(run, number, device) for number in numbers}
    executor = _executor(started.options, device)
    progress = _Progress(started, tasks, run, start, executor.workers)
    try:
        _say_plan(started, start, executor.workers)
        progress.note_time()
        with closing(executor.run([*tasks.values()], progress=progress.show)) as results:
            for result in results:
                if result.exit_code:
                    reason = result.message.removeprefix("error: ") or f"exit code {result.exit_code}"
                    raise RunError(f"teacher {_number(result.task.folder)} could not be trained: {reason}")
                progress.end(_number(result.task.folder))
    except KeyboardInterrupt:
        if any(has_checkpoint(member) for member in (run / MEMBERS).glob("[0-9]*")):
            progress.note_time()
            words = ["python", "-m", "training", "--resume", str(run)]
            say_command("\nStopped while the teachers were training. To continue:", words)
        raise
    return load_members(run)


def load_members(run: Path) -> list[NamedModel]:
    """Returns the best checkpoint of every member of a run; [] when it has no members."""
    folders = sorted((path for path in (run / MEMBERS).glob("[0-9]*") if has_checkpoint(path)), key=_number)
    return [NamedModel(CharLSTM.from_pretrained(folder), "", str(folder)) for folder in folders]


def _number(folder: Path) -> int:
    return int(folder.name)


def member_seed(seed: int, number: int) -> int:
    """Returns the seed of a member of a run with the seed `seed`; it is different for each member."""
    return (1000 * seed + number) % (MAX_SEED + 1)


def _with_absolute_paths(options: TrainOptions) -> TrainOptions:
    """Returns options that do not depend on the working folder."""
    return replace(
        options,
        text=tuple(absolute_source(text) for text in options.text),
        parent=absolute_model(options.parent) if options.parent is not None else None,
        teachers=tuple(absolute_model(teacher) for teacher in options.teachers),
    )


def _say_plan(started: StartedRun, start: float, workers: int) -> None:
    """Prints how many teachers are trained, and how long each part of the run takes."""
    plan, at_once = started.plan, min(started.plan.count, workers)
    if started.complete:
        say(f"{len(started.complete)} of {plan.count} teachers are trained.")
    one_by_one = (
        "one after another" if at_once == 1 else "side by side" if at_once == plan.count else f"{at_once} at once"
    )
    teachers = "1 teacher" if plan.count == 1 else f"{plan.count} teachers, {one_by_one}"
    if plan.steps is not None:
        length, rest = f"{plan.steps:,} steps each", f"{started.options.steps:,} steps"
    else:
        left_s = 60 * (started.options.minutes or MINUTES.default) - (monotonic() - start)
        members_s = 60 * (plan.minutes or 0.0)
        length = f"{duration_text(members_s)} each"
        rest = f"about {duration_text(max(0.0, left_s - members_s * math.ceil(plan.count / at_once)))}"
    then = f"then the model that learns from them, {rest} (--teachers 0: without teachers)"
    say(f"Training {teachers}, {length}; {then}.")


class _Progress:
    """Prints the evaluations of members with the time that the whole run has left, and saves which are complete.

    Args:
        tasks: the members that are not complete, by their numbers.
        at_once: how many of them train at once.
    """

    def __init__(
        self, started: StartedRun, tasks: Mapping[int, TrainingTask], run: Path, start: float, at_once: int
    ) -> None:
        self._started, self._run, self._start, self._at_once = started, run, start, at_once
        self._steps_left = dict.fromkeys(tasks, started.plan.steps or 0)
        self._step_s: dict[int, float] = {}

    def show(self, task: TrainingTask, evaluation: Evaluation) -> None:
        """Prints an evaluation of a member."""
        number, step = _number(task.folder), evaluation["step"]
        self._steps_left[number] = max(0, (self._started.plan.steps or 0) - step)
        self._step_s[number] = evaluation["chars"] / step / max(1.0, evaluation["chars_per_sec"])
        self.note_time()
        say(
            f"teacher {number} of {self._started.plan.count}, step {step:,}: held-out loss "
            f"{loss_text(evaluation['val_loss'])}, {duration_text(self._left_s())} left in all"
        )

    def end(self, number: int) -> None:
        """Saves that a member is complete."""
        self._started = replace(self._started, complete=(*self._started.complete, number))
        self.note_time()

    def note_time(self) -> None:
        """Saves how long the run has taken, for a run that is killed and resumed."""
        self._started = replace(self._started, seconds=monotonic() - self._start)
        self._started.write(self._run)

    def _left_s(self) -> float:
        """Returns the seconds until the end of the whole run; an estimate for a run of a fixed number of steps."""
        options = self._started.options
        if options.steps is None:
            return max(0.0, 60 * (options.minutes or MINUTES.default) - (monotonic() - self._start))
        step_s = sum(self._step_s.values()) / len(self._step_s)
        return step_s * (sum(self._steps_left.values()) / min(len(self._steps_left), self._at_once) + options.steps)
