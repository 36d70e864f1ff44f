"""What people load: the network and its vocabulary together, with the verbs that the Hub's users know.

Knows checkpoint folders and, inside the verbs that need it, the Hub. One commit is pinned first and every file
is taken from it; nothing is believed unchecked and nothing is unpickled.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from .backends.backend import Backend, Precision, make_backend
from .chat import ChatFormat
from .checkpoint.checkpoint import Checkpoint, CheckpointError, read_checkpoint, write_checkpoint
from .checkpoint.pointer import BEST, LATEST, pointed_checkpoint
from .hub.errors import check_client, printable
from .hub.snapshot import Snapshot
from .int8.weights import Int8Weights
from .lstm import LSTMConfig, LSTMNetwork
from .named_cells import Cell
from .tokenizer import CharTokenizer

PRETRAINED = Path(__file__).with_name("pretrained")  # the model that comes with the project


@dataclass(eq=False)
class CharLSTM:
    """A character LSTM that is ready to write.

    Attributes:
        network: the weights, in float32, in evaluation mode.
        tokenizer: the vocabulary.
        training: what the trainer noted about how the model came to be.
        name: what it was loaded as, for people to read: a Hub id, or a folder's name.
        commit: the Hub's commit, 40 hex digits; None when it came from a folder.
        notice: what whoever uses it should be told, such as that the Hub was away; "" when nothing.
        chat: how it is talked to, if it has read conversations; ``chat.wrap`` makes a prompt of what is said, and
            the reply ends at ``chat.stop``.
        cells: those that have a name, each with how well it earns it, those that remember first (docs/named-cells.md).
    """

    network: LSTMNetwork
    tokenizer: CharTokenizer
    training: Mapping[str, Any] = field(default_factory=dict)
    name: str = "untitled"
    commit: str | None = None
    notice: str = ""
    chat: ChatFormat | None = None
    cells: tuple[Cell, ...] = ()
    _integer: tuple[list[tuple[int, int]], Int8Weights] | None = field(default=None, repr=False)

    @property
    def config(self) -> LSTMConfig:
        return self.network.config

    @property
    def device(self) -> torch.device:
        return self.network.embedding.weight.device

    @classmethod
    def from_pretrained(
        cls,
        id_or_path: str | Path,
        *,
        revision: str | None = None,
        device: torch.device | str = "cpu",
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
    ) -> CharLSTM:
        """Loads a model: a Hub id such as ``user/name``, a run folder (its best checkpoint) or a checkpoint folder.

        Args:
            id_or_path: a path if it exists or begins with ``.``, ``/``, ``~`` or ``runs/``; else a Hub id.
                ``hf://user/name`` is a Hub id in any case.
            revision: a branch, tag or commit; the Hub's main when None. It is pinned to one commit first.
            device: where the weights go.
            token, cache_dir, local_files_only: as everywhere in huggingface_hub.

        Raises:
            CheckpointError: the files are not a model that can be served.
            ModelUnavailableError: there is no such repo or revision, no right to read it, or no way to reach it.
        """
        if is_local(id_or_path):
            folder = checkpoint_folder(id_or_path)
            return cls.from_checkpoint(read_checkpoint(folder), device=device, name=Path(id_or_path).absolute().name)
        repo = str(id_or_path).removeprefix("hf://")
        check_client(f"{printable(repo)} cannot be loaded")
        snapshot = Snapshot(repo, revision, token, cache_dir, local_files_only)
        try:
            checkpoint = read_checkpoint(snapshot.download())
        except CheckpointError:
            # A cached file may have been damaged on this disk; one fresh copy tells that from a bad repo.
            if snapshot.offline:
                raise
            checkpoint = read_checkpoint(snapshot.download(force_download=True))
        snapshot.note_revision()
        return cls.from_checkpoint(checkpoint, device=device, name=repo, commit=snapshot.commit, notice=snapshot.notice)

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, *, device: torch.device | str = "cpu", **about: Any) -> CharLSTM:
        """Builds the network of a checkpoint that was read; ``about`` are name, commit and notice."""
        with torch.device("meta"):  # no memory, no random numbers: every tensor comes from the file
            network = LSTMNetwork(checkpoint.config)
        weights = {name: tensor.to(device, torch.float32, copy=True) for name, tensor in checkpoint.weights.items()}
        network.load_state_dict(weights, assign=True)
        network.lstm.flatten_parameters()  # one piece of memory, as cuDNN wants it
        network.eval().requires_grad_(False)
        about |= {"chat": checkpoint.chat, "cells": checkpoint.cells}
        return cls(network, checkpoint.tokenizer, checkpoint.training, **about)

    def int8_weights(self) -> Int8Weights:
        """The weights as int8 uses them; made when first asked for, and anew if they were changed."""
        # torch counts the changes of each tensor; an address alone would miss those made in place.
        weights = list(self.network.parameters())
        now = [(weight.data_ptr(), 0 if weight.is_inference() else weight._version) for weight in weights]
        if self._integer is None or self._integer[0] != now:
            self._integer = now, Int8Weights.of(self.network)
        return self._integer[1]

    def backend(self, slots: int, precision: Precision) -> Backend:
        """What writes with it: so many slots, in one precision."""
        return make_backend(self.network, slots, self.int8_weights() if precision == "int8" else None)

    def checkpoint(self) -> Checkpoint:
        """What a checkpoint folder of this model holds."""
        return Checkpoint(self.config, self.tokenizer, self.network.state_dict(), self.training, self.chat, self.cells)

    def without_weights(self) -> CharLSTM:
        """All that is known of it but its weights, for whoever must remember it and not keep it."""
        with torch.device("meta"):
            network = LSTMNetwork(self.config)
        return replace(self, network=network, _integer=None)

    def save_pretrained(self, folder: str | Path, *, dtype: str = "float32") -> None:
        """Writes config.json, model.safetensors, manifest.json and, if cells have names, cells.json; others stay.

        Args:
            folder: made if it is missing.
            dtype: "float32", "bfloat16" or "float16". Half the size costs less than 0.00003 nats.
        """
        write_checkpoint(folder, self.checkpoint(), dtype=dtype)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        token: str | bool | None = None,
        revision: str | None = None,
        commit_message: str = "Upload a character LSTM",
        dtype: str = "float32",
    ) -> str:
        """Uploads the model in one commit; the repo is made if it is missing. A model card there stays as it is.

        Returns:
            the commit's id.

        Raises:
            ValueError: there is no such dtype.
            ModelUnavailableError: the Hub's client is not installed.
            huggingface_hub's errors, as they are.
        """
        check_client(f"{printable(repo_id)} cannot be pushed")
        from huggingface_hub import HfApi

        api = HfApi(token=token)
        repo = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
        if revision is not None:
            api.create_branch(repo, branch=revision, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder, dtype=dtype)
            commit = api.upload_folder(
                repo_id=repo, folder_path=folder, revision=revision, commit_message=commit_message
            )
        return str(commit.oid)


def is_local(id_or_path: str | Path) -> bool:
    """Whether a model's name means a folder here: it exists, or is written as a path is."""
    text = str(id_or_path)
    if text.startswith("hf://") or not text:
        return False
    if isinstance(id_or_path, Path) or text.startswith((".", "/", "~", "runs/")):
        return True
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # longer than a path may be, or with a NUL: no folder's name
        return False


def split_revision(model: str) -> tuple[str, str | None]:
    """``user/name@revision``, as people type a model, in its two parts; a folder's name is left whole.

    Raises:
        ValueError: nothing follows the @.
    """
    if is_local(model) or "@" not in model:
        return model, None
    name, _, revision = model.partition("@")
    if not revision:
        raise ValueError(
            f"{model!r:.200} names no revision: write user/name, or user/name@ and a branch, tag or commit"
        )
    return name, revision


def checkpoint_folder(path: str | Path) -> Path:
    """Returns the checkpoint folder that a path names: the folder itself, the best of a run, RUN/best or RUN/latest.

    Raises:
        CheckpointError: there is no such folder.
    """
    folder = Path(path).expanduser()
    pointed = pointed_checkpoint(folder) if folder.name in (BEST, LATEST) else None
    if pointed is None and not folder.is_dir():
        raise CheckpointError(f"there is no folder {str(path)!r}: a model on the Hub is written user/name")
    return pointed or pointed_checkpoint(folder / BEST) or folder
