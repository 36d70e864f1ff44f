"""Runs followed in Trackio, as the Hub's users have it: ``--track``.

Trackio (https://github.com/gradio-app/trackio) is an extra and is imported only when asked for; its dashboard is
``trackio show``, on this machine or, with TRACKIO_SPACE_ID, in a Space. Whatever goes wrong with it is a warning: a
run is worth more than its picture.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Mapping
from typing import Any

PROJECT = "char-lstm"
_END_S = 10.0  # for what is still on its way to a Space
_AXES = ("step", "seconds")  # of a line of metrics.jsonl: over which the others are drawn


def is_installed() -> bool:
    return importlib.util.find_spec("trackio") is not None


class Tracker:
    """Hands the evaluations of one run to Trackio.

    Args:
        name: of the run; one of that name is gone on with.
        config: what is fixed in it.
        warn: is told in one line if Trackio fails, once.
    """

    def __init__(self, name: str, config: Mapping[str, Any], warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._run: Any = None
        self._try(lambda: self._begin(name, config))

    def log(self, line: Mapping[str, Any]) -> None:
        """A line of metrics.jsonl."""
        found = {name: value for name, value in line.items() if name not in _AXES}
        if self._run:
            self._try(lambda: self._run.log(found, step=line["step"]))

    def close(self) -> None:
        """Sends what is left, for some seconds at most."""
        if self._run:
            ending = threading.Thread(target=self._try, args=[self._run.finish], daemon=True)
            ending.start()
            ending.join(_END_S)

    def _begin(self, name: str, config: Mapping[str, Any]) -> None:
        import trackio  # type: ignore[import-not-found,unused-ignore]

        self._run = trackio.init(PROJECT, name, config=dict(config), resume="allow", auto_log_cpu=False)

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001  anything of another library's, while a run goes on
            self._run = None
            self._warn(f"Trackio does not follow this run ({type(error).__name__}); metrics.jsonl does")
