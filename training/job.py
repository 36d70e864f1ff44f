# /// script
# requires-python = ">=3.10"
# dependencies = [
#     "torch>=2.6,<3",
#     "huggingface_hub>=2.4,<3",
#     "safetensors>=0.5,<1",
#     "numpy>=2,<3",
#     "numba>=0.61,<1",
#     "matplotlib>=3.8,<4",
#     "tqdm>=4.66,<5",
#     "phonenumbers>=8.13,<10",
#     "filelock>=3.16,<5",
# ]
#
# [tool.hf-jobs]
# flavor = "t4-small"
# timeout = "3h"
# secrets = ["HF_TOKEN"]
# volumes = ["./model:/code/model", "./training:/code/training", "./ui:/code/ui", "./web:/code/web"]
# ///
"""Trains on a machine of the Hub's: ``hf jobs uv run training/job.py my.txt --minutes 30 --push-to my-model``.

The words behind the script's name are those of ``python -m training``, and `--dry-run`, which only tells what would be
done. The machine keeps nothing: all that counts is pushed while it trains. Started again, by `--attempts` or by hand,
the same command goes on with the run that it finds on the Hub.

The project's code comes by the volumes above, from the checkout in which the command is typed; the client brings them
to the machine, and TEXT too if it is a file. A volume is a folder: what a page needs of the files at the checkout's
root is linked to from ``training/root``, and the client brings what a link leads to. The variable CODE names another
folder that holds ``model`` and ``training``. Knows nothing of the project until that folder is found: it may lie
anywhere.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

MOUNTED = Path("/code")  # as the volumes above say
DRY_RUN = "--dry-run"


def main(arguments: Sequence[str]) -> int:
    """Becomes ``python -m training``; returns the exit code only if it does not: 0 after a dry run, 2 for an error."""
    try:
        root = code_folder()
    except FileNotFoundError as error:
        return _refuse(str(error))
    sys.path[0] = str(root)  # and not this file's own folder, whose names are meant to be those of a package
    from training.cli.options import OptionsError
    from training.errors import HubError

    try:
        words, what = training_words([word for word in arguments if word != DRY_RUN])
    except (OptionsError, HubError) as error:
        return _refuse(str(error))
    dry = DRY_RUN in arguments
    _say(f"{'Would' if dry else 'Will'} {what}, with the code in {root}:\n  {shlex.join(['python', *words])}")
    if not dry:
        path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
        os.execve(sys.executable, [sys.executable, *words], {**os.environ, "PYTHONPATH": path})  # it gets the signals
    return 0


def code_folder() -> Path:
    """Where ``model`` and ``training`` are.

    Raises:
        FileNotFoundError: nowhere.
    """
    named = os.environ.get("CODE")
    tried = [Path(named)] if named else [Path(__file__).resolve().parents[1], MOUNTED]
    for folder in tried:
        if (folder / "model" / "__init__.py").is_file() and (folder / "training" / "__init__.py").is_file():
            return folder.resolve()
    raise FileNotFoundError(
        f"the folders model and training are not in {' or '.join(map(str, tried))}: type the command in a checkout of "
        "the project, or say where they are in the variable CODE"
    )


def training_words(arguments: Sequence[str]) -> tuple[list[str], str]:
    """What python is to be given, and what that is: a run from its beginning, or from where it stands on the Hub.

    Raises:
        OptionsError: what was typed cannot be done.
        HubError: it cannot be done on this Hub, or not with this token.
    """
    from training.cli.options import OptionsError, parse, to_publish
    from training.errors import HubError
    from training.hub.jobs import FindRun
    from training.hub.worker_process import run_job
    from training.run.hub_resume import SCHEME

    options = parse(arguments)
    if options.resume is not None:
        return ["-m", "training", *arguments], f"go on with {options.resume}"
    if options.push_to is None:
        raise OptionsError("this machine keeps nothing: say where the run goes with --push-to NAME, or --space NAME")
    found = run_job(FindRun(repo=options.push_to))
    repo, command = found.repo, found.command
    if command is None:
        return ["-m", "training", *arguments], f"begin a run and push it to {repo}"
    if command != to_publish(options):
        raise HubError(
            f"{repo} holds a run that was begun by another command ({command}): go on with it by "
            f"--resume {SCHEME}{repo}, or name another repo"
        )
    words = ["-m", "training", *options.text, "--resume", f"{SCHEME}{repo}"]
    words += ["--errors", options.errors] if options.errors else []
    words += ["--track"] if options.track else []
    return words, f"go on with the run in {repo}"


def _refuse(message: str) -> int:
    _say(f"error: {message}")
    return 2


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
