"""The app: a page that writes, and its API. The same file on a laptop and on a Space.

python app.py                                   the bundled model at http://127.0.0.1:7860
python app.py --model runs/NAME --model USER/NAME@REVISION

From the environment: MODELS="a,b@rev" when no --model is given; HF_TOKEN for private models; GRADIO_SERVER_PORT,
GRADIO_SERVER_NAME. Nothing happens at import.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence

MAX_READERS = 512  # streams at once; the engines' own queues are full before
MAX_QUEUED = 64
MAX_SESSIONS = 500  # conversations kept, the latest used
_READY_S = 3.0  # a model that loads longer does so while the page answers already

log = logging.getLogger("char-lstm")


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until it is told to end. Returns the exit status: 128 and the signal's number."""
    specs = _parse(argv).model or [spec.strip() for spec in os.environ.get("MODELS", "").split(",") if spec.strip()]
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
    _prepare_gradio()
    _register_with_zero_gpu()

    import torch

    from ui.shelf import Shelf

    torch.set_num_threads(1)
    shelf = Shelf(specs)
    shelf.start()

    from ui.page import CSS, Page, theme  # half of the time to start is this import: the models load beside it

    shelf.wait(_READY_S)
    page = Page(shelf)
    page.blocks.queue(max_size=MAX_QUEUED, default_concurrency_limit=MAX_READERS)
    try:
        _, url, _ = page.blocks.launch(
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            show_error=False,
            max_threads=MAX_READERS,
            max_file_size="1kb",
            enable_monitoring=False,
            run_history=False,
            state_session_capacity=MAX_SESSIONS,
            strict_cors=True,
            ssr_mode=False,
            pwa=False,
            footer_links=["api", "settings"],
            theme=theme(),
            css_paths=CSS,
        )
    except OSError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 1
    log.info("%s at %s", ", ".join(shelf.names), url)
    ended.wait()
    shelf.stop()
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
    return parser.parse_args(argv)


def _prepare_gradio() -> None:
    """What Gradio reads from the environment."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    # It keeps statistics of events and makes a table of them after each one, which takes longer and longer.
    os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "1"
    os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(10**9)


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
