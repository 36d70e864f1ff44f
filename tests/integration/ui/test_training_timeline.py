"""POST /timeline: the checkpoints of a training, from a branch on the Hub and from a run folder."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from model import generate
from tests.local_hub import LocalHub
from tests.support.app_server import random_model
from tests.support.english import english
from tests.support.training_timelines import LOSSES, STEPS, checkpoint, files, metrics, pushed_run, run_folder, title
from ui.access.limits import Limiter, Limits
from ui.registry.registry import ModelRegistry
from ui.registry.training_history import read_history
from ui.routes import training_timeline as timelines
from ui.routes.training_timeline import TrainingTimelines

NAME = "ada/novel"
FRAME = {"prompt": "ROMEO:", "seed": 7}


class TimelineClient:
    """The route alone, without the app, over a started registry, in a separate event loop."""

    def __init__(self, registry: ModelRegistry) -> None:
        self.registry = registry
        self._loop = asyncio.new_event_loop()
        transport = httpx.ASGITransport(FastAPI(routes=[TrainingTimelines(registry, Limiter(Limits())).route]))
        self._http = httpx.AsyncClient(transport=transport, base_url="http://app", timeout=60)

    def ask(self, **query: Any) -> dict[str, Any]:
        return self.ask_all([query])[0]

    def ask_all(self, queries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the answers to concurrent queries."""
        answers = [each.json() for each in self.post([json.dumps(query).encode() for query in queries])]
        return [{**each, "refusal": english(each["refusal"])} if "refusal" in each else each for each in answers]

    def post(self, bodies: list[bytes]) -> list[httpx.Response]:
        async def post_all() -> list[httpx.Response]:
            return list(await asyncio.gather(*[self._http.post("/timeline", content=body) for body in bodies]))

        answers = self._loop.run_until_complete(post_all())
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


def timeline_of(*specs: str) -> TimelineClient:
    registry = ModelRegistry(specs)
    registry.start()
    assert registry.wait(120)
    return TimelineClient(registry)


def expected(step: int, prompt: str = "ROMEO:", seed: int = 7) -> str:
    return generate(checkpoint(step), prompt, timelines.LENGTH, seed=seed)


@pytest.fixture
def app(hub: LocalHub, tmp_path: Path) -> Iterator[TimelineClient]:
    """The route over a model that a run has pushed."""
    pushed_run(hub, NAME, tmp_path / "run")
    app = timeline_of(NAME)
    yield app
    app.close()


def test_each_frame_is_the_text_of_its_checkpoint_which_is_downloaded_when_it_is_requested(
    app: TimelineClient, hub: LocalHub
) -> None:
    repo = hub.repos[NAME]
    commits = dict(zip(STEPS, [each.oid for each in repo.log("training")[-3::-1]], strict=True))
    assert app.ask(model=NAME) == {"timeline": True}
    result = app.ask(model=NAME, timeline=True)
    assert result == {
        "frames": [list(each) for each in zip(STEPS, LOSSES, strict=True)],
        "best": 3,
        "curve": [list(each) for each in zip(STEPS, LOSSES, strict=True)],
        "prompt": "ROMEO:",
        "seed": 7,
    }
    assert not hub.requests("/resolve/.*safetensors")[2:], "only the served model is downloaded"
    for step in (300, 100):
        before = len(hub.log)
        assert app.ask(model=NAME, step=step, **FRAME) == {"text": expected(step)}
        fetched = hub.log[before:]
        assert fetched
        assert all(commits[step] in str(each) for each in fetched)
    count = len(hub.log)
    assert app.ask(model=NAME, step=300, **FRAME) == {"text": expected(300)}
    assert app.ask(model=NAME, step=100, prompt="Ж?", seed=2**32 - 1)["text"] == expected(100, "?", 2**32 - 1)
    assert len(hub.log) == count, "a cached checkpoint is not downloaded again"
    hub.unplug()
    assert app.ask(model=NAME, step=100, prompt="x", seed=0) == {"text": expected(100, "x", 0)}
    assert app.ask(model=NAME, step=2000, **FRAME) == {
        "refusal": "Step 2,000 cannot be fetched from the Hub just now: try again later."
    }
    hub.plug_in()
    assert app.ask(model=NAME, step=2000, **FRAME) == {"text": expected(2000)}


def test_an_invalid_checkpoint_is_refused_and_downloaded_once_and_the_others_are_shown(
    app: TimelineClient, hub: LocalHub, tmp_path: Path
) -> None:
    repo = hub.repos[NAME]
    bad = files(tmp_path / "bad", 3000, 5)
    weights = bad["model.safetensors"]
    bad["model.safetensors"] = weights[:-1] + bytes([weights[-1] ^ 1])
    lines = metrics() + b'{"step": 3000, "val_loss": 1.65}\n{"step": 4000, "val_loss": 1.64}\n'
    hub.commit(repo, {**bad, "metrics.jsonl": lines}, branch="training", title=title(3000, 1.65))
    other = files(tmp_path / "other", 7, 5)
    hub.commit(repo, {**other, "metrics.jsonl": lines}, branch="training", title=title(4000, 1.64))
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


@pytest.mark.parametrize(
    ("query", "refusal"),
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
def test_an_invalid_field_is_refused_in_one_line(run_app: TimelineClient, query: dict[str, Any], refusal: str) -> None:
    assert refusal in run_app.ask(**{"model": "run", **query})["refusal"]


@pytest.fixture(scope="module")
def run_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimelineClient]:
    """The route over a run folder, and over a model that was never on disk."""
    app = timeline_of(str(run_folder(tmp_path_factory.mktemp("timelines") / "run")))
    app.registry.add("memory", random_model())
    yield app
    app.close()


def test_a_run_folder_has_a_timeline(run_app: TimelineClient) -> None:
    assert run_app.ask(model="run") == {"timeline": True}
    assert [step for step, _ in run_app.ask(model="run", timeline=True)["frames"]] == list(STEPS)
    assert run_app.ask(model="run", step=2000, **FRAME) == {"text": expected(2000)}


def test_a_model_without_checkpoints_of_its_training_has_no_timeline(
    run_app: TimelineClient, hub: LocalHub, tmp_path: Path
) -> None:
    assert run_app.ask(model="memory") == {"timeline": False}
    assert run_app.ask(model="memory", timeline=True)["refusal"].startswith("The training of this model was not kept")
    assert read_history(str(tmp_path)) is None
    hub.add_repo(NAME, files(tmp_path / "made", 100, 1))
    assert read_history(NAME) is None
    with pytest.raises(OSError, match="ada/none at training cannot be loaded: there is no such repo"):
        read_history("ada/none")
