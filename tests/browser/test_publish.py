"""A model that a browser has trained is published on the local Hub: repo, card, Space, sign-in, and what goes wrong."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from huggingface_hub import ModelCard, RepoCard, SpaceCard
from playwright.sync_api import Browser, Page
from safetensors.torch import load

from model import CharLSTM, generate
from model.checkpoint.names import WEIGHTS
from model.checkpoint.record import TrainingRecord
from tests.local_hub import LocalHub
from tests.local_hub.repos import LICENSES
from tests.support.chromium import serve
from tests.support.tiny_models import tiny_model
from training.hub.space_files import write_static
from ui.messages import ENGLISH

TRAINING = {
    "corpus": "Letters from Mum.txt",
    "corpus_characters": 120_000,
    "validation_characters": 12_000,
    "val_loss": 1.5,
    "step": 900,
    "seconds": 120.5,
    "examples": ["Dear Tom"],
    "from": "local/diary",
}
CARD = {"title": "Letters", "corpus": "", "license": "unknown"}
# Publishes the files, given in base64, with some zeros after the weights; returns what it reported.
PUBLISH = """async ({ files, padding = 0, ...wanted }) => {
  await (await import("./document/words.js")).loadLanguages(document.baseURI, "en");
  const { publish } = await import("./learn/hub/publish.js");
  const decode = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const decoded = Object.fromEntries(Object.entries(files).map(([name, text]) => [name, decode(text)]));
  const weights = decoded["model.safetensors"];
  if (padding) (decoded["model.safetensors"] = new Uint8Array(weights.length + padding)).set(weights);
  const reports = [];
  try {
    const given = { ...wanted, firstWords: async () => "", files: decoded };
    const done = await publish(given, (report) => reports.push(report), new AbortController().signal);
    return { done, reports };
  } catch (error) {
    if (!error.reason) throw error;
    return { refusal: error.reason, reports };
  }
}"""


@pytest.fixture(scope="module")
def lm() -> CharLSTM:
    lm = tiny_model()
    lm.training = cast(TrainingRecord, TRAINING)
    return lm


@pytest.fixture(scope="module")
def files(lm: CharLSTM, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files of the model, in base64."""
    folder = tmp_path_factory.mktemp("model")
    lm.save_pretrained(folder)
    return {path.name: base64.b64encode(path.read_bytes()).decode() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A static page whose Hub is the local one, and whose security policy allows no other."""
    folder = tmp_path_factory.mktemp("site")
    write_static(folder, tiny_model(seed=5))
    start = (folder / "index.html").read_text(encoding="utf-8")
    policy = next(line for line in start.splitlines() if "Content-Security-Policy" in line)
    icon = '<link rel="icon" href="data:,">'
    (folder / "engine.html").write_text(f"<!doctype html><title>engine</title>{policy}{icon}", encoding="utf-8")
    with serve(folder) as url:
        yield url


@pytest.fixture(scope="module")
def page(browser: Browser, site: str) -> Iterator[Page]:
    """An empty page under the policy of the static page."""
    page = browser.new_page()
    page.goto(f"{site}engine.html")
    yield page
    page.close()


def publish(page: Page, hub: LocalHub, files: dict[str, str], token: str, **given: Any) -> dict[str, Any]:
    wanted = {"repo": "letters", "card": CARD, "isPrivate": True, "space": "", "hub": hub.url, "token": token}
    answer: dict[str, Any] = page.evaluate(PUBLISH, {**wanted, **given, "files": files})
    return answer


def refused(answer: dict[str, Any]) -> str:
    id: str = answer["refusal"]["id"]
    assert id in ENGLISH
    return id


def test_a_model_is_published_without_what_names_its_text(
    page: Page, hub: LocalHub, files: dict[str, str], token: str, lm: CharLSTM
) -> None:
    answer = publish(page, hub, files, token)
    assert answer["done"] == {"model": f"{hub.url}/ada/letters", "space": "", "fault": None}
    parts = [report["part"] for report in answer["reports"] if report["id"] == "publish.sends"]
    assert parts == sorted(parts)
    assert parts[-1] == 1
    repo = hub.repos["ada/letters"]
    assert repo.private
    assert repo.titles() == ["Upload from the browser", "initial commit"]
    names = {".gitattributes", "README.md", "config.json", "manifest.json", "model.safetensors"}
    names |= {"notebook.ipynb"}
    assert set(repo.commit("main").files) == names
    everything = b"".join(hub.read("ada/letters", name) for name in names - {"model.safetensors"})
    assert not [text for text in (b"Mum", b"Dear Tom", b"local/diary") if text in everything]

    found = CharLSTM.from_pretrained("ada/letters")
    assert found.training["repo"] == "ada/letters"
    assert found.training["license"] == "unknown"
    assert found.training["corpus"] == "Letters"
    assert generate(found, "", 200, seed=1) == generate(lm, "", 200, seed=1)


def test_the_hub_accepts_the_card(page: Page, hub: LocalHub, files: dict[str, str], token: str, lm: CharLSTM) -> None:
    assert set(page.evaluate("async () => (await import('./learn/hub/card.js')).LICENSES")) <= LICENSES
    title = '"Möwe": <b>*sea*</b>\n---\n# x \u202e'
    publish(page, hub, files, token, card={"title": title, "corpus": "The [sea](x)", "license": "other"}, space="sea")
    card = ModelCard(hub.read("ada/letters", "README.md").decode())
    card.validate()
    data = card.data.to_dict()
    assert (data["license"], data["model_name"]) == ("other", '"Möwe": <b>*sea*</b> --- # x')
    assert card.content.count("\n---\n") == 1
    assert "<b>" not in card.text.replace(r"\<b", "")
    parameters = sum(parameter.numel() for parameter in lm.network.parameters())
    for text in (f"{parameters:,} parameters", "1.5000 nats", "120,000 characters", r"the text The \[sea\]\(x\)"):
        assert text in card.text
    assert f"{hub.url}/spaces/ada/sea" in card.text
    notebook = json.loads(hub.read("ada/letters", "notebook.ipynb"))
    code = "\n".join(cell["source"] for cell in notebook["cells"][2:] if cell["cell_type"] == "code")
    for program in (code, *re.findall(r"```python\n(.*?)\n```", card.text, re.DOTALL)):
        compile(program, "program", "exec")
    assert f"[ada/letters]({hub.url}/ada/letters)" in notebook["cells"][0]["source"]
    assert "snapshot_download('ada/letters'" in code
    assert not re.search("NAME|PROMPT|HUB", card.text + json.dumps(notebook))
    SpaceCard(hub.read("spaces/ada/sea", "README.md").decode()).validate()


def test_the_space_has_the_files_of_a_static_page(
    browser: Browser, page: Page, hub: LocalHub, files: dict[str, str], token: str, lm: CharLSTM, tmp_path: Path
) -> None:
    answer = publish(page, hub, files, token, isPrivate=False, space="ada/letters-page")
    assert answer["done"]["space"] == f"{hub.url}/spaces/ada/letters-page"
    repo = hub.repos["spaces/ada/letters-page"]
    assert repo.space
    assert repo.space.sdk == "static"
    write_static(tmp_path, lm)
    expected = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert set(repo.commit("main").files) == expected | {".gitattributes"}
    index = hub.read("spaces/ada/letters-page", "index.html")
    for start in (b'property="og:title" content="', b"<h1>", b"<title>"):
        assert start + b"Letters: a network that writes" in index
    assert re.search(rb'<span class="reply"[^>]*></span>', index), "the greeting of the other model is removed"
    for name in ("LICENSE", "files.json", "worker/product.wasm"):
        assert hub.read("spaces/ada/letters-page", name) == (tmp_path / name).read_bytes()
    assert hub.read("ada/letters", WEIGHTS) == base64.b64decode(files[WEIGHTS])
    by_page, by_python = load(hub.read("spaces/ada/letters-page", WEIGHTS)), load((tmp_path / WEIGHTS).read_bytes())
    assert by_page.keys() == by_python.keys()
    for name, tensor in by_python.items():
        assert by_page[name].dtype == tensor.dtype
        assert torch.equal(by_page[name], tensor)
    data = RepoCard(hub.read("spaces/ada/letters-page", "README.md").decode()).data.to_dict()
    assert data["models"] == ["ada/letters"]
    other = browser.new_page()
    other.goto(f"{hub.url}/static/ada/letters-page/")  # whose OAuth app the Hub has put into it
    assert other.evaluate("window.huggingface.variables.OAUTH_CLIENT_ID") == "client-ada/letters-page"
    int8 = {path.name: base64.b64encode(path.read_bytes()).decode() for path in tmp_path.iterdir() if path.is_file()}
    publish(other, hub, int8, token, repo="again", isPrivate=False, space="second")
    assert b'data-space="ada/letters-page"' in index
    copy = index.replace(b"ada/letters-page", b"ada/second")
    assert hub.read("spaces/ada/second", "index.html") == copy
    assert {tensor.dtype for tensor in load(hub.read("ada/again", WEIGHTS)).values()} == {torch.float32}
    assert hub.read("spaces/ada/second", WEIGHTS) == hub.read("spaces/ada/letters-page", WEIGHTS)
    assert generate(CharLSTM.from_pretrained("ada/again"), "", 50, seed=1) == generate(lm, "", 50, seed=1)
    other.close()


def test_publishing_again_replaces_the_model_and_touches_no_other_repo(
    page: Page, hub: LocalHub, files: dict[str, str], token: str
) -> None:
    padding = 12_000_000  # above 10 MB the SHA-256 is computed by WebAssembly, which the security policy must allow
    publish(page, hub, files, token, padding=padding)
    hub.log.clear()
    assert "done" in publish(page, hub, files, token, padding=padding, card={**CARD, "title": "New"})
    assert hub.read("ada/letters", "model.safetensors").endswith(bytes(padding))
    assert len(hub.repos["ada/letters"].titles()) == 3
    assert hub.requests("PUT /lfs") == []  # the weights are there
    assert b"# New" in hub.read("ada/letters", "README.md")
    hub.add_repo("ada/taken", {"pytorch_model.bin": b"x"}, private=True)
    hub.add_repo("ada/page", {"app.py": b"x"}, kind="space", private=True)
    assert refused(publish(page, hub, files, token, repo="taken")) == "publish.taken"
    half = publish(page, hub, files, token, repo="other", space="page")["done"]
    assert (half["model"], half["space"], half["fault"]["id"]) == (f"{hub.url}/ada/other", "", "publish.taken")
    assert set(hub.repos["ada/taken"].commit("main").files) == {".gitattributes", "pytorch_model.bin"}
    hub.add_repo("ada/public", {"manifest.json": b"{}"})
    assert refused(publish(page, hub, files, token, repo="public")) == "publish.is_public"
    assert "done" in publish(page, hub, files, token, repo="public", isPrivate=False)
    assert refused(publish(page, hub, files, token, repo="bob/letters")) == "publish.refused"
