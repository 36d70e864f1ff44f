"""Atomic writes and the lock of a file. That a killed process frees its lock is in the tests of `--resume`."""

from __future__ import annotations

import errno
from unittest.mock import Mock

import pytest

from model.files import AlreadyLockedError, acquire_lock, atomic_path, atomic_write


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


def test_a_locked_file_is_refused_until_it_is_unlocked(tmp_path):
    unlock = acquire_lock(tmp_path / "lock")
    with pytest.raises(AlreadyLockedError):
        acquire_lock(tmp_path / "lock")
    unlock()
    acquire_lock(tmp_path / "lock")()


@pytest.mark.parametrize("refusal", [OSError(errno.ENOLCK, "No locks available"), NotImplementedError("flock")])
def test_a_file_system_without_locks_gives_a_lock_that_does_nothing(tmp_path, monkeypatch, refusal):
    monkeypatch.setattr("filelock.FileLock.acquire", Mock(side_effect=refusal))
    release = acquire_lock(tmp_path / "lock")
    acquire_lock(tmp_path / "lock")  # the first lock blocks no other process
    assert release() is None


def test_a_lock_file_without_permission_raises(tmp_path, monkeypatch):
    """Every OSError counted as a file system without locks, so two processes could train in one folder."""
    monkeypatch.setattr("filelock.FileLock.acquire", Mock(side_effect=PermissionError(errno.EACCES, "x")))
    with pytest.raises(PermissionError):
        acquire_lock(tmp_path / "lock")
