"""The command of the gallery: from a text to a bundled model."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from model import CharLSTM, score, score_adapting
from tests.support.tiny_runs import be_quick
from training import gallery
from training.gallery import GALLERY
from training.run.run_folder import read_kept_text

pytestmark = pytest.mark.slow

SIZES = "--chat --quote-chat --set hidden_size=16,embedding_size=8,evaluations=2"


def test_a_model_is_made_by_several_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    be_quick(monkeypatch.setattr)
    monkeypatch.setattr(gallery, "BUNDLED_FOLDER", tmp_path / "made")
    words = ["How", "are", "you", "on", "this", "fine", "day?", "I", "am", "well,", "and", "what", "do", "you", "do"]
    said = [{"role": role, "content": f"{a} {b}"} for a in words for b in words for role in ("user", "assistant")]
    Path("talks.jsonl").write_text(json.dumps({"messages": said}))
    entry = replace(
        GALLERY["chat"],
        options="--chat --quote-chat --from {second} --teacher {first} --steps 4",
        earlier={"first": f"{SIZES} --steps 6", "second": f"{SIZES} --teacher {{first}} --steps 6"},
        samples="second",
    )
    monkeypatch.setitem(GALLERY, "chat", entry)
    assert gallery.main(["chat", "talks.jsonl"]) == 0
    lm = CharLSTM.from_pretrained("made/chat")
    assert (lm.training["license"], lm.training["corpus"]) == ("mit", entry.corpus)
    assert lm.training["examples"] == list(entry.examples)
    assert len(lm.training["taught_by"]["models"]) == 1
    assert len(lm.training["welcome"]["text"]) == 240
    samples = Path("runs/gallery-chat-second/samples.jsonl").read_bytes()
    assert Path("made/chat/samples.jsonl").read_bytes() == samples
    card = Path("made/chat/README.md").read_text()
    assert f"they cost {score(lm, lm.training['passage']).nats:.4f} nats" in card
    corpus = read_kept_text(Path("runs/gallery-chat"))
    assert corpus
    held_out = corpus.text[-(corpus.characters // 10) :]
    assert lm.training["passage"] == held_out[:1_000]
    adapted = score_adapting(CharLSTM.from_pretrained("runs/gallery-chat"), held_out).nats
    assert f"by a copy of the model that learns meanwhile (`adapted`) | {adapted:.4f} |" in card
    shutil.rmtree("runs/gallery-chat")
    capsys.readouterr()
    assert gallery.main(["chat", "talks.jsonl"]) == 0  # only the last run is trained again
    assert capsys.readouterr().err.count("This run is complete: 6 steps") == 2
    assert CharLSTM.from_pretrained("made/chat").training["val_loss"] == lm.training["val_loss"]
