"""The repo of a run: checks its name, and reads and writes outbox/destination.json, which names it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

from model.files import atomic_write, json_bytes, sync_folder

from ..errors import HubError
from .jobs import Destination

DESTINATION = "outbox/destination.json"  # in the run folder
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"


def check_repo_name(repo: str) -> str:
    """Returns `repo` if it is NAME or USER/NAME as the Hub allows it; else raises HubError. Makes no request."""
    if re.search(r"hf_[A-Za-z0-9]{30}", repo):
        raise HubError("the name of the repo looks like a token: give NAME or USER/NAME, and revoke the token")
    if re.fullmatch(rf"(?:{_NAME}/)?{_NAME}", repo) and not re.search(r"--|\.\.|\.git$", repo):
        return repo
    rule = "letters, digits, '-', '_' and '.' (no '--', no '..', not ending in '.git', at most 96 characters each)"
    raise HubError(f"{repo!r} is not the name of a repo: give NAME or USER/NAME, made of {rule}")


def write_destination(run_folder: Path, destination: Destination) -> None:
    """Writes into a run folder where the run is pushed to. Raises OSError if the disk is full."""
    atomic_write(run_folder / DESTINATION, json_bytes(asdict(destination)))
    sync_folder((run_folder / DESTINATION).parent)


def read_destination(run_folder: Path | str) -> Destination:
    """Returns where a run was pushed to so far. Raises HubError if it was never pushed."""
    try:
        return Destination(**json.loads((Path(run_folder) / DESTINATION).read_text(encoding="utf-8")))
    except FileNotFoundError:
        name = Path(run_folder).name
        raise HubError(f"run {name!r} has no destination on the Hub: resume it with --push-to USER/NAME") from None
    except (ValueError, TypeError, OSError) as error:
        raise HubError(f"{DESTINATION} cannot be read ({error}): resume with --push-to USER/NAME") from error
