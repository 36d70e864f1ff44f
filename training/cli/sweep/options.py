"""The options of `python -m training sweep`: its own, and those of a training, which all its runs share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from model.cli.arguments import ArgumentParser, UsageError
from model.settings import Setting, number_or_text

from ...corpus.sources import absolute_source
from .. import options as train_options
from ..options import TrainOptions
from ..parser import COMMANDS, train_parser
from .grid import parse_over
from .plan import Plan

_SEEDS = Setting(name="seeds", type=int, default=1, minimum=1, maximum=100, help="seeds of each combination")
_OF_ONE_RUN = {"push_to": "--push-to", "space": "--space", "replace": "--replace", "members": "--teachers"}


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """What `sweep` is to do.

    Attributes:
        plan: what is trained; None when `resume` is given.
        out: the folder of a new sweep, if given.
        resume: the folder of a sweep to continue, if given.
        ray: "local", or the address of a Ray cluster; None for processes on this machine.
    """

    plan: Plan | None
    out: str | None
    resume: str | None
    ray: str | None


def sweep_parser() -> ArgumentParser:
    """Returns the parser of `python -m training sweep TEXT…`."""
    parser = train_parser()
    parser.prog, parser.usage = "python -m training sweep", "%(prog)s TEXT ... --over SETTINGS [options]"
    parser.description, parser.epilog = f"{COMMANDS['sweep'].capitalize()}.", None
    group = parser.add_argument_group("the sweep", "--out is the folder of all its runs, --resume continues a sweep.")
    group.add_argument(
        "--over",
        metavar="SETTINGS",
        help='settings of the recipe and the values to try, such as "hidden_size=256,384 lr=3e-3,6e-3"',
    )
    group.add_argument(
        "--seeds", type=number_or_text, metavar="N", help=f"{_SEEDS.help} (default {_SEEDS.default}); medians are shown"
    )
    return parser


def parse_sweep(arguments: Sequence[str]) -> SweepOptions:
    """Returns the options of a sweep.

    Raises:
        UsageError: an option is unknown, out of bounds, missing, or contradicts another.
    """
    parser = sweep_parser()
    typed = parser.parse_args(arguments)
    over, seeds = typed.over, typed.seeds
    out, resume, ray = typed.out, typed.resume, typed.ray
    typed.over = typed.seeds = typed.ray = typed.out = typed.resume = None
    words = tuple(_words(parser, _with_absolute_paths(typed)))
    if resume is not None:
        if words or over is not None or seeds is not None or out is not None:
            raise UsageError("--resume continues a sweep as it was started: give no other option than --ray")
        return SweepOptions(plan=None, out=None, resume=resume, ray=ray)
    if over is None:
        raise UsageError('a sweep needs --over, such as --over "hidden_size=256,384 lr=3e-3,6e-3"')
    plan = Plan(arguments=words, over=parse_over(over), seeds=())
    shared = shared_options(plan)
    twice = [name for name in plan.over if name in shared.recipe or (name == "steps" and shared.steps is not None)]
    if twice:
        raise UsageError(f"--{twice[0].replace('_', '-')} is an option and in --over: omit one of them")
    if seeds is not None:
        plan = Plan(arguments=words, over=plan.over, seeds=_seeds(seeds, plan, shared))
    for run in plan.runs:
        train_options.parse_train(run.arguments)
    return SweepOptions(plan=plan, out=out, resume=None, ray=ray)


def shared_options(plan: Plan) -> TrainOptions:
    """Returns the options that all runs of a sweep share.

    Raises:
        UsageError: they are not allowed, or only one run may have them.
    """
    shared = train_options.parse_train(plan.arguments)
    for name, option in _OF_ONE_RUN.items():
        if getattr(shared, name):
            raise UsageError(f"{option} is for one run: omit it, and use it afterwards with the best settings")
    if "-" in shared.text:
        raise UsageError("several runs cannot read standard input: give the text as a file")
    return shared


def _seeds(count: object, plan: Plan, shared: TrainOptions) -> tuple[int, ...]:
    try:
        _SEEDS.check(count)
    except ValueError as error:
        raise UsageError(f"--{error}") from None
    if "seed" in plan.over:
        raise UsageError("--seeds and seed in --over both choose seeds: omit one of them")
    first = int(shared.recipe.get("seed", 1))
    return tuple(first + number for number in range(int(count)))  # type: ignore[call-overload]


def _with_absolute_paths(typed: argparse.Namespace) -> argparse.Namespace:
    """Replaces local paths by absolute ones: a task may run in another folder."""
    typed.text = [absolute_source(source) for source in typed.text]
    typed.teachers = [train_options.absolute_model(teacher) for teacher in typed.teachers]
    typed.parent = train_options.absolute_model(typed.parent) if typed.parent is not None else None
    return typed


def _words(parser: argparse.ArgumentParser, typed: argparse.Namespace) -> list[str]:
    """Returns options that are not at their defaults as the words that `parser` reads, the texts last."""
    words: list[str] = []
    for action in parser._actions:
        value = getattr(typed, action.dest, action.default)
        if not action.option_strings or value == action.default:
            continue
        if action.nargs == 0:
            words.append(action.option_strings[0 if value else -1])
        else:
            each = value if isinstance(value, list) else [value]
            words += [f"{action.option_strings[0]}={one}" for one in each]
    return [*words, *typed.text]
