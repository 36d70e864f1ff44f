"""How the app gets its models: from folders, from the Hub at one commit, from the cache, or the bundled ones."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import PlainFormatter
from model import CharLSTM, Engine, SamplingParams, generate
from model.checkpoint.names import BUNDLED
from model.checkpoint.record import Welcome, stored_welcome
from tests.local_hub import LocalHub
from tests.support.app_server import App, add_model, eventually, random_model, serving
from tests.support.page_client import english
from tests.support.tiny_models import saved_files
from training.card.summary import with_welcome
from ui.messages import Message, RefusalError
from ui.registry.loaded_model import welcome_text_of
from ui.registry.registry import ModelRegistry


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    return saved_files(random_model(), tmp_path / "made")


def registry_of(*specs: str) -> ModelRegistry:
    registry = ModelRegistry(specs)
    registry.start()
    assert registry.settled.wait(120)
    return registry


def site_of(app: App) -> Any:
    return app.http.get("site").raise_for_status().json()


def test_a_model_is_downloaded_at_one_commit_and_the_page_shows_it(hub: LocalHub, files: dict[str, bytes]) -> None:
    repo = hub.add_repo("ada/novel", files)
    first = repo.commit("main").oid
    newer = hub.commit(repo, {"README.md": b"new"})
    registry = registry_of("ada/novel", f"ada/novel@{first}")
    assert [served.lm.commit for served in registry.loaded_models] == [newer, first]
    assert registry.names == ["ada/novel", f"ada/novel@{first}"]
    assert not registry.notices
    with serving(registry) as app:
        assert [model["commit"] for model in site_of(app)["models"]] == [newer, first]
        assert f"commit {newer[:7]}" in english(site_of(app)["models"][0]["about"])


def test_models_that_cannot_be_loaded_and_cached_copies_are_reported(hub: LocalHub, files: dict[str, bytes]) -> None:
    hub.add_repo("ada/empty", {"README.md": b"nothing"})
    commit = hub.add_repo("ada/novel", files).commit("main").oid
    registry = registry_of("ada/empty", "./no-such-folder")
    assert [served.name for served in registry.loaded_models] == [BUNDLED]
    shown = " ".join(map(str, registry.notices))
    assert "ada/empty is not a char-lstm model: it has no config.json" in shown
    assert "there is no folder" in shown
    assert str(Path.cwd()) not in shown
    registry_of("ada/novel")
    hub.unplug()
    cached = registry_of("ada/novel")
    assert [served.commit for served in cached.loaded_models] == [commit]
    notice = "the Hub could not be reached: this is the cached copy of ada/novel"
    assert list(map(str, cached.notices)) == [notice]


def test_the_kernels_are_compiled_before_the_first_visitor_needs_them() -> None:
    lm = with_welcome(random_model())
    engine = Engine(lm)
    assert welcome_text_of(engine, lm) == stored_welcome(lm.training)
    assert engine.waiting == 1  # a reply of one character, for which they are compiled


def test_during_a_long_download_the_bundled_model_is_served(
    hub: LocalHub, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.registry.registry.FALLBACK_S", 0.2)
    repo = hub.add_repo("ada/novel", files)
    slow = hub.fail("/api/models/ada/novel", "slow", None, seconds=10_000)
    monkeypatch.setattr("model.hub.limits.READ_S", 100.0)
    registry = registry_of("ada/novel")
    assert registry.loading == ["ada/novel"]
    with serving(registry) as app:
        assert registry.get(None).name == BUNDLED
        assert registry.notices == [Message("model.bundled_instead")]
        assert english(site_of(app)["notices"]).endswith("Loading ada/novel …")
        slowly, bundled = site_of(app)["models"]
        assert (slowly["loading"], bundled["loading"], bundled["failure"]) == (True, False, None)
        assert english(slowly["failure"]) == "Loading ada/novel …", "a page chooses a model without a failure"
        assert site_of(app)["again_s"] == 1.0
        slow.lift()
        eventually(lambda: not registry.loading)
        assert (registry.get(None).name, registry.get(None).commit) == ("ada/novel", repo.commit("main").oid)
        assert registry.notices == []


def test_control_characters_in_a_models_notes_reach_neither_page_nor_log(tmp_path: Path) -> None:
    lm = random_model()
    lm.training = {"corpus": "faq\x1b[31m\u202e\nserving bundled"}
    lm.save_pretrained(tmp_path / "mine")
    registry = registry_of(str(tmp_path / "mine"))
    [corpus] = [fact for fact in registry.get(None).about if fact.id == "model.corpus"]
    assert str(corpus) == r"trained on faq\x1b[31m\u202e\nserving bundled"
    record = logging.LogRecord("x", logging.WARNING, "", 0, "a\x1b]0;title\x07\u202eb\nc", None, None)
    assert PlainFormatter("%(message)s").format(record) == "a\ufffd]0;title\ufffd\ufffdb\nc"
    registry.stop()


def test_names_of_models_contain_no_path(tmp_path: Path) -> None:
    for name in ("one/best", "two/best", "bundled"):
        random_model().save_pretrained(tmp_path / name)
    registry = registry_of(*(str(tmp_path / name) for name in ("one/best", "two/best", "bundled")), BUNDLED)
    assert registry.names == ["best", "best (2)", "bundled (2)", BUNDLED]
    registry.stop()


WELCOME: Welcome = {"text": "and the first line\nof its welcome text\nends in the midd", "seed": 8}


@pytest.fixture
def with_lazy(tmp_path: Path) -> Callable[[], ModelRegistry]:
    """A function that returns a registry with one model, and another one that is loaded on its first use."""
    random_model().save_pretrained(tmp_path / "first")
    replace(random_model(), training={"examples": ["the"], "welcome": WELCOME}).save_pretrained(tmp_path / "lazy")

    def start() -> ModelRegistry:
        registry = ModelRegistry([str(tmp_path / "first")], on_demand=[str(tmp_path / "lazy")])
        registry.start()
        assert registry.settled.wait(60)
        return registry

    return start


def test_a_model_that_is_not_in_memory_is_described_and_loads_when_it_is_used(
    with_lazy: Callable[[], ModelRegistry], tmp_path: Path
) -> None:
    with serving(with_lazy()) as app:
        eventually(lambda: site_of(app)["models"][1]["vocab"])
        before = site_of(app)["models"][1]
        assert (before["loading"], before["failure"], before["examples"]) == (False, None, ["the"])
        assert before["welcome"] == "and the first line\nof its welcome text"
        assert [each.name for each in app.registry.loaded_models] == ["first"]
        asked = {"model": "lazy", "prompt": "the", "seed": 1, "max_tokens": 20}
        written = app.http.post("v1/completions", json=asked).raise_for_status().json()["choices"][0]["text"]
        assert written == generate(CharLSTM.from_pretrained(tmp_path / "lazy"), "the", 20, seed=1)
        assert [each.name for each in app.registry.loaded_models] == ["first", "lazy"]
        assert site_of(app)["models"][1] == before


@pytest.mark.parametrize("damaged", ["config.json", "model.safetensors"])
def test_a_damaged_model_is_reported_and_the_others_write(
    with_lazy: Callable[[], ModelRegistry], tmp_path: Path, damaged: str
) -> None:
    (tmp_path / "lazy" / damaged).write_bytes(b"damaged")
    registry = with_lazy()
    if damaged == "model.safetensors":  # read at the first use
        assert registry.names == ["first", "lazy"]
        with pytest.raises(RefusalError):
            registry.get("lazy")
        eventually(lambda: registry.names == ["first"])
    assert registry.names == ["first"]
    assert len(registry.notices) == 1
    registry.stop()


def test_the_blends_with_the_oldest_use_are_unloaded_after_their_replies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.registry.registry._GRACE_S", 0.0)
    registry = ModelRegistry()
    one, two, three = (
        add_model(registry, name, random_model(seed)) for seed, name in enumerate(("one", "two", "three"))
    )
    size = 10 * one.lm.config.parameters
    monkeypatch.setattr("ui.registry.registry.MAX_BLEND_BYTES", 2 * size)  # room for two blends
    try:
        first, second = registry.blend(one, two), registry.blend(two, three)
        running = second.engine.add_request("a", SamplingParams(length=10_000_000))
        assert registry.blend(one, two) is first
        registry.blend(one, three)  # now the second was not used for the longest time
        assert registry.blend(one, two) is first
        assert second in registry.all_loaded
        second.engine.abort(running)
        eventually(lambda: second not in registry.all_loaded)
        assert registry.blend(two, three) is not second
    finally:
        registry.stop()
