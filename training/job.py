# /// script
# requires-python = ">=3.10"
# dependencies = [
#     "torch>=2.6,<3",
#     "huggingface_hub>=2.4,<3",
#     "safetensors>=0.5,<1",
#     "numpy>=2,<3",
#     "rjsmin>=1.2,<2",
#     "numba>=0.61,<1",
#     "jinja2>=3.1,<4",
#     "matplotlib>=3.8,<4",
#     "tqdm>=4.66,<5",
#     "phonenumbers>=8.13,<10",
#     "python-stdnum>=1.20,<3",
#     "filelock>=3.16,<5",
#     "charset-normalizer>=3.4,<4",
# ]
#
# [tool.hf-jobs]
# flavor = "t4-small"
# timeout = "3h"
# secrets = ["HF_TOKEN"]
# volumes = ["./model:/code/model", "./training:/code/training", "./web:/code/web"]
# ///
"""Trains on a machine of the Hub: `hf jobs uv run training/job.py my.txt --minutes 30 --push-to my-model`.

The arguments after the script's name are those of `python -m training`. The machine keeps no files, so every checkpoint
is pushed. Started again, by `--attempts` or by hand, the same command resumes the run that it finds on the Hub.

The volumes above bring the project's code from the checkout in which the command is typed; the client also uploads TEXT
if it is a file. A volume is a folder, so the machine can publish a static page, but not the app, which needs files of
the checkout's root. The environment variable CODE names another folder that holds `model` and `training`. No module of
the project is imported before that folder is found.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

MOUNTED = Path("/code")  # as the volumes above say


def main(arguments: Sequence[str]) -> None:
    """Replaces this process by `python -m training`; exits with 2 after an error."""
    root = code_folder()
    sys.path[0] = str(root)  # instead of this file's folder, whose modules belong to the package `training`
    from model.cli.arguments import UsageError
    from model.terminal import say
    from training.card.public_text import redact
    from training.corpus.sources import without_secrets
    from training.errors import HubError

    try:
        words, what = training_words(arguments)
    except (UsageError, HubError) as error:
        say(f"error: {error}")
        sys.exit(2)
    shown = shlex.join(redact(without_secrets(word) if "://" in word else word) for word in ("python", *words))
    say(f"Will {what}, with the code in {root}:\n  {shown}")
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    # Not a child process, so that the machine's signals reach it.
    os.execve(sys.executable, [sys.executable, *words], {**os.environ, "PYTHONPATH": path})


def code_folder() -> Path:
    """Returns the folder that holds `model` and `training`; exits if there is none."""
    named = os.environ.get("CODE")
    tried = [Path(named)] if named else [Path(__file__).resolve().parents[1], MOUNTED]
    for folder in tried:
        if (folder / "model" / "__init__.py").is_file() and (folder / "training" / "__init__.py").is_file():
            return folder.resolve()
    sys.exit(
        f"error: the folders model and training are not in {' or '.join(map(str, tried))}: run the command in a "
        "checkout of the project, or set the environment variable CODE to the folder that holds both"
    )


def training_words(arguments: Sequence[str]) -> tuple[list[str], str]:
    """Returns the arguments for `python`, and in words what they do: start a run, or resume it from the Hub.

    Raises UsageError for invalid arguments, HubError if the repo cannot be used or the Hub does not answer.
    """
    from model.cli.arguments import UsageError
    from model.terminal import one_line, say
    from training.cli.options import parse_train, published_command, same_program
    from training.cli.text import closed_sources
    from training.corpus.sources import HUB_SCHEME
    from training.errors import HubError
    from training.hub.calls import retried
    from training.hub.checkpoints import find_run

    options = parse_train(arguments)
    if options.resume is not None:
        return ["-m", "training", *arguments], f"resume {options.resume}"
    if options.push_to is None:
        raise UsageError("this machine keeps no files: push the run with --push-to NAME, or --space NAME")
    push_to = options.push_to
    repo, command = retried(f"looking at {push_to}", lambda: find_run(push_to), say)
    if command is None:
        return ["-m", "training", *arguments], f"start a run and push it to {repo}"
    if same_program(command) != published_command(options, closed_sources(options.text)):
        raise HubError(
            f"{repo} holds a run that another command started ({one_line(command, 500)}): resume it with "
            f"--resume {HUB_SCHEME}{repo}, or name another repo"
        )
    words = ["-m", "training", *options.text, "--resume", f"{HUB_SCHEME}{repo}"]
    words += ["--errors", options.errors] if options.errors else []
    words += ["--encoding", options.encoding] if options.encoding else []
    return words, f"resume the run in {repo}"


if __name__ == "__main__":
    main(sys.argv[1:])
