"""The bundles of web/vendor/ are what esbuild makes of the pinned packages, with their licences."""

from __future__ import annotations

import pytest

from tests.support.vendor_scripts import FOLDER, PACKAGES, BundleError, build

pytestmark = pytest.mark.slow


def test_the_bundles_are_built_from_the_pinned_packages() -> None:
    try:
        built = build()
    except BundleError as error:
        pytest.fail(str(error), pytrace=False)
    assert {path.name for path in FOLDER.iterdir()} == set(built)
    different = [name for name, data in built.items() if (FOLDER / name).read_bytes() != data]
    assert different == [], "run: python -m tests.support.vendor_scripts"


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
