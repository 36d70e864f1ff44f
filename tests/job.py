"""``training/job.py`` as a machine of the Hub's runs it."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.tiny_runs import ROOT, Training

SCRIPT = ROOT / "training" / "job.py"


class Job(Training):
    """The script on a machine that holds it and the code, as volumes bring them, and nothing else of the project."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        code = cwd / "code"
        for name in ("model", "training"):
            if not (code / name).exists():
                code.mkdir(exist_ok=True)
                (code / name).symlink_to(ROOT / name)
        shutil.copy(SCRIPT, cwd / "job.py")
        super().__init__(*arguments, cwd=cwd, program=("job.py",), CODE=str(code), PYTHONPATH="")
