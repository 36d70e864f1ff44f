"""The worker process: does one job on the Hub and ends.

`python -m training.hub.worker` reads the job from standard input (one line), does it, and writes its result or failure
to standard output (one line). It also ends when standard input closes, because the training process has ended then,
and at the job's deadline, even if a server never answers.

huggingface_hub finds the token as in every other program (HF_TOKEN, `hf auth login`). No argument, job or result
contains it. Only huggingface_hub retries requests here; the training process retries jobs.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from huggingface_hub import get_session, get_token, set_client_factory

from model.hub.limits import time_limits

from ..card.public_text import redact
from . import checkpoint_jobs, collection_jobs, jobs, space_jobs
from .calls import job_error

FUNCTIONS: dict[type[Any], Callable[[Any], object]] = {
    jobs.CheckRepo: checkpoint_jobs.check_repo,
    jobs.PushCheckpoint: checkpoint_jobs.push_checkpoint,
    jobs.DownloadRun: checkpoint_jobs.download_run,
    jobs.FindRun: checkpoint_jobs.find_run,
    jobs.CheckModel: checkpoint_jobs.check_model,
    jobs.CheckSpace: space_jobs.check_space,
    jobs.PushSpace: space_jobs.push_space,
    jobs.WatchSpace: space_jobs.watch_space,
    jobs.LinkCard: space_jobs.link_card,
    jobs.Collect: collection_jobs.collect,
}

_WITHOUT_LIMITS = (jobs.PushCheckpoint, jobs.PushSpace, jobs.WatchSpace)  # of `time_limits`: only the deadline counts


def main() -> None:
    """Reads a job and its limits (seconds: to connect, between two pieces, in all), does it, and writes its outcome."""
    job, (connect_s, read_s, deadline_s) = jobs.decode_job(sys.stdin.readline())
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    timer = threading.Timer(deadline_s, os._exit, (4,))
    timer.daemon = True
    timer.start()
    _set_timeouts(connect_s, read_s)
    try:
        # A push gets no response while its bytes are sent, and WatchSpace waits on purpose.
        with contextlib.nullcontext() if isinstance(job, _WITHOUT_LIMITS) else time_limits():
            outcome = FUNCTIONS[type(job)](job)
    except Exception as error:  # noqa: BLE001 - the training process needs one line for every error
        failure = job_error(error, f"{job.doing} {job.repo}").failure
        outcome = replace(failure, message=redact(failure.message, get_token()))
    sys.stdout.write(jobs.encode_outcome(outcome) + "\n")
    sys.stdout.flush()
    os._exit(0)  # not sys.exit, which would wait for an upload thread that hangs


def _exit_with_parent() -> None:
    """Ends the process when standard input closes: the training process has closed it, or has ended."""
    sys.stdin.read()
    os._exit(3)


def _set_timeouts(connect_s: float, read_s: float) -> None:
    """Sets timeouts in huggingface_hub's HTTP client, which has none; its hooks (offline mode, request ids) stay."""
    plain = get_session()
    hooks, kind = plain.event_hooks, type(plain)
    timeouts = (connect_s, read_s, read_s, None)  # to connect, to read, to write, for a free connection
    set_client_factory(lambda: kind(event_hooks=hooks, follow_redirects=True, timeout=timeouts))


if __name__ == "__main__":
    main()
