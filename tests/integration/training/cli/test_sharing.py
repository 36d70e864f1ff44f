"""What may be private is published only after an explicit yes, by whatever command, and a run remembers it."""

import json
import re
import shutil
from pathlib import Path

import pytest

from model.checkpoint.write import write_training
from tests.local_hub import LocalHub
from tests.support.tiny_models import tiny_model
from tests.support.tiny_runs import SIZES, Here, best_of, use_small_page, words
from training.__main__ import main
from training.hub.checkpoints import DESTINATION

QUICK = (*SIZES, "--steps=4", "--set=evaluations=1")
LEARNING = ("--set=batch=4,window=16,evaluations=1", "--steps=4")  # the sizes are those of the other model
SECRET = "Write to ada.lovelace@babbage.org about the engine.\n"
TYPED = {"plain": ("plain.txt",), "diary": ("diary.txt",), "chat": ("chat.txt", "--chat")}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the texts, and with a run for each of `TYPED` that was neither scanned nor pushed."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "plain.txt").write_text(words(200))
    (folder / "diary.txt").write_text(words(200) + SECRET)
    lines = [f"31/12/2021, 10:{n // 2:02d} - {('Anna', 'Ben')[n % 2]}: soon, {n * n}" for n in range(120)]
    (folder / "chat.txt").write_text("\n".join(lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, typed in TYPED.items():
            assert main([*typed, *QUICK, f"--out={name}"]) == 0
    return folder


@pytest.fixture(autouse=True)
def _trained(hub: LocalHub, token: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of the test is a copy of that one."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    use_small_page(monkeypatch, tmp_path / "project")


def refused(here: Here, *arguments: str | Path) -> str:
    output = here(*arguments, code=2)
    assert "--publish-anyway" in output
    assert "--private" in output
    return output


@pytest.mark.parametrize(("name", "reason"), [("diary", "(e-mail address: 1)"), ("chat", "The text is a chat")])
def test_a_run_that_was_not_scanned_is_published_with_a_yes(
    hub: LocalHub, here: Here, tmp_path: Path, name: str, reason: str
) -> None:
    for model in (name, best_of(tmp_path / name), f"{name}/best"):
        output = refused(here, "space", model, "--space=ada/page")
        assert "error: nothing was published." in output
        assert reason in output
    for option in ("--push-to=ada/open", "--space=ada/open"):
        assert reason in refused(here, f"--resume={name}", option)
    assert not hub.repos
    here("space", name, "--space=ada/ours", "--private")
    assert hub.repos["spaces/ada/ours"].private
    here("space", name, "--space=ada/page", "--publish-anyway")
    assert not hub.repos["spaces/ada/page"].private


def test_a_clean_text_needs_no_yes_and_a_run_without_its_text_does(hub: LocalHub, here: Here, tmp_path: Path) -> None:
    shutil.copytree(best_of(tmp_path / "plain"), tmp_path / "copy")
    assert "it cannot be scanned" in refused(here, "space", "copy", "--space=ada/page")
    assert not hub.repos
    here("space", "plain", "--space=ada/page")
    assert not hub.repos["spaces/ada/page"].private


@pytest.mark.parametrize("option", ["--private", "--publish-anyway"])
def test_a_run_and_what_learns_from_it_stay_as_they_were_shared_first(hub: LocalHub, here: Here, option: str) -> None:
    here("diary.txt", *QUICK, "--out=run", "--push-to=ada/ours", option)
    here("--resume=run", "--push-to=ada/other")
    here("space", "run", "--space=ada/page")
    here("plain.txt", *LEARNING, "--from=run", "--out=next", "--push-to=ada/next")
    assert {name: repo.private for name, repo in hub.repos.items()} == dict.fromkeys(
        ("ada/ours", "ada/other", "spaces/ada/page", "ada/next"), option == "--private"
    )


def test_a_run_that_was_private_at_its_newest_step_stays_private(hub: LocalHub, here: Here, tmp_path: Path) -> None:
    """Not at its best step. Its repo becomes public before the first push."""
    best = best_of(tmp_path / "plain")
    write_training(shutil.copytree(best, tmp_path / "plain" / "step-00000005"), {"sharing": "private"})
    hub.fail("POST .*/commit/", 403, times=None)
    here("--resume=plain", "--push-to=ada/ours")
    hub.faults.clear()
    assert hub.repos["ada/ours"].private
    assert json.loads((best / "config.json").read_text())["training"]["sharing"] == "private"
    hub.repos["ada/ours"].private = False
    for command, code in (("--resume=plain",), 0), (("push", "plain"), 1):
        assert "ada/ours is public now, and this run is private" in here(*command, code=code)
    assert "model.safetensors" not in hub.repos["ada/ours"].commit("main").files
    here("push", "plain", "--publish-anyway")
    assert "model.safetensors" in hub.repos["ada/ours"].commit("main").files


def test_a_push_of_a_run_that_was_not_scanned_needs_a_yes(hub: LocalHub, here: Here, tmp_path: Path) -> None:
    """As earlier versions left it: without a note of how it is shared."""
    hub.fail("POST .*/commit/", 403, times=None)
    here("diary.txt", *QUICK, "--out=run", "--push-to=ada/open", "--publish-anyway")
    hub.faults.clear()
    for path in (tmp_path / "run" / DESTINATION, best_of(tmp_path / "run") / "config.json"):
        note = json.loads(path.read_text())
        del note.get("training", note)["sharing"]
        path.write_text(json.dumps(note))
    output = refused(here, "push", "run")
    assert "error: nothing was pushed.\nThe text holds private data (e-mail address: 1)" in output
    assert "model.safetensors" not in hub.repos["ada/open"].commit("main").files
    output = here("push", "run", "--private", code=1)
    assert "is public now" in output


@pytest.mark.parametrize(("option", "access"), [("--from", "private"), ("--teacher", "gated")])
def test_what_learns_from_a_private_or_gated_model_is_private_and_so_is_its_page(
    hub: LocalHub, here: Here, option: str, access: str
) -> None:
    tiny_model().push_to_hub("ada/secret", private=access == "private")
    if access == "gated":
        hub.repos["ada/secret"].gated = "manual"
    hub.add_repo("ada/open-page", kind="space")
    output = here("space", "ada/secret", "--space=ada/open-page", code=2)
    assert "the Space ada/open-page is public already, and the model is private or gated" in output
    here("space", "ada/secret", "--space=ada/closed-page")
    assert hub.repos["spaces/ada/closed-page"].private
    here("space", "ada/secret", "--space=ada/open-page", "--publish-anyway")
    here("plain.txt", *LEARNING, f"{option}=ada/secret", "--out=later")
    here("--resume=later", "--push-to=ada/later")
    assert hub.repos["ada/later"].private
    output = here("plain.txt", *LEARNING, f"{option}=ada/secret", "--push-to=ada/next", "--space=ada/page")
    assert f"ada/secret is {access} on the Hub: the new model is private, too" in output
    assert hub.repos["ada/next"].private
    assert hub.repos["spaces/ada/page"].private
    here("plain.txt", *LEARNING, f"{option}=ada/secret", "--push-to=ada/open", "--publish-anyway")
    assert not hub.repos["ada/open"].private


def test_what_learns_from_a_run_that_was_not_scanned_is_private_if_that_holds_private_data(
    hub: LocalHub, here: Here, tmp_path: Path
) -> None:
    (tmp_path / "diary").rename(tmp_path / "ada-smith")
    output = here("plain.txt", *LEARNING, "--from=./ada-smith", "--out=next", "--push-to=ada/next")
    assert "may be private (The text holds private data (e-mail address: 1)." in output
    assert hub.repos["ada/next"].private
    assert not re.search("ada-smith|diary", (best_of(tmp_path / "next") / "config.json").read_text())
    here("plain.txt", *LEARNING, "--from=./plain", "--push-to=ada/open")
    assert not hub.repos["ada/open"].private
