"""Training in workers of a real browser, without the page around it."""

from __future__ import annotations

import base64
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from playwright.sync_api import Page

from model import CharLSTM, LSTMState, generate

WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "the", "dog", "ran", "to", "the", "hat"]
STEPS = 300
# Trains a plan; `stops` ends the run after a step, `saved` continues one. Returns what the workers reported.
TRAIN = """
async ({ text, workers, steps, hidden, layers, rows, seed, stops, pauses, saved, known, limit }) => {
  const { Trainer } = await import("./learn/trainer.js");
  const { vocabularyOf, idsOf } = await import("./learn/text.js");
  const { recipeFor } = await import("./learn/recipe.js");
  const { checkpointFiles } = await import("./learn/checkpoint_files.js");
  const vocab = vocabularyOf(text, known?.vocab);
  const ids = idsOf(text, vocab);
  const network = known?.network ?? { embedding: 16, hidden, layers };
  const about = { vocab: vocab.length, characters: ids.length, steps, workers: 1, seed, network };
  const recipe = { ...recipeFor({ ...about, isFineTuning: Boolean(known) }), rows, window: 16 };
  const plan = { vocab, ids, recipe, workers, parameters: 0, limit, trained: known?.tensors ?? null };
  const found = { losses: [], heldOut: [], saved: null, vocab, network };
  const ended = await new Promise((resolve) => {
    const trainer = new Trainer(plan, {
      onStep: (step, loss) => {
        found.losses.push(loss);
        if (step === stops) trainer.want("stop");
        if (step !== pauses) return;
        trainer.want("pause");
        trainer.save(); // the pause begins after it
      },
      onEvaluation: (step, loss, tensors) => {
        found.heldOut.push([step, loss]);
        found.tensors = tensors;
      },
      onSaved: (saved) => {
        found.saved = saved;
        if (pauses) trainer.want("run");
      },
      onEnd: (reason, step) => resolve([reason, step]),
      onFault: (error) => resolve([`${error}`, 0]),
    });
    trainer.start(saved ? window.runs[saved].saved : null);
  });
  window.runs ??= {};
  const name = `${Object.keys(window.runs).length + 1}`;
  window.runs[name] = found;
  const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  const files = found.tensors ? await checkpointFiles({ ...found, training: {}, chat: null }) : {};
  const encoded = Object.fromEntries(Object.entries(files).map(([file, bytes]) => [file, base64(bytes)]));
  const weights = found.saved ? base64(new Uint8Array(found.saved.state.weights.buffer.slice(0))) : "";
  return { name, ended, losses: found.losses, heldOut: found.heldOut, files: encoded, weights };
}
"""


def sentences(count: int, seed: int = 0) -> str:
    """Return lines of random words."""
    chosen = random.Random(seed)
    return "".join(" ".join(chosen.choices(WORDS, k=6)) + ".\n" for _ in range(count))


@pytest.fixture(scope="module")
def page(web_page: Page) -> Page:
    return web_page


def train(page: Page, **given: Any) -> dict[str, Any]:
    """Train with small sizes, and return what was reported."""
    defaults = {"text": sentences(200), "workers": 1, "steps": STEPS, "hidden": 24, "layers": 1, "rows": 4, "seed": 1}
    result: dict[str, Any] = page.evaluate(TRAIN, {**defaults, **given})
    return result


def loaded(run: dict[str, Any], folder: Path) -> CharLSTM:
    """Return the model of a run's checkpoint, read by the strict reader."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in run["files"].items():
        (folder / name).write_bytes(base64.b64decode(data))
    return CharLSTM.from_pretrained(folder)


@pytest.fixture(scope="module")
def whole(page: Page) -> dict[str, Any]:
    return train(page)


def test_a_run_learns_and_its_checkpoint_is_one_of_python(whole: dict[str, Any], tmp_path: Path) -> None:
    assert whole["ended"] == ["length", STEPS]
    assert len(whole["losses"]) == STEPS
    assert whole["losses"][-1] < whole["losses"][0] - 1
    lm = loaded(whole, tmp_path)
    text = sentences(200)
    cut = len(text) - len(text) // 10
    ids = torch.from_numpy(lm.tokenizer.encode(text[cut:]))
    steps = len(ids) // (4 * 16)  # each of four rows reads its part of the held-out text in windows of 16
    starts = [row * len(ids) // 4 for row in range(4)]
    rows = torch.stack([ids.roll(-start)[: steps * 16 + 1] for start in starts])
    with torch.inference_mode():
        logits, _ = lm.network(rows[:, :-1], LSTMState.zeros(lm.config, 4))
    expected = float(F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten()))
    assert whole["heldOut"][-1] == [STEPS, pytest.approx(expected, rel=1e-5)]


def test_the_same_seed_gives_the_same_bits_also_after_a_pause(page: Page, whole: dict[str, Any]) -> None:
    assert train(page)["weights"] == train(page, pauses=10)["weights"] == whole["weights"]
    assert train(page, seed=2)["weights"] != whole["weights"]


@pytest.mark.parametrize("stops", [1, 100])
def test_a_stopped_run_resumes_with_the_same_bits(page: Page, whole: dict[str, Any], stops: int) -> None:
    first = train(page, stops=stops)
    assert first["ended"][0] == "stop"
    assert stops <= first["ended"][1] < STEPS
    rest = train(page, saved=first["name"])
    assert rest["ended"] == ["length", STEPS]
    assert first["losses"] + rest["losses"] == whole["losses"]
    assert rest["weights"] == whole["weights"]


def test_two_workers_train_as_one_does_with_all_rows(page: Page) -> None:
    one, two = train(page, rows=8, layers=2), train(page, rows=4, layers=2, workers=2)
    assert two["ended"] == ["length", STEPS]
    np.testing.assert_allclose(two["losses"][:60], one["losses"][:60], atol=1e-3)  # later, rounding has grown
    assert [step for step, _ in two["heldOut"]] == [step for step, _ in one["heldOut"]]
    first = train(page, rows=4, layers=2, workers=2, stops=20)
    assert train(page, rows=4, layers=2, workers=2, saved=first["name"])["weights"] == two["weights"]


def test_fine_tuning_keeps_what_the_model_knows(page: Page, whole: dict[str, Any]) -> None:
    text = sentences(100, seed=5).replace("mat", "Sofa")
    known = "({ vocab: runs['1'].vocab, network: runs['1'].network, tensors: runs['1'].tensors })"
    script = f"(given) => ({TRAIN})({{ ...given, known: {known} }})"
    defaults = {"text": text, "workers": 1, "steps": 20, "hidden": 24, "layers": 1, "rows": 4, "seed": 1}
    tuned = page.evaluate(script, defaults)
    scratch = train(page, text=text, steps=20)
    assert tuned["heldOut"][-1][1] < scratch["heldOut"][-1][1] - 0.3
    assert tuned["losses"][0] < scratch["losses"][0] - 0.5


def test_a_text_of_one_character_becomes_a_model(page: Page, tmp_path: Path) -> None:
    run = train(page, text="a" * 2_000, steps=20)
    assert run["ended"] == ["length", 20]
    assert run["heldOut"][-1] == [20, pytest.approx(0, abs=1e-6)]
    assert generate(loaded(run, tmp_path), "", 5, seed=1) == "aaaaa"


def test_sixty_thousand_different_characters_are_trained_on(page: Page) -> None:
    text = "".join(chr(code) for code in [*range(0x4E00, 0x4E00 + 17_280), *range(0x20000, 0x20000 + 42_720)])
    run = train(page, text=text, steps=3, hidden=8, rows=1)
    assert run["ended"] == ["length", 3]
    everything = [*run["losses"], *(loss for _, loss in run["heldOut"])]
    assert everything == [pytest.approx(np.log(60_000), abs=1)] * len(everything)


def test_a_run_on_a_machine_that_is_slower_than_it_was_leaves_steps_out(page: Page) -> None:
    run = train(page, steps=20_000, limit=0.2, workers=2)
    reason, last = run["ended"]
    assert reason == "length"
    assert 300 < last < 20_000  # the first measurement is after step 312
    assert len(run["losses"]) == run["heldOut"][-1][0] == last
    half = train(page, stops=STEPS // 2)
    assert page.evaluate("(name) => window.runs[name].saved.state.steps", half["name"]) == STEPS
    page.evaluate("([name, steps]) => (window.runs[name].saved.state.steps = steps)", [half["name"], STEPS - 9])
    assert train(page, saved=half["name"])["ended"] == ["length", STEPS - 9]  # continues with the steps that were left
