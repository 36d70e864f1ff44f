"""Errors of training whose message is one line for the user; the command line prints it and exits with 2."""

from __future__ import annotations


class RunError(ValueError):
    """A run folder cannot be used as asked. The message says why and what to do."""
