"""The only code of training that talks to the Hub: one job, in a process of its own, which can be killed.

`python -m training.hub.worker` reads one JSON line from standard input (the job), does it, writes one JSON line to
standard output (the outcome) and ends. It ends at once, too, when standard input closes, because then the training
process is gone, and when the job's `deadline_s` is over. A hung server can therefore keep nobody waiting.

Jobs: `prepare` (make sure of token, rights, repo and branch), `push` (one commit of a checkpoint folder), `pull` (a
run's newest checkpoint and its best) and `find` (whether there is such a run).
The token is found by huggingface_hub as for every other program (HF_TOKEN, `hf auth login`) and never passes through
arguments, jobs or outcomes. Nothing is tried twice here beyond what the client itself repeats: that is `hub`'s part.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
import threading
from functools import partial
from pathlib import Path
from typing import Any

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    HfApi,
    ModelCard,
    constants,
    get_session,
    get_token,
    hf_hub_download,
    set_client_factory,
)
from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

from model.checkpoint.names import CARD, CONFIG, CURVE, MANIFEST, PUBLISHED_FILES, STATE, WEIGHTS
from model.hub.names import MAIN, TRAINING

from ..card.escape import leading_to, page_of
from ..card.redact import redact
from .job_steps import JobError, job_error, step, writer
from .space_jobs import link_card, prepare_space, push_space, watch_space

# jobs


def prepare(job: dict[str, Any]) -> dict[str, Any]:
    """Makes sure of token, rights, repo and branch; returns repo (USER/NAME), user, private, created, url."""
    api, wanted = HfApi(), str(job["repo"])
    user = writer(api, wanted)
    _check_license(str(job["license"]))
    repo = wanted if "/" in wanted else f"{user}/{wanted}"
    created = _make_repo(api, repo, bool(job["private"]))
    step(f"asking for the right to write to {repo}", lambda: api.auth_check(repo, write=True))
    branch = str(job["branch"])
    step(f"making the branch {branch} of {repo}", lambda: api.create_branch(repo, branch=branch, exist_ok=True))
    private = bool(step(f"looking at {repo}", lambda: api.model_info(repo)).private)
    url = f"{constants.ENDPOINT}/{repo}"
    return {"repo": repo, "user": user, "private": private, "created": created, "url": url}


def _check_license(name: str) -> None:
    """The Hub refuses cards with a licence that it does not know; better now than after the training."""
    if name == "unknown":
        return
    try:
        ModelCard(f"---\nlicense: {json.dumps(name)}\n---\n").validate()
    except ValueError as error:
        known = "https://huggingface.co/docs/hub/repositories-licenses"
        raise JobError(f"the Hub knows no licence {name!r}; choose an identifier from {known}, or other") from error
    except Exception as error:
        raise job_error(error, "asking the Hub about the licence") from error


def _make_repo(api: HfApi, repo: str, private: bool) -> bool:
    """True when the repo was made now. An existing one must be as private as asked, and hold nothing else."""
    try:
        info = step(f"looking at {repo}", lambda: api.model_info(repo))
    except JobError as error:
        if not isinstance(error.__cause__, RepositoryNotFoundError):
            raise
        step(f"making the repo {repo}", lambda: api.create_repo(repo, private=private, exist_ok=True))
        return True
    if private and not info.private:
        next_step = f"run `hf repos settings {repo} --private` first, or name another repo"
        raise JobError(f"{repo} is public already and --private was asked for; {next_step}")
    names = {sibling.rfilename for sibling in info.siblings or []}
    if names & {CONFIG, WEIGHTS, "pytorch_model.bin"} and MANIFEST not in names:
        raise JobError(f"{repo} holds another kind of model, which a push would cover; name another repo")
    return False


def push(job: dict[str, Any]) -> dict[str, Any]:
    """One commit that makes the branch hold the folder's files; returns its id. Nothing changed: the head's id.

    The commit names its parent, so that a push of someone else in between is noticed (412) and never undone.
    """
    api, repo, branch, folder = HfApi(), str(job["repo"]), str(job["branch"]), Path(job["folder"])
    files = checkpoint_files(folder, with_state=bool(job["with_state"]))
    if CONFIG not in files or WEIGHTS not in files:
        raise JobError(
            f"{folder.name} is not a whole checkpoint: it has {', '.join(files) or 'no files'}", scope="entry"
        )
    what = f"pushing to {repo}"
    info = step(what, lambda: _head(api, repo, branch))
    present = {sibling.rfilename for sibling in info.siblings or []}
    gone = sorted(name for name in present if _is_replaced(name) and name not in files)
    changes: list[CommitOperationAdd | CommitOperationCopy | CommitOperationDelete]
    changes = [*(_addition(folder, name) for name in files), *map(CommitOperationDelete, gone)]
    if not job["with_state"] and CARD in present and CARD in files:
        changes[files.index(CARD)] = _with_link(what, repo, info.sha, (folder / CARD).read_bytes())
    made = step(
        what,
        lambda: api.create_commit(
            repo, changes, commit_message=str(job["title"]), revision=branch, parent_commit=info.sha, num_threads=2
        ),
    )
    return {"commit": made.oid}


def _head(api: HfApi, repo: str, branch: str) -> Any:
    try:
        return api.model_info(repo, revision=branch)
    except RevisionNotFoundError:
        api.create_branch(repo, branch=branch, exist_ok=True)
        return api.model_info(repo, revision=branch)


def pull(job: dict[str, Any]) -> dict[str, Any]:
    """The newest checkpoint of a run, with its state, into `folder`/training, and the best into `folder`/main.

    Each branch's files are of one commit; returns the first one's. Where main has no checkpoint, none is brought.
    """
    api, repo, branch, folder = HfApi(), str(job["repo"]), str(job["branch"]), Path(job["folder"])
    what = f"pulling {repo}"
    try:
        info = step(what, lambda: api.model_info(repo, revision=branch))
    except JobError as error:
        if isinstance(error.__cause__, RevisionNotFoundError):
            raise JobError(f"{repo} has no branch {branch!r}: no run was pushed there that could go on") from error
        raise
    names = {sibling.rfilename for sibling in info.siblings or []}
    state = [name for name in names if re.fullmatch(rf"{STATE}/\w[\w.-]*", name)]
    if CONFIG not in names or not state:
        raise JobError(f"the branch {branch!r} of {repo} holds no checkpoint yet that a run could go on from")
    wanted = [*(name for name in PUBLISHED_FILES if name not in (CARD, CURVE)), *state]
    _download(what, repo, info.sha, [name for name in wanted if name in names], folder / TRAINING)
    main = step(what, lambda: api.model_info(repo))
    names = {sibling.rfilename for sibling in main.siblings or []}
    if CONFIG in names:
        _download(what, repo, main.sha, [name for name in PUBLISHED_FILES if name in names], folder / MAIN)
    return {"commit": info.sha}


def find(job: dict[str, Any]) -> dict[str, Any]:
    """Whether a repo holds a run that can go on; returns repo (USER/NAME) and the command that began it, or None."""
    api, wanted, branch = HfApi(), str(job["repo"]), str(job["branch"])
    user = writer(api, wanted)
    repo = wanted if "/" in wanted else f"{user}/{wanted}"
    what = f"looking at {repo}"
    try:
        info = step(what, lambda: api.model_info(repo, revision=branch))
    except JobError as error:
        if isinstance(error.__cause__, (RepositoryNotFoundError, RevisionNotFoundError)):
            return {"repo": repo, "command": None}
        raise
    name = f"{STATE}/state.json"
    if name not in {sibling.rfilename for sibling in info.siblings or []}:
        return {"repo": repo, "command": None}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(step(what, lambda: hf_hub_download(repo, name, revision=info.sha, local_dir=folder)))
        try:
            command = json.loads(path.read_text(encoding="utf-8"))["about"]["command"]
        except (ValueError, KeyError, TypeError):
            raise JobError(
                f"the run in {repo} is damaged: {name} does not say how it began; name another repo"
            ) from None
    return {"repo": repo, "command": str(command)}


def _download(what: str, repo: str, commit: str | None, names: list[str], folder: Path) -> None:
    for name in names:
        step(what, partial(hf_hub_download, repo, name, revision=commit, local_dir=folder))
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # the client's notes


def checkpoint_files(folder: Path, *, with_state: bool) -> list[str]:
    """The names of a checkpoint folder's files that are published: a fixed list, so nothing slips out by accident."""
    names = [name for name in PUBLISHED_FILES if (folder / name).is_file()]
    if with_state:
        inside = sorted((folder / STATE).glob("*"))
        names += [f"{STATE}/{path.name}" for path in inside if path.is_file() and not path.name.startswith(".")]
    return names


def _addition(folder: Path, name: str) -> CommitOperationAdd:
    """A file to send. A card or picture may be written anew at any moment: what is small is read once, here."""
    path = folder / name
    return CommitOperationAdd(name, path if path.suffix == ".safetensors" else path.read_bytes())


def _with_link(what: str, repo: str, commit: str, card: bytes) -> CommitOperationAdd:
    """A new card, which leads to the page that the present one leads to: it may have been put up since."""
    text = card.decode("utf-8", "replace")
    if page_of(text) is None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(step(what, lambda: hf_hub_download(repo, CARD, revision=commit, local_dir=folder)))
            space = page_of(path.read_text(encoding="utf-8", errors="replace"))
        card = leading_to(text, space).encode() if space else card
    return CommitOperationAdd(CARD, card)


def _is_replaced(name: str) -> bool:
    """Whether a file leaves the branch when the checkpoint has none. A card that lacks this time stays."""
    return (name in PUBLISHED_FILES and name not in (CARD, CURVE)) or name.startswith(f"{STATE}/")


# the process

JOBS = {
    "prepare": prepare,
    "push": push,
    "pull": pull,
    "find": find,
    "prepare_space": prepare_space,
    "push_space": push_space,
    "watch_space": watch_space,
    "link_card": link_card,
}


def main() -> None:
    """Reads the job, does it, writes the outcome; see the top of the file."""
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    watch = threading.Timer(job["deadline_s"], os._exit, (4,))
    watch.daemon = True
    watch.start()
    _set_timeouts(job["connect_s"], job["read_s"])
    try:
        outcome = {"ok": True, **JOBS[job["verb"]](job)}
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent must hear of it in one line
        failure = job_error(error, str(job["verb"]))
        outcome = {"ok": False, "retry": failure.retry, "wait_s": failure.wait_s, "scope": failure.scope}
        outcome["message"] = redact(failure.message, get_token())
    sys.stdout.write(json.dumps(outcome) + "\n")
    sys.stdout.flush()
    os._exit(0)  # not sys.exit: an upload thread that hangs must not keep the process


def _end_with_parent() -> None:
    """Ends the process when the parent closes its end of standard input, or dies."""
    sys.stdin.read()
    os._exit(3)


def _set_timeouts(connect_s: float, read_s: float) -> None:
    """Gives the client the time-outs that it lacks; its hooks (offline mode, request ids) stay."""
    plain = get_session()
    hooks, kind = plain.event_hooks, type(plain)
    set_client_factory(
        lambda: kind(event_hooks=hooks, follow_redirects=True, timeout=(connect_s, read_s, read_s, None))
    )


if __name__ == "__main__":
    main()
