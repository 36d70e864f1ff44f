"""Every option of every program has a help text, which names its default where it has one."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator

import pytest

import app
from model.__main__ import main as model
from training.__main__ import main as training

PROGRAMS: dict[str, tuple[Callable[[list[str]], object], list[str]]] = {
    "app.py": (app.main, []),
    "model generate": (model, ["generate"]),
    "model score": (model, ["score"]),
    "model info": (model, ["info"]),
    "training": (training, []),
    **{f"training {name}": (training, [name]) for name in ("push", "space", "compare", "cells")},
}


def options(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
            yield action


@pytest.fixture(params=PROGRAMS)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> argparse.ArgumentParser:
    """The parser that prints the help of a program."""
    found: list[argparse.ArgumentParser] = []
    monkeypatch.setattr(argparse.ArgumentParser, "print_help", lambda self, file=None: found.append(self))
    main, words = PROGRAMS[request.param]
    with contextlib.suppress(SystemExit):
        main([*words, "--help"])
    (parser,) = found
    return parser


def test_every_option_has_a_help_text(parser: argparse.ArgumentParser) -> None:
    assert {action.dest for action in options(parser) if not action.help} == set()


def test_the_help_text_names_the_default(parser: argparse.ArgumentParser) -> None:
    silent = []
    for action in options(parser):
        has_default = action.default not in (None, False, "", [], argparse.SUPPRESS) and action.nargs != 0
        if has_default and "default" not in (action.help or ""):
            silent.append(action.dest)
    assert silent == []
