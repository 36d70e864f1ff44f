"""Start a Chromium for the browser tests, install one where there is none, and serve folders over HTTP."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright, expect

from tests.support.http_server import HttpServer

# The headless shell is Chromium without its windows: a tab that opens the page takes 0.42 instead of 0.6 seconds of the
# processor.
COMMANDS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# Playwright's own Chromium, and browsers that it finds where Windows, macOS and Linux install them.
KNOWN_TO_PLAYWRIGHT: tuple[dict[str, Any], ...] = ({}, {"channel": "chrome"}, {"channel": "msedge"})
# Debian's names. The fonts are for pages that show text of any script.
PACKAGES = ("chromium-headless-shell", "fonts-dejavu", "fonts-noto-core", "fonts-noto-cjk")
NO_SIMD = "--js-flags=--no-enable-sse4-1"  # V8 has no WebAssembly SIMD on a processor without it
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

TIMEOUT_MS = 60_000  # only so that a broken test ends: a busy machine must not break one
expect.set_options(timeout=TIMEOUT_MS)


class ChromiumMissingError(RuntimeError):
    """No Chromium starts here."""


def launch(playwright: Playwright, *flags: str) -> Browser:
    """Start the first Chromium that works: the system's, Playwright's own, Chrome, Edge.

    Raises:
        ChromiumMissingError: none starts.
    """
    system: list[dict[str, Any]] = [{"executable_path": path} for name in COMMANDS if (path := shutil.which(name))]
    for options in (*system, *KNOWN_TO_PLAYWRIGHT):
        with contextlib.suppress(Error):
            return _patient(playwright.chromium.launch(args=[*FLAGS, *flags], **options))
    raise ChromiumMissingError(
        "the browser tests found no Chromium: install Chromium or Google Chrome, "
        f"or run `{sys.executable} -m playwright install --with-deps chromium`"
    )


def _patient(browser: Browser) -> Browser:
    """Make every wait in a tab of a browser as long as those of `expect`."""
    new_context = browser.new_context

    def patient_context(**options: Any) -> BrowserContext:
        context = new_context(**options)
        context.set_default_timeout(TIMEOUT_MS)
        return context

    browser.new_context = patient_context  # type: ignore[method-assign]
    browser.new_page = lambda **options: patient_context(**options).new_page()  # type: ignore[method-assign]
    return browser


def install() -> None:
    """Install the headless shell: Debian's package where this is root, else Playwright's own; prints the commands."""
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get")
    apt = [["apt-get", "-qq", "update"], ["apt-get", "-qq", "--yes", "--no-install-recommends", "install", *PACKAGES]]
    own = [sys.executable, "-m", "playwright", "install", *(["--with-deps"] if as_root else []), "--only-shell"]
    for way in ([apt] if as_root else []) + [[[*own, "chromium"]]]:
        print(f"Installing Chromium for the browser tests: {' '.join(way[-1])}", file=sys.stderr, flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        if all(subprocess.run(each, env=environment, stdout=subprocess.DEVNULL).returncode == 0 for each in way):
            return


def tab_processes(page: Page) -> list[int]:
    """Return the process ids of all tabs of a tab's browser; the workers of a tab are threads of its process."""
    browser = page.context.browser
    assert browser is not None
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    return [process["id"] for process in processes if process["type"] == "renderer"]


def tab_memory(page: Page) -> int:
    """Return the bytes of memory of all tabs, with their share of what processes have in common; Linux."""
    found = 0
    for process in tab_processes(page):
        with contextlib.suppress(FileNotFoundError):  # it has ended
            rollup = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
            found += sum(1024 * int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return found


class _KeepAliveHandler(SimpleHTTPRequestHandler):
    """Answers many requests on one connection: Chromium opens at most six instead of one for each file."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # the body follows the headers in a packet of its own, else up to 40 ms later

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder as any web server does; yields its address."""
    server = HttpServer(0, partial(_KeepAliveHandler, directory=str(folder))).start()
    try:
        yield f"{server.url}/"
    finally:
        server.stop()
