"""Training by two workers of a real browser: the .zip of its model is read by Python, and opened again."""

import base64
import io
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from playwright.sync_api import Page

from model import CharLSTM, LSTMState, generate
from training.__main__ import main

WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "the", "dog", "ran", "to", "the", "hat"]
STEPS = 100
# Trains; `saves` saves after a step, `goesOn` continues what was saved. Returns the losses, and the .zip of the model.
TRAIN = """async ({ text, workers, rows, saves = 0, goesOn = false }) => {
  const { Training } = await import("./learn/trainer.js");
  const { idsOf, planRun, vocabularyOf } = await import("./learn/recipe.js");
  const { checkpointFiles } = await import("./learn/checkpoint_files.js");
  const { zipOf } = await import("./learn/archive.js");
  const vocab = vocabularyOf(text);
  const plan = planRun({ vocab, ids: idsOf(text, vocab), minutes: 1, speed: 1000, seed: 1, workers, parent: null });
  Object.assign(plan.recipe, { embedding: 16, hidden: 24, layers: 2, rows, window: 16, steps: STEPS });
  const found = { losses: [], heldOut: [] };
  let tensors = null;
  const training = new Training({ ...plan, limit: Infinity }, goesOn ? window.saved : null);
  for await (const { taken, evaluated, saved } of training.run()) {
    if (saved) window.saved = saved;
    if (evaluated) {
      found.heldOut.push([evaluated.step, evaluated.loss]);
      tensors = evaluated.tensors;
    }
    if (!taken) continue;
    found.losses.push(taken.loss);
    if (taken.step === saves) training.want("save");
  }
  const about = { corpus: "words", machine: "browser", recipe: plan.recipe };
  const files = await checkpointFiles({ vocab, network: plan.recipe, tensors, training: about, chat: null });
  const bytes = new Uint8Array(await zipOf(files, "words").arrayBuffer());
  return { ...found, packed: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")) };
}""".replace("STEPS", str(STEPS))
# Opens a .zip, and writes with the model in it.
WRITE = """async (packed) => {
  const { filesOf } = await import("./learn/archive.js");
  const { load } = await import("./worker/checkpoint.js");
  const { LanguageModel, Network, compile } = await import("./worker/int8_inference.js");
  const { ReadTexts } = await import("./worker/text_reader.js");
  const { writeText } = await import("./worker/reply.js");
  const files = await filesOf(new Blob([Uint8Array.from(atob(packed), (each) => each.charCodeAt(0))]));
  const model = await load({ base: "", name: "", commit: "", files });
  const ids = new Map(model.vocab.map((character, id) => [character, id]));
  const network = new Network(model.sizes, model.tensors, await compile());
  const settings = { length: 1000, temperature: 0.8, top_k: 0, top_p: 1, min_p: 0, seed: 3, stop: "" };
  const lm = new LanguageModel([{ ...model, ids, network, key: "" }]);
  return writeText(lm, { text: "", start: true }, settings, new ReadTexts());
}"""


def sentences(count: int, seed: int = 0) -> str:
    """Return lines of random words."""
    chosen = random.Random(seed)
    return "".join(" ".join(chosen.choices(WORDS, k=6)) + ".\n" for _ in range(count))


TEXT = sentences(200)


def train(page: Page, **given: Any) -> dict[str, Any]:
    result: dict[str, Any] = page.evaluate(TRAIN, {"text": TEXT, **given})
    return result


@pytest.fixture(scope="module")
def run(web_page: Page) -> dict[str, Any]:
    return train(web_page, workers=2, rows=4, saves=20)


def archive_of(run: dict[str, Any]) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(base64.b64decode(run["packed"])))


def unpacked(run: dict[str, Any], folder: Path) -> CharLSTM:
    """Return the model of a run, read by the strict reader from folder/words."""
    archive_of(run).extractall(folder)
    assert [path.name for path in folder.iterdir()] == ["words"]
    return CharLSTM.from_pretrained(folder / "words")


def test_two_workers_train_as_one_does_with_all_rows(web_page: Page, run: dict[str, Any]) -> None:
    one = train(web_page, workers=1, rows=8)
    np.testing.assert_allclose(run["losses"][:60], one["losses"][:60], atol=1e-3)  # later, rounding has grown
    assert [step for step, _ in run["heldOut"]] == [step for step, _ in one["heldOut"]]


def test_two_workers_continue_with_the_same_bits(web_page: Page, run: dict[str, Any]) -> None:
    rest = train(web_page, workers=2, rows=4, goesOn=True)
    assert run["losses"][:20] + rest["losses"] == run["losses"]
    assert archive_of(rest).read("words/model.safetensors") == archive_of(run).read("words/model.safetensors")


def test_python_finds_the_same_loss_and_writes_what_the_tab_writes(
    web_page: Page, run: dict[str, Any], tmp_path: Path
) -> None:
    lm = unpacked(run, tmp_path)
    cut = len(TEXT) - len(TEXT) // 10
    ids = torch.from_numpy(lm.tokenizer.encode(TEXT[cut:]))
    steps = len(ids) // (8 * 16)  # each of eight rows reads its part of the held-out text in windows of 16
    starts = [row * len(ids) // 8 for row in range(8)]
    rows = torch.stack([ids.roll(-start)[: steps * 16 + 1] for start in starts])
    with torch.inference_mode():
        logits, _ = lm.network(rows[:, :-1], LSTMState.zeros(lm.config, 8))
    expected = float(F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten()))
    assert run["heldOut"][-1] == [STEPS, pytest.approx(expected, rel=1e-5)]
    assert web_page.evaluate(WRITE, run["packed"]) == generate(lm, "", 1000, seed=3)


def test_training_goes_on_from_the_folder(run: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = unpacked(run, tmp_path)
    (tmp_path / "text.txt").write_text(sentences(50, seed=9))
    options = ["--from", "words", "--steps", "3", "--set", "batch=4,window=16", "--device", "cpu", "--out", "run"]
    assert main(["text.txt", *options]) == 0
    after = CharLSTM.from_pretrained(tmp_path / "run")
    assert after.training["step"] == 3
    assert after.config == before.config
    assert after.tokenizer.vocab == before.tokenizer.vocab
