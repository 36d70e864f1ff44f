"""The end of a run after the training loop: the last pushes, the result, and the commands to type next."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence

from model.terminal import duration_text, own_command

from ..card import ngram
from ..hub.pusher import is_held_back
from ..run.console import loss_text, say, say_command
from ..run.run_folder import SOFT_TARGETS, TEACHERS
from ..run.training_run import TrainingRun
from ..signals import Signals
from .space import publish_best, publish_hint

PUSH_AT_END_S = 120.0
PUSH_AT_STOP_S = 10.0  # a user who pressed Ctrl-C waits for it; the rest is pushed later
_OVERFITTED = 0.02  # nats; if the last loss exceeds the best by more, a hint is printed


def finish(run: TrainingRun, code: int, signals: Signals) -> int:
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
        say_command(f"Not on the Hub yet: {count_text(waiting)}. To push:", own_command("training", "push", path))
    elif pusher:
        say(f"On the Hub: {pusher.destination.url}")
    if run.page is None:
        return code
    if code == 0:
        return publish_best(run.page, manager.folder, run.about["repo"])
    say(publish_hint(run.page, manager.folder))
    return code


def count_text(waiting: Sequence[str]) -> str:
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
            f"Counting what follows each {ngram.ORDER - 1} characters reaches {baseline:.4f} nats, which is better: "
            "train longer, or on more text."
        )
    if run.metrics[-1]["val_loss"] > loss + _OVERFITTED:
        passes = best["chars"] / len(run.trainer.windows.ids)
        say(
            f"After {passes:,.1f} passes over the text the model began to memorize it: a longer text helps most,\n"
            "then other models of this text as its teachers (--teachers 4)."
        )
