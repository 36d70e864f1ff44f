"""The copies in ``training/root``, which a machine of the Hub gets as a folder, are the files of the root."""

from __future__ import annotations

from tests.unit.project.sources import ROOT

COPIES = ("app.py", "LICENSE", "requirements.txt")


def test_the_folder_holds_the_copies_and_nothing_else() -> None:
    assert {path.name for path in (ROOT / "training" / "root").iterdir()} == set(COPIES)


def test_a_copy_equals_its_original() -> None:
    """Not a link: Windows and some disks have none."""
    for name in COPIES:
        copy = ROOT / "training" / "root" / name
        assert not copy.is_symlink()
        assert copy.read_bytes() == (ROOT / name).read_bytes(), f"copy it again: cp {name} training/root/{name}"
