"""From a model to a Space: checked first, updated in one commit, watched until it runs."""

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from huggingface_hub import ModelCard, RepoCard
from starlette.testclient import TestClient

from model.checkpoint.record import TrainingRecord, stored_welcome
from model.files import web_modules
from tests.local_hub import LocalHub
from tests.support.app_server import add_model
from tests.support.tiny_models import tiny_model
from tests.support.tiny_runs import Here
from training.card.public_text import line
from training.card.summary import with_welcome
from training.cli.options import parse_train
from training.cli.space import link_from_card, resume_page, with_page
from training.errors import HubError
from training.hub.checkpoints import Destination, push_checkpoint
from training.hub.space_files import ROOT, Space, link_card, write_app, write_static
from ui.page.document import Document
from ui.registry.registry import ModelRegistry
from ui.routes.requests import Services
from ui.routes.web_files import WebFiles
from ui.routes.write import RunningReplies
from ui.site_config import SiteConfig

TITLE = "Ada's <letters>"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    tiny_model().save_pretrained(tmp_path / "plays")
    return tmp_path / "plays"


def front_matter(readme: bytes) -> dict[str, Any]:
    return dict(RepoCard(readme.decode(), ignore_metadata_errors=False).data.to_dict())


def test_a_static_space_from_one_command(
    hub: LocalHub, monkeypatch: pytest.MonkeyPatch, here: Here, checkpoint: Path
) -> None:
    token = hub.add_token("ada", free=True)
    monkeypatch.setenv("HF_TOKEN", token)
    given = ("space", checkpoint, f"--title={TITLE}")
    output = here(*given, "--space=page")
    assert re.search(r"stage BUILDING\.\n.*APP_STARTING\.\n.*RUNNING\.\n  " + f"{hub.url}/spaces/ada/page\n$", output)
    assert token not in output
    repo = hub.repos["spaces/ada/page"]
    assert repo.space
    assert repo.space.sdk == "static"
    about = front_matter(hub.read("spaces/ada/page", "README.md"))
    assert (about["sdk"], about["title"]) == ("static", TITLE)
    assert hub.read("spaces/ada/page", "index.html").decode().count("Ada&#x27;s &lt;letters&gt;") == 3
    head = repo.commit("main").oid

    assert "nothing has changed" in here(*given, "--space=ada/page")
    assert repo.commit("main").oid == head


def test_a_failed_build_is_reported(hub: LocalHub, token: str, checkpoint: Path, here: Here) -> None:
    hub.context.stages = ("BUILDING", "BUILD_ERROR")
    output = here("space", checkpoint, "--space=ada/page", code=2)
    assert f"error: the Space ada/page does not run (BUILD_ERROR): its log is at {hub.url}/spaces/ada/page\n" in output


def test_a_space_on_zero_gpu_gets_the_app_and_what_that_hardware_needs(tmp_path: Path) -> None:
    """test_wheel.py runs a Space with the app; tests/soak installs and runs both kinds."""
    write_app(tmp_path, lm := tiny_model(), "zero-gpu")
    about = front_matter((tmp_path / "README.md").read_bytes())
    assert (about["sdk"], about["app_file"], about["python_version"]) == ("gradio", "app.py", "3.12")
    assert {"spaces", "torch>=2.8,<2.12"} <= {*(tmp_path / "requirements.txt").read_text().split()}
    add_model(registry := ModelRegistry([]), "plays", lm)
    web = WebFiles(tmp_path / "web")
    with TestClient(FastAPI(routes=[Document(RunningReplies(Services(registry)), web).route])) as client:
        pages = {"app.js": client.get("/").text, "static.js": web.text("index.html")}
    for entry, page in pages.items():
        assert page.count('rel="modulepreload"') == len(web_modules(ROOT / "web", entry)) > 20
    assert (tmp_path / "app.py").read_bytes() == (ROOT / "app.py").read_bytes()
    assert {"model", "ui", "web"} <= {path.name for path in tmp_path.iterdir()}


def test_a_run_that_is_pushed_elsewhere_has_no_page() -> None:
    about: TrainingRecord = {"repo": "ada/plays", "space": "ada/page", "space_hardware": "zero-gpu", "license": "mit"}
    options = parse_train(["--resume=run"])
    page = Space("ada/page", "zero-gpu")
    assert [resume_page(options, about, repo) for repo in ("ada/plays", None, "eve/plays")] == [page, page, None]
    assert with_page(about, page) == about
    assert with_page(about, None) == {"repo": "ada/plays", "license": "mit"}
    with pytest.raises(HubError, match="is not the name of a repo"):
        resume_page(options, {"repo": "ada/plays", "space": "../page"}, None)


def test_the_title_of_an_app_is_a_variable_of_its_space(
    hub: LocalHub, token: str, here: Here, checkpoint: Path
) -> None:
    here("space", checkpoint, "--hardware=cpu-basic", f"--title={TITLE}", "--space=page")
    assert front_matter(hub.read("spaces/ada/page", "README.md"))["title"] == TITLE
    space = hub.repos["spaces/ada/page"].space
    assert space
    shown = {name: each["value"] for name, each in space.variables.items()}
    assert (shown, SiteConfig.of(shown).title) == ({"PAGE_TITLE": TITLE}, TITLE)


def test_the_card_links_to_a_page_published_later(hub: LocalHub, token: str, here: Here, checkpoint: Path) -> None:
    files = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    for owner in ("ada", "eve"):
        hub.add_repo(f"{owner}/plays", {**files, "README.md": b"# plays\n\n## Use it\n\nAs you like.\n"})
    assert here("space", "ada/plays", "--space=page").endswith("\nThe card of ada/plays links to it.\n")
    card = hub.read("ada/plays", "README.md").decode()
    link = f"[Watch it write]({hub.url}/spaces/ada/page) in the browser."
    assert card == f"# plays\n\n## Use it\n\n{link}\n\nAs you like.\n"
    assert hub.repos["ada/plays"].titles()[0] == "Link to the page"
    assert not link_card("ada/plays", "ada/page")
    (checkpoint / "README.md").write_text("# plays\n\n## Use it\n\nAs you like, or not.\n")
    to = Destination("ada/plays")
    push_checkpoint(to, "main", checkpoint, "Best")  # the card of a run that is resumed has no link
    card = hub.read("ada/plays", "README.md").decode()
    assert card == f"# plays\n\n## Use it\n\n{link}\n\nAs you like, or not.\n"
    hub.log.clear()
    link_from_card(Space("ada/page", "static"), "eve/plays", "eve/plays")
    assert not hub.log, "the card of another owner is not changed"


@pytest.mark.parametrize(
    ("hardware", "missing", "message"),
    [
        ("cpu-basic", {"find_spec": lambda _: None}, "--hardware cpu-basic needs Gradio, which is not installed here"),
        ("static", {"ROOT": Path("elsewhere")}, "a page needs the project's folder web, which is not in elsewhere"),
    ],
)
def test_a_page_that_cannot_be_made_here_is_refused_before_the_first_step(
    hub: LocalHub, here: Here, monkeypatch: pytest.MonkeyPatch, hardware: str, missing: dict[str, Any], message: str
) -> None:
    """The machine may have only the libraries and the folders that training needs."""
    for name, value in missing.items():
        monkeypatch.setattr(f"training.hub.space_files.{name}", value)
    typed = ("text.txt", "--steps=2", "--out=run", "--space=p", f"--hardware={hardware}")
    assert f"error: {message}" in here(*typed, code=2)
    assert (hub.repos, Path("run").exists()) == ({}, False)


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
