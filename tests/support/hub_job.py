"""``training/job.py`` as a machine of the Hub's runs it."""

from __future__ import annotations

import shutil
from pathlib import Path

from huggingface_hub.cli._uv_script_header import UvScriptHeader, parse_uv_script_header

from tests.support.tiny_runs import ROOT, Training

SCRIPT = ROOT / "training" / "job.py"


def script_header() -> UvScriptHeader:
    """What the client reads from the script."""
    header = parse_uv_script_header(SCRIPT.read_text(encoding="utf-8"))
    assert header
    return header


def bring_code(machine: Path) -> Path:
    """Lays the volumes that the script asks for, as the client copies folders; returns where they are."""
    for volume in script_header().volumes:
        source, mounted = volume.split(":")
        target = machine / mounted.removeprefix("/")
        if not target.exists():
            shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
    return machine / "code"


class Job(Training):
    """The script on a machine that holds it and the code, as volumes bring them, and nothing else of the project."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        shutil.copy(SCRIPT, cwd / "job.py")
        super().__init__(*arguments, cwd=cwd, program=("job.py",), CODE=str(bring_code(cwd)), PYTHONPATH="")
