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
import os
import signal
import sys
import threading
import time
import warnings
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from model import __version__
from model.cli.arguments import ArgumentParser, add_precision
from model.settings import DEVICES, Precision
from model.terminal import own_command, terminal_text

if TYPE_CHECKING:
    from ui.registry.registry import ModelRegistry
    from ui.site_config import SiteConfig

_GOODBYE_S = 0.5  # time for open streams to receive their last event
_CHECK_EVERY_S = 1.0  # how often the engines are checked; a signal that comes just before this sleep waits for its end
_RENEW_EVERY_S = 60.0
_MAX_RENEW_EVERY_S = 86_400.0
_READY_S = 1.0  # a model that takes longer to load is waited for on the page
_PORT = 7860

log = logging.getLogger("char-lstm")


class Options(Namespace):
    """The options of the command line and the environment.

    Attributes:
        models: folders, names on the Hub and bundled:NAME; none is all bundled models.
        models_typed: whether they come from --model, so that a misspelled one ends the start.
        device: cpu, cuda or mps; None is cuda if this machine has it, else cpu.
        precision: None is what fits each model.
        renew_every: seconds between two checks for newer commits; 0 is never.
        port: None leaves it to Gradio, which takes 7860 or the next free one.
    """

    models: list[str]
    models_typed: bool
    device: str | None
    precision: Precision | None
    mcp: bool
    renew_every: float
    port: int | None


class PlainFormatter(logging.Formatter):
    """Writes log lines without control characters: they may quote a model or a text from anyone."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line of a record."""
        return terminal_text(super().format(record))


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until an engine has ended or SIGINT or SIGTERM comes, and ends the process; returns 2 for a wrong option.

    The exit status is 1 for a fault, and 128 and its number for a signal.
    """
    try:
        options = parse_options(argv, os.environ)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _exit)
        _set_up_logging()
        _register_with_zero_gpu()
        site = check_options(options, os.environ)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    status = 1
    try:
        serve(options, site)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
    except SystemExit as end:
        status = int(end.code or 0)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # a thread inside torch would abort the process when Python ends it


def parse_options(argv: Sequence[str] | None, environment: Mapping[str, str]) -> Options:
    """Returns the options of the command line, or else of the environment.

    Raises:
        ValueError: an option is unknown or not allowed, or a package is missing.
    """
    options = _parser(environment).parse_args(argv, Options())
    if options.mcp and importlib.util.find_spec("mcp") is None:
        raise ValueError("--mcp needs the package mcp: pip install 'gradio[mcp]'")
    options.models_typed = bool(options.models)
    listed = [name.strip() for name in environment.get("MODELS", "").split(",") if name.strip()]
    options.models = options.models or listed
    return options


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


def serve(options: Options, site: SiteConfig) -> None:
    """Serves the page and the API until an engine has ended.

    Raises:
        OSError: the port is taken.
        SystemExit: a signal has come.
    """
    imported = threading.Event()
    registry = start_models(options, site, after=imported)  # downloads while the imports below take half of the time

    from ui.page.launch import launch
    from ui.registry.auto_update import start_updates

    imported.set()
    registry.settled.wait(_READY_S)
    gc.freeze()  # a full collection of torch's objects stopped everything for 0.25 s
    start_updates(registry, options.renew_every)
    server, url = launch(registry, server_port=options.port, mcp_server=options.mcp)
    log.info("%s at %s", ", ".join(registry.names), url)
    try:
        while not registry.failed_engines:
            time.sleep(_CHECK_EVERY_S)
        log.error("the engine of %s has ended: start the app again", registry.failed_engines)
    finally:
        registry.stop()
        time.sleep(_GOODBYE_S)
        server.close()


def _exit(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def _parser(environment: Mapping[str, str]) -> ArgumentParser:
    parser = ArgumentParser(
        prog=" ".join(own_command("app", "app")), description="Serve character LSTMs as a page and an API."
    )
    parser.add_argument("--version", action="version", version=f"char-lstm {__version__}")
    parser.add_argument(
        "--model",
        dest="models",
        action="append",
        metavar="MODEL",
        help="a model to serve: the folder of a checkpoint or run, USER/NAME[@REVISION] on the Hub, or bundled:NAME; "
        "may be repeated (default: the variable MODELS, else all bundled models)",
    )
    parser.add_argument(
        "--port",
        type=_number(int, 1, 65_535, "a port from 1 to 65535 (--port, or GRADIO_SERVER_PORT)"),
        default=environment.get("GRADIO_SERVER_PORT", "").strip() or None,
        metavar="N",
        help=f"the port to listen on, 1 to 65535 (default the variable GRADIO_SERVER_PORT, else {_PORT})",
    )
    parser.add_argument(
        "--device",
        choices=DEVICES,
        help="where the models run (default: cuda if there is one, else cpu)",
    )
    add_precision(parser)
    parser.add_argument(
        "--mcp",
        action="store_true",
        default=environment.get("GRADIO_MCP_SERVER", "").lower() == "true",
        help="serve /generate, /score and /inspect over the Model Context Protocol too (default off)",
    )
    rule = f"a number of seconds from 0 (never) to {_MAX_RENEW_EVERY_S:,.0f} (--renew-every, or RENEW_EVERY)"
    parser.add_argument(
        "--renew-every",
        type=_number(float, 0, _MAX_RENEW_EVERY_S, rule),
        default=environment.get("RENEW_EVERY", "").strip() or _RENEW_EVERY_S,
        metavar="SECONDS",
        help=f"seconds between two checks for a newer commit of each model on the Hub; 0 = never (default the variable "
        f"RENEW_EVERY, else {_RENEW_EVERY_S:g})",
    )
    return parser


def _number(type_: Callable[[str], float], low: float, high: float, rule: str) -> Callable[[str], float]:
    """Returns the type of an option that is a number; an error says the rule."""

    def parse(text: str) -> float:
        with contextlib.suppress(ValueError):
            if low <= type_(text) <= high:
                return type_(text)
        raise ArgumentTypeError(f"{text!r:.40} is not {rule}")

    return parse


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
