"""The command line: `python -m training my.txt --minutes 10 --push-to user/name`.

Before its first step a training checks the options, the text, the folder and the right to push, and prints its plan. It
ends with the commands to type next.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from model import CharLSTM, ModelUnavailableError
from model.char_lstm import checkpoint_folder
from model.checkpoint.format import CheckpointError
from model.checkpoint.write import write_cells
from model.cli.arguments import UsageError
from model.terminal import duration_text, own_command, use_utf8

from ..card.cell_names import add_passages, name_cells
from ..card.summary import quotes_of
from ..corpus.decode import CorpusError
from ..corpus.reader import read_corpus
from ..corpus.sources import expanded_path
from ..errors import HubError, RunError
from ..hub.pusher import is_held_back, pending, push_pending
from ..learner import processes
from ..learner.dataset import split
from ..learner.evaluation import ORDER
from ..learner.trainer import follow
from ..run.console import loss_text, say, say_command
from ..run.run_folder import SOFT_TARGETS, TEACHERS
from ..run.training_run import TrainingRun
from ..signals import Signals
from . import sharing
from .compare import compare
from .options import command_parser, parse_train
from .prepare import prepared_run
from .space import make_space, publish_best, publish_hint

PUSH_AT_END_S = 120.0
PUSH_AT_STOP_S = 10.0  # a user who pressed Ctrl-C waits for it; the rest is pushed later
_OVERFITTED = 0.02  # nats; if the last loss exceeds the best by more, a hint is printed


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
        signals.number, signals.mode = 0, "raise"
        return _finish(run, code, signals)
    finally:
        folder.discard()  # a run that has checkpoints stays as it is


def _finish(run: TrainingRun, code: int, signals: Signals) -> int:
    """Makes the last pushes, prints the result and the commands to type next; returns the exit code.

    Args:
        signals: in the mode "raise": a signal ends the waiting for pushes.
    """
    manager = run.checkpoint_manager
    pusher, folder = manager.pusher, manager.folder.path
    path = str(folder)
    deadline_s = PUSH_AT_STOP_S if code else PUSH_AT_END_S
    try:
        if manager.waiting():
            say(f"Pushing the rest, for {deadline_s:.0f} s at most …")
        waiting = pusher.close(deadline_s) if pusher else []
    except KeyboardInterrupt:
        code, waiting = signals.exit_code, manager.waiting()
    if run.is_complete:
        with contextlib.suppress(OSError):  # Windows removes no mapped file; resuming the complete run removes it
            (folder / SOFT_TARGETS).unlink(missing_ok=True)
        shutil.rmtree(folder / TEACHERS, ignore_errors=True)
        _print_result(run)
    elif code != 1 and manager.folder.steps():
        title = f"\nStopped after step {run.trainer.steps_done:,}. To continue:"
        say_command(title, own_command("training", "resume", path))
    if code != 1 and manager.folder.best() is not None:
        prompt = (["--chat"] if run.chat else []) + run.text.examples[:1]
        say_command("To generate more text:", own_command("model", "generate", "--model", path, *prompt))
        say_command("To open it in the browser:", own_command("app", "app", "--model", path))
    if code == 0 and run.page is None and pusher:
        kind = "private page" if pusher.destination.private else "page that anyone can open"
        words = own_command("training", "space", path, "--space", run.about["repo"])
        say_command(f"To make a {kind}:", words)
    if code == 0 and pusher and is_held_back(folder, pusher.destination):
        title = f"{run.about['repo']} keeps its better model. To replace it with the one of this run:"
        say_command(title, own_command("training", "resume", path, "--replace"))
    if waiting:
        say_command(f"Not on the Hub yet: {_count_text(waiting)}. To push:", own_command("training", "push", path))
    elif pusher:
        say(f"On the Hub: {pusher.destination.url}")
    if run.page is None:
        return code
    if code == 0:
        return publish_best(run.page, manager.folder, run.about["repo"])
    say(publish_hint(run.page, manager.folder))
    return code


def _count_text(waiting: Sequence[str]) -> str:
    """Returns the number of checkpoints that wait for the Hub, such as `2 checkpoints`."""
    return "1 checkpoint" if len(waiting) == 1 else f"{len(waiting)} checkpoints"


def _print_result(run: TrainingRun) -> None:
    """Prints the best held-out loss of a complete run, and that of the n-gram counter if it is lower."""
    if not run.metrics:
        return
    best = min(reversed(run.metrics), key=lambda line: line["val_loss"])  # of equal losses the last is marked as best
    loss = best["val_loss"]
    say(f"\nDone in {duration_text(run.seconds)}.")
    say(f"Best at step {best['step']:,}: held-out loss {loss_text(loss)}")
    cold = f"{best['val_cold256']:.4f} nats if the model forgets everything every 256 characters"
    say(f"({cold}, which is how nanoGPT measures).")
    baseline = run.about.get("ngram_loss")
    if isinstance(baseline, float) and loss > baseline:
        say(
            f"Counting what follows each {ORDER - 1} characters reaches {baseline:.4f} nats, which is better: "
            "train longer, or on more text."
        )
    if run.metrics[-1]["val_loss"] > loss + _OVERFITTED:
        passes = best["chars"] / len(run.trainer.windows.ids)
        say(
            f"After {passes:,.1f} passes over the text the model began to memorize it: a longer text helps most,\n"
            "then other models of this text as its teachers (--teachers 4)."
        )


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
        say(f"Not on the Hub yet: {_count_text(waiting)}. The line above has the reason; try again later.")
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
