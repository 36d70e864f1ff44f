"""Runs of some minutes with a real model and a simulated clock: they end in time, and resume bit for bit."""

import hashlib
import json
import random
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from torch.nn.utils import parameters_to_vector

from tests.support.interruptions import kill_at
from tests.support.platforms import posix_only
from tests.support.tiny_runs import SIZES, Here, checkpoints, metrics, outcome, write_text
from tests.support.training_processes import Preparation, train
from training.cli import main as cli, plan
from training.learner import evaluation
from training.learner.trainer import SharedSteps, Trainer
from training.run import checkpoint_manager, measure, training_run
from training.run.clock import LOG
from training.run.training_run import TrainingRun

NEW = ("text.txt", *SIZES, "--minutes=1", "--set=evaluations=6", "--preset=tiny", "--set=bfloat16=false")


STEP_S, EVALUATION_S, SAMPLE_S, END_S = 0.4, 0.3, 0.05, 1.5  # at the normal speed


class Clock:
    """A clock that moves on only when a part of a run spends time.

    Args:
        slower: (seconds, factor): from that second on everything takes so many times as long; the first from 0.
        jitter: of each duration, as a share of it.
    """

    def __init__(self, slower: Sequence[tuple[float, float]], jitter: float) -> None:
        self.now = 0.0
        self._slower, self._jitter, self._draw = slower, jitter, random.Random(1)

    def monotonic(self) -> float:
        return self.now

    def spend(self, seconds: float) -> None:
        factor = [factor for start, factor in self._slower if self.now >= start][-1]
        self.now += seconds * factor * (1 + self._jitter * self._draw.uniform(-1, 1))

    def timed(self, seconds: float, call: Callable[..., Any]) -> Callable[..., Any]:
        """Returns a function that spends time and calls the given one."""

        def timed(*arguments: Any, **options: Any) -> Any:
            self.spend(seconds)
            return call(*arguments, **options)

        return timed


def simulate_clock(patch: pytest.MonkeyPatch, *slower: tuple[float, float], jitter: float = 0.0) -> Clock:
    """Replaces the clock of this process with one that steps, evaluations, samples and the end of a run move on."""
    clock = Clock(slower, jitter)
    for module in (cli, training_run):
        patch.setattr(module, "time", clock)
    for module, name in ((plan, "monotonic"), (measure, "perf_counter"), (measure, "thread_time")):
        patch.setattr(module, name, clock.monotonic)
    half_s = (EVALUATION_S - SAMPLE_S) / 2
    parts: list[tuple[Any, str, float]] = [
        (Trainer, "step", STEP_S),
        (evaluation, "carried_losses", half_s),
        (evaluation, "cold_losses", half_s),
        (TrainingRun, "_generate_sample", SAMPLE_S),
        (checkpoint_manager, "name_cells", END_S),
    ]
    for owner, name, seconds in parts:
        patch.setattr(owner, name, clock.timed(seconds, getattr(owner, name)))
    return clock


@pytest.fixture(autouse=True)
def _text(tmp_path: Path) -> None:
    write_text(tmp_path, 6000)  # its last tenth is long enough for named cells


@pytest.mark.parametrize(("slower", "jitter"), [([(0.0, 2.0), (30.0, 1.0)], 0.2), ([(0.0, 1.0), (20.0, 2.0)], 0.5)])
def test_a_run_takes_its_minutes_on_a_machine_that_changes_its_speed(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slower: list[tuple[float, float]], jitter: float
) -> None:
    clock = simulate_clock(monkeypatch, *slower, jitter=jitter)
    output = here(*NEW, "--out=run")
    assert clock.now == pytest.approx(60, rel=0.03)
    assert len(metrics(tmp_path / "run")) == 6
    assert metrics(tmp_path / "run")[-1]["lr"] == pytest.approx(0, abs=1e-3)
    assert "1 minute in all" in output


def test_a_run_is_resumed_with_the_progress_that_it_recorded(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine of another speed, as far as the record reaches; without one, the run keeps its minutes."""
    with monkeypatch.context() as patch:
        simulate_clock(patch, (0.0, 1.0), (30.0, 2.0), jitter=0.3)
        here(*NEW, "--out=run")
    whole = outcome(tmp_path / "run")
    shutil.rmtree(checkpoints(tmp_path / "run")[-1])
    shutil.copytree(tmp_path / "run", tmp_path / "moved")
    for log in (tmp_path / "moved").glob("*.log"):
        log.unlink()
    with monkeypatch.context() as patch:
        simulate_clock(patch, (0.0, 5.0))
        here("--resume=run")
    assert outcome(tmp_path / "run") == whole

    state = json.loads((checkpoints(tmp_path / "moved")[-1] / "training_state/state.json").read_text())
    clock = simulate_clock(monkeypatch, (0.0, 0.5))
    here("--resume=moved")
    assert state["seconds"] + clock.now == pytest.approx(60, rel=0.03)
    assert metrics(tmp_path / "moved")[-1]["step"] > whole["metrics"][-1]["step"]


def record_weights(path: Path, slower: float) -> None:
    """In the process of a run: a clock, and after each step a line with the step and a hash of the weights."""
    simulate_clock(pytest.MonkeyPatch(), (0.0, slower), (30.0, 1.0), jitter=0.3)
    plain: Any = SharedSteps.step  # not what measures the machine

    def recorded(steps: SharedSteps, *arguments: Any) -> float:
        loss: float = plain(steps, *arguments)
        weights = parameters_to_vector(steps._trainer.network.parameters()).detach().numpy().tobytes()
        with path.open("a") as file:
            file.write(f"{steps._trainer.steps_done} {hashlib.sha256(weights).hexdigest()}\n")
        return loss

    SharedSteps.step = recorded  # type: ignore[method-assign, assignment]


@posix_only
def test_a_run_that_is_killed_again_and_again_repeats_its_steps_bit_for_bit(tmp_path: Path) -> None:
    """SIGKILL after a step and after a call of fsync; each process has another speed."""
    run, weights = tmp_path / "run", tmp_path / "weights"
    for slower, kill in ((0.6, partial(kill_at, "step", 40, run)), (1.9, partial(kill_at, "sync", 31)), (1.2, None)):
        prepare: list[Preparation] = [partial(record_weights, weights, slower), *([kill] if kill else [])]
        arguments = ("--resume=run",) if checkpoints(run) else (*NEW, "--out=run")
        ended = train(*arguments, cwd=tmp_path, prepare=prepare)
        assert ended.end() == (-9 if kill else 0), ended.output
        assert not checkpoints(run) or (run / LOG).exists()
    found: dict[str, list[str]] = defaultdict(list)
    for line in weights.read_text().splitlines():
        found[line.split()[0]].append(line.split()[1])
    assert sum(len(hashes) > 1 for hashes in found.values()) > 20
    assert all(len(set(hashes)) == 1 for hashes in found.values())
