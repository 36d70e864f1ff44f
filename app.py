"""The app: a page that writes, and its API. The same file on a laptop and on a Space.

python app.py                                   the bundled model at http://127.0.0.1:7860
python app.py --model runs/NAME --model USER/NAME@REVISION
python app.py --mcp                             the API as tools for models of language too

From the environment: MODELS="a,b@rev" when no --model is given; RENEW_EVERY, as --renew-every; HF_TOKEN for private
models; GRADIO_SERVER_PORT, GRADIO_SERVER_NAME; GRADIO_MCP_SERVER=true for --mcp; PAGE_TITLE, PAGE_GREETING, ROWS_EACH
and BLOCKED_WORDS, see ui/site_config.py. Nothing happens at import.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import math
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Sequence

_FAREWELL_S = 0.5  # for the readers of replies that end here to be told so
_LOG_EVERY_S = 60.0  # how much is being written, while something is
_RENEW_EVERY_S = 60.0  # unless it is said
_READY_S = 1.0  # a model that takes longer is loaded while the page answers already

log = logging.getLogger("char-lstm")


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until it is told to end. Returns the exit status: 128 and the signal's number."""
    if not os.environ.get("GRADIO_SERVER_PORT", "0").isdecimal():
        print("app.py: GRADIO_SERVER_PORT must be the number of a port", file=sys.stderr)
        return 2
    options = _parse(argv)
    mcp = options.mcp or os.environ.get("GRADIO_MCP_SERVER", "").lower() == "true"
    if mcp and importlib.util.find_spec("mcp") is None:
        print("app.py: --mcp needs the package mcp: pip install -r requirements-mcp.txt", file=sys.stderr)
        return 2
    try:
        renewal_s = _seconds(options.renew_every)
    except ValueError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 2
    specs = options.model or [spec.strip() for spec in os.environ.get("MODELS", "").split(",") if spec.strip()]
    ended = threading.Event()
    status = 0

    def end(number: int, _frame: object) -> None:
        nonlocal status
        status = 128 + number
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    log.setLevel(logging.INFO)
    # FastAPI silences this while it adds a route; a thread that handles warnings at the same moment undoes that.
    warnings.filterwarnings("ignore", message="The '.*' attribute with value .* was provided to the `Field")
    _register_with_zero_gpu()

    import torch

    from model.backends.device import best_device
    from ui.registry.registry import ModelRegistry
    from ui.site_config import SiteConfig

    torch.set_num_threads(1)  # with two, on two cores that others use too, a step of 32 rows took ten times as long
    try:
        device = best_device(options.device) if options.device else None
        owner = SiteConfig.of(os.environ)
    except ValueError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 2
    registry = ModelRegistry(specs, device=device, precision=options.precision, owner=owner)
    imported = threading.Event()
    registry.start(after=imported)

    from ui.page.launch import launch
    from ui.page.page import (
        Page,  # half of the time to start is this import: what comes over the network comes beside it
    )
    from ui.registry.activity import Load
    from ui.registry.auto_update import AutoUpdater

    imported.set()
    registry.wait(_READY_S)
    auto_updater = AutoUpdater(registry, renewal_s)
    auto_updater.start()
    page = Page(registry)
    try:
        url = launch(page, mcp_server=mcp)
    except OSError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 1
    log.info("%s at %s", ", ".join(registry.names), url)
    if page.blocks.mcp_error:  # where MCP is, Gradio says itself
        log.warning("%s", page.blocks.mcp_error)
    load = Load(registry, every_s=_LOG_EVERY_S)
    while not ended.wait(_LOG_EVERY_S):
        if load.line:
            log.info("%s", load.line)
    auto_updater.stop()
    registry.stop()
    time.sleep(_FAREWELL_S)
    page.blocks.close(verbose=False)
    return status


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="app.py", description="Serve character LSTMs as a page and an API.")
    parser.add_argument(
        "--model",
        action="append",
        metavar="PATH|USER/NAME[@REVISION]",
        help="a model to serve, repeatable; the bundled one if none is given here or in MODELS",
    )
    parser.add_argument(
        "--device", choices=("cuda", "mps", "cpu"), help="what computes (default: cuda where torch has it, else cpu)"
    )
    parser.add_argument(
        "--precision",
        "--arithmetic",  # its name until version 0.1
        choices=("int8", "float32"),
        help="how to write: int8 gives the same text on every machine; what fits the model if not given",
    )
    parser.add_argument(
        "--mcp", action="store_true", help="serve /generate, /score and /inspect over the Model Context Protocol too"
    )
    parser.add_argument(
        "--renew-every",
        metavar="SECONDS",
        help="how often the Hub is asked whether a model has a newer commit, which is then served; 0 is never, 60 if "
        "not given here or in RENEW_EVERY",
    )
    return parser.parse_args(argv)


def _seconds(given: str | None) -> float:
    """How often the Hub is asked, from the command line or the environment."""
    name, text = ("--renew-every", given) if given is not None else ("RENEW_EVERY", os.environ.get("RENEW_EVERY", ""))
    if not text.strip():
        return _RENEW_EVERY_S
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= 86_400:
        raise ValueError(f"{name} is {text!r:.40}: it must be a number of seconds from 0, which is never, to 86,400")
    return seconds


def _register_with_zero_gpu() -> None:
    """A ZeroGPU Space must have one function for its GPU, though the CPU engine serves there.

    ``spaces`` must come before anything that touches CUDA.
    """
    if not os.environ.get("SPACES_ZERO_GPU"):
        return
    import spaces  # type: ignore[import-not-found]  # there is one on ZeroGPU only

    @spaces.GPU  # type: ignore[untyped-decorator]
    def unused() -> None:
        """Never called: a forked worker for each reply would cost more than the GPU gives."""

    log.info("ZeroGPU: %s is registered, the CPU serves", unused.__name__)


if __name__ == "__main__":
    sys.exit(main())
