"""Logs the evaluations of a run to Trackio, for `--track`.

Trackio (https://github.com/gradio-app/trackio) is an extra that is imported only with `--track`; `trackio show`
opens its dashboard, here or, with TRACKIO_SPACE_ID, in a Space. An error in Trackio is a warning and never ends a run.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Mapping
from typing import Any

from .console import warn
from .facts import Evaluation

PROJECT = "char-lstm"
_FINISH_S = 10.0  # how long `close` waits for what is still to be sent to a Space
_AXES = ("step", "seconds")  # fields of an evaluation over which the others are plotted


def is_installed() -> bool:
    """Returns whether Trackio can be imported."""
    return importlib.util.find_spec("trackio") is not None


class Tracker:
    """Sends the evaluations of one run to Trackio, until its first error, which is printed.

    Args:
        name: the run's name; an existing run of that name is continued.
        config: the settings of the run, which the dashboard shows.
    """

    def __init__(self, name: str, config: Mapping[str, Any]) -> None:
        self._run: Any = None
        self._try(lambda: self._begin(name, config))

    def log(self, evaluation: Evaluation) -> None:
        """Sends one line of metrics.jsonl."""
        values = {name: value for name, value in evaluation.items() if name not in _AXES}
        if self._run:
            self._try(lambda: self._run.log(values, step=evaluation["step"]))

    def close(self) -> None:
        """Sends what is left, for at most 10 seconds."""
        if self._run:
            finishing = threading.Thread(target=self._try, args=[self._run.finish], daemon=True)
            finishing.start()
            finishing.join(_FINISH_S)

    def _begin(self, name: str, config: Mapping[str, Any]) -> None:
        import trackio  # type: ignore[import-not-found,unused-ignore]

        self._run = trackio.init(PROJECT, name, config=dict(config), resume="allow", auto_log_cpu=False)

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001  no error of Trackio ends the run
            self._run = None
            warn(f"Trackio stopped logging this run ({type(error).__name__}); metrics.jsonl has the evaluations")
