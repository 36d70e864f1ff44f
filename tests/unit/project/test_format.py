"""Checkpoints and share links of other versions, in Python and in the page: what is ignored, refused and read.

`python -m tests.unit.project.test_format VERSION` writes the checkpoint, the link and the hash of a release. Its files
never change afterwards.
"""

import hashlib
import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import parse_qsl, urlencode

import pytest

from model import CharLSTM, ChatFormat, generate
from model.checkpoint.names import CELLS, CONFIG, LISTED_FILES, MANIFEST, MODEL_FILES, SAMPLES
from model.checkpoint.record import Sample, TrainingRecord
from model.checkpoint.write import write_manifest
from model.int8.weights import VERSION
from model.lstm import SIZES
from model.named_cells import Cell
from model.settings import number_or_text
from tests.support.checkpoint_files import changed_config, check_refused
from tests.support.node_engine import node_engine, request

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[2]
RELEASES = sorted((TESTS / "releases").iterdir(), key=lambda path: [*map(int, path.name.split("."))])
LINK = "link.json"  # a share link to a text of the checkpoint beside it, and the SHA-256 of the text
RUN = TESTS / "vectors" / "run"  # a small trained model with named cells and samples
FORMAT_PAGE = TESTS.parent / "docs" / "format.md"


def check_link(folder: Path) -> None:
    """Checks that both readers give the text of the link in a folder."""
    stored = json.loads((folder / LINK).read_text())
    given = dict(parse_qsl(stored["link"]))
    settings: dict[str, Any] = {
        name: number_or_text(value) for name, value in given.items() if name not in ("prompt", "v", "text")
    }
    lm = CharLSTM.from_pretrained(folder)
    text = generate(lm, given["prompt"], **settings)
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert (digest, digest[:16]) == (stored["sha256"], given["text"])
    with node_engine(folder) as engine:
        followed = engine.call("follow", {"request": request(""), "query": stored["link"]})
        assert followed == {"text": text, "isSame": True}
        assert len(engine.models()[0]["cells"]) == len(lm.cells) > 0


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_the_checkpoint_and_the_link_of_each_release_are_read(release: Path) -> None:
    check_link(release)


def test_unknown_fields_and_files_are_ignored(tmp_path: Path) -> None:
    folder = tmp_path / "future"
    shutil.copytree(RELEASES[-1], folder)

    def change(name: str, add: Callable[[Any], object]) -> None:
        lines = [json.loads(line) for line in (folder / name).read_text().splitlines()] if name == SAMPLES else []
        content = lines or json.loads((folder / name).read_text())
        add(content)
        (folder / name).write_text("\n".join(map(json.dumps, lines)) if lines else json.dumps(content))

    new = {"future": [{"x": None}]}
    change(CONFIG, lambda config: [each.update(new) for each in (config, config["chat"], config["training"])])
    change(CELLS, lambda cells: [each.update(new) for each in (cells, cells["sample"], *cells["cells"])])
    change(SAMPLES, lambda samples: [each.update(new) for each in samples])
    (folder / "future.bin").write_bytes(b"\0")
    write_manifest(folder, [*MODEL_FILES[:2], *LISTED_FILES, "future.bin"])
    change(MANIFEST, lambda manifest: manifest.update(new))
    check_link(folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format_version": 2}, "format_version is 2: a newer char-lstm wrote it"),
        ({"format_version": "1"}, "must be 1"),
        *(({name: ...}, name) for name in ("format_version", "model_type", *SIZES, "vocab", "training")),
    ],
    ids=str,
)
def test_a_newer_version_and_a_missing_field_are_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    folder = tmp_path / "model"
    CharLSTM.from_pretrained(RUN).save_pretrained(folder)
    changed_config(folder, **changes)
    assert words in check_refused(folder, CONFIG)
    with node_engine(folder) as engine:
        reason = engine.write(request("a", seed=1))["refusal"]["values"]["reason"]
    assert words in reason
    assert "\n" not in reason


def test_the_page_about_the_format_describes_every_field() -> None:
    described = set(re.findall(r"`(\w+)`", FORMAT_PAGE.read_text(encoding="utf-8")))
    records = [TrainingRecord, Sample, ChatFormat]
    names = {name for record in records for name in get_type_hints(record)} | {field.name for field in fields(Cell)}
    assert names | {*SIZES, "vocab", "rare", "chat", "training", "format_version", "model_type"} <= described


def write_release(folder: Path) -> None:
    folder.mkdir()
    lm = CharLSTM.from_pretrained(RUN)
    lm.chat = ChatFormat(prefix=">>> ", suffix="\n", stop="\n\n")
    lm.save_pretrained(folder, dtype="bfloat16")
    settings: dict[str, Any] = {"temperature": 0.9, "length": 300, "top_k": 20, "seed": 7}
    prompt = 'The "if" statement\n'
    digest = hashlib.sha256(generate(lm, prompt, **settings).encode()).hexdigest()
    link = urlencode({"prompt": prompt, **settings, "v": VERSION, "text": digest[:16]})
    (folder / LINK).write_text(json.dumps({"link": link, "sha256": digest}, indent=1) + "\n")


if __name__ == "__main__":
    write_release(TESTS / "releases" / sys.argv[1])
