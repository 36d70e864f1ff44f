"""The models that come with the project, in `model/pretrained/NAME/`. `bundled:NAME` names one of them.

A wheel and the app of a Space hold only one of them, so that they stay small.
"""

from __future__ import annotations

from pathlib import Path

BUNDLED = "bundled"  # alone, it names the default model
BUNDLED_FOLDER = Path(__file__).parents[1] / "pretrained"
_DEFAULT = "shakespeare"
_PREFIX = f"{BUNDLED}:"


def bundled_names() -> tuple[str, ...]:
    """Returns the names of the bundled models that are installed, the default model first."""
    found = sorted(path.parent.name for path in BUNDLED_FOLDER.glob("*/config.json"))
    return tuple(sorted(found, key=lambda name: name != _DEFAULT))


def bundled_name(model: str) -> str | None:
    """Returns NAME of `bundled:NAME`; None for the name of another model."""
    return model.removeprefix(_PREFIX) if model.startswith(_PREFIX) else None


def bundled_spec(name: str) -> str:
    """Returns `bundled:NAME`."""
    return f"{_PREFIX}{name}"


PRETRAINED = BUNDLED_FOLDER / next(iter(bundled_names()), _DEFAULT)
"""The folder of the default model."""
