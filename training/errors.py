"""Errors of training whose message is one line for the user; the command line prints it and exits with 2."""

from __future__ import annotations


class RunError(ValueError):
    """A run, or a folder for one, cannot be used. The message says why and what to do."""


class HubError(Exception):
    """Something on the Hub failed. The message says what, with which value, and what to do.

    Attributes:
        retry: whether the same request may succeed later.
        wait_s: seconds that the Hub asked to wait before it; 0 if it did not ask.
    """

    def __init__(self, message: str, *, retry: bool = False, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry, self.wait_s = retry, wait_s
