"""CharLSTM, a model that can be loaded and saved: the network, its vocabulary and the record of its training.

Files are checked before they are used, and no pickle is ever opened. Without a network connection, folders and cached
models still load.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path, PureWindowsPath

import torch

from .backends import backend
from .backends.backend import Backend, Float32Backend, TorchInt8Backend
from .backends.device import int8_device
from .chat import ChatFormat
from .checkpoint.format import Checkpoint, CheckpointError
from .checkpoint.names import BEST, BUNDLED_FOLDER, LATEST, bundled_name, bundled_names, pointed_checkpoint
from .checkpoint.read import read_checkpoint
from .checkpoint.record import Sample, TrainingRecord
from .checkpoint.write import write_checkpoint
from .hub.errors import ModelUnavailableError
from .hub.snapshot import Snapshot
from .int8.weights import Int8Weights
from .lstm import LSTMConfig, LSTMNetwork
from .named_cells import Cell
from .settings import Precision, UsageError
from .terminal import one_line
from .tokenizer import CharTokenizer


@dataclass(eq=False)
class CharLSTM:
    """A character LSTM with its vocabulary.

    Attributes:
        network: the network in float32; in evaluation mode after loading. `network.train()` makes it trainable.
        tokenizer: the vocabulary.
        training: `training` of config.json: what the training recorded.
        name: the name by which it was loaded: a Hub id, or the name of a folder.
        commit: the commit on the Hub, 40 hex digits; None for a folder.
        notice: what users should know about the loading, such as that the Hub could not be reached; "" if nothing.
        chat: the format of its conversations, if it was trained on conversations. `chat.wrap` turns a message into a
            prompt, and `chat.stop` ends the reply.
        cells: the cells that have a name, see docs/named-cells.md.
        samples: what the model wrote after some steps of its training, oldest first.
    """

    network: LSTMNetwork
    tokenizer: CharTokenizer
    training: TrainingRecord = field(default_factory=lambda: TrainingRecord())
    name: str = "untitled"
    commit: str | None = None
    notice: str = ""
    chat: ChatFormat | None = None
    cells: tuple[Cell, ...] = ()
    samples: tuple[Sample, ...] = ()
    _int8_cache: tuple[object, Int8Weights] | None = field(default=None, repr=False)

    @property
    def config(self) -> LSTMConfig:
        """The sizes of the network."""
        return self.network.config

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.network.embedding.weight.device

    @property
    def models(self) -> tuple[CharLSTM, ...]:
        """This model alone; a `Blend` has two."""
        return (self,)

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
        """Loads a model from one commit on the Hub, from a run folder (its best checkpoint) or a checkpoint folder.

        Args:
            id_or_path: a folder if it exists or is written as a path: with `.`, `/`, `~`, `runs/` or a Windows drive
                at the beginning. Otherwise a Hub id such as `user/name`. `hf://user/name` is always a Hub id, and
                `bundled:NAME` a model that comes with the project.
            revision: a branch, tag or commit; None is the main branch.
            device: the device of the weights, such as "cuda".
            token, cache_dir, local_files_only: as in huggingface_hub.

        Raises:
            CheckpointError: the folder does not exist, or its files are not a valid model.
            ModelUnavailableError: there is no such repo or revision, no right to read it, or no connection.
        """
        if is_local(id_or_path):
            folder = checkpoint_folder(id_or_path)
            name = bundled_name(str(id_or_path)) or Path(id_or_path).absolute().name
            return cls.from_checkpoint(read_checkpoint(folder), device=device, name=name)
        repo = str(id_or_path).removeprefix("hf://")
        if "/" not in repo:
            raise ModelUnavailableError(
                f"there is no folder {repo!r:.100} here, and it is not a model's name on the Hub: write user/name"
            )
        snapshot = Snapshot(repo, revision, token, cache_dir, local_files_only)
        checkpoint = snapshot.read()
        return cls.from_checkpoint(checkpoint, device=device, name=repo, commit=snapshot.commit, notice=snapshot.notice)

    @classmethod
    def from_checkpoint(
        cls,
        checkpoint: Checkpoint,
        *,
        device: torch.device | str = "cpu",
        name: str = "untitled",
        commit: str | None = None,
        notice: str = "",
    ) -> CharLSTM:
        """Returns the model of a checkpoint, which may lack its weights; the other arguments become attributes."""
        with torch.device("meta"):  # no memory and no random numbers: every tensor comes from the checkpoint
            network = LSTMNetwork(checkpoint.config)
        if checkpoint.weights:
            weights = {key: tensor.to(device, torch.float32, copy=True) for key, tensor in checkpoint.weights.items()}
            network.load_state_dict(weights, assign=True)
            network.lstm.flatten_parameters()  # cuDNN needs the weights in one block of memory
        network.eval()
        noted = checkpoint.chat, checkpoint.cells, checkpoint.samples
        return cls(network, checkpoint.tokenizer, checkpoint.training, name, commit, notice, *noted)

    def int8_weights(self) -> Int8Weights:
        """Returns the quantized weights, computed at the first call and again after the weights have changed."""
        # torch counts the changes of each tensor; the address alone would miss changes in place.
        weights = self.network.parameters()
        now = self.tokenizer.rare_id, [(w.data_ptr(), 0 if w.is_inference() else w._version) for w in weights]
        if self._int8_cache is None or self._int8_cache[0] != now:
            self._int8_cache = now, Int8Weights.quantize(self.network, self.tokenizer.rare_id)
        return self._int8_cache[1]

    def make_backend(self, slots: int, precision: Precision) -> Backend:
        """Returns the fastest backend for this model and its device, with a number of slots."""
        if precision == "float32":
            return Float32Backend(self.network, slots, self.tokenizer.rare_id)
        device = int8_device(self.device)
        if device.type == "cpu" and backend.numba_available():
            from .backends.numba_int8 import NumbaInt8Backend

            return NumbaInt8Backend(self.int8_weights(), slots)
        return TorchInt8Backend(self.int8_weights().to(device), slots)

    def checkpoint(self) -> Checkpoint:
        """Returns the content of a checkpoint folder of this model."""
        return Checkpoint(
            config=self.config,
            tokenizer=self.tokenizer,
            weights=self.network.state_dict(),
            training=self.training,
            chat=self.chat,
            cells=self.cells,
            samples=self.samples,
        )

    def without_weights(self) -> CharLSTM:
        """Returns a copy without weights, for callers that need the other attributes and must free the memory."""
        with torch.device("meta"):
            return replace(self, network=LSTMNetwork(self.config).eval(), _int8_cache=None)

    def save_pretrained(self, folder: str | Path, *, dtype: str = "float32") -> None:
        """Writes config.json, model.safetensors, manifest.json and, if there are any, cells.json and samples.jsonl.

        "bfloat16" and "float16" have half the size and raise the loss by less than 0.00003 nats. "int8" has about a
        quarter and generates the same text in int8. For the arguments and errors see `write_checkpoint`.
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
        """Uploads the model in one commit and returns the id of the commit, 40 hex digits.

        The repo and the branch `revision` are created if they are missing. A model card in the repo does not change.
        A model whose `training` says that it is private is pushed to a private repo, unless `private` is False.

        Raises:
            CheckpointError, ValueError: see `save_pretrained`.
            ModelUnavailableError: the model is private, and the repo is public.
            Exception: any error of huggingface_hub.
        """
        from huggingface_hub import HfApi

        api = HfApi(token=token)
        is_private = private is None and self.training.get("sharing") == "private"
        repo = api.create_repo(repo_id, private=True if is_private else private, exist_ok=True).repo_id
        if is_private and not api.model_info(repo).private:
            name = one_line(repo, 100)
            raise ModelUnavailableError(
                f"{name} is public, and this model is private: name another repo, or pass private=False"
            )
        if revision is not None:
            api.create_branch(repo, branch=revision, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder, dtype=dtype)
            commit = api.upload_folder(
                repo_id=repo, folder_path=folder, revision=revision, commit_message=commit_message
            )
        return str(commit.oid)


def is_local(id_or_path: str | Path) -> bool:
    """Returns whether a model's name is a folder of this machine: it exists, is written as a path, or is bundled."""
    text = str(id_or_path)
    if text.startswith("hf://") or not text:
        return False
    if isinstance(id_or_path, Path) or text.startswith((".", "/", "~", "runs/")) or bundled_name(text) is not None:
        return True
    if PureWindowsPath(text).drive or "\\" in text:  # neither is allowed in a Hub id
        return True
    return os.path.exists(text)  # noqa: PTH110  Path.exists raises an error if it is too long for a path


def split_revision(model: str) -> tuple[str, str | None]:
    """Splits `user/name@revision` into the name and the revision; the name of a folder is not split.

    Raises:
        UsageError: nothing follows the @.
    """
    if is_local(model) or "@" not in model:
        return model, None
    name, _, revision = model.partition("@")
    if not revision:
        raise UsageError(
            f"{model!r:.200} names no revision: write user/name, or user/name@ and a branch, tag or commit"
        )
    return name, revision


def checkpoint_folder(path: str | Path) -> Path:
    """Returns the checkpoint folder that a path names: the folder itself, the best of a run, RUN/best or RUN/latest.

    Raises:
        CheckpointError: there is no such folder, or no bundled model of this name.
    """
    if (name := bundled_name(str(path))) is not None:
        if name not in bundled_names():
            raise CheckpointError(f"there is no bundled model {name!r:.60}: choose one of {', '.join(bundled_names())}")
        return BUNDLED_FOLDER / name
    folder = Path(os.path.expanduser(path))  # noqa: PTH111  Path.expanduser raises an error for ~USER of no user
    pointed = pointed_checkpoint(folder) if folder.name in (BEST, LATEST) else None
    if pointed is None and not folder.is_dir():
        hint = "a model on the Hub is written user/name" if is_local(path) else "name a folder of this machine"
        raise CheckpointError(f"there is no folder {str(path)!r}: {hint}")
    return pointed or pointed_checkpoint(folder / BEST) or folder
