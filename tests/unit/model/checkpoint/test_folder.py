"""manifest.json, and missing or replaced files of a checkpoint folder."""

from __future__ import annotations

import json

import pytest

from model import CheckpointError
from model.checkpoint.names import CONFIG, MANIFEST, WEIGHTS
from model.checkpoint.read import read_checkpoint
from tests.support.checkpoint_files import check_refused, rewrite


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
@pytest.mark.parametrize("wrong", [None, "0" * 64])
def test_a_file_that_the_manifest_does_not_list_with_its_hash_is_refused(folder, name, wrong):
    hashes = json.loads((folder / MANIFEST).read_bytes())
    hashes["sha256"][name] = wrong
    if wrong is None:
        del hashes["sha256"][name]
    rewrite(folder, MANIFEST, json.dumps(hashes).encode())
    check_refused(folder, f"{MANIFEST} does not list {name}" if wrong is None else f"{name} is not the file that")


@pytest.mark.parametrize(
    "manifest", [b"", b"{}", b"null", b'{"sha256": {"config.json": 5}}', b"\xff", b"[" * 100_000, b" " * (2 << 20)]
)
def test_a_wrong_manifest_is_refused(folder, manifest):
    rewrite(folder, MANIFEST, manifest)
    check_refused(folder, MANIFEST)


def test_missing_files_and_folders_have_different_errors(folder, tmp_path):
    for name in (WEIGHTS, MANIFEST):
        data = (folder / name).read_bytes()
        (folder / name).unlink()
        check_refused(folder, f"{name} is missing")
        (folder / name).write_bytes(data)
    (tmp_path / "empty").mkdir()
    check_refused(tmp_path / "empty", f"{CONFIG} is missing: this is not a char-lstm checkpoint")
    with pytest.raises(CheckpointError, match="there is no checkpoint folder named 'nowhere'"):
        read_checkpoint(tmp_path / "nowhere")
