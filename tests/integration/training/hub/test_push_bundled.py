"""`python -m training push-bundled USER`, against the local Hub."""

from __future__ import annotations

import pytest

from model import CharLSTM
from model.checkpoint.bundled import bundled_spec
from tests.local_hub import LocalHub
from training.__main__ import main


@pytest.fixture(autouse=True)
def _one_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them would take half a minute."""
    monkeypatch.setattr("training.cli.commands.push_bundled.bundled_names", lambda: ("shakespeare",))


def test_the_bundled_models_are_pushed_once_and_collected(
    hub: LocalHub, token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["push-bundled", "ada"]) == 0
    (collection,) = hub.context.collections.values()
    assert f"Collected at {hub.url}/collections/{collection['slug']}" in capsys.readouterr().err
    assert [(item["type"], item["id"]) for item in collection["items"]] == [("model", "ada/char-lstm-shakespeare")]
    card = hub.read("ada/char-lstm-shakespeare", "README.md").decode()
    assert "license_name: public-domain" in card
    assert "CharLSTM.from_pretrained('ada/char-lstm-shakespeare')" in card
    assert "--model ada/char-lstm-shakespeare" in card
    pushed = CharLSTM.from_pretrained("ada/char-lstm-shakespeare")
    assert pushed.training == CharLSTM.from_pretrained(bundled_spec("shakespeare")).training
    assert main(["push-bundled", "ada"]) == 0
    assert "nothing has changed" in capsys.readouterr().err
    assert list(hub.context.collections.values()) == [collection]


def test_a_repo_with_another_model_stays(hub: LocalHub, token: str, capsys: pytest.CaptureFixture[str]) -> None:
    hub.add_repo("ada/char-lstm-shakespeare", {"config.json": b'{"training": {"corpus": "diary", "val_loss": 1.0}}'})
    before = hub.repos["ada/char-lstm-shakespeare"].commit("main").oid
    assert main(["push-bundled", "ada"]) == 2
    assert "error: ada/char-lstm-shakespeare" in capsys.readouterr().err
    assert hub.repos["ada/char-lstm-shakespeare"].commit("main").oid == before
    assert not hub.context.collections


def test_the_models_of_another_user_are_not_pushed(
    hub: LocalHub, token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["push-bundled", "eve"]) == 2
    assert "eve/char-lstm-shakespeare" in capsys.readouterr().err
    assert not hub.repos
