"""Atomic writes."""

from __future__ import annotations

import pytest

from model.files import atomic_path, atomic_write


def test_an_atomic_write_replaces_the_file_or_leaves_the_old_one_and_no_temporary_file(tmp_path):
    def fail_halfway():
        with atomic_path(tmp_path / "a") as temporary:
            temporary.write_bytes(b"ne")
            raise RuntimeError("halfway")

    for data in (b"one", b"two"):
        atomic_write(tmp_path / "a", data)
    with pytest.raises(RuntimeError, match="halfway"):
        fail_halfway()
    assert (tmp_path / "a").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
