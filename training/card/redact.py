"""Removes secrets from what is published: access tokens, local paths, passwords and signatures in addresses."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..corpus.download import without_secrets
from ..corpus.sources import absolute_source

# Options whose value may be USER/NAME[@REVISION], in which a slash separates no folders.
_REPO_OPTIONS = ("--push-to", "--space", "--from", "--teacher")
_TOKEN = re.compile(r"\bhf_(?:(?:oauth|jwt|app)_[A-Za-z0-9._-]+|[A-Za-z0-9]{6,})|(?<=Bearer )[A-Za-z0-9._~+/-]{16,}")


def redact(text: str, token: str | None = None) -> str:
    """Returns `text` with everything that looks like a token of the Hub, and `token` itself, replaced by `hf_***`."""
    for secret in (token, os.environ.get("HF_TOKEN"), os.environ.get("HUGGING_FACE_HUB_TOKEN")):
        if secret and len(secret) > 3:
            text = text.replace(secret, "hf_***")
    return _TOKEN.sub("hf_***", text)


def redact_address(word: str) -> str:
    """Returns a word of a command without user and password of a web address in it, and with `?***` for its query."""
    return re.sub(
        r"(?i)(https?://)(?:[^/\s]*@)?([^?#\s]*)([?#]\S*)?",
        lambda found: f"{found[1]}{found[2]}{'?***' if found[3] else ''}",
        word,
    )


def command_line(texts: Iterable[str], options: Mapping[str, object]) -> str:
    """Returns the training command as it may be published: base names of files, addresses without secrets.

    Args:
        texts: the sources as typed.
        options: value by name. True is a flag; None and False are omitted; a list repeats the option.
    """
    words = ["python", "-m", "training", *map(public_source, texts)]
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        for each in value if isinstance(value, list) else [value]:
            if each is True:
                words.append(option)
            elif each is not None and each is not False:
                words += [option, f"{each:g}" if isinstance(each, float) else str(each)]
    return shlex.join(words)


def public_source(text: str) -> str:
    """Returns one source as it may be published: the base name of a file, or an address without secrets."""
    scheme, separator, _ = text.partition("://")
    if not separator:
        return Path(absolute_source(text)).name.encode("utf-8", "replace").decode() or "text"
    if scheme.lower() == "hf":  # here @ separates a revision, not a user and password
        return re.split(r"[?#]", text, maxsplit=1)[0]
    return without_secrets(text)


def redact_command(command: str) -> str:
    """Returns a command line with base names for paths, and addresses without secrets; repo names stay."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    shown = []
    for before, word in zip(["", *words], words, strict=False):
        option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
        if "://" in value:
            value = re.sub(r"//[^/@]*@", "//", value).partition("?")[0]  # a password, a signature
        elif (option or before) not in _REPO_OPTIONS or not re.fullmatch(r"[\w.-]+/[\w.-]+(@[\w./-]+)?", value):
            value = base_name(value)
        shown.append(f"{option}{equals}{value}")
    return shlex.join(shown)


def base_name(path: str) -> str:
    """Returns the last part of a path of any operating system."""
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]
