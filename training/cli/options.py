"""What can be typed behind ``python -m training``, checked as far as no text or network is needed.

Knows names and bounds; every default of the recipe stands in ``recipe``.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, NoReturn

from model.backends.device import DEVICES
from model.char_lstm import is_local
from model.settings import number_or_text

from ..card.curve import AXES
from ..card.redact import command_line, public_source
from ..corpus import privacy
from ..hub.repos import check_repo_name
from ..learner.recipe import PRESETS, Recipe, help_text
from ..run import tracking as track

DEFAULT_MINUTES = 5.0
MAX_MINUTES = 100_000.0
RECIPE_OPTIONS = tuple(field.name for field in fields(Recipe) if field.name != "steps")


class OptionsError(ValueError):
    """What was typed cannot be done. The message is one line that says why."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise OptionsError(f"{message} (see {self.prog} --help)")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of a run.

    Raises:
        OptionsError: one of them is unknown, out of bounds, or contradicts another.
        HubError: ``--push-to`` is no repo's name.
    """
    options = _parser().parse_args(arguments)
    _check(options)
    return options


def parse_push(arguments: Sequence[str]) -> str:
    """The run folder of ``python -m training push RUN``."""
    parser = _Parser(prog="python -m training push", description="Pushes what a run still has to push.")
    parser.add_argument("run", metavar="RUN", help="a run folder")
    return str(parser.parse_args(arguments).run)


def parse_space(arguments: Sequence[str]) -> argparse.Namespace:
    """What is typed behind ``python -m training space``.

    Raises:
        OptionsError: something is unknown, missing, or not allowed.
        HubError: ``--space`` is no repo's name.
    """
    parser = _Parser(
        prog="python -m training space",
        description="Makes a page that writes with a model: a folder for any web host, or a Space on the Hub.",
        allow_abbrev=False,
    )
    parser.add_argument("model", metavar="MODEL", help="a run folder, a checkpoint folder, or user/name[@revision]")
    parser.add_argument("--out", metavar="FOLDER", help="where to put the page")
    _add_space(parser)
    parser.add_argument("--private", action="store_true", help="make the Space private, if it is new")
    options = parser.parse_args(arguments)
    if options.out is None and options.space is None:
        raise OptionsError("say where the page should be: --space USER/NAME, or --out FOLDER")
    _check_space(options)
    return options


def parse_cells(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """The model's folder and the text of ``python -m training cells MODEL TEXT``."""
    parser = _Parser(
        prog="python -m training cells",
        description="Names the cells of a model that follow something a person can see, in its cells.json.",
    )
    parser.add_argument("model", metavar="MODEL", help="a run folder (its best checkpoint) or a checkpoint folder")
    parser.add_argument("text", metavar="TEXT", nargs="+", help="what it was trained on; the last tenth of it is read")
    parsed = parser.parse_args(arguments)
    return str(parsed.model), list(parsed.text)


def _add_space(group: Any) -> None:
    group.add_argument("--space", metavar="USER/NAME", help="a Space on the Hub; made if it is missing")
    group.add_argument(
        "--hardware",
        metavar="NAME",
        default="static",
        help="what the page runs on: static, the visitor's own browser (free); zero-gpu (free); cpu-basic, t4-small …",
    )


def _check_space(options: argparse.Namespace) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", options.hardware):
        raise OptionsError(
            f"--hardware is {options.hardware!r:.60}: it must be static, zero-gpu, or another of the Hub's such as "
            "cpu-basic or t4-small"
        )
    if options.space is not None:
        check_repo_name(options.space)


def parse_curve(arguments: Sequence[str]) -> argparse.Namespace:
    """``runs``, ``out`` and ``x`` of ``python -m training curve RUN…``."""
    parser = _Parser(prog="python -m training curve", description="Draws one or several runs into a PNG.")
    _add_runs(parser)
    parser.add_argument("--out", metavar="FILE", default="curve.png", help="where to (curve.png)")
    parser.add_argument("--x", choices=AXES, default="chars", help="over what: characters seen, or time (chars)")
    return parser.parse_args(arguments)


def parse_compare(arguments: Sequence[str]) -> list[str]:
    """The runs of ``python -m training compare RUN…``."""
    parser = _Parser(prog="python -m training compare", description="Prints a table of runs, the best first.")
    _add_runs(parser)
    return list(parser.parse_args(arguments).runs)


def _add_runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", metavar="RUN", nargs="+", help="run folders, or checkpoint folders")


def chosen(options: argparse.Namespace) -> dict[str, Any]:
    """The fields of the recipe that were typed."""
    return {name: getattr(options, name) for name in RECIPE_OPTIONS if getattr(options, name) is not None}


def to_publish(options: argparse.Namespace) -> str:
    """The command that was typed, as it may stand in a card."""
    parent = options.parent
    typed = {
        "from": _public_model(parent),
        "teacher": [_public_model(each) for each in options.teachers],
        **{name: getattr(options, name) for name in ("preset", "minutes", "steps", "push_to", "space", "private")},
        "hardware": options.hardware if options.space else None,
        "license": None if options.license == "unknown" else options.license,
        "errors": None if options.errors in (None, "strict") else options.errors,
        "chat": options.chat,
        "reply_as": options.reply_as,
        **chosen(options),
        "no_fit": options.no_fit,
    }
    if typed.get("bfloat16") is False:
        typed["no_bfloat16"] = True
    return command_line(options.text, typed)


def _public_model(typed: str | None) -> str | None:
    return public_source(typed) if typed is not None and is_local(typed) else typed


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m training",
        description="Turns a text into a character LSTM.",
        epilog="Afterwards: python -m training space MODEL makes a page that writes with it; push RUN pushes what a "
        "run still has to push; compare RUN… prints a table of runs, curve RUN… draws them; cells MODEL TEXT names "
        "cells.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "text",
        metavar="TEXT",
        nargs="*",
        help="files, folders, globs, -, http(s)://…, hf://datasets/…; none: the documentation inside Python",
    )
    parser.add_argument("--out", metavar="FOLDER", help="where to keep the run; else runs/NAME, named after the text")
    parser.add_argument(
        "--minutes",
        type=number_or_text,
        metavar="M",
        help=f"how long, on this machine; {DEFAULT_MINUTES:g} if nothing is said",
    )
    parser.add_argument("--steps", type=number_or_text, metavar="N", help="how long, in steps")
    parser.add_argument("--preset", choices=PRESETS, help="how large; else what fits the minutes and the text")
    parser.add_argument(
        "--resume", metavar="RUN", help="go on with a run that was stopped: its folder, or hf://USER/NAME"
    )
    parser.add_argument(
        "--from",
        dest="parent",
        metavar="MODEL",
        help="begin with a model's weights: USER/NAME[@REVISION], a run's or a checkpoint's folder",
    )
    parser.add_argument(
        "--teacher",
        dest="teachers",
        action="append",
        default=[],
        metavar="MODEL",
        help="learn from what a model expects, too; several, if given several times",
    )
    parser.add_argument(
        "--device", choices=DEVICES, help="what to train on (default: the first of these that this machine has)"
    )
    parser.add_argument("--track", action="store_true", help="follow the run in Trackio too (pip install trackio)")
    parser.add_argument("--errors", choices=("strict", "replace"), help="what to do with bad UTF-8 (strict)")
    parser.add_argument(
        "--chat", action="store_true", help="TEXT is a chat: WhatsApp's .txt, Telegram's result.json, or JSON lines"
    )
    parser.add_argument("--reply-as", metavar="NAME", help="who of the chat the model speaks as; else who says most")
    hub = parser.add_argument_group("the Hub")
    hub.add_argument("--push-to", metavar="USER/NAME", help="push checkpoints there while it trains")
    _add_space(hub)
    hub.add_argument("--private", action="store_true", help="make the repo, and the Space, private")
    hub.add_argument("--license", metavar="ID", default="unknown", help="the text's licence, for the card (unknown)")
    hub.add_argument(
        privacy.PUBLISH_ANYWAY, dest="publish_anyway", action="store_true", help="publish what looks private"
    )
    group = parser.add_argument_group("the recipe, where you know better than the preset")
    kinds = {field.name: field.type for field in fields(Recipe)}
    for name in RECIPE_OPTIONS:
        option = f"--{name.replace('_', '-')}"
        if kinds[name] == "bool":
            group.add_argument(option, action=argparse.BooleanOptionalAction, default=None, help=help_text(name))
        else:
            group.add_argument(option, type=number_or_text, metavar="X", help=help_text(name))
    group.add_argument(
        "--no-fit", action="store_true", help="keep the preset's dropout, however often the text is read"
    )
    return parser


def _check(options: argparse.Namespace) -> None:
    minutes = options.minutes
    if minutes is not None and not (_is_real(minutes) and 0 < minutes <= MAX_MINUTES):
        raise OptionsError(f"--minutes is {minutes!s:.40}: it must be a number above 0, at most {MAX_MINUTES:,.0f}")
    if minutes is not None and options.steps is not None:
        raise OptionsError("--minutes and --steps both say how long: give one of them")
    steps = {} if options.steps is None else {"steps": options.steps}
    try:
        replace(PRESETS[options.preset or "medium"], **chosen(options), **steps)
    except ValueError as error:
        name, _, rest = str(error).partition(" ")
        raise OptionsError(f"--{name.replace('_', '-')} {rest}") from None
    if options.track and not track.is_installed():
        raise OptionsError("--track needs Trackio: pip install trackio")
    options.chat = options.chat or options.reply_as is not None
    if options.resume is not None:
        _check_resume(options)
    elif options.chat and not options.text:
        raise OptionsError("--chat says how to read a TEXT: give one")
    _check_space(options)
    if options.space is None and options.hardware != "static":
        raise OptionsError("--hardware says what a Space runs on: give --space USER/NAME too")
    if options.push_to is None and options.resume is None:  # a run that goes on is pushed where it was
        options.push_to = options.space
    if options.push_to is not None:
        check_repo_name(options.push_to)
    elif options.private and options.space is None:
        raise OptionsError("--private says how to push: give --push-to USER/NAME too")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,60}", options.license):
        raise OptionsError(
            f"--license is {options.license!r:.60}: it must be an identifier of the Hub such as cc0-1.0, mit or other"
        )


def _check_resume(options: argparse.Namespace) -> None:
    if options.resume.startswith("hf://"):
        check_repo_name(options.resume.removeprefix("hf://"))
        if options.resume.count("/") != 3:
            raise OptionsError(f"--resume is {options.resume!r:.60}: a run on the Hub is hf://USER/NAME")
    elif options.out is not None:
        raise OptionsError("--resume goes on in its own folder: leave --out away")
    if options.parent is not None:
        raise OptionsError("--from begins another run: give it without --resume")
    frozen = [name for name in (*RECIPE_OPTIONS, "preset", "minutes", "steps") if getattr(options, name) is not None]
    frozen += [name for name in ("no_fit", "chat") if getattr(options, name)]
    if frozen:
        raise OptionsError(f"--{frozen[0].replace('_', '-')} is frozen in the run: resume without it")


def _is_real(value: object) -> bool:
    return isinstance(value, int | float) and not (isinstance(value, float) and math.isnan(value))
