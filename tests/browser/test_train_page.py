"""The panel that trains on the visitor's text: real training of small networks in a real browser."""

import base64
import gzip
import json
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Locator, Page, expect

from model import CharLSTM
from tests.browser.driving import QUIET, WIDE, button, complaints_of, fast, reply, send, setting, window
from tests.browser.test_training import sentences
from tests.support.app_server import eventually
from tests.support.chromium import serve, tab_processes
from tests.support.tiny_models import tiny_model
from training.hub.space_files import write_static

TEXT = sentences(200)
SPEED = 100  # characters per second, in place of what is measured: 3 minutes are then 40 steps
FEW = 1  # so slow a machine takes 20 steps
NAME = "local/my-text"
SHOWN = "my-text"  # the name as visitors read it
# Sets the sizes of the trainings.
SIZES = "(sizes) => import('./learn/page/state.js').then(({ state }) => void (state.sizes.value = sizes))"
# Whether the steps that a training has taken are stored.
STORED = "async () => (await (await import('./worker/stored_training.js')).loadPart('summary'))?.step > 0"
# The files of a stored model, in base64.
_FILES = """async (name) => {
  const { loadModel } = await import("./worker/stored_training.js");
  const { files } = await loadModel(name);
  const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, base64(bytes)]));
}"""


@dataclass
class Visitor:
    """A visitor with a browser of their own.

    Attributes:
        complaints: of each opened page: errors and warnings in the console, and requests to other addresses.
    """

    url: str
    context: BrowserContext
    complaints: list[list[str]] = field(default_factory=list)

    def open(self, query: str = "", *, speed: int = SPEED) -> Page:
        """Open the page with its panel; trainings there are short, on one worker, and the same each time."""
        page = self.context.new_page()
        self.complaints.append(complaints_of(page, self.url))
        page.goto(f"{self.url}{query}")
        return begin(page, speed)


def begin(page: Page, speed: int = SPEED) -> Page:
    """Open the panel, and make its trainings short."""
    expect(panel(page)).not_to_have_attribute("hidden", "")
    if not page.locator("#training[open]").count():
        page.locator("#menu .train").click()
    expect(panel(page).locator(".trained, textarea").first).to_be_attached()
    page.evaluate(SIZES, {"workers": 1, "speed": speed, "seed": 5})
    return page


def panel(page: Page) -> Locator:
    return page.locator("#training")


def give(page: Page, text: str = TEXT) -> None:
    page.get_by_role("textbox", name="Your text").fill(text)
    expect(button(page, "Start training")).to_be_enabled()


def start(page: Page, name: str = "Start training") -> None:
    button(page, name).click()
    expect(button(page, "Pause")).to_be_enabled()


def ended(page: Page) -> Locator:
    """Wait for the end of the training; returns what is then said."""
    expect(page.get_by_role("textbox", name="Your text")).to_be_visible(timeout=180_000)  # a busy machine
    return panel(page).locator(".said")


def files_of(page: Page, name: str = NAME) -> dict[str, bytes]:
    found: dict[str, str] = page.evaluate(_FILES, name)
    return {file: base64.b64decode(text) for file, text in found.items()}


def loaded(files: dict[str, bytes], folder: Path) -> CharLSTM:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return CharLSTM.from_pretrained(folder)


def kill_tabs(page: Page) -> None:
    """Kill the processes of all tabs of a tab's browser, and close this one."""
    with page.expect_event("crash"):
        for process in tab_processes(page):
            os.kill(process, signal.SIGKILL)
    page.close()


def fault(page: Page) -> Locator:
    return panel(page).locator(".said + .fault")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("train")
    write_static(folder, replace(tiny_model(), training={"corpus": "tiny"}))
    with serve(folder) as url:
        yield url


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The .zip of another model."""
    folder = tmp_path_factory.mktemp("model")
    tiny_model().save_pretrained(folder / "letters")
    return Path(shutil.make_archive(str(folder / "letters"), "zip", folder, "letters")).read_bytes()


@pytest.fixture
def visitor(browser: Browser, url: str) -> Iterator[Visitor]:
    """A visitor of the page; at the end the consoles are empty and nothing was requested from elsewhere."""
    visitor = Visitor(url, browser.new_context(**window(WIDE), **QUIET))
    yield visitor
    for page in visitor.context.pages:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
    visitor.context.close()
    assert not any(visitor.complaints), visitor.complaints


@dataclass
class Trained:
    """A page after a training without any interruption: its files, and the names of the files that it has requested."""

    page: Page
    files: dict[str, bytes]
    requested: set[str]


@pytest.fixture(scope="module")
def trained(browser: Browser, url: str) -> Iterator[Trained]:
    context = browser.new_context(**window(WIDE), **QUIET)
    requested: set[str] = set()
    context.on("request", lambda each: requested.add(urlsplit(each.url).path[1:] or "index.html"))
    visit = Visitor(url, context)
    page = visit.open()
    give(page)
    start(page)
    expect(panel(page).locator(".said")).to_contain_text("parameters on your text.")
    expect(button(page, "Pause")).to_be_focused()
    page.evaluate("window.drawn = 0; (function next() { drawn++; requestAnimationFrame(next); })()")
    expect(panel(page).locator(".written .text i").first).to_be_visible()
    expect(panel(page).locator(".figures")).to_contain_text("characters per second")
    expect(ended(page)).to_contain_text("The training is complete. The page now writes with your network")
    assert page.evaluate("drawn") > 3, "the page does not draw while it trains"
    yield Trained(page, files_of(page), set(requested))
    context.close()
    assert visit.complaints == [[]]


def test_a_visitor_downloads_little(trained: Trained, url: str) -> None:
    """Without weights, which differ by model, and without what a visitor who publishes or opens a model needs."""
    names = trained.requested - {"model.safetensors"}
    assert len(names & {"learn/learner.wasm", "learn/learner-relaxed.wasm"}) == 1
    assert not [name for name in names if name.startswith("learn/corpus/examples/")]
    assert not names & {"vendor/fflate.js", "vendor/huggingface_hub.js", "learn/archive.js", "learn/hub/publish.js"}
    contents = {name: httpx.get(f"{url}{name}").content for name in names}
    arrival = [content for name, content in contents.items() if not name.startswith(("learn/", "vendor/"))]
    for files, most, most_packed in ((arrival, 390_000, 142_000), (list(contents.values()), 535_000, 202_000)):
        assert len(files) > 30
        assert sum(map(len, files)) <= most
        assert sum(len(gzip.compress(content)) for content in files) <= most_packed


def test_a_typed_text_is_called_your_text_and_a_file_has_its_name(visitor: Visitor) -> None:
    page = visitor.open()
    read = panel(page).locator(".read")
    give(page, "ab" * 60)
    expect(read).to_have_text("Your text: 120 characters (2 different), 1 line")
    page.locator(".text-file").set_input_files({"name": "alice.txt", "mimeType": "", "buffer": b"a" * 99})
    expect(fault(page)).to_have_text("alice.txt has 99 characters; training needs at least 100.")
    expect(read).to_have_text("")
    files = page.evaluate_handle(
        "() => { const all = new DataTransfer(); for (const name of ['a.txt', 'b.txt'])"
        " all.items.add(new File(['a line\\n'.repeat(100)], name)); return all; }"
    )
    panel(page).locator(".choose").dispatch_event("drop", {"dataTransfer": files})
    expect(read.locator("li")).to_have_text(["a.txt: 700 characters (7 different), 100 lines"])


def test_a_text_becomes_a_model_that_writes(trained: Trained, tmp_path: Path) -> None:
    page = trained.page
    expect(page.get_by_role("heading", level=1)).to_have_text("my-text: a network that writes")
    expect(page).to_have_title("my-text: a network that writes")
    expect(page.locator("#intro p")).to_contain_text("It has read only your text, in this browser.")
    expect(page.locator("#model")).to_have_value(NAME)
    lm = loaded(trained.files, tmp_path)
    assert list(lm.tokenizer.vocab) == sorted(set(TEXT))
    assert lm.training["corpus"] == "my text"
    fast(page, 60)
    setting(page, "Temperature", 0)
    send(page, "the c")
    assert set(reply(page)) <= set(TEXT)
    button(page, "Share").click()
    expect(page.locator("#share-link p")).to_contain_text(
        f"{SHOWN} is only in this browser, so the link works only here."
    )
    link = page.get_by_role("textbox", name="Link to this text").input_value()
    written = reply(page)
    page.reload()
    expect(page.locator("#model")).to_have_value(NAME)
    other = page.context.new_page()
    other.goto(link)
    expect(other.locator(".mark")).to_contain_text("same")
    assert reply(other) == written


def test_a_tab_that_is_discarded_during_a_training_changes_nothing(visitor: Visitor, trained: Trained) -> None:
    """It ends without a warning: its process is killed, as a browser does that needs the memory."""
    page = visitor.open()
    give(page)
    start(page)
    expect(panel(page).locator(".written .text i").first).to_be_visible()
    button(page, "Pause").click()
    expect(panel(page).locator(".said")).to_contain_text("Paused")
    eventually(lambda: page.evaluate(STORED))
    address, context, asked = page.url, page.context, list[str]()
    kill_tabs(page)
    page = context.new_page()
    page.goto(address)
    begin(page)
    expect(panel(page)).to_contain_text("This browser has stored your training on your text: step")
    give(page)

    def dismiss(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.once("dialog", dismiss)
    button(page, "Start training").click()
    assert asked == ["Discard the stored training and start a new one?"]
    start(page, "Continue your training")
    ended(page)
    assert files_of(page)["model.safetensors"] == trained.files["model.safetensors"]
    page.reload()
    expect(button(page, "Send")).to_be_enabled()
    expect(panel(page)).not_to_have_attribute("open", "")


def test_after_the_death_of_a_worker_the_training_continues(visitor: Visitor, tmp_path: Path) -> None:
    write_static(tmp_path, tiny_model())
    trainer = tmp_path / "learn" / "trainer.js"
    dies = 'if (step === 10 && !self.died) { self.died = true; throw new Error("out of memory"); } const dropout='
    trainer.write_text(trainer.read_text(encoding="utf-8").replace("const dropout=", dies), encoding="utf-8")
    with serve(tmp_path) as url:
        visitor.url = url
        page = visitor.open(speed=FEW)
        give(page)
        button(page, "Start training").click()
        expect(fault(page)).to_contain_text("A training worker ended (out of memory)")
        button(page, "Continue your training").click()
        expect(ended(page)).to_contain_text("The training is complete")


def test_a_chat_becomes_a_model_that_answers_and_keeps_the_characters_of_its_parent(
    visitor: Visitor, tmp_path: Path
) -> None:
    """What looks private is shown before the training, and before publishing also after a reload."""
    page = visitor.open(speed=FEW)  # so small a network takes thousands of steps at the speed of the others
    read, said = panel(page).locator(".read"), panel(page).locator(".choose .private")
    button(page, "Recipes").click()
    expect(read).to_contain_text("Recipes: ")
    expect(said).to_be_hidden()
    button(page, "A chat").click()
    box = page.get_by_role("checkbox", name="Read it as a chat: the model answers messages")
    expect(box).to_be_checked()
    expect(read).to_contain_text("Read as a chat")
    expect(said).to_contain_text("The messages of a chat")
    names = page.get_by_role("combobox", name="The model writes as")
    other = names.locator("option").all_inner_texts()[-1]
    box.uncheck()
    expect(read).not_to_contain_text("Read as a chat:")
    expect(names).to_be_hidden()
    box.check()
    names.select_option(other)
    expect(read).to_contain_text(f"The model writes as {other}")
    panel(page).locator("[value=parent]").check()
    button(page, "Start training").click()  # it may end before a look at the page
    expect(ended(page)).to_contain_text("The page now writes with")
    files = files_of(page, "local/a-chat")
    lm = loaded(files, tmp_path)
    assert lm.chat is not None
    assert (other, lm.chat.prefix, lm.chat.opening) == ("Emil", "B: ", "A: ")  # in the order of their first messages
    parent, vocab = tiny_model(), list(lm.tokenizer.vocab)
    assert vocab[: len(parent.tokenizer.vocab)] == list(parent.tokenizer.vocab)
    assert len(vocab) > len(parent.tokenizer.vocab)
    assert lm.config.hidden_size == parent.config.hidden_size
    assert json.loads(files["config.json"])["training"]["from"] == "tiny"
    page.reload()
    begin(page)
    button(page, "Publish a-chat").click()
    things = panel(page).locator(".publishing .private-things")
    expect(things).to_contain_text("In the text there may be: the messages of a chat", ignore_case=True)
