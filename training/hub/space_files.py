"""Spaces: checks or creates one, pushes a page to it, waits until it runs, links to it from a model card.

The files of a page for a model are written into a folder, ready for a Space or a web host, without a request. There are
two kinds of page: static files that generate in the visitor's browser, and the Gradio app. Both get every file of
`web/`, and the app every module of `model/` and `ui/`, by rule: a new file or folder is included without being named
here.
"""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, SpaceCardData, constants
from huggingface_hub.errors import RepositoryNotFoundError

from model import CharLSTM
from model.checkpoint.format import INT8
from model.checkpoint.names import BUNDLED_FOLDER, CARD
from model.checkpoint.record import stored_welcome
from model.checkpoint.write import smallest_dtype
from model.files import PUBLIC_HUB, atomic_write, web_content
from model.settings import MAX_TITLE

from ..card.public_text import line, markdown, public_source, with_page_link
from ..card.summary import with_welcome
from ..errors import HubError, RunError
from .calls import Report, commit, file_names, full_repo_name, hub_client, read_file, retried
from .checkpoints import restriction

STATIC, ZERO_GPU = "static", "zero-gpu"
START_S = 1200.0  # an app installs its requirements first, torch included
POLL_S = 2.0
_STARTING = ("BUILDING", "RUNNING_BUILDING", "APP_STARTING", "RUNNING_APP_STARTING", "NO_APP_FILE")
ROOT = Path(__file__).resolve().parents[2]  # of the checkout, or of the installed package, which has the same files
_PACKAGE = __package__.removesuffix("training.hub")  # before the names of all packages: "", or installed "char_lstm."
_PREFIX = _PACKAGE.replace(".", "/")
_PYTHON = "3.12"  # ZeroGPU has 3.10 and 3.12
_ZERO_GPU_TORCH = "torch>=2.8,<2.12"  # the versions that ZeroGPU has
_DESCRIPTION = "Watch a character LSTM write, one letter at a time"  # at most 60 characters
_TITLE = re.compile(r'(<title>|property="og:title" content="|<h1>)[^"<]*')
_META_DESCRIPTION = re.compile(r'((?:name="|property="og:)description" content=")[^"]*')
_WELCOME_TEXT = re.compile(r'<p class="lead"></p>(.*?<span class="reply"[^>]*>)', re.DOTALL)


@dataclass(frozen=True)
class Space:
    """A Space for a page."""

    name: str  # USER/NAME
    hardware: str  # the value of --hardware, such as "static" or "zero-gpu"
    private: bool = False  # whether the Space is private, or must be if it is created
    model_private: bool = False  # whether the model that it shows is private or gated

    @property
    def url(self) -> str:
        """The page of the Space on the Hub."""
        return f"{constants.ENDPOINT}/spaces/{self.name}"


def flavor_of(hardware: str) -> str:
    """Returns the Hub's name for a value of --hardware."""
    return "zero-a10g" if hardware == ZERO_GPU else hardware


def check_space(name: str, hardware: str, *, private: bool, model: str | None, publish_anyway: bool = False) -> Space:
    """Checks token and rights; creates the Space (NAME or USER/NAME) on its hardware if it is missing; returns it.

    Args:
        private: whether the Space must be private.
        model: the model on the Hub that it shows. If that is private or gated, the Space must be private, too: it holds
            a copy of the weights.
        publish_anyway: whether the Space may be public even if the model is private or gated.

    Raises:
        HubError: the token may not write, or the Space is public and must be private.
    """
    api = hub_client()
    name = full_repo_name(api, name)
    model_private = bool(model) and bool(restriction(str(model)))
    private = private or (model_private and not publish_anyway)
    try:
        info = api.space_info(name)
    except RepositoryNotFoundError:
        kind: dict[str, Any] = {"space_sdk": STATIC}
        if hardware != STATIC:
            kind = {"space_sdk": "gradio", "space_hardware": flavor_of(hardware)}
        api.create_repo(name, repo_type="space", private=private, exist_ok=True, **kind)
        return Space(name, hardware, private, model_private)
    api.auth_check(name, repo_type="space", write=True)
    if private and not info.private:
        reason = "the model is private or gated" if model_private else "the model or the run is private"
        raise HubError(f"the Space {name} is public already, and {reason}: name another Space")
    return Space(name, hardware, bool(info.private), model_private)


def push_space(space: Space, folder: Path, title: str, variables: Mapping[str, str]) -> tuple[str, bool]:
    """Sets variables and hardware where they differ, and commits a folder; unchanged files are not sent.

    Files of the Space that the folder lacks stay: the user may have added them. Returns the newest commit, and whether
    it is new.
    """
    api, name = hub_client(), space.name
    head = api.space_info(name).sha
    if space.hardware != STATIC:
        now = api.get_space_variables(name)
        for key, value in variables.items():
            if key not in now or now[key].value != value:
                api.add_space_variable(name, key, value)
        flavor: Any = flavor_of(space.hardware)  # may be newer than this client's list
        runtime = api.get_space_runtime(name)
        if flavor not in (runtime.requested_hardware, runtime.hardware):
            api.request_space_hardware(name, flavor)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [CommitOperationAdd(path.relative_to(folder).as_posix(), path) for path in paths]
    made = commit(name, files, title=title, parent=head, repo_type="space")
    return made, made != head


def link_card(repo: str, space: str) -> bool:
    """Adds the link to the Space to a model card, in a commit of its own; returns whether it was missing."""
    info = hub_client().model_info(repo)
    if CARD not in file_names(info):
        return False
    card = read_file(repo, CARD, info.sha)
    linked = with_page_link(card, space)
    if linked != card:
        files = [CommitOperationAdd(CARD, linked.encode())]
        commit(repo, files, title="Link to the page", parent=info.sha)
    return linked != card


def wait_until_up(space: Space, report: Report) -> None:
    """Waits until the Space runs, and reports each stage.

    Raises HubError if the Space failed, or does not run within `START_S` seconds.
    """
    end, reported = time.monotonic() + START_S, ""
    api, what = hub_client(), f"looking at the Space {space.name}"
    while True:
        found = retried(what, lambda: api.get_space_runtime(space.name), report).stage
        stage = str(getattr(found, "value", found))
        if stage != reported:
            report(f"The Space is at stage {stage}.")
            reported = stage
        if stage in ("SLEEPING", "RUNNING"):
            return
        if stage not in _STARTING:
            raise HubError(f"the Space {space.name} does not run ({stage}): its log is at {space.url}")
        if time.monotonic() >= end:
            raise HubError(f"the Space {space.name} does not run after {START_S:.0f} s ({stage}): see {space.url}")
        time.sleep(POLL_S)


def check_project(hardware: str) -> None:
    """Raises RunError if a page cannot be made here: it needs `web/`, and an app the Gradio that its Space gets."""
    if not (ROOT / "web" / "index.html").is_file():
        raise RunError(f"a page needs the project's folder web, which is not in {ROOT}: use a whole checkout")
    if hardware != STATIC and find_spec("gradio") is None:
        raise RunError(f"--hardware {hardware} needs Gradio, which is not installed here: pip install 'char-lstm[app]'")


def write_page(folder: Path, lm: CharLSTM, hardware: str, space: str = "") -> None:
    """Writes the page for `hardware` into a folder.

    `space` is USER/NAME of the Space that the folder is for; "" for another web host. Raises RunError if it cannot be
    made here, OSError if the folder cannot be written.
    """
    check_project(hardware)
    if hardware == STATIC:
        write_static(folder, lm, space)
    else:
        write_app(folder, lm, hardware)


def write_static(folder: Path, lm: CharLSTM, space: str = "") -> None:
    """Writes a page that generates in the visitor's browser, with a copy of the weights in int8; see `write_page`."""
    lm = with_welcome(lm)
    files = {path.relative_to(ROOT / "web").as_posix(): path for path in _files(ROOT / "web")}
    _copy(files, folder, web_content)
    atomic_write(folder / "files.json", json.dumps(sorted(files)).encode())  # what web/offline.js keeps
    page = (folder / "index.html").read_text(encoding="utf-8")
    atomic_write(folder / "index.html", _with_preview(page, lm, space).replace(PUBLIC_HUB, constants.ENDPOINT).encode())
    lm.save_pretrained(folder, dtype=INT8)
    about = (
        "This page runs in the visitor's browser: [index.html](index.html) downloads the weights beside it, checks "
        "them, and generates. What is typed does not leave the browser.\n\n"
        "Any web server can serve it: `python -m http.server`, then http://localhost:8000"
    )
    sign_in = {"hf_oauth": True, "hf_oauth_scopes": ["contribute-repos"]}  # to publish a model
    _write_readme(folder, lm, about, sdk="static", app_file="index.html", **sign_in)


def _with_preview(page: str, lm: CharLSTM, space: str) -> str:
    """Returns index.html with the title and the welcome text of the model, and the whole address of its picture."""
    welcome_text = stored_welcome(lm.training)[0]
    if first_words := line(welcome_text):
        page = _META_DESCRIPTION.sub(lambda found: f"{found[1]}{html.escape(first_words)}", page)
    texts = json.loads((ROOT / "web" / "languages" / "en.json").read_text(encoding="utf-8"))
    title = html.escape(texts["site.named"].format(name=title_of(lm)))
    page = _TITLE.sub(lambda found: f"{found[1]}{title}", page)
    lead = html.escape(texts["greeting.colours"])
    page = _WELCOME_TEXT.sub(lambda found: f'<p class="lead">{lead}</p>{found[1]}{html.escape(welcome_text)}', page)
    page = page.replace('data-space=""', f'data-space="{html.escape(space)}"')
    if not space or constants.ENDPOINT != PUBLIC_HUB:  # a private Hub has hosts of its own
        return page
    host = re.sub("[^a-z0-9]+", "-", space.lower())
    return page.replace('content="preview.png"', f'content="https://{host}.static.hf.space/preview.png"')


def write_app(folder: Path, lm: CharLSTM, hardware: str) -> None:
    """Writes the app as a Space runs it, with a copy of the model; see `write_page`.

    The bundled models are not among its files: a Space serves the model that it was made for.
    """
    code = [path for package in ("model", "ui") for path in _files(ROOT / package) if path.suffix == ".py"]
    files = [*ROOT.glob("__init__.py"), ROOT / "app.py", *code, *_files(ROOT / "web")]
    names = {_PREFIX + path.relative_to(ROOT).as_posix(): path for path in files}
    _copy(names, folder, Path.read_bytes)  # the app makes the scripts of its page small when it starts
    if _PACKAGE:  # a Space runs a file, and app.py is a module of the package
        start = f"import sys\n\nfrom {_PACKAGE}app import main\n\nsys.exit(main())\n"
        atomic_write(folder / "app.py", start.encode())
    bundled = f"{_PREFIX}model/{BUNDLED_FOLDER.name}"
    lm.save_pretrained(folder / bundled / "model", dtype=smallest_dtype(lm.network.state_dict()))
    atomic_write(folder / "requirements.txt", requirements(hardware).encode())
    about = (
        "A page and an API that generate with this model, for many visitors at once: [app.py](app.py). The variable "
        "`MODELS` names the models on the Hub that it serves; without it, or without the Hub, it serves the copy in "
        f"[{bundled}]({bundled})."
    )
    _write_readme(
        folder,
        lm,
        about,
        sdk="gradio",
        sdk_version=metadata.version("gradio"),
        python_version=_PYTHON,
        app_file="app.py",
        suggested_hardware=flavor_of(hardware),
    )


def _files(folder: Path) -> list[Path]:
    """Returns all files of a folder and its subfolders, except README.md and __pycache__."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != CARD]
    return [path for path in found if "__pycache__" not in path.parts]


def requirements(hardware: str) -> str:
    """Returns the requirements.txt of a Space on this hardware."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    if hardware != ZERO_GPU:
        return text
    return re.sub(r"(?m)^torch\b.*$", f"{_ZERO_GPU_TORCH}\nspaces", text)


def title_of(lm: CharLSTM) -> str:
    """Returns the title of a page: its `page_title`, or the name of the text that its model was trained on."""
    title, corpus = lm.training.get("page_title"), lm.training.get("corpus")
    if title and line(title):
        return line(title, MAX_TITLE)
    return line(public_source(corpus), MAX_TITLE) if corpus and line(corpus) else "char-lstm"


def _copy(files: dict[str, Path], folder: Path, content: Callable[[Path], bytes]) -> None:
    """Writes the `content` of files, and the licence of the project, into a new or an existing folder."""
    licence = {"LICENSE": ROOT / "LICENSE"}  # a machine of the Hub has folders only (see job.py)
    for name, path in (files | licence if licence["LICENSE"].is_file() else files).items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(target, content(path))


def _write_readme(folder: Path, lm: CharLSTM, about: str, **kind: Any) -> None:
    """Writes README.md; `kind` is the front matter that the two kinds of page do not share."""
    repo = lm.name if lm.commit else lm.training.get("repo")
    data = SpaceCardData(
        title=title_of(lm),
        emoji="✒️",
        colorFrom="indigo",
        colorTo="yellow",
        short_description=_DESCRIPTION,
        license="apache-2.0",
        tags=["text-generation", "lstm", "char-rnn"],
        models=[repo] if repo and re.fullmatch(r"[\w.-]+/[\w.-]+", repo, re.ASCII) else None,
        **kind,
    )
    licence = lm.training.get("license")
    licence = markdown(line(licence)) or "unknown"  # a model may come from a stranger
    lines = [
        f"---\n{data.to_yaml().strip()}\n---",
        f"# {markdown(title_of(lm))}",
        about,
        f"The code is under Apache-2.0 (LICENSE); the licence of the text that the model was trained on: {licence}.",
    ]
    atomic_write(folder / CARD, ("\n\n".join(lines) + "\n").encode("utf-8", "replace"))
