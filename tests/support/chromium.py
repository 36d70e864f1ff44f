"""Start a Chromium for the browser tests, install one where there is none, and serve folders over HTTP."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from filelock import FileLock
from playwright.sync_api import Browser, BrowserContext, BrowserType, Error, Page, Playwright, expect

# The headless shell is Chromium without its windows: a tab that opens the page takes 0.42 instead of 0.6 seconds of the
# processor.
COMMANDS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# Playwright's own Chromium, and browsers that it finds where Windows, macOS and Linux install them.
KNOWN_TO_PLAYWRIGHT: tuple[dict[str, Any], ...] = ({}, {"channel": "chrome"}, {"channel": "msedge"})
# Debian's names. The fonts are for pages that show text of any script.
PACKAGES = ("chromium-headless-shell", "fonts-dejavu", "fonts-noto-core", "fonts-noto-cjk")
# Chromium starts two more renderer processes for each tab: one draws the suggestions below its address bar, one waits
# for a next site. Without them a tab takes 0.97 instead of 1.46 seconds of the processor.
PROCESSES_OFF = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup", "SpareRendererForSitePerProcess")
# Playwright turns these off; Chromium obeys only the last --disable-features.
PLAYWRIGHT_OFF = (
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "LensOverlay",
    "MediaRouter",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "TcpPortRandomizationWin",
    "OptimizationHints",
    "NetworkTimeServiceQuerying",
    "AimEnabled",
    "PreconnectToSearch",
)
FLAGS = (
    f"--disable-features={','.join(PLAYWRIGHT_OFF + PROCESSES_OFF)}",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

INSTALL_FAILED = "CHAR_LSTM_CHROMIUM_FAILED"  # in the environment of a test session in which no install command worked

expect.set_options(timeout=60_000)  # only so that a broken test ends: a busy machine must not break one


class ChromiumMissingError(RuntimeError):
    """No Chromium starts here, and none could be installed."""


def launch(playwright: Playwright, *flags: str) -> Browser:
    """Start the first Chromium that works: the system's, Playwright's own, Chrome, Edge; else install one.

    Raises:
        ChromiumMissingError: none starts, and none could be installed.
    """
    if browser := _launch_installed(playwright, flags):
        return browser
    # Parallel test processes find none at the same time: one of them installs, the others wait for it.
    with FileLock(Path(tempfile.gettempdir()) / "char-lstm-chromium.lock"):
        if browser := _launch_installed(playwright, flags):
            return browser
        for commands in install_commands() if INSTALL_FAILED not in os.environ else ():
            print(f"Installing Chromium for the browser tests: {' '.join(commands[-1])}", file=sys.stderr, flush=True)
            if all(map(_succeeds, commands)) and (browser := _launch_installed(playwright, flags)):
                return browser
    os.environ[INSTALL_FAILED] = "1"
    raise ChromiumMissingError(
        "the browser tests found no Chromium and could not install one: install Chromium or Google Chrome, "
        f"or run `{sys.executable} -m playwright install --with-deps chromium`"
    )


def install_commands() -> list[list[list[str]]]:
    """Return the ways to install a Chromium here, the preferred one first; each way is a list of commands."""
    ways: list[list[list[str]]] = []
    root_with_apt = hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None
    if root_with_apt:
        ways.append(
            [
                ["apt-get", "-qq", "update"],
                ["apt-get", "-qq", "--yes", "--no-install-recommends", "install", *PACKAGES],
            ]
        )
    own = [sys.executable, "-m", "playwright", "install"]
    ways.append([[*own, *(["--with-deps"] if root_with_apt else []), "--only-shell", "chromium"]])
    return ways


def _succeeds(command: list[str]) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, env=environment, stdout=subprocess.DEVNULL).returncode == 0


def _launch_installed(playwright: Playwright, flags: tuple[str, ...]) -> Browser | None:
    """Start the first installed Chromium that works; None when there is none."""
    for options in _installed():
        try:
            return playwright.chromium.launch(args=[*FLAGS, *flags], **options)
        except Error:
            continue
    return None


def _installed() -> list[dict[str, Any]]:
    """Return the options that launch each Chromium that may be installed."""
    system: list[dict[str, Any]] = [{"executable_path": path} for name in COMMANDS if (path := shutil.which(name))]
    return [*system, *KNOWN_TO_PLAYWRIGHT]


@contextmanager
def profile(kind: BrowserType, folder: Path) -> Iterator[BrowserContext]:
    """Open a browser with a person's profile in a folder, and close it; what it has stored is there the next time.

    Raises:
        ChromiumMissingError: none starts.
    """
    for options in _installed():
        try:
            context = kind.launch_persistent_context(folder, args=FLAGS, **options)
        except Error:
            continue
        try:
            yield context
        finally:
            context.close()
        return
    raise ChromiumMissingError("no Chromium starts with a profile")


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


class _KeepAliveServer(ThreadingHTTPServer):
    """Knows its open connections, to close them when it stops: their threads would answer on."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(_KeepAliveHandler, directory=str(folder)))
        self._connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing of connections that the browser or `server_close` has closed."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def server_close(self) -> None:
        super().server_close()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):  # the browser has closed it
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder as any web server does; yields its address."""
    server = _KeepAliveServer(folder)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
