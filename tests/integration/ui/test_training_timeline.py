"""The timeline of a training, as the page asks for it: from the Hub's branch, and from a run folder."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from model import CharLSTM, CheckpointError, generate
from model.hub.cache import is_cached
from tests.local_hub import LocalHub
from tests.support.app_server import random_model
from tests.support.english import english
from tests.support.training_timelines import LOSSES, STEPS, checkpoint, files, metrics, pushed_run, run_folder, title
from ui.access.limits import Limiter, Limits
from ui.registry.registry import ModelRegistry
from ui.registry.training_history import MAX_CHECKPOINTS, Checkpoint, History, _checkpoints, _few, read_history
from ui.routes import training_timeline as timelines
from ui.routes.training_timeline import TrainingTimelines

NAME = "ada/novel"
FRAME = {"prompt": "ROMEO:", "seed": 7}


class Asker:
    """The route alone, over a shelf that was started, in a loop of its own."""

    def __init__(self, registry: ModelRegistry) -> None:
        self.registry = registry
        self._loop = asyncio.new_event_loop()
        transport = httpx.ASGITransport(FastAPI(routes=[TrainingTimelines(registry, Limiter(Limits())).route]))
        self._http = httpx.AsyncClient(transport=transport, base_url="http://app", timeout=60)

    def ask(self, **asked: Any) -> dict[str, Any]:
        return self.all([asked])[0]

    def all(self, questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The answers to questions that are asked at once."""
        answers = [each.json() for each in self.post([json.dumps(asked).encode() for asked in questions])]
        return [{**each, "refusal": english(each["refusal"])} if "refusal" in each else each for each in answers]

    def post(self, bodies: list[bytes]) -> list[httpx.Response]:
        async def posted() -> list[httpx.Response]:
            return list(await asyncio.gather(*[self._http.post("/timeline", content=body) for body in bodies]))

        answers = self._loop.run_until_complete(posted())
        for answer in answers:
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "no-store"
        return answers

    def close(self) -> None:
        waiting = asyncio.all_tasks(self._loop)
        if waiting:
            self._loop.run_until_complete(asyncio.wait(waiting))
        self._loop.run_until_complete(self._http.aclose())
        self._loop.close()
        self.registry.stop()


def asking(*specs: str) -> Asker:
    registry = ModelRegistry(specs)
    registry.start()
    assert registry.wait(120)
    return Asker(registry)


def expected(step: int, prompt: str = "ROMEO:", seed: int = 7) -> str:
    return generate(checkpoint(step), prompt, timelines.LENGTH, seed=seed)


@pytest.fixture
def app(hub: LocalHub, tmp_path: Path) -> Iterator[Asker]:
    """Of a model that was pushed by a run."""
    pushed_run(hub, NAME, tmp_path / "run")
    app = asking(NAME)
    yield app
    app.close()


def test_each_frame_is_what_the_model_of_that_step_writes_and_is_fetched_when_it_is_looked_at(
    app: Asker, hub: LocalHub
) -> None:
    repo = hub.repos[NAME]
    commits = dict(zip(STEPS, [each.oid for each in repo.log("training")[-3::-1]], strict=True))
    assert app.ask(model=NAME) == {"timeline": True}
    told = app.ask(model=NAME, timeline=True)
    assert told == {
        "frames": [list(each) for each in zip(STEPS, LOSSES, strict=True)],
        "best": 3,
        "curve": [list(each) for each in zip(STEPS, LOSSES, strict=True)],
        "prompt": "ROMEO:",
        "seed": 7,
    }
    assert not hub.requests("/resolve/.*safetensors")[2:], "the model that is served, and no other"
    for step in (300, 100):
        before = len(hub.log)
        assert app.ask(model=NAME, step=step, **FRAME) == {"text": expected(step)}
        fetched = hub.log[before:]
        assert fetched
        assert all(commits[step] in str(each) for each in fetched)
    count = len(hub.log)
    assert app.ask(model=NAME, step=300, **FRAME) == {"text": expected(300)}
    assert app.ask(model=NAME, step=100, prompt="Ж?", seed=2**32 - 1)["text"] == expected(100, "?", 2**32 - 1)
    assert len(hub.log) == count, "what is here is not fetched again"
    hub.unplug()
    assert app.ask(model=NAME, step=100, prompt="x", seed=0) == {"text": expected(100, "x", 0)}
    assert app.ask(model=NAME, step=2000, **FRAME) == {
        "refusal": "Step 2,000 cannot be fetched from the Hub just now: try again later."
    }
    hub.plug_in()
    assert app.ask(model=NAME, step=2000, **FRAME) == {"text": expected(2000)}


def test_checkpoints_that_are_not_shown_any_more_leave_the_cache(
    app: Asker, hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = hub.repos[NAME]
    commits = dict(zip(STEPS, [each.oid for each in repo.log("training")[-3::-1]], strict=True))
    for step in (100, 200):
        assert "text" in app.ask(model=NAME, step=step, **FRAME)
    assert is_cached(NAME, commits[200])
    monkeypatch.setattr(timelines, "FRESH_S", 0.0)
    monkeypatch.setattr("ui.registry.training_history.MAX_CHECKPOINTS", 3)
    made = files(tmp_path / "more", 3000, len(STEPS))
    made["metrics.jsonl"] += b'{"step": 3000, "val_loss": 1.65}\n'
    hub.commit(repo, made, branch="training", title=title(3000, 1.65))
    assert [step for step, _ in app.ask(model=NAME, timeline=True)["frames"]] == [100, 1000, 3000]
    assert is_cached(NAME, commits[100])
    assert not is_cached(NAME, commits[200])


def test_nothing_of_a_frame_is_kept_but_its_text(app: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[weakref.ref[CharLSTM]] = []
    load = History.load

    def noted(history: History, checkpoint: Checkpoint) -> CharLSTM:
        lm = load(history, checkpoint)
        loaded.append(weakref.ref(lm))
        return lm

    monkeypatch.setattr(History, "load", noted)
    monkeypatch.setattr(timelines, "MAX_TEXTS", 2)
    for step in (100, 200, 300, 100):
        assert "text" in app.ask(model=NAME, step=step, **FRAME)
    gc.collect()
    assert [each() for each in loaded] == [None] * 4, "the first of three texts was let go for the third"


def test_however_many_ask_one_checkpoint_is_fetched_at_a_time_and_once(
    app: Asker, hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timelines, "MAX_WAITING", 4)
    app.ask(model=NAME, timeline=True)
    at_once, most = 0, 0
    download = History.download

    def counted(history: History, checkpoint: Checkpoint) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        download(history, checkpoint)
        at_once -= 1

    monkeypatch.setattr(History, "download", counted)
    hub.fail("GET .*/resolve/.*safetensors", "slow", None, seconds=0.2)

    answers = app.all(
        [{"model": NAME, "step": step, "prompt": "x", "seed": seed} for seed in (1, 1, 2) for step in STEPS]
    )
    busy = [each for each in answers if each.get("busy")]
    assert busy
    assert all(each["refusal"] == "Many people are watching: try again in a moment." for each in busy)
    assert sum("text" in each for each in answers) > 4, "one that is made is for all who asked for it"
    assert most == 1
    fetched = hub.requests("GET .*/resolve/.*safetensors")
    assert len(fetched) == len({str(each) for each in fetched})


def test_a_checkpoint_that_is_bad_is_said_once_fetched_and_the_others_play(
    app: Asker, hub: LocalHub, tmp_path: Path
) -> None:
    repo = hub.repos[NAME]
    bad = files(tmp_path / "bad", 3000, 5)
    weights = bad["model.safetensors"]
    bad["model.safetensors"] = weights[:-1] + bytes([weights[-1] ^ 1])
    looks = metrics() + b'{"step": 3000, "val_loss": 1.65}\n{"step": 4000, "val_loss": 1.64}\n'
    hub.commit(repo, {**bad, "metrics.jsonl": looks}, branch="training", title=title(3000, 1.65))
    other = files(tmp_path / "other", 7, 5)
    hub.commit(repo, {**other, "metrics.jsonl": looks}, branch="training", title=title(4000, 1.64))
    assert [step for step, _ in app.ask(model=NAME, timeline=True)["frames"]] == [*STEPS, 3000, 4000]
    refusal = {
        "refusal": "Step 3,000 cannot be shown: model.safetensors is not the file that manifest.json describes "
        "(SHA-256): damaged or changed."
    }
    assert app.ask(model=NAME, step=3000, **FRAME) == refusal
    count = len(hub.log)
    assert app.ask(model=NAME, step=3000, **FRAME) == refusal
    assert len(hub.log) == count
    assert app.ask(model=NAME, step=4000, **FRAME) == {
        "refusal": "Step 4,000 cannot be shown: the checkpoint is of step 7."
    }
    assert "text" in app.ask(model=NAME, step=200, **FRAME)


def test_a_hub_that_hangs_keeps_nobody_waiting_for_ever(
    app: Asker, hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.ask(model=NAME, step=100, **FRAME)
    monkeypatch.setattr(timelines, "PATIENCE_S", 0.3)
    hang = hub.fail("/resolve/", "hang", None)
    assert app.ask(model=NAME, step=200, **FRAME) == {"refusal": "The Hub is slow to answer: try again later."}
    assert app.ask(model=NAME, step=100, **FRAME) == {"text": expected(100)}
    assert app.ask(model=NAME, step=100, prompt="x", seed=1) == {"text": expected(100, "x", 1)}
    hang.lift()


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"step": 150}, "This step is no longer kept: open the timeline again."),
        ({"step": "100"}, "This step is no longer kept"),
        ({"step": 100, "prompt": "x" * 201}, "Prompt has 201 characters: at most 200 are allowed"),
        ({"step": 100, "prompt": 7}, "Prompt is 7: it must be a text"),
        ({"step": 100, "prompt": "", "seed": 2**32}, "Seed is 4294967296"),
        ({"step": 100, "prompt": "", "seed": 1.5}, "Seed is 1.5"),
        ({"step": 100, "prompt": "", "seed": [1]}, "Seed is"),
        ({"model": "nobody/none"}, "Model is 'nobody/none': it must be one of the models served here"),
    ],
)
def test_what_is_asked_for_wrongly_is_refused_in_words(run_app: Asker, asked: dict[str, Any], refusal: str) -> None:
    assert refusal in run_app.ask(**{"model": "run", **asked})["refusal"]


@pytest.fixture(scope="module")
def run_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    """Of a run folder, and a model that was in memory."""
    app = asking(str(run_folder(tmp_path_factory.mktemp("timelines") / "run")))
    app.registry.add("memory", random_model())
    yield app
    app.close()


def test_a_run_folder_has_a_timeline_too(run_app: Asker) -> None:
    assert run_app.ask(model="run") == {"timeline": True}
    assert [step for step, _ in run_app.ask(model="run", timeline=True)["frames"]] == list(STEPS)
    assert run_app.ask(model="run", step=2000, **FRAME) == {"text": expected(2000)}


def test_a_model_without_a_training_that_was_kept_has_no_timeline(
    run_app: Asker, hub: LocalHub, tmp_path: Path
) -> None:
    assert run_app.ask(model="memory") == {"timeline": False}
    assert run_app.ask(model="memory", timeline=True)["refusal"].startswith("The training of this model was not kept")
    assert read_history(str(tmp_path)) is None
    hub.add_repo(NAME, files(tmp_path / "made", 100, 1))
    assert read_history(NAME) is None
    with pytest.raises(OSError, match="ada/none at training cannot be loaded: there is no such repo"):
        read_history("ada/none")


def test_questions_that_are_none(run_app: Asker) -> None:
    bodies = [b"", b"[1]", b"\xff", b"[" * 100_000, b'{"model": "' + b"x" * 9000 + b'"}']
    assert all("refusal" in answer.json() for answer in run_app.post(bodies))


def test_the_commits_of_another_run_and_of_an_earlier_life_are_left_out() -> None:
    losses = dict(zip(STEPS, LOSSES, strict=True))
    commits = [
        ("f", title(2000, 1.7)),
        ("e", title(1000, 1.6)),
        ("d2", title(1000, 1.6)),  # pushed twice
        ("x", "Step up your game"),
        ("d", title(300, 1.9)),
        ("w", title(250, 2.0)),  # of a run before
        ("v", title(200, 2.9)),
        ("c", title(200, 2.2)),
        ("b", "Step 150"),  # saved by Ctrl-C, not measured
        ("a", title(100, 3.1)),
        ("0", "initial commit"),
    ]
    found = _checkpoints(commits, losses)
    assert [each.at for each in found] == ["a", "b", "c", "d", "e", "f"]
    assert [each.loss for each in found] == [3.1, None, 2.2, 1.9, 1.6, 1.7]


def test_of_a_long_run_some_are_shown_the_first_the_last_and_the_best_among_them() -> None:
    checkpoints = [Checkpoint(step, abs(step - 777) / 1000 + 1, str(step)) for step in range(1, 1001)]
    few = _few(checkpoints)
    assert len(few) <= MAX_CHECKPOINTS
    assert [few[0].step, few[-1].step] == [1, 1000]
    assert min(few, key=lambda each: each.loss or 0).step == 777
    assert list(few) == sorted(few, key=lambda each: each.step)


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b'{"step": 1, "step": 2}', b'{"step": 1, "val_loss": NaN}', b"\xff", b"[" * 100_000]
)
def test_a_log_that_is_damaged_is_an_error_and_one_that_says_less_is_not(tmp_path: Path, line: bytes) -> None:
    folder = run_folder(tmp_path / "run")
    (folder / "metrics.jsonl").write_bytes(metrics(2) + line + b"\n")
    with pytest.raises(CheckpointError, match=r"metrics\.jsonl"):
        read_history(str(folder))
    odd = [
        {"step": True, "val_loss": 1.0},
        {"step": 300},
        {"step": 300, "val_loss": "low"},
        {"step": 300, "val_loss": 10**400},
    ]
    (folder / "metrics.jsonl").write_bytes(metrics(2) + "".join(json.dumps(each) + "\n" for each in odd).encode())
    history = read_history(str(folder))
    assert history
    assert [each.loss for each in history.checkpoints] == [3.1, 2.2, None, None, None]
