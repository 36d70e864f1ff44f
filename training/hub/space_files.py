"""What a page for a model is made of: a folder, ready for a web host or a Space.

Two kinds: static files that run in the visitor's browser, and the app, which needs a Space that computes. Knows files
and models; the network lives elsewhere.
"""

from __future__ import annotations

import json
import re
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import SpaceCardData, constants

from model import PRETRAINED, CharLSTM
from model.checkpoint.format import DTYPES
from model.files import atomic_write

from ..card.redact import public_source
from ..errors import RunError

ROOT = Path(__file__).resolve().parents[2]
LINKED = "training/root"  # links to what lies at the root, for a machine that was brought folders only (see job.py)
WEB = ROOT / "web"
_WORDS = WEB / "words.js"  # of both pages
_LANGUAGES = WEB / "languages"
_HUB = "https://huggingface.co"  # as it stands in web/static/index.html
STATIC, ZERO_GPU = "static", "zero-gpu"
_FLAVORS = {ZERO_GPU: "zero-a10g"}  # as the Hub calls it
_PYTHON = "3.12"  # one of the two that ZeroGPU has
_ZERO_GPU_TORCH = "torch>=2.8,<2.12"  # those that ZeroGPU has
_DESCRIPTION = "Watch a character LSTM write, one letter at a time"  # at most 60 characters


def check_project(hardware: str) -> None:
    """Makes sure that what a page is made of is here: somebody may have brought only what training needs.

    Raises:
        RunError: it is not.
    """
    app = ("LICENSE", "app.py", "requirements.txt", "ui/page/page.py", "web/app/view.js", "web/languages/en.json")
    needed = ("LICENSE", "web/static/index.html") if hardware == STATIC else app
    lacking = [name for name in needed if not _is_here(_place(name))]
    if lacking:
        what = ", ".join(lacking)
        raise RunError(f"a page is made of files that are not here ({what}): run this from a whole copy of the project")


def write_static(folder: Path, lm: CharLSTM) -> None:
    """Writes a page that runs in the visitor's own browser, with a copy of the weights beside it.

    Args:
        folder: made if it is missing; files of the same names are replaced, others are left alone.
        lm: what the page writes with.

    Raises:
        OSError: the folder cannot be written.
        RunError: it is no folder, or the project's own files are not there.
    """
    check_project(STATIC)
    _make_folder(folder)
    for path in [*sorted((WEB / "static").iterdir()), _WORDS]:
        atomic_write(folder / path.name, path.read_bytes())
    write_languages(folder / _LANGUAGES.name)
    if constants.ENDPOINT != _HUB:  # a Hub of one's own, or a mirror
        page = (folder / "index.html").read_text(encoding="utf-8").replace(_HUB, constants.ENDPOINT)
        atomic_write(folder / "index.html", page.encode())
    lm.save_pretrained(folder, dtype=smallest_dtype(lm))
    data = SpaceCardData(**_card(lm), sdk="static", app_file="index.html")
    about = (
        "This page runs in the browser of whoever opens it: [index.html](index.html) fetches the weights that lie "
        "beside it, checks them, and writes. Nothing that is typed leaves the browser.\n\n"
        "It needs nothing but a web server: `python -m http.server`, then http://localhost:8000"
    )
    _write_readme(folder, data, lm, about)


def write_languages(folder: Path) -> None:
    """Writes the texts of the static page, a table for each language, and index.json, the list of the languages."""
    folder.mkdir(exist_ok=True)
    tables = sorted(_LANGUAGES.glob("*.json"))
    for table in tables:
        atomic_write(folder / table.name, table.read_bytes())
    atomic_write(folder / "index.json", json.dumps([table.stem for table in tables]).encode())


def write_app(folder: Path, lm: CharLSTM, hardware: str) -> None:
    """Writes the app as a Space runs it, with the model inside: it serves that copy when it can have no other.

    Args:
        folder: made if it is missing; files of the same names are replaced, others are left alone.
        lm: the model.
        hardware: what the Space runs on; ZeroGPU wants other versions of torch.

    Raises:
        OSError: the folder cannot be written.
        RunError: it is no folder, or the project's own files are not there.
    """
    check_project(hardware)
    _make_folder(folder)
    atomic_write(folder / "app.py", _place("app.py").read_bytes())
    code = [path for package in ("model", "ui") for path in sorted((ROOT / package).rglob("*.py"))]
    for path in [*code, *sorted((WEB / "app").iterdir()), _WORDS, *sorted(_LANGUAGES.glob("*.json"))]:
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(target, path.read_bytes())
    lm.save_pretrained(folder / "model" / PRETRAINED.name, dtype=smallest_dtype(lm))
    atomic_write(folder / "requirements.txt", requirements(hardware).encode())
    data = SpaceCardData(
        **_card(lm),
        sdk="gradio",
        sdk_version=_gradio_version(),
        python_version=_PYTHON,
        app_file="app.py",
        suggested_hardware=flavor(hardware),
    )
    about = (
        "A page and an API that write with this model, for everyone at once: [app.py](app.py). The variable `MODELS` "
        "names the models on the Hub that it serves; without it, or without the Hub, it serves the copy in "
        "[model/pretrained](model/pretrained)."
    )
    _write_readme(folder, data, lm, about)


def flavor(hardware: str) -> str:
    """What the Hub calls it."""
    return _FLAVORS.get(hardware, hardware)


def requirements(hardware: str) -> str:
    """The requirements.txt of a Space on this hardware."""
    text = _place("requirements.txt").read_text(encoding="utf-8")
    if hardware != ZERO_GPU:
        return text
    return re.sub(r"(?m)^torch\b.*$", f"{_ZERO_GPU_TORCH}\nspaces", text)


def smallest_dtype(lm: CharLSTM) -> str:
    """The smallest dtype in which no weight changes: what was stored as bfloat16 becomes bfloat16 again."""
    weights = list(lm.network.state_dict().values())
    for name in ("bfloat16", "float16"):
        if all(torch.equal(weight.to(DTYPES[name]).float(), weight) for weight in weights):
            return name
    return "float32"


def title_of(lm: CharLSTM) -> str:
    """What a page is called: the text that its model has read."""
    corpus = lm.training.get("corpus")
    return public_source(corpus)[:60] if isinstance(corpus, str) and corpus else "char-lstm"


def _place(name: str) -> Path:
    """Where a file of the project's root is."""
    linked = ROOT / LINKED / name
    return linked if linked.is_file() and not (ROOT / name).exists() else ROOT / name


def _is_here(path: Path) -> bool:
    """Whether it is a file; and not what git makes of a link where there are none: its target in words."""
    return path.is_file() and not path.read_bytes().startswith(b"../../")


def _gradio_version() -> str:
    """What an app is to run with: what is installed here, or the first version that will do."""
    try:
        return metadata.version("gradio")
    except metadata.PackageNotFoundError:
        return str(re.findall(r"(?m)^gradio>=([\d.]+)", requirements(ZERO_GPU))[0])


def _make_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder.name!r} is a file: give --out the name of a folder")
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write(folder / "LICENSE", _place("LICENSE").read_bytes())


def _card(lm: CharLSTM) -> dict[str, Any]:
    """The front matter that every page has."""
    repo = lm.name if lm.commit else lm.training.get("repo")
    return {
        "title": title_of(lm),
        "emoji": "✒️",
        "colorFrom": "indigo",
        "colorTo": "yellow",
        "short_description": _DESCRIPTION,
        "license": "apache-2.0",
        "tags": ["text-generation", "lstm", "char-rnn"],
        "models": [repo] if isinstance(repo, str) and repo else None,
    }


def _write_readme(folder: Path, data: SpaceCardData, lm: CharLSTM, about: str) -> None:
    licence = lm.training.get("license")
    licence = licence if isinstance(licence, str) and licence else "unknown"
    lines = [
        f"---\n{data.to_yaml().strip()}\n---",
        f"# {title_of(lm)}",
        about,
        f"The code is under Apache-2.0 (LICENSE); the licence of the text that the model has read: {licence}.",
    ]
    atomic_write(folder / "README.md", ("\n\n".join(lines) + "\n").encode("utf-8", "replace"))
