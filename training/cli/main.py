"""The command line: ``python -m training my.txt --minutes 10 --push-to user/name``.

Everything that can go wrong later is tried first: options, the text, the folder, the right to push. Then it says
what it will do and how long it takes, does it, and ends with the next commands to type.
"""

from __future__ import annotations

import io
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from model import CharLSTM
from model.backends.device import DeviceUnavailableError
from model.char_lstm import checkpoint_folder
from model.checkpoint.format import CheckpointError
from model.checkpoint.write import write_cells
from model.files import atomic_write

from ..card.cell_names import name_cells
from ..card.curve import draw
from ..corpus.reader import CorpusError, read_corpus
from ..errors import HubError, RunError
from ..hub.outbox import Entry
from ..hub.pusher import push_pending
from ..learner import processes
from ..learner.dataset import VALIDATION_PART
from ..run.console import duration, losses, say, warn
from ..run.run_folder import EXPECTED
from ..run.tracking import Tracker
from ..run.training_run import TrainingRun
from ..signals import Signals
from ..system import process_age_s
from .compare import read_all, table
from .options import OptionsError, parse, parse_cells, parse_compare, parse_curve, parse_push, parse_space
from .space import later, make_space, put_up_best
from .start import fresh, resumed

PUSH_AT_END_S = 120.0
PUSH_AT_STOP_S = 10.0  # whoever stops a run wants to leave; what is not pushed by then is kept
_BY_HEART = 0.02  # nats that the last loss lies above the best, from which on it is worth a word


def main(argv: Sequence[str] | None, signals: Signals) -> int:
    """Runs the command line; returns the exit code: 0, 1 (failed on the way), 2 (an error), or 128 and a signal."""
    start = time.monotonic() - (process_age_s() if argv is None else 0.0)
    arguments = sys.argv[1:] if argv is None else list(argv)
    signals.mode = "raise"
    try:
        with processes.process_group():
            return _run(arguments, signals, start) if processes.rank() == 0 else processes.run_calls(signals)
    except processes.LostProcessError as error:
        if processes.rank() == 0:
            say(f"error: {error}; every checkpoint written so far is whole: continue with --resume")
        return 1
    except KeyboardInterrupt:
        if processes.rank() == 0:
            say("\nstopped")
        return signals.exit_code
    except (
        OptionsError,
        CorpusError,
        RunError,
        HubError,
        CheckpointError,
        DeviceUnavailableError,
        processes.ProcessesError,
    ) as error:
        say(f"error: {error}")
        return 2
    except (OSError, MemoryError) as error:
        say(f"error: {' '.join(str(error).split()) or 'out of memory'}")
        return 2


def _run(arguments: Sequence[str], signals: Signals, start: float) -> int:
    """All that a person can ask for, but for errors; these end it in every process of the run."""
    command = _COMMANDS.get(arguments[0]) if arguments else None
    if command is not None:
        return command(arguments[1:])
    return _train(arguments, signals, start)


def _train(arguments: Sequence[str], signals: Signals, start: float) -> int:
    options = parse(arguments)
    session = resumed(options, start) if options.resume is not None else fresh(options, start)
    try:
        signals.mode = "record"
        if options.track:
            session.tracker = Tracker(
                session.checkpoint_manager.folder.path.name, session.trainer.recipe.to_json(), warn
            )
        code = session.run(signals)
        if session.tracker:
            session.tracker.close()
        signals.reset("raise")
        return _close(session, code, signals)
    finally:
        session.checkpoint_manager.folder.discard()  # which leaves a run that has checkpoints as it is


def _close(session: TrainingRun, code: int, signals: Signals) -> int:
    """Pushes what is left, says how it ended, what is where, and what to type next."""
    waiting: tuple[Entry, ...] = ()
    try:
        waiting = _push_rest(session, PUSH_AT_STOP_S if code else PUSH_AT_END_S)
    except KeyboardInterrupt:
        code = signals.exit_code
        waiting = tuple(session.checkpoint_manager.waiting())
    path = shlex.quote(str(session.checkpoint_manager.folder.path))
    if session.complete:
        (session.checkpoint_manager.folder.path / EXPECTED).unlink(missing_ok=True)
    if session.complete and session.metrics:
        best = min(session.metrics, key=lambda line: line["val_loss"])
        say(f"\nDone in {duration(session.seconds)}. Best at step {best['step']:,}: {losses(best['val_loss'])}")
        say(f"(carried, on text it was not trained on; cold256: {best['val_cold256']:.4f} nats).")
        if session.metrics[-1]["val_loss"] > best["val_loss"] + _BY_HEART:
            say(_by_heart(session, best["chars"]))
    elif code != 1 and session.checkpoint_manager.folder.steps():
        say(f"\nStopped at step {session.trainer.steps_done:,}. To go on:\n  python -m training --resume {path}")
    if code != 1 and session.checkpoint_manager.folder.best() is not None:
        say(f"To read more of it:\n  python -m model generate --model {path}{_prompt(session)}")
        say(f"To play with it in the browser:\n  python app.py --model {path}")
    if code == 0 and session.page is None and session.checkpoint_manager.pusher:
        repo = session.about["repo"]
        say(f"To give it a page that anyone can open:\n  python -m training space {path} --space {repo}")
    if waiting:
        say(f"Not on the Hub yet: {_checkpoints(waiting)}. To push:\n  python -m training push {path}")
    elif session.checkpoint_manager.pusher:
        say(f"On the Hub: {session.checkpoint_manager.pusher.destination.url}")
    if session.page is None:
        return code
    if code == 0:
        return put_up_best(session.page, session.checkpoint_manager.folder, session.about["repo"])
    say(later(session.page, session.checkpoint_manager.folder))
    return code


def _by_heart(session: TrainingRun, characters: int) -> str:
    """What helps a run that was at its best long before its end, after so many characters read."""
    passes = characters / len(session.trainer.windows.ids)
    told = f"After {passes:,.1f} passes over the text it began to learn it by heart: a longer text helps most"
    if "taught_by" in session.about:
        return f"{told}."
    return f"{told},\nthen some runs with other seeds (--seed 2 …) as teachers of one more (--teacher RUN for each)."


def _push_rest(session: TrainingRun, deadline_s: float) -> tuple[Entry, ...]:
    if session.checkpoint_manager.pusher is None:
        return ()
    if session.checkpoint_manager.waiting():
        say(f"Pushing what is left, for {deadline_s:.0f} s at most …")
    return session.checkpoint_manager.pusher.close(deadline_s).waiting


def _prompt(session: TrainingRun) -> str:
    examples = session.facts["examples"]
    return (" --chat" if session.chat else "") + (f" {shlex.quote(examples[0])}" if examples else "")


def _checkpoints(waiting: Sequence[Entry]) -> str:
    count = len({entry.folder for entry in waiting})
    return "1 checkpoint" if count == 1 else f"{count} checkpoints"


def _push(arguments: Sequence[str]) -> int:
    run = parse_push(arguments)
    if not Path(run).expanduser().is_dir():
        raise RunError(f"there is no run folder {run!r}")
    report = push_pending(Path(run).expanduser(), report=say)
    if not report.pushed and not report.waiting:
        say("Everything is on the Hub already.")
    elif report.waiting:
        say(f"Not on the Hub yet: {_checkpoints(report.waiting)}. Try again later, or see the line above.")
    return 1 if report.waiting else 0


def _cells(arguments: Sequence[str]) -> int:
    model, sources = parse_cells(arguments)
    folder = checkpoint_folder(model)
    lm = CharLSTM.from_pretrained(folder)
    text = read_corpus(sources).text
    found = name_cells(lm, text[len(text) - len(text) // VALIDATION_PART :])
    write_cells(folder, found)
    for cell in found:
        say(str(cell))
    say(
        f"{len(found)} cells of {lm.config.num_layers * lm.config.hidden_size:,} follow something that has a name here."
    )
    return 0


def _curve(arguments: Sequence[str]) -> int:
    options = parse_curve(arguments)
    runs = read_all(options.runs, say)
    curves = [run.curve for run in runs if run.curve.is_drawable]
    for run in runs:
        if not run.curve.is_drawable:
            say(f"error: {run.name!r} was measured fewer than two times: that is no curve yet")
    if not curves:
        return 2
    try:
        picture = draw(curves, x=options.x)
    except ImportError:
        say("error: a picture needs matplotlib: pip install 'matplotlib>=3.8,<4'")
        return 2
    atomic_write(Path(options.out).expanduser(), picture)
    say(f"Drawn: {options.out}")
    return 0 if len(curves) == len(dict.fromkeys(options.runs)) else 1


def _compare(arguments: Sequence[str]) -> int:
    paths = parse_compare(arguments)
    runs = read_all(paths, say)
    if not runs:
        return 2
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    print(table(runs), flush=True)
    return 0 if len(runs) == len(dict.fromkeys(paths)) else 1


def _space(arguments: Sequence[str]) -> int:
    return make_space(parse_space(arguments))


# Anything else is a text to train on.
_COMMANDS = {"push": _push, "space": _space, "cells": _cells, "curve": _curve, "compare": _compare}
