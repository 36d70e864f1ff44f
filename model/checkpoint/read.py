"""Reads a checkpoint folder that may come from anyone.

Sizes, names, shapes and dtypes are compared with config.json before memory is allocated for tensors, and hashes with
manifest.json. Each file is read once, so the bytes that are checked are those that are used. No file that may hold code
is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from ..lstm import LSTMConfig
from ..named_cells import Cell, cells_from_json
from .format import Checkpoint, CheckpointError, parse_config, parse_json
from .names import CELLS, CONFIG, MANIFEST, SAMPLES, WEIGHTS
from .samples import MAX_BYTES, Sample, samples_from_json
from .verify import check_file_type, check_hash, check_header, check_tensors, parse_manifest

_MAX_JSON = 16 << 20  # bytes; enough for a vocabulary of all code points
_MAX_HEADER = 1 << 20  # bytes; a safetensors header has about a hundred bytes per layer
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".t7", ".h5")


def read_checkpoint(folder: Path | str, *, weights: bool = True) -> Checkpoint:
    """Reads and checks a checkpoint folder.

    Args:
        folder: the checkpoint.
        weights: whether model.safetensors is read; otherwise the checkpoint has no tensors.

    Raises:
        CheckpointError: there is no such folder, or a file in it is missing or wrong.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CheckpointError(f"there is no checkpoint folder named {folder.name!r}")
    if not (folder / CONFIG).exists():
        raise CheckpointError(_missing_config(folder))
    config_bytes = _read_file(folder, CONFIG, most_bytes(CONFIG))
    hashes = read_manifest(folder)
    config, tokenizer, training, chat = parse_config(config_bytes)
    check_hash(CONFIG, config_bytes, hashes)
    return Checkpoint(
        config=config,
        tokenizer=tokenizer,
        weights=_read_weights(folder, hashes, config) if weights else {},
        training=training,
        chat=chat,
        cells=_read_cells(folder, hashes, config),
        samples=_read_samples(folder, hashes),
    )


def read_config(folder: Path) -> LSTMConfig:
    """Returns the sizes of the network in config.json.

    Raises:
        CheckpointError: the config is missing or wrong.
    """
    return parse_config(_read_file(folder, CONFIG, most_bytes(CONFIG)))[0]


def most_bytes(name: str, config: LSTMConfig | None = None) -> int:
    """Returns the largest size of a file of a checkpoint; larger ones are neither read nor downloaded.

    `config` is needed for model.safetensors.
    """
    if name == CONFIG:
        return _MAX_JSON
    return 8 + _MAX_HEADER + 4 * config.parameters if name == WEIGHTS and config else _MAX_HEADER


def check_size(name: str, size: int, config: LSTMConfig | None = None) -> None:
    """Raises CheckpointError if a file is larger than any file of this name and config can be."""
    if size > most_bytes(name, config):
        raise _too_large(name, most_bytes(name, config))


def _too_large(name: str, most: int) -> CheckpointError:
    return CheckpointError(f"{name} is larger than the {most:,} bytes that it can need")


def read_manifest(folder: Path) -> dict[str, str]:
    """Returns the SHA-256 of each file that manifest.json lists.

    Raises:
        CheckpointError: the manifest is missing or wrong.
    """
    return parse_manifest(_read_file(folder, MANIFEST, _MAX_HEADER))


def parse_weights(data: bytes, config: LSTMConfig) -> dict[str, Tensor]:
    """Returns the tensors of model.safetensors; its header is compared with the config before they are created.

    Raises:
        CheckpointError: it is not a safetensors file of exactly the tensors of the config, or a number is not finite.
    """
    check_file_type(data)
    header_size = int.from_bytes(data[:8], "little")
    if header_size > min(_MAX_HEADER, len(data) - 8):
        raise CheckpointError(f"{WEIGHTS}: its header claims {header_size:,} bytes: the file is cut or damaged")
    header = dict(parse_json(f"the header of {WEIGHTS}", data[8 : 8 + header_size]))
    header.pop("__metadata__", None)
    check_header(header, config)
    try:
        tensors = load(data)  # checks the offsets: no overlap, no gap, nothing after the end
    except SafetensorError as error:
        raise CheckpointError(f"{WEIGHTS} is damaged: {' '.join(str(error).split()):.160}") from None
    check_tensors(tensors, config)
    return tensors


def _read_weights(folder: Path, hashes: Mapping[str, str], config: LSTMConfig) -> dict[str, Tensor]:
    data = _read_file(folder, WEIGHTS, most_bytes(WEIGHTS, config))
    tensors = parse_weights(data, config)
    check_hash(WEIGHTS, data, hashes)
    return tensors


def _read_cells(folder: Path, hashes: Mapping[str, str], config: LSTMConfig) -> tuple[Cell, ...]:
    if CELLS not in hashes:
        return ()
    data = _read_file(folder, CELLS, _MAX_HEADER)
    check_hash(CELLS, data, hashes)
    parsed = parse_json(CELLS, data)
    try:
        return cells_from_json(parsed, config)
    except ValueError as error:
        raise CheckpointError(f"{CELLS}: {error}") from None


def _read_samples(folder: Path, hashes: Mapping[str, str]) -> tuple[Sample, ...]:
    if SAMPLES not in hashes:
        return ()
    data = _read_file(folder, SAMPLES, MAX_BYTES)
    check_hash(SAMPLES, data, hashes)
    lines = [parse_json(SAMPLES, line) for line in data.splitlines()]
    try:
        return samples_from_json(lines)
    except ValueError as error:
        raise CheckpointError(f"{SAMPLES}: {error}") from None


def _read_file(folder: Path, name: str, max_bytes: int) -> bytes:
    try:
        real = (folder / name).resolve()
        if not any(real.is_relative_to(allowed) for allowed in _allowed_folders(folder)):
            raise CheckpointError(f"{name} is a link out of the checkpoint's folder")
        if real.exists() and not real.is_file():  # opening a pipe would block forever
            raise CheckpointError(f"{name} is not a file")
        with real.open("rb") as file:
            data = file.read(max_bytes + 1)
    except FileNotFoundError:
        raise CheckpointError(f"{name} is missing") from None
    except OSError as error:
        raise CheckpointError(f"{name} cannot be read: {error.strerror}") from None
    except RuntimeError:  # raised by Path.resolve before Python 3.13
        raise CheckpointError(f"{name} is a link to itself") from None
    if len(data) > max_bytes:
        raise _too_large(name, max_bytes)
    return data


def _allowed_folders(folder: Path) -> list[Path]:
    """Returns the folders into which links may lead: `folder`, and in the Hub's cache the blobs of the same repo."""
    real = folder.resolve()
    cached = real.parent.name == "snapshots"
    return [real, real.parent.parent / "blobs"] if cached else [real]


def _missing_config(folder: Path) -> str:
    pickles = sorted(path.name for path in folder.iterdir() if path.name.endswith(_PICKLES))
    if pickles:
        return f"{pickles[0]} may hold code and is not opened: char-lstm reads {CONFIG} and {WEIGHTS}"
    return f"{CONFIG} is missing: this is not a char-lstm checkpoint"
