"""`python -m training push-bundled USER`: pushes the bundled models to the Hub, and collects them on one page."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from model import CharLSTM
from model.checkpoint.bundled import BUNDLED_FOLDER, bundled_names
from model.checkpoint.names import CARD
from model.hub.names import MAIN, commit_title
from model.terminal import one_line

from ...errors import HubError
from ...hub.jobs import CheckRepo, Collect, PushCheckpoint
from ...hub.repos import check_repo_name
from ...hub.worker_process import run_job
from ...run.console import loss_text, say

TITLE = "char-lstm"
_DESCRIPTION = "Character LSTMs that come with char-lstm, each trained on one text"


def push_bundled(user: str) -> int:
    """Pushes each bundled model to USER/char-lstm-NAME, and adds them to a collection; returns the exit code.

    Raises:
        HubError: a repo cannot be written to, or holds a model of another text.
    """
    repos = [check_repo_name(f"{user}/{TITLE}-{name}") for name in bundled_names()]
    pushed = [_push(name, repo) for name, repo in zip(bundled_names(), repos, strict=True)]
    page = run_job(Collect(repo=user, title=TITLE, description=_DESCRIPTION, models=pushed), report=say)
    say(f"Collected at {page.url}")
    return 0


def _push(name: str, repo: str) -> str:
    """Pushes one model unless the repo holds a better one; returns the name of its repo."""
    training = CharLSTM.from_pretrained(BUNDLED_FOLDER / name).training
    loss, step = float(training["val_loss"]), int(training["step"])
    job = CheckRepo(
        repo=repo,
        private=False,
        license=str(training["license"]),
        corpus=str(training["corpus"]),
        corpus_characters=int(training["corpus_characters"]),
    )
    found = run_job(job, report=say)
    if found.private:
        raise HubError(f"{found.repo} is private, and the bundled models are public: make it public on its page")
    if found.loss_to_beat is not None and found.loss_to_beat < loss:
        say(f"{found.repo} holds a better model ({loss_text(found.loss_to_beat)}), which stays.")
        return found.repo
    with tempfile.TemporaryDirectory() as working:
        folder = Path(shutil.copytree(BUNDLED_FOLDER / name, Path(working) / name))
        card = (folder / CARD).read_text(encoding="utf-8")
        here = (
            ("from_pretrained('.')  # this folder", f"from_pretrained({found.repo!r})"),
            ("--model .", f"--model {found.repo}"),
        )
        for local, on_hub in here:
            card = card.replace(local, on_hub)
        (folder / CARD).write_text(card, encoding="utf-8", newline="\n")
        title = commit_title(MAIN, step, loss, float(training["val_bpc"]))
        push = PushCheckpoint(
            repo=found.repo, branch=MAIN, folder=str(folder), title=title, with_state=False, keep_card=found.keep_card
        )
        commit = run_job(push, report=say)
    say(f"{one_line(found.url)} is at {commit.oid[:8]}{'' if commit.changed else ': nothing has changed'}.")
    return found.repo
