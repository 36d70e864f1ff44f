"""Kill a run once its checkpoints are on the Hub: ``python -m tests.support.preempted_run STEP ARGUMENT …``.

The process sends itself SIGKILL right after STEP. The arguments are those of ``python -m training``; the run folder is
``run``.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from training.__main__ import main as train
from training.learner.trainer import Trainer


def main() -> None:
    last, *arguments = sys.argv[1:]
    plain: Any = Trainer.step

    def watched(self: Trainer) -> float:
        loss: float = plain(self)
        if self.steps_done == int(last):
            newest = max(step for step in range(1, int(last) + 1) if self.recipe.evaluates_after(step))
            while not pushed(f"step-{newest:08d}"):
                time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGKILL)
        return loss

    Trainer.step = watched  # type: ignore[method-assign]
    sys.exit(train(arguments))


def pushed(folder: str) -> bool:
    """Return whether a checkpoint is on the Hub and the outbox is empty; both change while training continues."""
    outbox = Path("run/outbox")
    log = outbox / "pushed.jsonl"
    return log.is_file() and folder in log.read_text(encoding="utf-8") and not any(outbox.glob("0*-*.json"))


if __name__ == "__main__":
    main()
