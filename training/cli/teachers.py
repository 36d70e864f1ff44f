"""--teachers N: a run first trains other models of its text, its teachers, and then learns from their predictions.

Each teacher is a run of its own in RUN/teachers/1, RUN/teachers/2 … with the options of the run and a seed derived from
its seed. RUN/teachers/plan.json holds what is needed to continue a run that was stopped before its own first step.
"""

from __future__ import annotations

import json
import math
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic

import torch

from model import CharLSTM, ChatFormat
from model.files import atomic_write, json_bytes
from model.settings import MAX_SEED
from model.terminal import duration_text, quote_command

from ..corpus.sources import absolute_source, expanded_path
from ..errors import RunError
from ..learner.recipe import Recipe
from ..run.console import loss_text, say, throttled
from ..run.facts import Evaluation, TextFacts
from ..run.run_folder import TEACHERS, has_checkpoint
from .child_trainings import ChildTraining, Machine, RayCluster, ThisMachine, train_all
from .fine_tune import NamedModel
from .options import AUTO, TrainOptions, absolute_model, given_options
from .parser import MINUTES

PLAN = "plan.json"
_FORMAT = 2
_SHARE = 0.5  # of the minutes that are left, for all teachers, or of --steps, for each: see docs/teachers.md
_MIN_AUTO, _MAX_AUTO = 3, 8  # teachers of --teachers auto


@dataclass(frozen=True, kw_only=True)
class TeachersPlan:
    """What a run needs to train its teachers, and to continue after it was stopped meanwhile.

    Attributes:
        options: the options that the run was started with.
        text: what is published about its text.
        chat: the format of its text; None if it is not a chat.
        count: the number of teachers.
        minutes, steps: the length of each teacher's run; one of them is None.
        seconds: the time that the run has taken so far.
        complete: the numbers of the teachers that are complete.
    """

    options: TrainOptions
    text: TextFacts
    chat: ChatFormat | None
    count: int
    minutes: float | None = None
    steps: int | None = None
    seconds: float = 0.0
    complete: tuple[int, ...] = ()

    def write(self, run: Path) -> None:
        """Writes the plan into a run folder.

        Raises:
            OSError: the disk is full or not writable.
        """
        (run / TEACHERS).mkdir(exist_ok=True)
        plan = {"format_version": _FORMAT, **asdict(replace(self, options=_with_absolute_paths(self.options)))}
        atomic_write(run / TEACHERS / PLAN, json_bytes(plan))

    def training(self, run: Path, number: int, device: str) -> ChildTraining:
        """Returns the training of the teacher with a number, from 1, of the run in the folder `run`."""
        options = _with_absolute_paths(self.options)  # Ray runs it in another folder
        text = f"--text-of={run.absolute()}"
        recipe = {**options.recipe, "seed": teacher_seed(options.recipe.get("seed", Recipe.seed), number)}
        words = [text, f"--device={device}", f"--set={','.join(f'{name}={value}' for name, value in recipe.items())}"]
        words += [f"--minutes={self.minutes}" if self.steps is None else f"--steps={self.steps}"]
        words += [f"--preset={options.preset}"] if options.preset else []
        words += [f"--from={options.parent}"] if options.parent else []
        folder = run.absolute() / TEACHERS / str(number)
        return ChildTraining(folder=folder, arguments=tuple(words), resumes=(text, f"--device={device}"))


def read_plan(typed: TrainOptions) -> TeachersPlan | None:
    """Returns the plan of the run of --resume if it was stopped before its first checkpoint, or None.

    Its options are those of its start, replaced by those that are given now.

    Raises:
        RunError: the plan cannot be read.
    """
    run = expanded_path(typed.resume or "")
    path = run / TEACHERS / PLAN
    if typed.resume is None or has_checkpoint(run) or not path.is_file():
        return None
    try:
        saved = json.loads(path.read_bytes())
        if saved.pop("format_version") != _FORMAT:
            raise ValueError("it was written by another version of the project")
        fields = {**saved.pop("options"), **given_options(typed), "resume": None, "out": typed.resume}
        options = TrainOptions(**{**fields, "text": tuple(fields["text"]), "teacher": tuple(fields["teacher"])})
        text, chat = TextFacts(**saved.pop("text")), saved.pop("chat")
        saved["complete"] = tuple(saved["complete"])
        return TeachersPlan(options=options, text=text, chat=ChatFormat(**chat) if chat else None, **saved)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        remedy = f"remove {typed.resume}, and start the run again"
        raise RunError(f"{str(path)!r} cannot be read ({error}): {remedy}") from error


def machine_for(options: TrainOptions, device: torch.device) -> Machine:
    """Returns what trains the teachers. Raises RunError if --ray cannot be used."""
    return RayCluster(options.ray, device.type) if options.ray else ThisMachine(device.type)


def plan_teachers(
    options: TrainOptions, text: TextFacts, chat: ChatFormat | None, start: float, at_once: int
) -> TeachersPlan:
    """Returns how many teachers a new run trains, and for how long.

    Args:
        start: the `time.monotonic()` from which the minutes of the run count.
        at_once: how many train at the same time.
    """
    # A multiple of `at_once`, so that no processor is idle before the last teacher ends.
    auto = min(_MAX_AUTO, at_once * math.ceil(_MIN_AUTO / at_once))
    count = auto if options.teachers == AUTO else int(options.teachers or 0)
    plan = TeachersPlan(options=options, text=text, chat=chat, count=count)
    if options.steps is not None:
        return replace(plan, steps=max(1, round(_SHARE * options.steps)))
    return replace(plan, minutes=round(_SHARE * _left_s(plan, start) / 60 / math.ceil(count / at_once), 4))


def train_teachers(plan: TeachersPlan, machine: Machine, run: Path, start: float, device: str) -> list[NamedModel]:
    """Trains the teachers of a run that are not complete; returns the best checkpoint of every teacher.

    Args:
        run: the run folder, which holds the text.
        start: the `time.monotonic()` from which the minutes of the run count.
        device: the type of the device to train on: cpu, cuda or mps.

    Raises:
        RunError: a teacher failed.
        KeyboardInterrupt: a signal came; the teachers have saved their checkpoints.
    """
    _say_plan(plan, start, machine.at_once)
    numbers = [number for number in range(1, plan.count + 1) if number not in plan.complete]
    say_sometimes = throttled()

    def note(complete: tuple[int, ...] = ()) -> None:
        nonlocal plan
        plan = replace(plan, seconds=monotonic() - start, complete=plan.complete + complete)
        plan.write(run)

    def show(training: ChildTraining, evaluation: Evaluation) -> None:
        note()
        left = "" if plan.steps else f", {duration_text(_left_s(plan, start))} left in all"
        loss = loss_text(evaluation["val_loss"])
        say_sometimes(f"teacher {training.folder.name}, step {evaluation['step']:,}: held-out loss {loss}{left}")

    note()
    try:
        with closing(train_all([plan.training(run, each, device) for each in numbers], machine, show)) as trained:
            for training in trained:
                note((int(training.folder.name),))
                best = load_teacher(training.folder).lm.training.get("val_loss", math.nan)
                say(f"teacher {training.folder.name} of {plan.count} is trained: held-out loss {loss_text(best)}")
    except (RunError, KeyboardInterrupt) as error:
        if any(has_checkpoint(folder) for folder in (run / TEACHERS).glob("[0-9]*")):
            note()
            what = str(error) if isinstance(error, RunError) else "\nStopped while the teachers were training"
            command = quote_command(["python", "-m", "training", "--resume", str(run)])
            raise type(error)(f"{what}. To continue:\n  {command}") from error
        raise
    return load_teachers(run)


def load_teachers(run: Path) -> list[NamedModel]:
    """Returns the best checkpoint of every teacher of a run; [] when it has none."""
    folders = [path for path in (run / TEACHERS).glob("[0-9]*") if has_checkpoint(path)]
    return [load_teacher(folder) for folder in sorted(folders, key=lambda folder: int(folder.name))]


def load_teacher(folder: Path) -> NamedModel:
    """Returns the best checkpoint of a run folder."""
    return NamedModel(CharLSTM.from_pretrained(folder), "", str(folder))


def teacher_seed(seed: int, number: int) -> int:
    """Returns the seed of a teacher of a run with the seed `seed`; it is different for each teacher."""
    return (1000 * seed + number) % (MAX_SEED + 1)


def _with_absolute_paths(options: TrainOptions) -> TrainOptions:
    """Returns options that do not depend on the working folder."""
    return replace(
        options,
        text=tuple(absolute_source(text) for text in options.text),
        parent=absolute_model(options.parent) if options.parent is not None else None,
        teacher=tuple(absolute_model(teacher) for teacher in options.teacher),
    )


def _left_s(plan: TeachersPlan, start: float) -> float:
    """Returns the seconds until the end of a run of --minutes."""
    return max(0.0, 60 * (plan.options.minutes or MINUTES.default) - (monotonic() - start))


def _say_plan(plan: TeachersPlan, start: float, at_once: int) -> None:
    """Prints how many teachers are trained, and how long each part of the run takes."""
    at_once = min(plan.count, at_once)
    if plan.complete:
        say(f"{len(plan.complete)} of {plan.count} teachers are trained.")
    order = "one after another" if at_once == 1 else "side by side" if at_once == plan.count else f"{at_once} at once"
    teachers = "1 teacher" if plan.count == 1 else f"{plan.count} teachers, {order}"
    if plan.steps is not None:
        length, rest = f"{plan.steps:,} steps each", f"{plan.options.steps:,} steps"
    else:
        each_s = 60 * (plan.minutes or 0.0)
        rest_s = _left_s(plan, start) - each_s * math.ceil(plan.count / at_once)
        length, rest = f"{duration_text(each_s)} each", f"about {duration_text(max(0.0, rest_s))}"
    say(f"Training {teachers}, {length}; then the model that learns from them, {rest} (--teachers 0: none).")
