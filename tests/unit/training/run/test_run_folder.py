"""Run folders: complete checkpoints only, one process at a time, and damaged checkpoints are reported."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from model.checkpoint.format import CheckpointError
from model.files import json_lines
from tests.support.platforms import posix_only
from tests.support.tiny_models import tiny_model
from tests.support.tiny_runs import ROOT, best_of, flip
from training.errors import RunError
from training.run import run_folder
from training.run.run_folder import RunFolder, step_of
from training.run.state_files import read_metrics, read_state, write_state


def state(step: int) -> dict[str, Any]:
    corpus = {"name": "text", "sha256": "", "characters": 1, "public": None}
    return {"recipe": {"steps": step}, "corpus": corpus, "about": {"repo": "", "license": "unknown"}, "seconds": 1.5}


def filled(losses: dict[int, float | None]) -> Callable[[int], Callable[[Path], None]]:
    """Return a function that writes checkpoints: tiny models, with the losses up to their step as metrics."""

    def writer(step: int) -> Callable[[Path], None]:
        def write(folder: Path) -> None:
            tiny_model(hidden=3, layers=1, seed=step).save_pretrained(folder)
            lines = [{"step": at, "val_loss": loss} for at, loss in losses.items() if at <= step and loss is not None]
            (folder / "metrics.jsonl").write_bytes(json_lines(lines))
            write_state(folder, state(step), {"steps_done": torch.tensor(step)})

        return write

    return writer


def ignore(line: str) -> None:
    """Discard a warning."""


Opened = Callable[..., RunFolder]
Again = Callable[[RunFolder], RunFolder]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Return a function that opens run folders, which are closed when the test ends."""
    folders = []

    def open_folder(path: Path, *, resume: bool = False) -> RunFolder:
        folders.append(RunFolder(path, resume=resume))
        return folders[-1]

    yield open_folder
    for folder in folders:
        folder.close()


@pytest.fixture
def run(tmp_path: Path, opened: Opened) -> RunFolder:
    """A run of three checkpoints, of which the second is the best."""
    folder = opened(tmp_path / "runs" / "one")
    write = filled({10: 3.0, 20: 1.0, 30: 2.0})
    for step in (10, 20, 30):
        folder.mark("latest", folder.save(step, write(step)))
    folder.mark("best", folder.steps()[1])
    return folder


@pytest.fixture
def close_and_resume(opened: Opened) -> Again:
    """Close a run folder and open it for resuming, as another process would."""

    def reopened(run: RunFolder) -> RunFolder:
        run.close()
        return opened(run.path, resume=True)

    return reopened


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


# saving


def test_checkpoints_are_named_by_their_step(run: RunFolder) -> None:
    assert names(run.steps()) == ["step-00000010", "step-00000020", "step-00000030"]
    assert (run.path / "latest").read_text() == "step-00000030\n"
    best = run.best()
    assert best is not None
    assert step_of(best) == 20


def test_steps_are_sorted_as_numbers(run: RunFolder) -> None:
    for name in ("step-100000000", "step-99999999", "step-123", "step-00000040.tmp"):
        (run.path / name).mkdir()
    (run.path / "step-00000099").write_text("no folder")
    assert names(run.steps())[3:] == ["step-99999999", "step-100000000"]


def test_a_failed_write_leaves_no_files_and_changes_nothing(run: RunFolder) -> None:
    def write(folder: Path) -> None:
        (folder / "config.json").write_text("half")
        raise OSError(28, "No space left on device")

    before = sorted(path.name for path in run.path.iterdir())
    with pytest.raises(OSError, match="No space"):
        run.save(40, write)
    assert sorted(path.name for path in run.path.iterdir()) == before
    assert (run.path / "latest").read_text() == "step-00000030\n"


def test_an_older_checkpoint_of_that_step_is_replaced(run: RunFolder) -> None:
    (run.steps()[2] / "old.txt").write_text("old")
    run.save(30, filled({})(30))
    assert not (run.steps()[2] / "old.txt").exists()
    assert read_state(run.steps()[2])[0]["recipe"]["steps"] == 30


KILLED = """
import os, sys
from pathlib import Path
from training.run.run_folder import RunFolder

run, renames, rename = RunFolder(sys.argv[1], resume=True), [], Path.rename

def killing(self, target):
    renames.append(target)
    if len(renames) > int(sys.argv[2]):
        os._exit(9)
    return rename(self, target)

Path.rename = killing
run.save(int(sys.argv[3]), lambda folder: (folder / "config.json").write_text("new"))
os._exit(0)
"""


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_a_process_that_is_killed_while_it_saves_a_step_again_loses_no_checkpoint(
    tmp_path: Path, opened: Opened, close_and_resume: Again, renames: int
) -> None:
    run = opened(tmp_path / "run")
    run.save(30, filled({})(30))  # the only one
    run.close()
    command = [sys.executable, "-c", KILLED, str(run.path), str(renames), "30"]
    code = subprocess.run(command, cwd=ROOT, timeout=120).returncode
    assert code == (9 if renames < 2 else 0)
    reopened = close_and_resume(run)
    [step] = reopened.steps()
    assert ((step / "config.json").read_text() == "new") is (renames == 2)
    assert not list(reopened.path.glob(".*.tmp"))


def test_a_run_stays_locked_until_its_files_are_removed(
    tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = opened(tmp_path / "run")
    run.write_sources(["text.txt"], {"errors": "strict"})
    held = []

    def watched(*paths: Path) -> None:
        held.append("unlocked" not in order)
        remove(*paths)

    order: list[str] = []
    remove, unlock = run_folder._remove, run._unlock
    monkeypatch.setattr(run_folder, "_remove", watched)

    def unlocked() -> None:
        order.append("unlocked")
        unlock()

    monkeypatch.setattr(run, "_unlock", unlocked)
    run.discard()
    assert held
    assert all(held)
    assert not run.path.exists()


def test_pruning_keeps_the_two_newest_the_best_and_named_checkpoints(run: RunFolder) -> None:
    for step in (40, 50, 60):
        run.save(step, filled({})(step))
    assert run.prune(["step-00000040"], newest=2) == 2
    assert names(run.steps()) == [f"step-000000{step}" for step in (20, 40, 50, 60)]
    assert not list(run.path.glob(".*"))


def test_temporary_files_of_a_killed_process_are_removed(run: RunFolder, close_and_resume: Again) -> None:
    (run.path / ".step-00000040.tmp").mkdir()
    (run.path / ".step-00000040.tmp" / "half").write_text("")
    (run.path / ".metrics.jsonl.123.tmp").write_text("")
    (run.path / ".best.123.tmp").write_text("")
    (run.path / "step-00000010" / ".README.md.123.tmp").write_text("")
    assert not list(close_and_resume(run).path.rglob(".*"))


@posix_only
def test_each_file_is_synced_before_its_checkpoint_gets_its_name(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    fsync = os.fsync

    def watched(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    run.save(40, filled({})(40))
    wanted = [".config.json", ".model.safetensors", ".manifest.json", ".state.safetensors", ".state.json"]
    for name in wanted:
        assert any(each.startswith(name) for each in synced), name
    assert synced.index("training_state") < synced.index(".step-00000040.tmp") < synced.index("one")


# one run a folder, one process a run


def test_a_run_does_not_start_over_another(run: RunFolder) -> None:
    with pytest.raises(RunError, match=r"holds a run already: continue it with --resume .*, or choose another --out"):
        RunFolder(run.path, resume=False)


def test_a_second_process_is_refused(run: RunFolder) -> None:
    code = """
import sys
from training.run.run_folder import RunError, RunFolder
try:
    RunFolder(sys.argv[1], resume=True)
except RunError as error:
    print(error, flush=True)
sys.stdin.readline()
RunFolder(sys.argv[1], resume=True)
"""
    words, pipe = [sys.executable, "-c", code, str(run.path)], subprocess.PIPE
    with subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout
        assert "another process is training in" in other.stdout.readline()
        run.close()
        other.communicate("\n")
    assert other.returncode == 0


def test_a_folder_that_cannot_be_resumed_is_refused_with_the_reason(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    wrong = {
        tmp_path / "missing": "there is no run folder '.*missing': nothing was resumed",
        tmp_path / "file": "there is no run folder",
        tmp_path / "empty": "it has no step-… folder",
        run.steps()[0]: "is one checkpoint of a run: resume the run, '.*one'",
    }
    for path, reason in wrong.items():
        with pytest.raises(RunError, match=reason):
            RunFolder(path, resume=True)
    with pytest.raises(RunError, match=r"a run on the Hub is written hf://ada/plays"):
        RunFolder("ada/plays", resume=True)
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("place", ["file", "file/run", "/proc/run"])
def test_a_place_where_no_folder_can_be_created_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot be written \(.*\): choose another --out"):
        RunFolder(tmp_path / place, resume=False)


def test_a_run_without_a_checkpoint_is_removed(tmp_path: Path, opened: Opened) -> None:
    folder = opened(tmp_path / "a" / "b" / "c")
    folder.write_sources(["text.txt"], {"errors": "strict"})
    folder.discard()
    assert not (tmp_path / "a").exists()


def test_only_files_of_the_run_are_removed(tmp_path: Path, opened: Opened) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("")
    folder = opened(tmp_path / "mine")
    folder.write_sources([], {"errors": "strict"})
    folder.discard()
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_a_run_with_a_checkpoint_is_not_removed(run: RunFolder) -> None:
    run.discard()
    assert len(run.steps()) == 3


# resuming


def test_the_newest_complete_checkpoint_is_restored(run: RunFolder, close_and_resume: Again) -> None:
    warnings: list[str] = []
    saved = close_and_resume(run).restore(warnings.append)
    assert saved.state == {"format_version": 1, **state(30)}
    assert (int(saved.tensors["steps_done"]), [line["step"] for line in saved.metrics]) == (30, [10, 20, 30])
    assert saved.checkpoint.tokenizer.vocab == tiny_model().tokenizer.vocab
    assert warnings == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: flip(folder / "model.safetensors"),
        lambda folder: flip(folder / "training_state" / "state.safetensors"),
        lambda folder: (folder / "training_state" / "state.json").unlink(),
        lambda folder: (folder / "training_state" / "manifest.json").write_text("{}"),
        lambda folder: (folder / "config.json").write_text(""),
        lambda folder: (folder / "metrics.jsonl").write_text('{"step": 1'),
        lambda folder: (folder / "metrics.jsonl").write_text('{"step": 1}'),
        lambda folder: (folder / "metrics.jsonl").write_text('{"step": 1, "val_loss": "low"}'),
        lambda folder: (folder / "metrics.jsonl").write_text('{"step": "one", "val_loss": 1.5}'),
        lambda folder: (folder / "metrics.jsonl").unlink(),
        lambda folder: os.truncate(folder / "training_state" / "state.safetensors", 100),
    ],
)
def test_a_damaged_newest_checkpoint_is_renamed_and_reported(
    run: RunFolder, damage: Callable[[Path], object], close_and_resume: Again
) -> None:
    damage(run.steps()[2])
    warnings: list[str] = []
    folder = close_and_resume(run)
    assert folder.restore(warnings.append).state["recipe"]["steps"] == 20
    assert len(warnings) == 1
    assert warnings[0].startswith("step-00000030 is damaged (")
    assert names(folder.steps()) == ["step-00000010", "step-00000020"]
    assert (folder.path / "damaged-step-00000030").is_dir()
    assert (folder.path / "latest").read_text() == "step-00000020\n"


def test_a_checkpoint_without_training_state_is_kept_but_not_resumed(run: RunFolder, close_and_resume: Again) -> None:
    shutil.rmtree(run.steps()[2] / "training_state")
    warnings: list[str] = []
    folder = close_and_resume(run)
    assert folder.restore(warnings.append).state["recipe"]["steps"] == 20
    assert warnings == ["step-00000030 has no training state: the checkpoint before it is resumed"]
    assert (folder.path / "weights-only-step-00000030" / "model.safetensors").is_file()


@pytest.mark.parametrize("field", ["recipe", "corpus", "about", "seconds"])
def test_a_state_that_lacks_a_field_is_of_another_version(run: RunFolder, close_and_resume: Again, field: str) -> None:
    saved = state(30)
    del saved[field]
    write_state(run.steps()[2], saved, {"steps_done": torch.tensor(30)})
    with pytest.raises(RunError, match=r"started with another version of the project .*: start a new run"):
        close_and_resume(run).restore(ignore)


def test_without_a_complete_checkpoint_nothing_is_changed(run: RunFolder, close_and_resume: Again) -> None:
    for folder in run.steps():
        flip(folder / "model.safetensors")
    with pytest.raises(RunError, match="is whole: nothing can be resumed"):
        close_and_resume(run).restore(ignore)
    assert len(run.steps()) == 3


@pytest.mark.parametrize("damage", ["model.safetensors", "metrics.jsonl"])
def test_the_best_is_found_again_when_its_mark_was_lost(run: RunFolder, close_and_resume: Again, damage: str) -> None:
    """The process may die between a checkpoint and its mark, or the best may be the damaged one."""
    (run.path / "best").unlink()
    folder = close_and_resume(run)
    folder.restore(ignore)
    assert (folder.path / "best").read_text() == "step-00000020\n"
    (best_of(folder.path) / damage).write_bytes(b"damaged")
    folder = close_and_resume(folder)
    folder.restore(ignore)
    assert (folder.path / "best").read_text() == "step-00000030\n"


@posix_only
def test_links_of_an_earlier_version_are_replaced(run: RunFolder, close_and_resume: Again) -> None:
    for name, step in (("best", 20), ("latest", 30)):
        (run.path / name).unlink(missing_ok=True)
        (run.path / name).symlink_to(f"step-{step:08d}")
    best = run.best()
    assert best is not None
    assert best.name == "step-00000020"
    folder = close_and_resume(run)
    folder.restore(ignore)
    assert (folder.path / "best").read_text() == "step-00000020\n"
    assert not (folder.path / "latest").is_symlink()


def test_copies_of_links_are_replaced(run: RunFolder, close_and_resume: Again) -> None:
    """A copy of an old run that follows links has folders in their place."""
    for name in ("best", "latest"):
        (run.path / name).unlink(missing_ok=True)
        shutil.copytree(run.path / "step-00000030", run.path / name)
    folder = close_and_resume(run)
    folder.restore(ignore)
    assert (folder.path / "best").read_text() == "step-00000020\n"
    assert (folder.path / "latest").read_text() == "step-00000030\n"


def test_among_equals_the_later_is_the_best(tmp_path: Path, opened: Opened) -> None:
    folder = opened(tmp_path / "run")
    for step in (1, 2, 3):
        folder.save(step, filled({1: 2.0, 2: 1.0, 3: 1.0})(step))
    folder.restore(ignore)
    assert (folder.path / "best").read_text() == "step-00000003\n"


# sources


def test_sources_mean_the_same_from_any_folder(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.path)
    monkeypatch.setenv("HOME", "/home/ada")
    run.write_sources(
        ["a.txt", "../b/*.txt", "~/c", "https://d.org/e", "hf://datasets/f/g", "/h", "\udce9"], {"errors": "replace"}
    )
    sources, reading = run.read_sources()
    here = run.path.parent
    local = [str(here / "one" / "a.txt"), str(here / "b" / "*.txt"), "/home/ada/c"]
    assert sources == [*local, "https://d.org/e", "hf://datasets/f/g", "/h", str(here / "one" / "\udce9")]
    assert reading["errors"] == "replace"


def test_standard_input_cannot_be_read_twice(run: RunFolder) -> None:
    run.write_sources(["-"], {"errors": "strict"})
    with pytest.raises(RunError, match="standard input: give the text again: python -m training TEXT --resume"):
        run.read_sources()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"sources": 3}'])
def test_missing_sources_are_not_silently_replaced(run: RunFolder, content: str) -> None:
    (run.path / "sources.json").write_text(content)
    with pytest.raises(RunError, match="does not say where its text is"):
        run.read_sources()


# state files


def test_a_training_state_is_saved_and_loaded(tmp_path: Path) -> None:
    tensors = {"a": torch.randn(3, 4), "b": torch.tensor(7), "c": torch.randn(2, 2).T}
    write_state(tmp_path, {"recipe": {"lr": 0.1}}, tensors)
    about, read = read_state(tmp_path)
    assert about == {"format_version": 1, "recipe": {"lr": 0.1}}
    assert all(torch.equal(read[name], tensor) for name, tensor in tensors.items())


def test_a_state_of_another_version_is_refused(tmp_path: Path) -> None:
    write_state(tmp_path, {"format_version": 99}, {})
    with pytest.raises(CheckpointError, match="format_version is 99, not 1"):
        read_state(tmp_path)


def test_metrics_are_lines_of_json(tmp_path: Path) -> None:
    lines = [{"step": 1, "val_loss": 0.1 + 0.2}, {"step": 2, "val_loss": 1e-17}]
    (tmp_path / "metrics.jsonl").write_bytes(json_lines(lines))
    assert read_metrics(tmp_path) == lines
    assert [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == lines
