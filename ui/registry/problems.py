"""Explains to visitors why a model or a commit cannot be served."""

from __future__ import annotations

import logging

from model import CheckpointError, ModelUnavailableError
from model.hub.errors import MissingFileError
from model.terminal import one_line

from ..messages import Message, raw

log = logging.getLogger("char-lstm")

_LONGEST = 300  # characters of an error


def load_problem(name: str, error: Exception, *, spec: str = "") -> Message:
    """Returns why a model failed to load, for visitors. ``spec``, its path on this machine, is replaced by its name."""
    if not isinstance(error, ModelUnavailableError):
        return Message("model.failed", name=name, reason=commit_problem(error, spec, name))
    return raw(plain(error))


def commit_problem(error: Exception, hidden: str = "", shown: str = "") -> str | Message:
    """Returns why a commit cannot be loaded, for visitors; a text in it may be replaced by another one."""
    if isinstance(error, CheckpointError):
        return plain(error, hidden, shown)
    if isinstance(error, MissingFileError):
        return Message("model.file_missing", file=error.file)
    log.error("loading a model", exc_info=error)
    return Message("model.load_error", error=type(error).__name__)


def plain(error: Exception, hidden: str = "", shown: str = "") -> str:
    """Returns an error as one printable line, because it may quote a file of anyone."""
    text = str(error)
    return one_line(text.replace(hidden, shown) if hidden else text, _LONGEST)
