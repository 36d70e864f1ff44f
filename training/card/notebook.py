"""Writes notebook.ipynb, which the Hub offers to open in Colab: it writes with a model in plain PyTorch, and tunes it.

`plain_torch.py.jinja` loads and writes, in the notebook and in the card; `notebook.py.jinja` has the cells, each after
a line `# %%`. `python -m training.card.notebook > web/learn/hub/plain_torch.json` writes both for the page, which fills
in the names of a model that was trained in the browser.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from model import CharLSTM
from model.named_cells import Cell

from .public_text import line, render
from .summary import TrainingSummary

# With which the notebook was tried. Colab has torch, in another version, which is replaced.
_PINS = "torch==2.13.0 safetensors==0.8.0 huggingface_hub==2.4.0"
_FIRST_CELL: Mapping[str, Any] = {"layer": 0, "cell": 0, "feature": ""}
_CELL = re.compile(r"(?m)^# %%( \[markdown\])?\n")


def prompt_of(lm: CharLSTM) -> str:
    """Returns the first example of the training text as a prompt; "" without one."""
    example = TrainingSummary(lm.training).example
    return lm.chat.wrap(example) if lm.chat else example


def known_prompt(lm: CharLSTM) -> str:
    """Returns the same of characters that the model knows, at least one: the plain code reads no others."""
    known = lm.tokenizer.decode(lm.tokenizer.encode(prompt_of(lm), unknown="skip"))
    return known or lm.tokenizer.vocab[lm.tokenizer.start_id]


def plain_torch(folder: str, prompt: str) -> str:
    """Returns the code that loads a model from a folder and writes, with torch and safetensors alone."""
    return render("plain_torch.py.jinja", folder=repr(folder)) + f"print(write({prompt!r}))"


def notebook(repo: str, prompt: str, *, hub: str, shown: Cell | None = None) -> str:
    """Returns the content of notebook.ipynb for a model in a repo.

    Args:
        prompt: of characters that the model knows, at least one.
        shown: the cell that it shows, with the name of its feature; None for the first cell of the network.
    """
    cell = {"layer": shown.layer, "cell": shown.index, "feature": line(shown.name)} if shown else _FIRST_CELL
    text = render("notebook.py.jinja", repo=repo, prompt=prompt, hub=hub, pins=_PINS, **cell)
    _, *parts = _CELL.split(text)
    cells = [_cell(number, *each) for number, each in enumerate(zip(parts[::2], parts[1::2], strict=True))]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _cell(number: int, is_markdown: str | None, source: str) -> Mapping[str, Any]:
    about = {"id": f"cell-{number}", "metadata": {}}
    if is_markdown:
        return {"cell_type": "markdown", **about, "source": re.sub("(?m)^# ?", "", source.strip())}
    return {"cell_type": "code", **about, "source": source.strip(), "execution_count": None, "outputs": []}


def for_page() -> str:
    """Returns the code and the notebook as JSON, with placeholders for the page."""
    content = json.loads(notebook("USER/NAME", "PROMPT", hub="HUB"))
    return json.dumps({"code": plain_torch("NAME", "PROMPT"), "notebook": content}, indent=1) + "\n"


if __name__ == "__main__":
    print(for_page(), end="")
