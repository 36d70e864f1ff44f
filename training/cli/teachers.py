"""The teachers of a run: models of --teacher, and those that --teachers N trains first, on the same text.

Each teacher that is trained is a run of its own in RUN/teachers/1, RUN/teachers/2 … with the options of the run and a
seed derived from its seed. RUN/teachers/plan.json holds what is needed to continue a run that was stopped before its
own first step. The predictions of all teachers for the text ("soft targets") are computed once, into a file of the run.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from time import monotonic

import torch

from model import CharLSTM, CharTokenizer, ChatFormat
from model.backends.device import has_fast_bfloat16
from model.checkpoint.names import checkpoints_of
from model.checkpoint.record import TaughtBy
from model.cli.arguments import UsageError
from model.files import atomic_write, json_bytes
from model.settings import MAX_SEED
from model.terminal import duration_text, one_line, own_command, quote_command
from model.tokenizer import describe_unknown

from ..corpus.ids_file import Ids
from ..corpus.sources import absolute_source, expanded_path
from ..errors import RunError
from ..learner import distillation, processes
from ..learner.dataset import split
from ..learner.recipe import Recipe
from ..run.console import loss_text, say, throttled, warn
from ..run.run_folder import SOFT_TARGETS, TEACHERS
from ..run.snapshot import Evaluation, TextFacts
from .child_trainings import ChildTraining, Machine, train_all
from .fine_tune import NamedModel, load_model
from .options import MINUTES, TrainOptions, absolute_model, given_options

PLAN = "plan.json"
_SHARE = 0.5  # of the minutes that are left, for all teachers, or of --steps, for each: see docs/teachers.md


# --- teachers that are trained first


@dataclass(frozen=True, kw_only=True)
class TeachersPlan:
    """What a run needs to train its teachers, and to continue after it was stopped meanwhile."""

    options: TrainOptions  # the options that the run was started with; its paths are absolute
    text: TextFacts  # what is published about its text
    chat: ChatFormat | None  # the format of its text; None if it is not a chat
    minutes: float | None = None  # the length of each teacher's run; None in a run of --steps
    seconds: float = 0.0  # the time that the run has taken so far

    @property
    def count(self) -> int:
        """The number of teachers."""
        return self.options.teachers or 0

    @property
    def steps(self) -> int | None:
        """The steps of each teacher; None in a run of --minutes."""
        return max(1, round(_SHARE * self.options.steps)) if self.options.steps else None

    def write(self, run: Path) -> None:
        """Writes the plan into a run folder."""
        (run / TEACHERS).mkdir(exist_ok=True)
        atomic_write(run / TEACHERS / PLAN, json_bytes(asdict(self)))

    def training(self, run: Path, number: int, device: str) -> ChildTraining:
        """Returns the training of the teacher with a number, from 1, of the run in the folder `run`."""
        options, text = self.options, f"--text-of={run.absolute()}"
        recipe = {**options.recipe, "seed": teacher_seed(options.recipe.get("seed", Recipe.seed), number)}
        words = [text, f"--device={device}", f"--set={','.join(f'{name}={value}' for name, value in recipe.items())}"]
        words += [f"--minutes={self.minutes}" if self.steps is None else f"--steps={self.steps}"]
        words += [f"--preset={options.preset}"] if options.preset else []
        words += [f"--from={options.parent}"] if options.parent else []
        folder = run.absolute() / TEACHERS / str(number)
        return ChildTraining(folder=folder, arguments=tuple(words), resumes=(text, f"--device={device}"))

    def left_s(self, start: float) -> float:
        """Returns the seconds until the end of a run of --minutes that began at `start` of `time.monotonic()`."""
        return max(0.0, 60 * (self.options.minutes or MINUTES.default) - (monotonic() - start))


def read_plan(typed: TrainOptions) -> TeachersPlan | None:
    """Returns the plan of the run of --resume if it was stopped before its first checkpoint, or None.

    Its options are those of its start, replaced by those that are given now.
    """
    run = expanded_path(typed.resume or "")
    path = run / TEACHERS / PLAN
    if typed.resume is None or checkpoints_of(run) or not path.is_file():
        return None
    try:
        saved = json.loads(path.read_bytes())
        given = {**saved["options"], **given_options(typed), "resume": None, "out": typed.resume}
        known = {each.name: given[each.name] for each in fields(TrainOptions)}  # earlier versions had more options
        known["teachers"] = saved.get("count", known["teachers"])  # of --teachers auto in earlier versions
        options = TrainOptions(**{**known, "text": tuple(known["text"]), "teacher": tuple(known["teacher"])})
        text, chat = TextFacts(**saved["text"]), ChatFormat(**saved["chat"]) if saved["chat"] else None
        times = {name: saved[name] for name in ("minutes", "seconds")}
        return TeachersPlan(options=options, text=text, chat=chat, **times)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        remedy = f"remove {typed.resume}, and start the run again"
        raise RunError(f"{str(path)!r} cannot be read ({error}): {remedy}") from error


def plan_teachers(
    options: TrainOptions, text: TextFacts, chat: ChatFormat | None, start: float, at_once: int
) -> TeachersPlan:
    """Returns how long the teachers of a new run train."""
    options = replace(  # Ray runs the teachers in another folder, and the run may be resumed in one
        options,
        text=tuple(map(absolute_source, options.text)),
        parent=absolute_model(options.parent) if options.parent is not None else None,
        teacher=tuple(map(absolute_model, options.teacher)),
    )
    plan = TeachersPlan(options=options, text=text, chat=chat)
    if options.steps is not None:
        return plan
    return replace(plan, minutes=round(_SHARE * plan.left_s(start) / 60 / math.ceil(plan.count / at_once), 4))


def train_teachers(plan: TeachersPlan, machine: Machine, run: Path, start: float, device: str) -> list[NamedModel]:
    """Trains the teachers of a run until each is complete; returns the best checkpoint of every teacher.

    Raises:
        RunError: a teacher failed.
        KeyboardInterrupt: a signal came; the teachers have saved their checkpoints.
    """
    _say_plan(plan, start, machine.at_once)
    say_sometimes = throttled()

    def note() -> None:
        replace(plan, seconds=monotonic() - start).write(run)

    def show(training: ChildTraining, evaluation: Evaluation) -> None:
        note()
        left = "" if plan.steps else f", {duration_text(plan.left_s(start))} left in all"
        loss = loss_text(evaluation["val_loss"])
        say_sometimes(f"teacher {training.folder.name}, step {evaluation['step']:,}: held-out loss {loss}{left}")

    trainings = [plan.training(run, number, device) for number in range(1, plan.count + 1)]
    for training in trainings:
        training.folder.mkdir(parents=True, exist_ok=True)
    note()
    try:
        train_all(trainings, machine, show)
    except (RunError, KeyboardInterrupt) as error:
        if not any(checkpoints_of(each.folder) for each in trainings):
            raise
        note()
        what = str(error) if isinstance(error, RunError) else "\nStopped while the teachers were training"
        command = quote_command(own_command("training", "resume", str(run)))
        raise type(error)(f"{what}. To continue:\n  {command}") from error
    teachers = _load_teachers(run)
    for number, teacher in enumerate(teachers, start=1):
        say(f"Teacher {number} is trained: held-out loss {loss_text(teacher.lm.training.get('val_loss', math.nan))}.")
    return teachers


def teacher_seed(seed: int, number: int) -> int:
    """Returns the seed of a teacher of a run with the seed `seed`; it is different for each teacher."""
    return (1000 * seed + number) % (MAX_SEED + 1)


def _load_teachers(run: Path) -> list[NamedModel]:
    """Returns the best checkpoint of every teacher that a run has trained; [] when there is none."""
    folders = sorted(filter(checkpoints_of, (run / TEACHERS).glob("[0-9]*")), key=lambda folder: int(folder.name))
    return [NamedModel(CharLSTM.from_pretrained(folder), "", str(folder)) for folder in folders]


def _say_plan(plan: TeachersPlan, start: float, at_once: int) -> None:
    """Prints how many teachers are trained, and how long each part of the run takes."""
    at_once = min(plan.count, at_once)
    order = "one after another" if at_once == 1 else "side by side" if at_once == plan.count else f"{at_once} at once"
    teachers = "1 teacher" if plan.count == 1 else f"{plan.count} teachers, {order}"
    if plan.steps is not None:
        length, rest = f"{plan.steps:,} steps each", f"{plan.options.steps:,} steps"
    else:
        each_s = 60 * (plan.minutes or 0.0)
        rest_s = plan.left_s(start) - each_s * math.ceil(plan.count / at_once)
        length, rest = f"{duration_text(each_s)} each", f"about {duration_text(max(0.0, rest_s))}"
    say(f"Training {teachers}, {length}; then the model that learns from them, {rest}.")


# --- what all teachers predict for the text


def load_given_teachers(options: TrainOptions) -> list[NamedModel]:
    """Returns the models of `--teacher`; raises UsageError if several processes train."""
    if (options.teacher or options.teachers) and processes.count() > 1:
        option = "--teacher" if options.teacher else "--teachers"
        raise UsageError(f"{option} is for a run of one process: start it without torchrun")
    return [load_model(typed) for typed in options.teacher]


def predict(
    teachers: Sequence[NamedModel], tokenizer: CharTokenizer, ids: Ids, folder: Path, device: torch.device
) -> distillation.SoftTargets:
    """Computes the soft targets of the teachers for the part of a text (N,) to train on, in a file of the run."""
    train, _ = split(ids)
    for teacher in teachers:
        if unknown := teacher.lm.tokenizer.unknown_characters("".join(tokenizer.vocab)):
            raise UsageError(
                f"--teacher {one_line(teacher.name or teacher.lm.name)} lacks {describe_unknown(unknown)}: a teacher "
                "needs every character of the text in its vocabulary"
            )
    say(f"Computing the predictions of {_counted(len(teachers))} for the text …")
    for teacher in teachers:
        teacher.lm.network.to(device)
    say_sometimes = throttled()
    return distillation.write_soft_targets(
        [teacher.lm for teacher in teachers],
        tokenizer,
        train,
        folder / SOFT_TARGETS,
        bfloat16=has_fast_bfloat16(device),
        progress=lambda share: say_sometimes(f"{share:.0%} of the text"),
    )


def record_of(teachers: Sequence[NamedModel], folder: Path) -> TaughtBy:
    """Returns what is published about the teachers of a run."""
    return {"models": [teacher.name for teacher in teachers], "sha256": distillation.digest(folder / SOFT_TARGETS)}


def resume_predictions(
    options: TrainOptions, record: TaughtBy, tokenizer: CharTokenizer, ids: Ids, folder: Path, device: torch.device
) -> distillation.SoftTargets:
    """Returns the soft targets of a resumed run: those in its folder, else new ones of its teachers."""
    path = folder / SOFT_TARGETS
    if path.is_file() and distillation.digest(path) == record["sha256"]:
        return distillation.open_soft_targets(path, len(split(ids)[0]), len(tokenizer))
    teachers = [*load_given_teachers(options), *_load_teachers(folder)]
    if not teachers:
        raise RunError(
            f"this run learns from {_counted(len(record['models']))}, too, and the predictions are not in its folder: "
            "resume it with --teacher MODEL for each of them"
        )
    soft_targets = predict(teachers, tokenizer, ids, folder, device)
    if distillation.digest(path) != record["sha256"]:
        warn("the predictions of the teachers have changed since the start: from here on the losses may differ")
    return soft_targets


def _counted(models: int) -> str:
    return "a model" if models == 1 else f"{models} models"
