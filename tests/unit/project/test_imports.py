"""What a program imports with a model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
REFUSED = ("gradio", "huggingface_hub", "matplotlib", "playwright", "pytest", "training", "ui", "app")


@pytest.mark.slow
def test_the_model_works_without_the_hub_gradio_or_training(tmp_path):
    """In a process of its own, where importing any of them fails; importing prints nothing and starts no thread."""
    program = f"""
import sys, threading

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {REFUSED!r}:
            raise ImportError(f"{{name}} must not be imported")

sys.meta_path.insert(0, Refuse())
sys.path.insert(0, {str(ROOT)!r})
import torch
import model, model.__main__
assert threading.active_count() == 1
tokenizer = model.CharTokenizer.from_text("ab\\n")
lm = model.CharLSTM(model.LSTMNetwork(model.LSTMConfig(3, 4, 5, 1)).eval(), tokenizer)
lm.save_pretrained({str(tmp_path / "x")!r})
lm = model.CharLSTM.from_pretrained({str(tmp_path / "x")!r})
text = model.generate(lm, "a", 10, seed=1)
print(len(text), model.score(lm, text).characters)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["10", "10"], "")


def test_every_public_name_of_the_model_exists():
    import char_lstm
    import model

    assert all(getattr(char_lstm, name) is getattr(model, name) for name in model.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Missing'"):
        model.Missing  # noqa: B018
