"""The files of a model that a browser has trained: packed there, read by Python, and opened again."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page

from model import CharLSTM, generate
from tests.browser.test_training import sentences, train
from tests.support.tiny_runs import environment

# Packs the files of a run that test_training.TRAIN has left in the page.
PACK = """async ({ name }) => {
  const { checkpointFiles } = await import("./learn/checkpoint_files.js");
  const { zipOf } = await import("./learn/archive.js");
  const files = await checkpointFiles({ ...runs[name], training: { corpus: "words" }, chat: null });
  const bytes = new Uint8Array(await zipOf(files, "words").arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}"""
# Opens the .zip that PACK returned; returns the names of its files.
OPEN = """async (packed) => {
  const { filesOf } = await import("./learn/archive.js");
  window.opened = await filesOf(new Blob([Uint8Array.from(atob(packed), (each) => each.charCodeAt(0))]));
  return Object.keys(window.opened);
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


def test_python_writes_what_the_tab_writes(page: Page, packed: bytes, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["words"]
    lm = CharLSTM.from_pretrained(tmp_path / "words")
    names = page.evaluate(OPEN, base64.b64encode(packed).decode())
    assert names == ["config.json", "manifest.json", "model.safetensors"]
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
