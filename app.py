"""Serves character LSTMs as a page and an API. The same file runs on a laptop and on a Space.

python app.py                                   the bundled models at http://127.0.0.1:7860
python app.py --model runs/NAME --model USER/NAME@REVISION
python app.py --mcp                             the API as MCP tools too

Environment variables: MODELS="a,b@rev" when --model is not given; RENEW_EVERY, as --renew-every; HF_TOKEN for private
models; GRADIO_SERVER_PORT, as --port; GRADIO_SERVER_NAME; GRADIO_MCP_SERVER=true, as --mcp; and those of
ui/site_config.py. Importing this module does nothing.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import logging
import math
import os
import queue
import signal
import sys
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model import __version__
from model.cli.arguments import ArgumentParser, add_precision
from model.settings import DEVICES, Precision
from model.terminal import terminal_text

if TYPE_CHECKING:
    from ui.registry.registry import ModelRegistry
    from ui.site_config import SiteConfig

_GOODBYE_S = 0.5  # time for open streams to receive their last event
_CHECK_EVERY_S = 60.0  # how often the engines are checked
_RENEW_EVERY_S = 60.0
_MAX_RENEW_EVERY_S = 86_400.0
_READY_S = 1.0  # a model that takes longer to load is waited for on the page
_PORT = 7860

log = logging.getLogger("char-lstm")


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of the command line and the environment.

    Attributes:
        models: folders, names on the Hub and bundled:NAME; none is all bundled models.
        models_typed: whether they come from --model, so that a misspelled one ends the start.
        device: cpu, cuda or mps; None is cuda if this machine has it, else cpu.
        precision: None is what fits each model.
        renew_every_s: seconds between two checks for newer commits; 0 is never.
        port: None leaves it to Gradio, which takes 7860 or the next free one.
    """

    models: tuple[str, ...] = ()
    models_typed: bool = False
    device: str | None = None
    precision: Precision | None = None
    mcp: bool = False
    renew_every_s: float = _RENEW_EVERY_S
    port: int | None = None


class PlainFormatter(logging.Formatter):
    """Writes log lines without control characters: they may quote a model or a text from anyone."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line of a record."""
        return terminal_text(super().format(record))


class Shutdown:
    """Waits for SIGINT or SIGTERM.

    Attributes:
        exit_status: 128 and the number of the signal; 0 before it came; 1 after a fault.
    """

    def __init__(self) -> None:
        self.exit_status = 0
        # Not an Event: `set` in a handler would wait for the lock that `wait` holds in the same thread.
        self._requests: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._request)

    def wait(self, timeout_s: float) -> bool:
        """Returns whether a signal has come within the time."""
        with contextlib.suppress(queue.Empty):
            return bool(self.exit_status or self._requests.get(timeout=timeout_s))
        return False

    def _request(self, number: int, _frame: object) -> None:
        self.exit_status = 128 + number
        self._requests.put(number)


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until a signal comes. Returns the exit status: 128 + signal, 1 for a fault, 2 for a wrong option."""
    try:
        options = parse_options(argv, os.environ)
        shutdown = Shutdown()
        _set_up_logging()
        _register_with_zero_gpu()
        site = check_options(options, os.environ)
    except ValueError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 2
    try:
        serve(options, site, shutdown)
    except OSError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 1
    return shutdown.exit_status


def parse_options(argv: Sequence[str] | None, environment: Mapping[str, str]) -> Options:
    """Returns the options of the command line, or else of the environment.

    Raises:
        ValueError: an option is unknown or not allowed, or a package is missing.
    """
    arguments = _parser().parse_args(argv)
    mcp = arguments.mcp or environment.get("GRADIO_MCP_SERVER", "").lower() == "true"
    if mcp and importlib.util.find_spec("mcp") is None:
        raise ValueError("--mcp needs the package mcp: pip install -r requirements-mcp.txt")
    models = arguments.model or [name.strip() for name in environment.get("MODELS", "").split(",") if name.strip()]
    return Options(
        models=tuple(models),
        models_typed=bool(arguments.model),
        device=arguments.device,
        precision=arguments.precision,
        mcp=mcp,
        renew_every_s=_renew_every_s(*_given("--renew-every", arguments.renew_every, "RENEW_EVERY", environment)),
        port=_port(*_given("--port", arguments.port, "GRADIO_SERVER_PORT", environment)),
    )


def check_options(options: Options, environment: Mapping[str, str]) -> SiteConfig:
    """Checks what needs torch and the package ``ui``; returns the site's configuration from the environment.

    Raises:
        ValueError: the device is not there, a typed model cannot exist, or a variable is not allowed.
    """
    from model.backends.device import best_device
    from ui.registry.specs import check_models
    from ui.site_config import SiteConfig

    if options.device:
        best_device(options.device)
    if options.models_typed:
        check_models(options.models)
    return SiteConfig.of(environment)


def serve(options: Options, site: SiteConfig, shutdown: Shutdown) -> None:
    """Serves the page and the API until the shutdown.

    Raises:
        OSError: the port is taken.
    """
    import torch

    from ui.registry.registry import ModelRegistry
    from ui.registry.specs import with_gallery

    torch.set_num_threads(1)  # with two, on two cores that are busy with other work, 32 rows took ten times as long
    models, on_demand = with_gallery(options.models)
    registry = ModelRegistry(models, on_demand=on_demand, device=options.device, precision=options.precision, site=site)
    imported = threading.Event()
    registry.start(after=imported)  # downloads while the imports below take half of the time to start

    from ui.page.launch import launch
    from ui.page.page import Page
    from ui.registry.auto_update import AutoUpdater

    imported.set()
    registry.wait(_READY_S)
    gc.freeze()  # a full collection of torch's objects stopped everything for 0.25 s
    auto_updater = AutoUpdater(registry, options.renew_every_s)
    auto_updater.start()
    page = Page(registry)
    port = {} if options.port is None else {"server_port": options.port}
    server, url = launch(page, mcp_server=options.mcp, **port)
    log.info("%s at %s", ", ".join(registry.names), url)
    _watch_engines(registry, shutdown)
    auto_updater.stop()
    registry.stop()
    time.sleep(_GOODBYE_S)
    server.close()


def _watch_engines(registry: ModelRegistry, shutdown: Shutdown) -> None:
    """Returns at the shutdown, or when the engine of a model has ended."""
    from ui.routes.health import Health

    while not shutdown.wait(_CHECK_EVERY_S):
        if failed := Health(registry).failed:
            log.error("the engine of %s has ended: start the app again", ", ".join(failed))
            shutdown.exit_status = 1
            return


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="app.py", description="Serve character LSTMs as a page and an API.")
    parser.add_argument("--version", action="version", version=f"char-lstm {__version__}")
    parser.add_argument(
        "--model",
        action="append",
        metavar="MODEL",
        help="a model to serve: the folder of a checkpoint or run, USER/NAME[@REVISION] on the Hub, or bundled:NAME; "
        "may be repeated (default: the variable MODELS, else all bundled models)",
    )
    parser.add_argument("--port", metavar="N", help=f"the port to listen on, 1 to 65535 (default {_PORT})")
    parser.add_argument(
        "--device",
        choices=DEVICES,
        help="where the models run (default: cuda if there is one, else cpu)",
    )
    add_precision(parser)
    parser.add_argument(
        "--mcp",
        action="store_true",
        help="serve /generate, /score and /inspect over the Model Context Protocol too (default off)",
    )
    parser.add_argument(
        "--renew-every",
        metavar="SECONDS",
        help=f"seconds between two checks for a newer commit of each model on the Hub; 0 = never (default the variable "
        f"RENEW_EVERY, else {_RENEW_EVERY_S:g})",
    )
    return parser


def _given(option: str, value: str | None, variable: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """Returns where a value was given, for an error message, and the value; "" if it was not."""
    return (option, value) if value is not None else (variable, environment.get(variable, ""))


def _renew_every_s(name: str, text: str) -> float:
    if not text.strip():
        return _RENEW_EVERY_S
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _MAX_RENEW_EVERY_S:
        raise ValueError(f"{name} is {text!r:.40}: it must be from 0 (never) to {_MAX_RENEW_EVERY_S:,.0f} seconds")
    return seconds


def _port(name: str, text: str) -> int | None:
    if not text.strip():
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and 1 <= int(text) <= 65_535):
        raise ValueError(f"{name} is {text!r:.40}: it must be a port, a whole number from 1 to 65535")
    return int(text)


def _set_up_logging() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    log.setLevel(logging.INFO)
    # FastAPI silences this while it adds a route; a thread that handles warnings at the same moment undoes that.
    warnings.filterwarnings("ignore", message="The '.*' attribute with value .* was provided to the `Field")


def _register_with_zero_gpu() -> None:
    """Registers one function for the GPU, which a ZeroGPU Space must have; the models run on its CPU.

    ``spaces`` must be imported before anything that uses CUDA.
    """
    if not os.environ.get("SPACES_ZERO_GPU"):
        return
    import spaces  # type: ignore[import-not-found]  # exists on ZeroGPU only

    @spaces.GPU  # type: ignore[untyped-decorator]
    def unused() -> None:
        """Never called: a forked worker for each reply would cost more than the GPU gains."""

    log.info("ZeroGPU: %s is registered, the CPU serves", unused.__name__)


if __name__ == "__main__":
    sys.exit(main())
