"""Models that are loaded when they are first used, as the gallery at the start of the app."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from model import BlockedWords, CharLSTM, generate
from model.checkpoint.bundled import BUNDLED, bundled_names, bundled_spec
from model.checkpoint.record import Welcome
from tests.support.app_server import App, eventually, random_model, serving
from ui.messages import RefusalError
from ui.registry.loaded_model import example_prompts, stored_welcome_text_of
from ui.registry.registry import ModelRegistry
from ui.registry.specs import with_gallery

WELCOME: Welcome = {"text": "and the first line\nof its welcome text\nends in the midd", "seed": 8}
ASKED = {"prompt": "the", "seed": 1, "max_tokens": 20}


@pytest.fixture
def lazy(tmp_path: Path) -> Iterator[App]:
    """An app with one model, and another one that is loaded on its first use."""
    random_model().save_pretrained(tmp_path / "first")
    replace(random_model(), training={"examples": ["the"], "welcome": WELCOME}).save_pretrained(tmp_path / "lazy")
    registry = ModelRegistry([str(tmp_path / "first")], on_demand=[str(tmp_path / "lazy")])
    registry.start()
    assert registry.wait(60)
    with serving(registry) as app:
        yield app


def described(app: App, name: str) -> Any:
    models = httpx.get(f"{app.url}site").raise_for_status().json()["models"]
    return next(model for model in models if model["name"] == name)


def names_in_memory(app: App) -> list[str]:
    return [loaded.name for loaded in app.registry.loaded_models]


def test_a_model_that_is_not_in_memory_is_described_and_loads_when_it_is_used(lazy: App, tmp_path: Path) -> None:
    eventually(lambda: described(lazy, "lazy")["vocab"])
    before = described(lazy, "lazy")
    assert (before["loading"], before["failure"], before["welcome"]) == (
        False,
        None,
        "and the first line\nof its welcome text",
    )
    assert before["examples"] == ["the"]
    assert names_in_memory(lazy) == ["first"]
    answer = httpx.post(f"{lazy.url}v1/completions", json={**ASKED, "model": "lazy"}, timeout=60).raise_for_status()
    written = answer.json()["choices"][0]["text"]
    assert written == generate(CharLSTM.from_pretrained(tmp_path / "lazy"), "the", 20, seed=1)
    assert names_in_memory(lazy) == ["first", "lazy"]
    unlike = {"welcome": "", "welcome_seed": 0}  # the stored text of this model is none that it writes
    assert {**described(lazy, "lazy"), **unlike} == {**before, **unlike}


@pytest.mark.parametrize("name", bundled_names()[1:])
def test_a_bundled_model_is_described_with_a_text_that_it_writes(name: str) -> None:
    lm = CharLSTM.from_pretrained(bundled_spec(name))
    welcome, seed = stored_welcome_text_of(lm, BlockedWords())
    assert len(welcome) > 80
    assert generate(lm, "", 240, seed=seed).startswith(welcome)
    assert len(example_prompts(lm, BlockedWords())) == 4


@pytest.mark.parametrize("damaged", ["config.json", "model.safetensors"])
def test_a_damaged_model_is_reported_and_the_others_write(tmp_path: Path, damaged: str) -> None:
    for name in ("first", "lazy"):
        random_model().save_pretrained(tmp_path / name)
    (tmp_path / "lazy" / damaged).write_bytes(b"damaged")
    registry = ModelRegistry([str(tmp_path / "first")], on_demand=[str(tmp_path / "lazy")])
    registry.start()
    assert registry.wait(60)
    if damaged == "model.safetensors":  # read at the first use
        assert registry.names == ["first", "lazy"]
        with pytest.raises(RefusalError):
            registry.get("lazy")
        eventually(lambda: registry.names == ["first"])
    assert registry.names == ["first"]
    assert len(registry.notices) == 1
    registry.stop()


def test_the_gallery_is_offered_unless_a_model_is_named() -> None:
    first, *others = map(bundled_spec, bundled_names())
    assert with_gallery(()) == ([first], others)
    assert with_gallery(["ada/novel"]) == (["ada/novel"], ())
    assert with_gallery([BUNDLED]) == ([BUNDLED], ())
