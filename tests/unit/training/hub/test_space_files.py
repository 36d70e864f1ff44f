"""Which files of the project a page gets: all of some folders, by rule."""

from __future__ import annotations

import html
import json
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from model.checkpoint.record import stored_welcome
from tests.support.tiny_models import tiny_model
from training.card.public_text import line
from training.card.welcome import with_welcome
from training.hub.space_files import write_static


def test_the_licence_of_a_strangers_model_is_no_html(tmp_path: Path) -> None:
    lm = tiny_model()
    image = "<img src=x onerror=alert(1)>"
    lm.training = {"license": image, "corpus": f"{image}\n---\x1b\u202e\n# x", "repo": f"ada/{image}"}
    write_static(tmp_path, lm)
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    body = readme.partition("---\n\n")[2]
    assert body.count(r"\<img src=x onerror=alert(1)\>") == 2
    assert "<img" not in body.replace(r"\<", "")
    assert not [c for c in readme if not c.isprintable() and c not in "\n\u200d"]
    assert ModelCard(readme).data.to_dict().get("models") is None


def test_the_static_page_has_the_tags_of_a_preview(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "https://huggingface.co")
    lm = tiny_model()
    lm.training = {"corpus": 'Tales "of" <b>'}
    for folder, space, image in (
        ("site", "", "preview.png"),
        ("space", "Ada/My_Tales.2", "https://ada-my-tales-2.static.hf.space/preview.png"),
    ):
        write_static(tmp_path / folder, lm, space)
        page = (tmp_path / folder / "index.html").read_text(encoding="utf-8")
        assert f'<meta property="og:image" content="{image}">' in page
        assert 'property="og:title" content="Tales &quot;of&quot; ' in page
        assert "<title>Tales &quot;of&quot; " in page
        first_words = html.escape(line(stored_welcome(with_welcome(lm).training)[0]))
        assert page.count(f'description" content="{first_words}"') == 2
        assert "<b>" not in page[: page.index("<body")]
        assert '<meta name="twitter:card" content="summary_large_image">' in page
        assert '<link rel="icon" type="image/png" href="favicon.png">' in page
        assert {"preview.png", "favicon.png"} <= set(json.loads((tmp_path / folder / "files.json").read_text()))
