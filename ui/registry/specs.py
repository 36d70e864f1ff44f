"""Parses the names of the models that a site serves, paths or names on the Hub, and chooses the device."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from model import PRETRAINED, ModelUnavailableError
from model.backends.device import is_available
from model.char_lstm import checkpoint_folder, is_local, split_revision
from model.checkpoint.names import BUNDLED, bundled_name, bundled_names, bundled_spec
from model.settings import shorten


def choose_device() -> str:
    """Returns "cuda" if this process may keep a GPU, which ZeroGPU does not allow; else "cpu".

    Never "mps": the int8 kernels run on the CPU, and are faster there than torch operators on an Apple GPU.
    """
    return "cuda" if is_available("cuda") and not os.environ.get("SPACES_ZERO_GPU") else "cpu"


def split_spec(spec: str) -> tuple[str, str | None]:
    """Returns the name and the revision in ``user/name@revision``; the path of a folder, or a name without @, and None.

    Raises:
        ModelUnavailableError: the revision after the @ is empty.
    """
    if spec == BUNDLED:
        return str(PRETRAINED), None
    try:
        return split_revision(spec)
    except ValueError as error:
        raise ModelUnavailableError(str(error)) from None


def with_gallery(specs: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Returns the models to load at the start and those to load on first use; without ``specs``, the bundled models."""
    if specs:
        return specs, ()
    first, *others = map(bundled_spec, bundled_names())
    return ([first], others) if others else ((), ())


def check_models(specs: Sequence[str]) -> None:
    """Checks the models of a command line: a misspelled one must end the program instead of serving the bundled model.

    Raises:
        ValueError: a folder does not exist, or a name is neither a folder nor a repo of the Hub.
    """
    for spec in specs:
        id_or_path, _ = split_revision(str(PRETRAINED) if spec == BUNDLED else spec)
        if is_local(id_or_path):
            checkpoint_folder(id_or_path)
        elif not re.fullmatch(r"[\w.-]+/[\w.-]+", id_or_path.removeprefix("hf://")):
            raise ValueError(f"--model is {shorten(spec)}: it must be a folder here, or USER/NAME on the Hub")


def is_on_hub(spec: str) -> bool:
    """Returns whether a model is on the Hub, not in a folder of this machine."""
    try:
        return not is_local(split_spec(spec)[0])
    except ModelUnavailableError:
        return False


def names_of(specs: Sequence[str]) -> list[str]:
    """Returns the names on the page: a Hub name as given; the last part of a path, numbered if it is not unique."""
    names: list[str] = []
    for spec in specs:
        plain = bundled_name(spec) or (
            Path(spec).expanduser().resolve().name if is_local(spec) else spec.removeprefix("hf://")
        )
        name, number = plain, 2
        while name in names or (name == BUNDLED != spec):
            name, number = f"{plain} ({number})", number + 1
        names.append(name)
    return names
