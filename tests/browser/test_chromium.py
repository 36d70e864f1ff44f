"""The browser tests bring their own Chromium: on a machine without one, the first start installs it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from tests.support import chromium


@pytest.fixture
def real_chromium(playwright: Playwright) -> str:
    for name in chromium.COMMANDS:
        if path := shutil.which(name):
            return path
    return playwright.chromium.executable_path


@pytest.fixture
def no_chromium(real_chromium: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any Chromium; returns the one folder of its PATH."""
    monkeypatch.setattr(chromium, "KNOWN_TO_PLAYWRIGHT", ())
    monkeypatch.setenv(chromium.INSTALL_FAILED, "")
    monkeypatch.delenv(chromium.INSTALL_FAILED)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="the installed command is a shell script")
def test_a_missing_chromium_is_installed(
    no_chromium: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    real_chromium: str,
    playwright: Playwright,
) -> None:
    script = f"#!/bin/sh\nPATH=/usr/bin:/bin exec '{real_chromium}' \"$@\"\n"
    program = "import os, sys; open(sys.argv[1], 'w').write(sys.argv[2]); os.chmod(sys.argv[1], 0o755)"
    fails = [[sys.executable, "-c", "raise SystemExit(1)"]]
    works = [[sys.executable, "-c", program, str(no_chromium / "chromium"), script]]
    monkeypatch.setattr(chromium, "install_commands", lambda: [fails, works])
    browser = chromium.launch(playwright)
    assert browser.version
    browser.close()
    assert capfd.readouterr().err.count("Installing Chromium") == 2


def test_without_any_way_to_install_one_the_error_names_the_command(
    no_chromium: Path, monkeypatch: pytest.MonkeyPatch, playwright: Playwright
) -> None:
    monkeypatch.setattr(chromium, "install_commands", list)
    with pytest.raises(chromium.ChromiumMissingError, match="playwright install"):
        chromium.launch(playwright)


def test_the_system_package_is_preferred_where_apt_get_may_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    ways = [way[-1] for way in chromium.install_commands()]
    assert [way[1:] for way in ways] == [["-m", "playwright", "install", "--only-shell", "chromium"]]

    (tmp_path / "apt-get").touch(mode=0o755)
    ways = [way[-1] for way in chromium.install_commands()]
    assert ways[0][0] == "apt-get"
    assert set(chromium.PACKAGES) < set(ways[0])
    assert ways[1][1:] == ["-m", "playwright", "install", "--with-deps", "--only-shell", "chromium"]
