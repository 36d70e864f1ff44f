"""The arguments of `python -m training` and its commands, as argparse describes them in --help."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

from model.cli.arguments import ArgumentParser
from model.settings import DEVICES, MAX_TITLE, Setting, number_or_text
from model.terminal import own_command

from ..corpus.privacy import PUBLISH_ANYWAY
from ..hub.destination import check_repo_name
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


def train_parser() -> ArgumentParser:
    """Returns the parser of `python -m training TEXT…`."""
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
