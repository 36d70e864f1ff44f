"""The runs of a sweep, and its folder: the same command, typed again, finds the folder and continues there.

sweeps/NAME/
  sweep.json            what is trained: the options of all runs, the settings and their values, the seeds
  finished.json         the names of the runs that are complete
  hidden_size=256,…/    a run folder for each combination, and for each seed when there are several
  curve.png             the curves of the best combinations
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model.files import atomic_write, json_bytes

from ...corpus.sources import expanded_path
from ...errors import RunError
from ..options import recipe_words
from .grid import Axes, Settings, combinations, label

_WITHOUT_MEMBERS = "--teachers=0"  # the processors are for the other runs
SWEEP, FINISHED = "sweep.json", "finished.json"
_SWEEPS = Path("sweeps")


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One run of a sweep.

    Attributes:
        settings: its values of the settings that are tried.
        seed: its seed when there are several; else None.
        arguments: all options and texts for `python -m training`, except the folder.
    """

    settings: Settings
    seed: int | None
    arguments: tuple[str, ...]

    @property
    def folder(self) -> str:
        """The name of the run folder."""
        return label(self.settings if self.seed is None else {**self.settings, "seed": self.seed}, ",")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a sweep trains.

    Attributes:
        arguments: the options and texts that all runs share, with absolute paths.
        over: the values of each setting that is tried.
        seeds: the seeds that each combination is trained with; () for the one of `arguments`.
    """

    arguments: tuple[str, ...]
    over: Axes
    seeds: tuple[int, ...] = ()

    @property
    def runs(self) -> list[PlannedRun]:
        """All runs, the first seed of all combinations first: they can be compared before the next seed begins."""
        return [
            PlannedRun(
                settings=settings,
                seed=seed,
                arguments=(
                    *self.arguments,
                    *recipe_words(settings),
                    *(() if seed is None else ("--seed", str(seed))),
                    _WITHOUT_MEMBERS,
                ),
            )
            for seed in self.seeds or (None,)
            for settings in combinations(self.over)
        ]

    def to_json(self) -> Mapping[str, Any]:
        """Returns what sweep.json holds."""
        return asdict(self)

    @staticmethod
    def from_json(noted: Mapping[str, Any]) -> Plan:
        """Returns the plan that `to_json` returned.

        Raises:
            AttributeError, KeyError, TypeError, ValueError: it is not a plan.
        """
        return Plan(
            arguments=tuple(map(str, noted["arguments"])),
            over={name: tuple(values) for name, values in noted["over"].items()},
            seeds=tuple(map(int, noted["seeds"])),
        )


def read_plan(folder: Path) -> Plan:
    """Returns the plan of a sweep.

    Raises:
        RunError: the folder has no plan, or it is damaged.
    """
    try:
        return Plan.from_json(json.loads((folder / SWEEP).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise RunError(f"there is no sweep in {str(folder)!r}: it has no {SWEEP}") from None
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"{SWEEP} in {str(folder)!r} cannot be read ({type(error).__name__})") from None


def sweep_folder(plan: Plan, out: str | None, name: str) -> Path:
    """Returns the folder of a sweep, created if needed: `out`, or the first of NAME, NAME-2, … without another plan.

    Raises:
        RunError: `out` holds another sweep, or the folder cannot be written.
    """
    number = 1
    while True:
        folder = expanded_path(out) if out else _SWEEPS / (name if number == 1 else f"{name}-{number}")
        if not (folder / SWEEP).exists():
            break
        if read_plan(folder) == plan:
            return folder.absolute()
        if out:
            raise RunError(f"{out!r} holds another sweep: choose another --out, or continue that one with --resume")
        number += 1
    try:
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(folder / SWEEP, json_bytes(plan.to_json()))
    except OSError as error:
        raise RunError(f"{str(folder)!r} cannot be written ({error.strerror}): choose another --out") from None
    return folder.absolute()


def read_finished(folder: Path) -> list[str]:
    """Returns the names of the runs of a sweep that are complete; [] if the file cannot be read.

    A complete run that is not among them is resumed, and ends at once.
    """
    try:
        return [str(name) for name in json.loads((folder / FINISHED).read_text(encoding="utf-8"))["finished"]]
    except (OSError, KeyError, TypeError, ValueError):
        return []


def write_finished(folder: Path, names: Sequence[str]) -> list[str]:
    """Saves the names of the runs of a sweep that are complete, and returns them."""
    with contextlib.suppress(OSError):  # the disk is full
        atomic_write(folder / FINISHED, json_bytes({"finished": list(names)}))
    return list(names)
