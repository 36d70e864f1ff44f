"""The options of `python -m training` and its commands, as argparse describes them in --help.

Those of a training are checked here as far as neither the text nor the network is needed.
"""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from model.char_lstm import is_local
from model.cli.arguments import ArgumentParser, UsageError, nearest
from model.settings import DEVICES, MAX_TITLE, Setting, number_or_text
from model.terminal import one_line, own_command

from ..card.public_text import public_source
from ..corpus.decode import Errors, Reading, codec_name
from ..corpus.privacy import PUBLISH_ANYWAY
from ..corpus.sources import HUB_SCHEME, expanded_path
from ..hub.checkpoints import check_repo_name
from ..learner.recipe import PRESETS, RECIPE_SETTINGS, help_text

_Add = Callable[..., argparse.Action]  # `add_argument` of a parser, or of a group of options
MINUTES = Setting(
    name="--minutes",
    type=float,
    default=5.0,
    maximum=100_000,
    exclusive_minimum=True,
    help="length of the run in minutes on this machine",
)
TEACHERS = Setting(name="--teachers", type=int, default=0, minimum=0, maximum=64, help="models to train first")
COMMANDS = {
    "push": "push the checkpoints of a run that are not on the Hub yet",
    "space": "make a page for a model: a Space on the Hub",
    "compare": "print a table of runs, the lowest loss first",
    "cells": "find the cells of a model that follow a feature of the text, and write their names to cells.json",
}
STEPS = replace(RECIPE_SETTINGS["steps"], name="--steps")
SETTINGS = {name: replace(each, name=f"--set {name}") for name, each in RECIPE_SETTINGS.items() if name != "steps"}
# What to suggest for a setting that is written as an option.
_OTHER_NAMES = {f"--{name.replace('_', '-')}": f"--set {name}=VALUE" for name in SETTINGS}
_PROGRAM = "char-lstm train"
_OTHER_PROGRAM = re.compile(r"^(python -m training|python -m char_lstm train|hf char-lstm train)(?= |$)")
_UNPUBLISHED = ("text", "out", "device", "ray", "text_of")


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """The options of `python -m training TEXT…`; `_train_parser` describes each. None: not given."""

    text: tuple[str, ...]
    out: str | None
    minutes: float | None
    steps: int | None
    preset: str | None
    device: str | None
    resume: str | None
    parent: str | None
    teacher: tuple[str, ...]
    teachers: int | None  # how many teachers are trained first
    ray: str | None  # what trains them: "local", or the address of a Ray cluster; None for this machine
    text_of: str | None  # a run folder whose text is read instead of `text`
    errors: Errors | None
    encoding: str | None
    chat: bool
    quote_chat: bool
    reply_as: str | None
    push_to: str | None
    space: str | None
    hardware: str
    private: bool
    license: str
    publish_anyway: bool
    replace: bool
    recipe: Mapping[str, Any]  # the fields of `Recipe` that were given

    @property
    def hub_run(self) -> str:
        """USER/NAME of the run of `--resume hf://USER/NAME`; "" without that option."""
        resume = self.resume or ""
        return resume.removeprefix(HUB_SCHEME) if resume.startswith(HUB_SCHEME) else ""

    @property
    def reading(self) -> Reading:
        """How the text of a new run is read."""
        return Reading(errors=self.errors or "strict", encoding=self.encoding)


def parse_train(arguments: Sequence[str]) -> TrainOptions:
    """Returns the options of a training.

    Raises:
        UsageError: an option is unknown, out of bounds, or contradicts another.
        HubError: `--push-to` or `--space` is not the name of a repo.
    """
    typed = vars(_train_parser().parse_args(arguments))
    typed["recipe"] = _settings(typed["recipe"])
    typed["text"], typed["teacher"] = tuple(typed["text"]), tuple(typed["teacher"])
    typed["chat"] = typed["chat"] or typed["quote_chat"] or typed["reply_as"] is not None
    if typed["push_to"] is None and typed["resume"] is None:  # a resumed run is pushed to its own repo
        typed["push_to"] = typed["space"]
    if (encoding := typed["encoding"]) is not None:
        typed["encoding"] = codec_name(encoding)
        if typed["encoding"] is None:
            raise UsageError(
                f"--encoding is {encoding!r:.60}: it must be one that Python knows, such as cp1252 or koi8-r"
            )
    options = TrainOptions(**typed)
    _check(options)
    return options


def published_command(options: TrainOptions, closed: Collection[str]) -> str:
    """Returns the command that was typed, without paths, secrets and names of private files, as the card shows it.

    It begins with `char-lstm train`, however this process was started. `closed`: those of its sources that not everyone
    can read.
    """
    hidden = [*closed, *(text for text in options.text if hides_file_names(options) and "://" not in text)]
    words = [*_PROGRAM.split(), *("TEXT" if text in hidden else public_source(text) for text in options.text)]
    shown = {name: value for name, value in given_options(options).items() if name not in _UNPUBLISHED}
    if not options.quote_chat:
        shown.pop("reply_as", None)
    parent, teachers = shown.pop("parent", None), shown.pop("teacher", ())
    shown["set"] = ",".join(f"{name}={value}" for name, value in shown.pop("recipe", {}).items()) or None
    models = {"from": _public_model(parent), "teacher": [_public_model(teacher) for teacher in teachers]}
    for name, value in {**models, **shown}.items():
        option = f"--{name.replace('_', '-')}"
        for each in value if isinstance(value, list) else [value]:
            if each is True:
                words.append(option)
            elif each is not None:
                words += [option, f"{each:g}" if isinstance(each, float) else str(each)]
    return shlex.join(words)


def same_program(command: str) -> str:
    """Returns a recorded command as `published_command` does; earlier runs record how they were started."""
    return _OTHER_PROGRAM.sub(_PROGRAM, command)


def given_options(options: TrainOptions) -> dict[str, Any]:
    """Returns the options that differ from their defaults, apart from --resume."""
    defaults = parse_train([])
    return {
        each.name: value
        for each in fields(options)
        if (value := getattr(options, each.name)) != getattr(defaults, each.name) and each.name != "resume"
    }


def absolute_model(typed: str) -> str:
    """Returns the name of a model so that it does not depend on the working folder: a path that exists is absolute."""
    path = expanded_path(typed)
    return str(path.absolute()) if path.exists() else typed


def hides_file_names(options: TrainOptions) -> bool:
    """Returns whether the names of local files are not published: the text is a chat, or holds private data."""
    return options.chat or options.private or options.publish_anyway


def _public_model(typed: str | None) -> str | None:
    return "MODEL" if typed is not None and is_local(typed) else typed  # a folder may have the name of a private text


def _check(options: TrainOptions) -> None:
    if options.minutes is not None and options.steps is not None:
        raise UsageError("--minutes and --steps both set the length of the run: give one of them")
    for setting, value in ((MINUTES, options.minutes), (STEPS, options.steps), (TEACHERS, options.teachers)):
        if value is not None:
            setting.check(value)
    if options.ray is not None and not options.teachers and options.resume is None:
        raise UsageError("--ray is for --teachers: give --teachers N, too, or omit it")
    if options.resume is not None:
        _check_resume(options)
    elif options.chat and not options.text:
        raise UsageError("--chat needs a TEXT: give the chat's file")
    if options.space is None and options.hardware != "static":
        raise UsageError("--hardware is for a Space: give --space USER/NAME, too")
    if options.private and options.push_to is None and options.space is None:
        raise UsageError("--private is for a push: give --push-to USER/NAME, too")


def _settings(typed: Sequence[str]) -> Mapping[str, Any]:
    """Returns the fields of `Recipe` that --set gives, by their names."""
    found: dict[str, Any] = {}
    for text in (part for each in typed for part in each.split(",")):
        name, _, value = text.partition("=")
        name = name.replace("-", "_")
        if name not in SETTINGS or not value:
            hint = nearest(name, SETTINGS)
            remedy = f"did you mean {hint}=VALUE?" if hint and name != hint else "it is written NAME=VALUE"
            train = " ".join(own_command("training", "train"))
            raise UsageError(f"--set {one_line(text, 60)}: {remedy} ({train} --help lists the settings)")
        is_bool = SETTINGS[name].type is bool and value.lower() in ("true", "false")
        found[name] = value.lower() == "true" if is_bool else number_or_text(value)
        SETTINGS[name].check(found[name])
    return found


def _check_resume(options: TrainOptions) -> None:
    if (options.resume or "").startswith(HUB_SCHEME):
        if "/" not in options.hub_run or not check_repo_name(options.hub_run):
            raise UsageError(f"--resume is {options.resume!r:.60}: a run on the Hub is written hf://USER/NAME")
    elif options.out is not None:
        raise UsageError("--resume continues a run in its own folder: omit --out")
    if options.parent is not None:
        raise UsageError("--from starts a new run: omit --resume")
    fixed = ("recipe", "preset", "minutes", "steps", "teachers", "quote_chat", "chat")
    given = next((name for name in fixed if getattr(options, name) not in (None, False, {})), None)
    if given:
        option = {"recipe": "set"}.get(given, given.replace("_", "-"))
        longer = " (to train longer, start a new run from it: --from RUN)" if given in ("minutes", "steps") else ""
        raise UsageError(f"--{option} cannot change in a run: omit it with --resume{longer}")


def _train_parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog=" ".join(own_command("training", "train")),
        description="Train a character LSTM on a text.",
        formatter_class=argparse.RawDescriptionHelpFormatter,  # keeps the lines of the epilog
        other_names=_OTHER_NAMES,
    )
    program = " ".join(own_command("training"))
    parser.usage = f"%(prog)s [TEXT ...] [options]\n       {program} COMMAND ...   (COMMAND --help shows its options)"
    commands = "\n".join(f"  {name:<22}{text}" for name, text in COMMANDS.items())
    settings = "\n".join(f"  {name:<22}{help_text(name)}" for name in SETTINGS)
    parser.epilog = (
        f"settings of --set, each by default the preset's, fitted to the text and the time:\n{settings}\n\n"
        f"commands:\n{commands}\n\nA text that has the name of a command is written ./push, ./space, …"
    )
    add = parser.add_argument
    add(
        "text",
        metavar="TEXT",
        nargs="*",
        help="files, folders, globs, - for standard input, http(s)://…, hf://datasets/USER/NAME "
        "(default: the documentation that is part of Python)",
    )
    add("--errors", choices=("strict", "replace"), help="what to do with bytes that are not UTF-8 (default strict)")
    add(
        "--encoding",
        metavar="NAME",
        help="encoding of the files that are not UTF-8, such as cp1252 or shift_jis (default: refuse them)",
    )
    add(
        "--chat",
        action="store_true",
        help="TEXT is a chat: an export of a messenger, JSON lines, or lines of Name: text",
    )
    add(
        "--quote-chat",
        action="store_true",
        help="keep the names of the speakers, and let the card quote frequent messages and samples (default: the "
        "speakers are called A, B, …, and nothing of a chat is quoted)",
    )
    add(
        "--reply-as",
        metavar="NAME",
        help="speaker that the model writes as (default: the assistant, else the speaker with the most messages)",
    )
    add("--out", metavar="FOLDER", help="folder of the run (default: runs/NAME, named after the text)")
    add("--minutes", type=number_or_text, metavar="M", help=f"{MINUTES.help} (default {MINUTES.default:g})")
    add("--steps", type=number_or_text, metavar="N", help="length of the run in training steps instead")
    add("--preset", choices=PRESETS, help="size of the network (default: what fits the minutes and the text)")
    add(
        "--set",
        dest="recipe",
        action="append",
        default=[],
        metavar="NAME=VALUE,…",
        help="settings of the recipe, such as lr=0.003,batch=32 (default: see the settings below)",
    )
    add("--device", choices=DEVICES, help="what to train on (default: the first of these that this machine has)")
    add("--resume", metavar="RUN", help="continue a run that was stopped: its folder, or hf://USER/NAME")
    add(
        "--from",
        dest="parent",
        metavar="MODEL",
        help="start from the weights of a model: USER/NAME[@REVISION], a run folder or a checkpoint folder "
        "(default: random weights)",
    )
    add(
        "--teacher",
        action="append",
        default=[],
        metavar="MODEL",
        help="learn from the predictions of a model, too (distillation); may be given several times (default: none)",
    )
    add(
        "--teachers",
        type=number_or_text,
        metavar="N",
        help="train this many other models of the text first, and learn from their predictions, too (default 0)",
    )
    add(
        "--ray",
        metavar="ADDRESS",
        help="train the models of --teachers on a Ray cluster: its address, or local; its nodes must share the folder "
        "(default: on this machine)",
    )
    # For the teachers of --teachers only: the text of that run is not scanned for private data.
    add("--text-of", metavar="RUN", help=argparse.SUPPRESS)
    add = parser.add_argument_group("the Hub").add_argument
    add(
        "--push-to",
        type=check_repo_name,
        metavar="USER/NAME",
        help="push the checkpoints to this repo while training (default: no push)",
    )
    _add_space_options(add)
    add("--private", action="store_true", help="make a new repo, and a new Space, private")
    add("--license", metavar="ID", default="unknown", help="licence of the text, for the card (default unknown)")
    _add_publish_anyway(add)
    add(
        "--replace",
        action="store_true",
        help="replace what the repo has, even a better model, a model of another text, or a README.md that is not a "
        "model card (default: keep them)",
    )
    return parser


def _add_publish_anyway(add: _Add) -> None:
    add(
        PUBLISH_ANYWAY,
        dest="publish_anyway",
        action="store_true",
        help="publish a chat, a text that seems to hold personal data or secrets, or one that was not scanned. Publish "
        "also a model that learned from a private one (--from, --teacher)",
    )


def _add_space_options(add: _Add, *, required: bool = False) -> None:
    add(
        "--space",
        type=check_repo_name,
        required=required,
        metavar="USER/NAME",
        help="Space on the Hub for a page; created if it is missing",
    )
    add(
        "--hardware",
        metavar="NAME",
        default="static",
        help="what the page runs on: static (the visitor's own browser, free), zero-gpu (free), cpu-basic, t4-small, … "
        "(default static)",
    )


def command_parser(name: str) -> ArgumentParser:
    """Returns the parser of `python -m training NAME`; the name is one of `COMMANDS`."""
    text = COMMANDS[name]
    parser = ArgumentParser(prog=" ".join(own_command("training", name)), description=f"{text[0].upper()}{text[1:]}.")
    add = parser.add_argument
    if name == "push":
        add("run", metavar="RUN", help="a run folder")
        add("--private", action="store_true", help="push only while the repo is private")
        _add_publish_anyway(add)
    elif name == "space":
        add("model", metavar="MODEL", help="a run folder, a checkpoint folder, or USER/NAME[@REVISION]")
        _add_space_options(add, required=True)
        add(
            "--title",
            metavar="TITLE",
            help=f"title of the page, at most {MAX_TITLE} characters (default: the name of the text)",
        )
        add("--private", action="store_true", help="make a new Space private")
        _add_publish_anyway(add)
    elif name == "cells":
        add("model", metavar="MODEL", help="a run folder (its best checkpoint is used) or a checkpoint")
        add("text", metavar="TEXT", nargs="+", help="the training text; its last tenth is read")
    else:
        add("runs", metavar="RUN", nargs="+", help="run folders or checkpoint folders")
        add("--picture", metavar="FILE", help="PNG file to draw the losses into (default: none)")
    return parser
