"""Training with --push-to: what is checked before the first step, what is pushed, and what faults of the Hub cost."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load

from tests.local_hub import LocalHub
from tests.support.tiny_runs import SIZES, Here, after_step, best_of, metrics, outcome
from training.cli import main as cli
from training.hub.pusher import Pusher

pytestmark = pytest.mark.usefixtures("text", "token")
QUICK = ("text.txt", *SIZES, "--steps=8", "--set=evaluations=2", "--out=run")
ONCE = (*QUICK, "--set=evaluations=1")  # one checkpoint to push, where how many is not the point
PRIVATE_TEXT = "Write to ada.lovelace@babbage.org about the engine.\n"


def test_an_unknown_licence_is_refused_and_a_resumed_run_may_start_to_push_with_a_known_one(
    hub: LocalHub, here: Here
) -> None:
    """Before the first step, because the Hub would refuse the card after the training."""

    def check_refused(*arguments: str) -> None:
        assert "error: the Hub has no licence 'typo'" in here(*arguments, "--license=typo", code=2)

    check_refused(*QUICK, "--push-to=plays")
    assert not Path("run").exists()
    here(*ONCE)
    check_refused("--resume=run", "--push-to=plays")
    assert not hub.repos
    for run in ("run", "nowhere"):
        here("push", run, code=2)
    here("--resume=run", "--push-to=plays", "--private", "--license=cc0-1.0")
    card = hub.read("ada/plays", "README.md").decode()
    assert "license: cc0-1.0" in card
    assert "CharLSTM.from_pretrained('ada/plays')" in card
    assert hub.repos["ada/plays"].private
    check_refused("--resume=hf://ada/plays", "text.txt")


def test_checkpoints_are_pushed_without_a_secret_and_the_user_learns_who_can_read_them(
    hub: LocalHub, token: str, here: Here, tmp_path: Path
) -> None:
    run = tmp_path / "secret-run"
    output = here(tmp_path / "text.txt", *QUICK[1:-1], f"--out={run}", "--push-to=plays")
    public = f"Pushing to {hub.url}/ada/plays (public: anyone can read it and what it has learned)."
    assert output.index(public) < output.index("step 1 of 8")
    assert output.splitlines()[-1] == f"On the Hub: {hub.url}/ada/plays"
    repo = hub.repos["ada/plays"]
    served = {"config.json", "model.safetensors", "manifest.json", "README.md", "metrics.jsonl", "curve.png"}
    assert served <= set(repo.commit("main").files)
    assert "training_state/state.safetensors" in repo.commit("training").files
    assert "training_state/state.safetensors" not in repo.commit("main").files
    best = min(metrics(run), key=lambda line: float(line["val_loss"]))
    assert f"val loss {best['val_loss']:.4f} nats" in repo.titles()[0]
    assert "CharLSTM.from_pretrained('ada/plays')" in hub.read("ada/plays", "README.md").decode()
    assert token not in output
    assert not [path for path in run.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]
    for branch in ("main", "training"):
        for name in repo.commit(branch).files:
            data = hub.read("ada/plays", name, branch)
            for secret in (token, str(tmp_path), "secret-run"):
                assert secret.encode() not in data, f"{name} on {branch} holds {secret}"


def test_a_better_model_and_a_readme_of_its_own_stay_until_they_are_to_be_replaced(
    hub: LocalHub, here: Here, tmp_path: Path
) -> None:
    here(*ONCE, "--push-to=plays")
    repo, better = hub.repos["ada/plays"], b"# Written by hand\n"
    hub.commit(repo, {"README.md": better, "LICENSE": b"by a person", "cells.json": b"of another model"})
    before = hub.read("ada/plays", "model.safetensors")
    worse = ("text.txt", *SIZES, "--steps=1", "--set=evaluations=1", "--push-to=plays")
    output = here(*worse, "--out=worse")
    loss = metrics(tmp_path / "run")[-1]["val_loss"]
    first_step = output.index("step 1 of 1")
    assert f"ada/plays holds a model with a held-out loss of {loss:.4f} nats" in output[:first_step]
    assert "ada/plays has a README.md of its own, which stays." in output[:first_step]
    assert "ada/plays keeps its better model. To replace it with the one of this run:" in output
    assert hub.read("ada/plays", "model.safetensors") == before
    assert hub.read("ada/plays", "README.md") == better
    here("--resume=worse", "--replace")
    mine = (best_of(tmp_path / "worse") / "model.safetensors").read_bytes()
    assert hub.read("ada/plays", "model.safetensors") == mine != before
    assert b"library_name: char-lstm" in hub.read("ada/plays", "README.md")
    assert "LICENSE" in repo.commit("main").files
    assert "cells.json" not in repo.commit("main").files, "files that the checkpoint lacks are deleted"


def test_private_text_is_not_published_by_accident(hub: LocalHub, here: Here, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text((tmp_path / "text.txt").read_text() + PRIVATE_TEXT)
    output = here(*ONCE, "--push-to=ada/plays", code=2)
    assert "error: nothing was trained or published." in output
    assert re.search(r"text\.txt, line \d+: e-mail address", output)
    assert "--private" in output
    assert "--publish-anyway" in output
    assert "ada.lovelace@" not in output
    assert hub.log == []
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


def close_and_interrupt(pusher: Pusher, *_: object, close: Callable[..., object] = Pusher.close) -> None:
    close(pusher, 0)
    raise KeyboardInterrupt


@pytest.mark.parametrize("interrupted", [False, True], ids=["", "Ctrl-C during the last pushes"])
def test_training_without_the_hub_is_complete_and_pushed_later(
    hub: LocalHub, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupted: bool
) -> None:
    monkeypatch.setattr(cli, "PUSH_AT_END_S", 0.5)
    four = ("text.txt", *SIZES, "--steps=8", "--set=evaluations=4")
    with monkeypatch.context() as middle:
        after_step(1, lambda: hub.fail("POST|PUT", "hang", times=None), middle.setattr)
        if interrupted:
            middle.setattr(Pusher, "close", close_and_interrupt)
        output = here(*four, "--out=run", "--push-to=ada/plays", code=(130 if interrupted else 0))
    assert "Done in" in output
    assert re.search(r"Not on the Hub yet: \d checkpoints?. To push:\n  python -m training push run\n", output)
    here(*four, "--out=alone")
    assert outcome(tmp_path / "run") == outcome(tmp_path / "alone")
    hub.faults.clear()
    output = here("push", "run")
    latest = load(hub.read("ada/plays", "training_state/state.safetensors", "training"))
    assert int(latest["steps_done"]) == 8
    best = (best_of(tmp_path / "run") / "model.safetensors").read_bytes()
    assert hub.read("ada/plays", "model.safetensors") == best
    assert here("push", "run") == "Everything is on the Hub already.\n"
