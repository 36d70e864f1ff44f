"""The worker's jobs on the repo of a run: check or create it, push a checkpoint, find and download a run."""

from __future__ import annotations

import json
import math
import re
import shutil
from functools import partial
from pathlib import Path

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    HfApi,
    ModelCard,
    ModelInfo,
    constants,
    hf_hub_download,
)
from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

from model.checkpoint.names import CARD, CONFIG, CURVE, LISTED_FILES, MANIFEST, PUBLISHED_FILES, STATE, WEIGHTS
from model.hub.names import MAIN, TRAINING
from model.terminal import one_line

from ..card.escape import is_model_card, linked_page, with_page_link
from .calls import JobError, call, file_names, full_repo_name, job_error, read_file, refuse
from .jobs import (
    CheckModel,
    CheckRepo,
    Commit,
    Destination,
    DownloadRun,
    FindRun,
    FoundRun,
    ModelAccess,
    PushCheckpoint,
)

_OR_REPLACE = "name another repo, or give --replace"
_LICENSES = "https://huggingface.co/docs/hub/repositories-licenses"


def check_repo(job: CheckRepo) -> Destination:
    """Checks token, licence and rights; creates repo and branch if they are missing; returns the destination."""
    api = HfApi()
    repo, user = full_repo_name(api, job.repo)
    _check_license(job.license)
    created, loss_to_beat, keep_card = _create_repo(api, repo, job.private), None, False
    call(f"asking for the right to write to {repo}", lambda: api.auth_check(repo, write=True))
    call(f"creating the branch {TRAINING} of {repo}", lambda: api.create_branch(repo, branch=TRAINING, exist_ok=True))
    info = call(f"looking at {repo}", lambda: api.model_info(repo))
    if not created and not job.replace:
        loss_to_beat, keep_card = _held_loss(job, repo, info), _has_own_card(repo, info)
    url = f"{constants.ENDPOINT}/{repo}"
    return Destination(repo, user, bool(info.private), created, url, loss_to_beat, keep_card)


def check_model(job: CheckModel) -> ModelAccess:
    """Returns whether a model is private or gated."""
    info = call(f"looking at {job.repo}", lambda: HfApi().model_info(job.repo))
    return ModelAccess(bool(info.private), bool(info.gated))


def _check_license(name: str) -> None:
    """Raises JobError for a licence that the Hub does not know: the Hub refuses a card with it, after the training."""
    if name == "unknown":
        return
    try:
        ModelCard(f"---\nlicense: {json.dumps(name)}\n---\n").validate()
    except ValueError as error:
        raise refuse(f"the Hub has no licence {name!r}: choose an identifier from {_LICENSES}, or other") from error
    except Exception as error:
        raise job_error(error, "asking the Hub about the licence") from error


def _create_repo(api: HfApi, repo: str, private: bool) -> bool:
    """Creates a repo if it is missing; returns whether it did.

    Raises:
        JobError: the repo is public and must be private, or holds a model of another library.
    """
    try:
        info = call(f"looking at {repo}", lambda: api.model_info(repo))
    except JobError as error:
        if not isinstance(error.__cause__, RepositoryNotFoundError):
            raise
        call(f"creating the repo {repo}", lambda: api.create_repo(repo, private=private, exist_ok=True))
        return True
    if private and not info.private:
        advice = f"run `hf repos settings {repo} --private` first, or name another repo"
        raise refuse(f"{repo} is public already, and this run is private: {advice}")
    names = file_names(info)
    if names & {CONFIG, WEIGHTS, "pytorch_model.bin"} and MANIFEST not in names:
        raise refuse(f"{repo} holds another kind of model, which a push would replace: name another repo")
    return False


def _held_loss(job: CheckRepo, repo: str, info: ModelInfo) -> float | None:
    """Returns the held-out loss of the model in a repo; None if there is no model, or its loss is not known.

    Raises:
        JobError: the model was trained on another text, so the two losses cannot be compared.
    """
    names, what = file_names(info), f"looking at {repo}"
    if MANIFEST not in names or CONFIG not in names:
        others = sorted(names & ({*PUBLISHED_FILES} - {CARD}))
        if others:
            raise refuse(f"{repo} has files that a push would replace ({', '.join(others)}): {_OR_REPLACE}")
        return None
    try:
        noted = json.loads(read_file(what, repo, CONFIG, info.sha))["training"]
        corpus, characters, loss = noted.get("corpus"), noted.get("corpus_characters"), noted.get("val_loss")
    except (ValueError, KeyError, TypeError, AttributeError):
        corpus, characters, loss = None, None, None
    if (corpus, characters) != (job.corpus, job.corpus_characters):
        name = f" ({one_line(corpus, 60)})" if isinstance(corpus, str) and corpus != job.corpus else ""
        raise refuse(f"{repo} holds a model that was trained on another text{name}: {_OR_REPLACE}")
    return float(loss) if isinstance(loss, int | float) and math.isfinite(loss) else None


def _has_own_card(repo: str, info: ModelInfo) -> bool:
    """Returns whether a repo has a README.md that is no model card of this project."""
    if CARD not in file_names(info):
        return False
    return not is_model_card(read_file(f"looking at {repo}", repo, CARD, info.sha))


def push_checkpoint(job: PushCheckpoint) -> Commit:
    """Pushes the files of a checkpoint folder to a branch in one commit; no commit if nothing has changed.

    The commit names its parent: if someone else has committed in between, the Hub refuses it (412).
    """
    api, folder = HfApi(), Path(job.folder)
    files = _published(folder, with_state=job.with_state)
    if CONFIG not in files or WEIGHTS not in files:
        found = ", ".join(files) or "no files"
        raise refuse(f"{folder.name} is not a whole checkpoint: it has {found}", needs_user=False)
    what = f"pushing to {job.repo}"
    head = call(what, lambda: _branch_head(api, job.repo, job.branch))
    if job.private_only and not head.private:
        advice = "make it private again on its page, or use `python -m training push RUN --publish-anyway`"
        raise refuse(f"{job.repo} is public now, and this run is private: {advice}")
    present = file_names(head)
    if job.keep_card and CARD in present:
        files.remove(CARD)
    removed = sorted(name for name in present if _is_replaced(name) and name not in files)
    changes: list[CommitOperationAdd | CommitOperationCopy | CommitOperationDelete]
    changes = [*(_addition(folder, name) for name in files), *map(CommitOperationDelete, removed)]
    if not job.with_state and CARD in present and CARD in files:
        changes[files.index(CARD)] = _card_with_link(what, job.repo, head.sha, (folder / CARD).read_bytes())
    made = call(
        what,
        lambda: api.create_commit(
            job.repo,
            changes,
            commit_message=job.title,
            revision=job.branch,
            parent_commit=head.sha,
            num_threads=2,
        ),
    )
    return Commit(made.oid, made.oid != head.sha)


def _branch_head(api: HfApi, repo: str, branch: str) -> ModelInfo:
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


def _is_replaced(name: str) -> bool:
    """Returns whether a file of the branch is deleted if the checkpoint lacks it; card and curve stay."""
    return (name in PUBLISHED_FILES and name not in (CARD, CURVE)) or name.startswith(f"{STATE}/")


def _addition(folder: Path, name: str) -> CommitOperationAdd:
    """Returns the upload of a file. Small files are read here, once: the run may replace card and picture meanwhile."""
    path = folder / name
    return CommitOperationAdd(name, path if path.suffix == ".safetensors" else path.read_bytes())


def _card_with_link(what: str, repo: str, commit: str | None, card: bytes) -> CommitOperationAdd:
    """Returns the upload of a new card, with the link to a Space from the card on the Hub."""
    text = card.decode("utf-8", "replace")
    if linked_page(text) is None:
        space = linked_page(read_file(what, repo, CARD, commit))
        card = with_page_link(text, space).encode() if space else card
    return CommitOperationAdd(CARD, card)


def download_run(job: DownloadRun) -> Commit:
    """Downloads the newest checkpoint with its training state, and the best one from main if it has one.

    The files of each branch come from one commit; returns that of the newest checkpoint.
    """
    api, repo, folder = HfApi(), job.repo, Path(job.folder)
    what = f"downloading {repo}"
    try:
        newest = call(what, lambda: api.model_info(repo, revision=TRAINING))
    except JobError as error:
        if isinstance(error.__cause__, RevisionNotFoundError):
            raise refuse(f"{repo} has no branch {TRAINING!r}: no run was pushed there that can be resumed") from error
        raise
    names = file_names(newest)
    state = [name for name in names if re.fullmatch(rf"{STATE}/\w[\w.-]*", name)]
    if CONFIG not in names or not state:
        raise refuse(f"the branch {TRAINING!r} of {repo} holds no checkpoint yet that can be resumed")
    wanted = [*(name for name in PUBLISHED_FILES if name not in (CARD, CURVE)), *state]
    _download(what, repo, newest.sha, [name for name in wanted if name in names], folder / TRAINING)
    best = call(what, lambda: api.model_info(repo))
    names = file_names(best)
    if CONFIG in names:
        _download(what, repo, best.sha, [name for name in PUBLISHED_FILES if name in names], folder / MAIN)
    return Commit(str(newest.sha))


def _download(what: str, repo: str, commit: str | None, names: list[str], folder: Path) -> None:
    for name in names:
        call(what, partial(hf_hub_download, repo, name, revision=commit, local_dir=folder))
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # metadata of huggingface_hub


def find_run(job: FindRun) -> FoundRun:
    """Returns the command that started the run in a repo; None if there is no such repo or no run in it."""
    api = HfApi()
    repo, _ = full_repo_name(api, job.repo)
    what = f"looking at {repo}"
    try:
        info = call(what, lambda: api.model_info(repo, revision=TRAINING))
    except JobError as error:
        if isinstance(error.__cause__, (RepositoryNotFoundError, RevisionNotFoundError)):
            return FoundRun(repo, None)
        raise
    name = f"{STATE}/state.json"
    if name not in file_names(info):
        return FoundRun(repo, None)
    try:
        command = json.loads(read_file(what, repo, name, info.sha))["about"]["command"]
    except (ValueError, KeyError, TypeError):
        raise refuse(f"the run in {repo} is damaged: {name} names no command: name another repo") from None
    return FoundRun(repo, str(command))
