"""Runs ``training/job.py`` as the Hub's machines do."""

from __future__ import annotations

import shutil
from pathlib import Path

from huggingface_hub.cli._uv_script_header import UvScriptHeader, parse_uv_script_header

from tests.support.tiny_runs import ROOT
from tests.support.training_processes import Program

SCRIPT = ROOT / "training" / "job.py"


def script_header() -> UvScriptHeader:
    """Returns the script's header as the client reads it."""
    header = parse_uv_script_header(SCRIPT.read_text(encoding="utf-8"))
    assert header
    return header


def copy_volumes(machine: Path) -> Path:
    """Copies the volumes of the script's header as the client does; returns their folder."""
    for volume in script_header().volumes:
        source, mounted = volume.split(":")
        target = machine / mounted.removeprefix("/")
        if not target.exists():
            shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
    return machine / "code"


class Job(Program):
    """The script on a machine that has only the script and its volumes."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        shutil.copy(SCRIPT, cwd / "job.py")
        super().__init__("job.py", *arguments, cwd=cwd, CODE=str(copy_volumes(cwd)), PYTHONPATH="")
