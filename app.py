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
_VARIABLES = {"--port": "GRADIO_SERVER_PORT", "--renew-every": "RENEW_EVERY"}

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
    listed = [name.strip() for name in environment.get("MODELS", "").split(",") if name.strip()]
    port = _number("--port", arguments.port, environment, 1, 65_535, "a port, a whole number from 1 to 65535")
    rule = f"from 0 (never) to {_MAX_RENEW_EVERY_S:,.0f} seconds"
    every_s = _number("--renew-every", arguments.renew_every, environment, 0, _MAX_RENEW_EVERY_S, rule)
    return Options(
        models=tuple(arguments.model or listed),
        models_typed=bool(arguments.model),
        device=arguments.device,
        precision=arguments.precision,
        mcp=mcp,
        renew_every_s=_RENEW_EVERY_S if every_s is None else every_s,
        port=None if port is None else int(port),
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


def start_models(options: Options, site: SiteConfig, *, after: threading.Event | None = None) -> ModelRegistry:
    """Starts to load the models; returns their registry.

    Args:
        options: the checked options.
        site: the configuration of the site.
        after: an event that engines wait for before they start.
    """
    import torch

    from ui.registry.registry import ModelRegistry
    from ui.registry.specs import with_gallery

    torch.set_num_threads(1)  # with two, on two cores that are busy with other work, 32 rows took ten times as long
    models, on_demand = with_gallery(options.models)
    registry = ModelRegistry(models, on_demand=on_demand, device=options.device, precision=options.precision, site=site)
    registry.start(after=after)
    return registry


def serve(options: Options, site: SiteConfig, shutdown: Shutdown) -> None:
    """Serves the page and the API until the shutdown.

    Raises:
        OSError: the port is taken.
    """
    imported = threading.Event()
    registry = start_models(options, site, after=imported)  # downloads while the imports below take half of the time

    from ui.page.launch import launch
    from ui.page.page import Page
    from ui.registry.auto_update import AutoUpdater

    imported.set()
    registry.wait(_READY_S)
    gc.freeze()  # a full collection of torch's objects stopped everything for 0.25 s
    auto_updater = AutoUpdater(registry, options.renew_every_s)
    auto_updater.start()
    server, url = launch(Page(registry), server_port=options.port, mcp_server=options.mcp)
    log.info("%s at %s", ", ".join(registry.names), url)
    _watch_engines(registry, shutdown)
    auto_updater.stop()
    registry.stop()
    time.sleep(_GOODBYE_S)
    server.close()


def _watch_engines(registry: ModelRegistry, shutdown: Shutdown) -> None:
    """Returns at the shutdown, or when the engine of a model has ended."""
    while not shutdown.wait(_CHECK_EVERY_S):
        if registry.failed_engines:
            log.error("the engine of %s has ended: start the app again", registry.failed_engines)
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


def _number(
    option: str, given: str | None, environment: Mapping[str, str], low: float, high: float, rule: str
) -> float | None:
    """Returns the number of an option, or else of its variable; None if neither is given."""
    variable = _VARIABLES[option]
    name, text = (variable, environment.get(variable, "")) if given is None else (option, given)
    if not text.strip():
        return None
    try:
        number = int(text) if option == "--port" else float(text)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise ValueError(f"{name} is {text!r:.40}: it must be {rule}")
    return number


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
