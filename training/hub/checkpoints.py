"""Checkpoints of a run in a repo: checks the repo or creates it, pushes a checkpoint, finds and downloads a run.

outbox/destination.json of the run folder records the repo that a run is pushed to.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, ModelCard, ModelInfo, constants, hf_hub_download
from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

from model.checkpoint.names import (
    CARD,
    CARD_FILES,
    CONFIG,
    LISTED_FILES,
    MANIFEST,
    NOTEBOOK,
    PUBLISHED_FILES,
    STATE,
    WEIGHTS,
)
from model.files import atomic_write, json_bytes
from model.terminal import one_line, own_command

from ..card.public_text import is_model_card, linked_page, with_page_link
from ..errors import HubError
from .calls import Change, commit, file_names, full_repo_name, hub_client, hub_error, read_file

MAIN = "main"  # the branch of the best checkpoint, which is loaded by default
TRAINING = "training"  # the branch with a commit for each checkpoint, with all files that --resume needs
DESTINATION = "outbox/destination.json"  # in the run folder
PRIVATE, PUBLIC, UNSCANNED = "private", "public", "unscanned"  # `sharing` of a run, see training.cli.sharing
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_OR_REPLACE = "name another repo, or give --replace"
_LICENSES = "https://huggingface.co/docs/hub/repositories-licenses"


@dataclass(frozen=True)
class Destination:
    """The repo that a run is pushed to."""

    repo: str  # USER/NAME
    private: bool = False
    # The held-out loss in nats per character of the model on its main branch, which a model with a higher loss must not
    # replace; None if any model may be pushed there
    loss_to_beat: float | None = None
    keep_card: bool = False  # whether its README.md stays, because it is not a model card of this project
    # The sharing of the run; `private` runs are pushed to private repos only. "" in runs of earlier versions
    sharing: str = ""
    # By branch, the step of the checkpoint that was pushed last
    pushed: Mapping[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The page of the repo on the Hub."""
        return f"{constants.ENDPOINT}/{self.repo}"


def check_repo_name(repo: str) -> str:
    """Returns `repo` if it is NAME or USER/NAME as the Hub allows it; else raises HubError. Makes no request."""
    if re.search(r"hf_[A-Za-z0-9]{30}", repo):
        raise HubError("the name of the repo looks like a token: give NAME or USER/NAME, and revoke the token")
    if re.fullmatch(rf"(?:{_NAME}/)?{_NAME}", repo) and not re.search(r"--|\.\.|\.git$", repo):
        return repo
    rule = "letters, digits, '-', '_' and '.' (no '--', no '..', not ending in '.git', at most 96 characters each)"
    raise HubError(f"{repo!r} is not the name of a repo: give NAME or USER/NAME, made of {rule}")


def write_destination(run_folder: Path, destination: Destination) -> None:
    """Writes into a run folder where the run is pushed to. Raises OSError if the disk is full."""
    path = run_folder / DESTINATION
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, json_bytes(asdict(destination)))


def read_destination(run_folder: Path | str) -> Destination:
    """Returns where a run was pushed to so far. Raises HubError if it was never pushed."""
    try:
        noted = json.loads((Path(run_folder) / DESTINATION).read_text(encoding="utf-8"))
        # Runs of earlier versions noted more.
        return Destination(**{each.name: noted[each.name] for each in fields(Destination) if each.name in noted})
    except FileNotFoundError:
        name = Path(run_folder).name
        raise HubError(f"run {name!r} has no destination on the Hub: resume it with --push-to USER/NAME") from None
    except (ValueError, TypeError, OSError) as error:
        raise HubError(f"{DESTINATION} cannot be read ({error}): resume with --push-to USER/NAME") from error


def check_repo(
    repo: str, *, private: bool, license: str, corpus: str = "", corpus_characters: int = 0, replace: bool = False
) -> Destination:
    """Checks token, licence and rights before a run; creates the repo (NAME or USER/NAME) if it is missing.

    Nothing is left behind if it fails: the repo is created last.

    Args:
        private: whether the repo must be private.
        license: of the text; the Hub must know it.
        corpus, corpus_characters: name and length of the run's text: a loss in the repo counts for the same text only.
        replace: whether everything in the repo may be replaced.

    Raises:
        HubError: the token may not write, the repo is public, or it holds something that a push would replace.
    """
    api = hub_client()
    repo = full_repo_name(api, repo)
    _check_license(license)
    try:
        info = api.model_info(repo)
    except RepositoryNotFoundError:
        api.create_repo(repo, private=private, exist_ok=True)
        found = Destination(repo, private)
    else:
        api.auth_check(repo, write=True)
        if private and not info.private:
            advice = f"run `hf repos settings {repo} --private` first, or name another repo"
            raise HubError(f"{repo} is public already, and this run is private: {advice}")
        names = file_names(info)
        if names & {CONFIG, WEIGHTS, "pytorch_model.bin"} and MANIFEST not in names:
            raise HubError(f"{repo} holds another kind of model, which a push would replace: name another repo")
        loss = None if replace else _held_loss(repo, info, corpus, corpus_characters)
        has_card = not replace and CARD in names
        keeps = has_card and not is_model_card(read_file(repo, CARD, info.sha))
        found = Destination(repo, bool(info.private), loss, keep_card=keeps)
    with contextlib.suppress(Exception):  # else the first push creates it, with the commits of main before its own
        api.create_branch(repo, branch=TRAINING, exist_ok=True)
    return found


def restriction(repo: str) -> str:
    """Returns "private" or "gated" if not everyone can read a model; else ""."""
    info = hub_client().model_info(repo)
    return "private" if info.private else "gated" if info.gated else ""


def _check_license(name: str) -> None:
    """Raises HubError for a licence that the Hub does not know: the Hub refuses a card with it, after the training."""
    if name == "unknown":
        return
    try:
        ModelCard(f"---\nlicense: {json.dumps(name)}\n---\n").validate()
    except Exception as error:
        if hub_error(error, "").retry:
            raise
        raise HubError(f"the Hub has no licence {name!r}: choose an identifier from {_LICENSES}, or other") from error


def _held_loss(repo: str, info: ModelInfo, corpus: str, corpus_characters: int) -> float | None:
    """Returns the held-out loss of the model in a repo; None if there is no model, or its loss is not known.

    Raises HubError if the model was trained on another text, so the two losses cannot be compared.
    """
    names = file_names(info)
    if MANIFEST not in names or CONFIG not in names:
        others = sorted(names & ({*PUBLISHED_FILES} - {CARD}))
        if others:
            raise HubError(f"{repo} has files that a push would replace ({', '.join(others)}): {_OR_REPLACE}")
        return None
    try:
        noted = json.loads(read_file(repo, CONFIG, info.sha))["training"]
        text, characters, loss = noted.get("corpus"), noted.get("corpus_characters"), noted.get("val_loss")
    except (ValueError, KeyError, TypeError, AttributeError):
        text, characters, loss = None, None, None
    if (text, characters) != (corpus, corpus_characters):
        name = f" ({one_line(text, 60)})" if isinstance(text, str) and text != corpus else ""
        raise HubError(f"{repo} holds a model that was trained on another text{name}: {_OR_REPLACE}")
    return float(loss) if isinstance(loss, int | float) and math.isfinite(loss) else None


def push_checkpoint(to: Destination, branch: str, folder: Path, title: str) -> str:
    """Pushes the files of a checkpoint folder to a branch in one commit; returns the id of the branch's newest commit.

    `training` also gets what resume needs. There is no commit if nothing has changed. The commit names its parent: if
    someone else has committed in between, the Hub refuses it (412). After an error nothing was pushed.
    """
    repo = to.repo
    files = _published(folder, with_state=branch == TRAINING)
    if CONFIG not in files or WEIGHTS not in files:
        raise HubError(f"{folder.name} is not a whole checkpoint: it has {', '.join(files) or 'no files'}")
    head = _branch_head(repo, branch)
    if to.sharing == PRIVATE and not head.private:
        command = " ".join(own_command("training", "push", "RUN", "--publish-anyway"))
        advice = f"make it private again on its page, or use `{command}`"
        raise HubError(f"{repo} is public now, and this run is private: {advice}")
    present = file_names(head)
    if to.keep_card:
        files = [name for name in files if name not in (CARD, NOTEBOOK) or name not in present]
    # Card, curve and notebook of the branch stay if the checkpoint lacks them.
    replaced = (name for name in present if name in {*PUBLISHED_FILES} - {*CARD_FILES} or name.startswith(f"{STATE}/"))
    removed = sorted({*replaced} - {*files})
    # Small files are read here, once: the run may replace card and picture meanwhile.
    data = {name: folder / name if name.endswith(".safetensors") else (folder / name).read_bytes() for name in files}
    if branch == MAIN and CARD in present and CARD in files:
        card = (folder / CARD).read_text(encoding="utf-8", errors="replace")
        if linked_page(card) is None and (space := linked_page(read_file(repo, CARD, head.sha))):
            data[CARD] = with_page_link(card, space).encode()
    changes: list[Change] = [*map(CommitOperationAdd, data, data.values()), *map(CommitOperationDelete, removed)]
    return commit(repo, changes, title=title, parent=head.sha, revision=branch)


def _branch_head(repo: str, branch: str) -> ModelInfo:
    api = hub_client()
    try:
        return api.model_info(repo, revision=branch)
    except RevisionNotFoundError:
        api.create_branch(repo, branch=branch, exist_ok=True)
        return api.model_info(repo, revision=branch)


def _published(folder: Path, *, with_state: bool) -> list[str]:
    """Returns the files of a checkpoint folder that are pushed: a fixed list, so that no other file is published."""
    manifest = (folder / MANIFEST).read_text(encoding="utf-8") if (folder / MANIFEST).is_file() else ""
    # Runs of earlier versions have the samples of a chat here; the manifest does not list them.
    unlisted = [name for name in LISTED_FILES if f'"{name}"' not in manifest]
    names = [name for name in PUBLISHED_FILES if (folder / name).is_file() and name not in unlisted]
    if with_state:
        inside = sorted((folder / STATE).glob("*"))
        names += [f"{STATE}/{path.name}" for path in inside if path.is_file() and not path.name.startswith(".")]
    return names


def download_run(repo: str, folder: Path) -> str:
    """Downloads the newest checkpoint of a run into FOLDER/training, and the best one into FOLDER/main if there is one.

    The files of each branch come from one commit; returns that of the newest checkpoint. Raises HubError without one.
    """
    api = hub_client()
    try:
        newest = api.model_info(repo, revision=TRAINING)
    except RevisionNotFoundError as error:
        what = f"no branch {TRAINING!r}: no run was pushed there that can be resumed"
        raise HubError(f"{repo} has {what}") from error
    names = file_names(newest)
    state = [name for name in names if re.fullmatch(rf"{STATE}/\w[\w.-]*", name)]
    if CONFIG not in names or not state:
        raise HubError(f"the branch {TRAINING!r} of {repo} holds no checkpoint yet that can be resumed")
    wanted = [*(name for name in PUBLISHED_FILES if name not in CARD_FILES), *state]
    _download(repo, newest.sha, [name for name in wanted if name in names], folder / TRAINING)
    best = api.model_info(repo)
    if CONFIG in (names := file_names(best)):
        _download(repo, best.sha, [name for name in PUBLISHED_FILES if name in names], folder / MAIN)
    return str(newest.sha)


def _download(repo: str, at: str | None, names: list[str], folder: Path) -> None:
    for name in names:
        hf_hub_download(repo, name, revision=at, local_dir=folder)
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # metadata of huggingface_hub


def find_run(repo: str) -> tuple[str, str | None]:
    """Returns USER/NAME of a repo, and the command that started the run in it; None if there is no run.

    Raises HubError if the token may not write, or the run is damaged.
    """
    api = hub_client()
    repo, name = full_repo_name(api, repo), f"{STATE}/state.json"
    try:
        info = api.model_info(repo, revision=TRAINING)
    except (RepositoryNotFoundError, RevisionNotFoundError):
        return repo, None
    if name not in file_names(info):
        return repo, None
    state = read_file(repo, name, info.sha)
    try:
        return repo, str(json.loads(state)["about"]["command"])
    except (ValueError, KeyError, TypeError):
        raise HubError(f"the run in {repo} is damaged: {name} names no command: name another repo") from None
