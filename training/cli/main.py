"""The command line: `python -m training my.txt --minutes 10 --push-to user/name`.

Before its first step a training checks the options, the text, the folder and the right to push, and prints its plan. It
ends with the commands to type next.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence

from model import CharLSTM, ModelUnavailableError
from model.char_lstm import checkpoint_folder
from model.checkpoint.format import CheckpointError
from model.checkpoint.write import write_cells
from model.cli.arguments import UsageError
from model.terminal import use_utf8

from ..card.cell_names import add_passages, name_cells
from ..card.summary import quotes_of
from ..corpus.decode import CorpusError
from ..corpus.reader import read_corpus
from ..corpus.sources import expanded_path
from ..errors import HubError, RunError
from ..hub.pusher import pending, push_pending
from ..learner import processes
from ..learner.dataset import split
from ..learner.shared_steps import follow
from ..run.console import say
from ..signals import Signals
from . import sharing
from .compare import compare
from .finish import count_text, finish
from .options import command_parser, parse_train
from .prepare import prepared_run
from .space import make_space


def main(argv: Sequence[str] | None, signals: Signals) -> int:
    """Runs the command line.

    Returns:
        the exit code: 0; 1 when the run failed while it trained or pushed; 2 for an error of the user; 128 plus the
        number of a signal.
    """
    use_utf8()
    # The CPU time so far is about the time that the imports took.
    start = time.monotonic() - (time.process_time() if argv is None else 0.0)
    arguments = sys.argv[1:] if argv is None else list(argv)
    signals.mode = "raise"
    try:
        with processes.process_group():
            if processes.rank():
                return follow(signals)
            command = _COMMANDS.get(arguments[0]) if arguments else None
            return command(arguments[1:]) if command else _train(arguments, signals, start)
    except processes.LostProcessError as error:
        if processes.rank() == 0:
            say(f"error: {error}; every checkpoint written so far is whole: continue with --resume")
        return 1
    except KeyboardInterrupt as stop:
        if processes.rank() == 0:
            say(str(stop) or "\nstopped")
        return signals.exit_code
    except (UsageError, CorpusError, RunError, HubError, CheckpointError, ModelUnavailableError) as error:
        say(f"error: {error}")
        return 2
    except (OSError, MemoryError) as error:
        say(f"error: {' '.join(str(error).split()) or 'out of memory'}")
        return 1


def _train(arguments: Sequence[str], signals: Signals, start: float) -> int:
    typed = parse_train(arguments)
    if typed.text_of is not None:  # this process trains a teacher
        signals.stop_when_closed(sys.stdin.fileno())
    run = prepared_run(typed, start)
    folder = run.checkpoint_manager.folder
    try:
        signals.mode = "record"
        code = run.run(signals)
        signals.reset("raise")
        return finish(run, code, signals)
    finally:
        folder.discard()  # a run that has checkpoints stays as it is


def _push(arguments: Sequence[str]) -> int:
    typed = command_parser("push").parse_args(arguments)
    run = expanded_path(typed.run)
    if not run.is_dir():
        raise RunError(f"there is no run folder {str(run)!r}")
    destination = sharing.checked_destination(run, sharing.asked_for(typed))
    if not pending(run, destination):
        say("Everything is on the Hub already.")
        return 0
    if waiting := push_pending(run, destination, report=say):
        say(f"Not on the Hub yet: {count_text(waiting)}. The line above has the reason; try again later.")
    return 1 if waiting else 0


def _cells(arguments: Sequence[str]) -> int:
    typed = command_parser("cells").parse_intermixed_args(arguments)
    folder = checkpoint_folder(typed.model)
    lm = CharLSTM.from_pretrained(folder)
    corpus = read_corpus(typed.text)
    held_out = corpus.text[-len(split(corpus.ids)[1]) :]
    found = name_cells(lm, held_out)
    write_cells(folder, add_passages(lm, found, quotes_of(lm.training, is_chat=lm.chat is not None), held_out))
    for cell in found:
        say(str(cell))
    count = lm.config.num_layers * lm.config.hidden_size
    say(f"{len(found)} of {count:,} cells follow a named feature of the text.")
    return 0


_COMMANDS: Mapping[str, Callable[[Sequence[str]], int]] = {
    "push": _push,
    "space": make_space,
    "compare": compare,
    "cells": _cells,
}
