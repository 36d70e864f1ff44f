"""The files of a model that a browser has trained: packed there, read by Python, opened again, and refused if bad."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from model import CharLSTM, generate
from tests.browser.test_training import sentences, train
from tests.support.tiny_models import saved_files, tiny_model
from tests.support.tiny_runs import environment
from ui.messages import ENGLISH

Files = dict[str, bytes]
# Packs the files of a run that test_training.TRAIN has left in the page.
PACK = """async ({ name }) => {
  const { checkpointFiles } = await import("./learn/checkpoint_files.js");
  const { zipOf } = await import("./learn/archive.js");
  const files = await checkpointFiles({ ...runs[name], training: { corpus: "words" }, chat: null });
  const bytes = new Uint8Array(await zipOf(files, "words").arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}"""
# Opens files, given as [name, base64][]: one is a .zip or a file, more are those of a folder.
OPEN = """async (given) => {
  const { filesOf } = await import("./learn/archive.js");
  const decode = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const files = given.map(([name, text]) => new File([decode(text)], name));
  try {
    window.opened = await filesOf(files.length === 1 ? files[0] : files);
    return { names: Object.keys(window.opened) };
  } catch (error) {
    if (!error.reason) throw error;
    return { refusal: error.reason };
  }
}"""
WRITE = """async ({ seed, length }) => {
  const { load } = await import("./worker/checkpoint.js");
  const { Network } = await import("./worker/int8_inference.js");
  const { LanguageModel } = await import("./worker/language_model.js");
  const { States } = await import("./worker/states.js");
  const { writeText } = await import("./worker/reply.js");
  const model = await load({ base: "", name: "", commit: "", files: window.opened });
  const ids = new Map(model.vocab.map((character, id) => [character, id]));
  const network = new Network(model.sizes, model.tensors, null);
  const settings = { length, temperature: 0.8, top_k: 0, top_p: 1, min_p: 0, seed, stop: "" };
  const lm = new LanguageModel([{ ...model, ids, network, key: "" }]);
  return writeText(lm, { text: "", start: true }, settings, new States());
}"""


@pytest.fixture(scope="module")
def page(web_page: Page) -> Page:
    return web_page


@pytest.fixture(scope="module")
def packed(page: Page) -> bytes:
    """The .zip of a model that the browser has trained."""
    run = train(page, text=sentences(100), steps=60)
    return base64.b64decode(page.evaluate(PACK, run))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The files of a small model, by name."""
    return saved_files(tiny_model(), tmp_path_factory.mktemp("model"))


def opened(page: Page, *given: tuple[str, bytes]) -> dict[str, Any]:
    """Open one file, or several as those of a folder."""
    answer: dict[str, Any] = page.evaluate(OPEN, [[name, base64.b64encode(data).decode()] for name, data in given])
    return answer


def zip_of(files: Files, folder: str = "model/", way: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", way) as archive:
        for name, data in files.items():
            archive.writestr(folder + name, data)
    return buffer.getvalue()


def test_python_writes_what_the_tab_writes(page: Page, packed: bytes, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["words"]
    lm = CharLSTM.from_pretrained(tmp_path / "words")
    assert opened(page, ("words.zip", packed)) == {"names": ["config.json", "manifest.json", "model.safetensors"]}
    text = page.evaluate(WRITE, {"seed": 3, "length": 1000})
    assert len(text) == 1000
    assert text == generate(lm, "", 1000, seed=3)


def test_training_goes_on_from_the_folder(packed: bytes, tmp_path: Path) -> None:
    zipfile.ZipFile(io.BytesIO(packed)).extractall(tmp_path)
    (tmp_path / "text.txt").write_text(sentences(50, seed=9))
    options = ["--from", "words", "--steps", "3", "--set", "batch=4,window=16", "--device", "cpu", "--out", "run"]
    command = [sys.executable, "-m", "training", "text.txt", *options]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    before, after = (CharLSTM.from_pretrained(tmp_path / name) for name in ("words", "run"))
    assert after.training["step"] == 3
    assert after.config == before.config
    assert after.tokenizer.vocab == before.tokenizer.vocab


@pytest.mark.parametrize("way", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("folder", ["", "model/", "some/where/"])
def test_a_zip_of_another_program_is_opened(page: Page, files: Files, folder: str, way: int) -> None:
    more = {"README.md": b"# A model", "__MACOSX/._config.json": b"x", "notes.txt": b"of mine"}
    answer = opened(page, ("model.zip", zip_of({**files, **more}, folder, way)))
    assert set(answer["names"]) == set(files) | {"README.md"}


def test_the_files_of_a_folder_are_opened(page: Page, files: Files) -> None:
    answer = opened(page, *files.items(), ("notes.txt", b""))
    assert set(answer["names"]) == set(files)


def patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def directory(data: bytes) -> int:
    """Where the first entry of a .zip's directory begins."""
    return data.index(b"PK\x01\x02")


def with_names(files: Files, names: list[str]) -> bytes:
    """A .zip that holds its files under other names too."""
    buffer = io.BytesIO(zip_of(files))
    with zipfile.ZipFile(buffer, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is there already
        for name in names:
            archive.writestr(name, files["config.json"])
    return buffer.getvalue()


def with_size(data: bytes, size: int) -> bytes:
    """A .zip whose directory gives another size of the first file than it has."""
    return patched(data, directory(data) + 24, size.to_bytes(4, "little"))


BAD: dict[str, tuple[str, Callable[[Files], bytes]]] = {
    "empty": ("files.damaged", lambda _: b""),
    "text": ("files.damaged", lambda _: b"hello " * 100),
    "cut": ("files.damaged", lambda files: zip_of(files)[:-40]),
    "without a beginning": ("files.none", lambda files: zip_of(files)[100:]),
    "lzma": ("files.damaged", lambda files: zip_of(files, way=zipfile.ZIP_LZMA)),
    "no model": ("files.none", lambda _: zip_of({"notes.txt": b"hello"})),
    "two models": ("files.several", lambda files: with_names(files, ["other/config.json"])),
    "leads out": ("files.several", lambda files: with_names(files, ["../config.json"])),
    "twice": ("files.several", lambda files: with_names(files, ["model/config.json"])),
    "many": ("files.many", lambda files: zip_of({**files, **{f"{n}.txt": b"" for n in range(1001)}})),
    "large config": ("files.large", lambda _: zip_of({"config.json": b" " * (17 << 20)})),
    "bomb": ("files.unpacked", lambda files: zip_of({**files, "model.safetensors": bytes(257 << 20)})),
    "size too small": ("files.no_checkpoint", lambda files: with_size(zip_of(files), 500)),
    "no manifest": ("files.no_checkpoint", lambda files: zip_of({**files, "manifest.json": b"{}"})),
    "other weights": (
        "files.no_checkpoint",
        lambda files: zip_of({**files, "model.safetensors": patched(files["model.safetensors"], -9, b"\x01")}),
    ),
    "not all files": (
        "files.no_checkpoint",
        lambda files: zip_of({name: data for name, data in files.items() if name != "model.safetensors"}),
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_zip_is_refused_in_one_line(page: Page, files: Files, case: str) -> None:
    expected, make = BAD[case]
    refusal = opened(page, ("model.zip", make(files)))["refusal"]
    assert refusal["id"] == expected
    assert expected in ENGLISH


def test_a_changed_byte_is_never_a_model(page: Page, files: Files) -> None:
    """The manifest has a checksum of each file, and each byte of the directory is covered by what it says of them."""
    whole = zip_of(files)
    for at in range(0, len(whole), max(1, len(whole) // 60)):
        answer = opened(page, ("model.zip", patched(whole, at, bytes([whole[at] ^ 0x40]))))
        if "refusal" not in answer:
            assert set(answer["names"]) == set(files), at  # such as a time, which nothing depends on
            same = page.evaluate("() => Object.fromEntries(Object.entries(opened).map(([n, b]) => [n, b.length]))")
            assert same == {name: len(data) for name, data in files.items()}
        else:
            assert answer["refusal"]["id"].startswith("files.")


def test_files_of_a_folder_are_refused_as_those_of_a_zip(page: Page, files: Files) -> None:
    assert opened(page, ("a.txt", b"1"), ("b.txt", b"2"))["refusal"]["id"] == "files.none"
    config = json.loads(files["config.json"])
    other = json.dumps({**config, "hidden_size": config["hidden_size"] + 1}).encode()
    answer = opened(page, *{**files, "config.json": other}.items())
    assert answer["refusal"]["id"] == "files.no_checkpoint"
    assert "config.json" in answer["refusal"]["values"]["reason"]
