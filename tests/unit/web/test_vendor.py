"""The bundles of web/vendor/; `python -m tests.check_scripts` builds them again, and compares."""

from __future__ import annotations

import pytest

from tests.support.vendor_scripts import BUNDLES, FOLDER, PACKAGES


def test_there_are_no_other_files() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(BUNDLES)


@pytest.mark.parametrize(
    ("name", "packages"),
    [
        ("fflate.js", ["fflate"]),
        ("idb.js", ["idb"]),
        ("preact.js", ["@preact/signals", "@preact/signals-core", "htm", "preact"]),
        ("huggingface_hub.js", ["@huggingface/hub"]),
    ],
)
def test_a_bundle_begins_with_the_licences_of_its_packages(name: str, packages: list[str]) -> None:
    head = (FOLDER / name).read_text(encoding="utf-8").partition("*/")[0]
    for package in packages:
        assert f"{package} {PACKAGES[package]}: " in head
