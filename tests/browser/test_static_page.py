"""The page that runs in the visitor's own browser: the text that Python writes, and nothing asked of anyone else."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import torch
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, expect

from model import PRETRAINED, CharLSTM, ChatFormat, generate
from model.checkpoint.write import write_manifest
from model.clamps import Clamp
from tests.local_hub import LocalHub
from tests.support.app_server import random_model
from tests.support.chromium import launch
from tests.support.chromium import serve as serve_folder
from tests.support.shared_conversations import (
    COMMIT,
    OneModelRegistry,
    a_conversation,
    chance_link,
    serve,
    settings,
    texts,
    write,
)
from tests.support.static_page_text import LOAD, write_all
from tests.support.tiny_models import tiny_model
from tests.unit.model.int8.test_vectors import tiny as network_of_the_vectors
from training.hub.space_files import write_static
from ui.conversation import moves, sharing
from ui.conversation.clamps import ModelClamps
from ui.conversation.conversation import Conversation
from ui.registry.loaded_model import LoadedModel
from ui.settings import LINK_SETTINGS

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "arithmetic.json").read_text(encoding="utf-8"))
SAME = "The same text, character for character, as when the link was made."
STRANGER = "Whoever made this link wrote the prompt."
NO_SIMD = "--js-flags=--no-enable-sse4-1"  # V8 has no WebAssembly SIMD on a processor without it
SETTINGS: list[dict[str, Any]] = [
    {"seed": 1},
    {"seed": 2**32 - 1, "temperature": 1.37},
    {"seed": 3, "temperature": 0},
    {"seed": 4, "temperature": 1e-300},
    {"seed": 5, "temperature": 2.5, "top_k": 7},
    {"seed": 6, "temperature": 1.1, "top_p": 0.61},
    {"seed": 7, "temperature": 5, "top_k": 30, "top_p": 0.9},
    {"seed": 8, "temperature": 1.5, "min_p": 0.1},
    {"seed": 8, "clamps": [[0, 3, 4.0], [1, 20, -0.1], [1, 7, 0.0]]},
]
PROMPTS = ["", "ROMEO:\n", "\tIt was … été 🙂 漢", "  ", "<b>&lt;</b>"]
# The last one is how a Git LFS pointer begins.
ADDRESSES = {"https://huggingface.co", "https://*.huggingface.co", "https://*.hf.co", "https://git-lfs"}
HOSTILE = "<img src=x onerror='window.hit=1'><script>window.hit=2</script>\n\n  two  spaces\tand a tab &lt; $$x$$"


@pytest.fixture(scope="module")
def old_browser(playwright: Playwright) -> Iterator[Browser]:
    browser = launch(playwright, NO_SIMD)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def lm() -> CharLSTM:
    """Odd sizes, so that rows and columns are padded; it writes markup as readily as anything."""
    return random_model(hidden_size=21)


@pytest.fixture(scope="module")
def url(lm: CharLSTM, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("static")
    write_static(folder, lm)
    with serve_folder(folder) as url:
        yield url


@pytest.fixture
def visit(browser: Browser, url: str) -> Iterator[Any]:
    """Opens the page; in the end nothing may have been complained of, fetched from elsewhere, or cut off."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    complaints: list[str] = []

    def visit(query: str = "", at: str = url) -> Page:
        page = open_page(context, at + query, complaints, at)
        expect(button(page, "Send")).to_be_enabled()
        return page

    yield visit
    for page in context.pages:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
    assert not complaints
    context.close()


def open_page(context: BrowserContext, address: str, complaints: list[str], *homes: str) -> Page:
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith((*homes, "data:")) else complaints.append(asked.url))
    page.goto(address)
    return page


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def turns(page: Page) -> Locator:
    return page.get_by_role("log", name="Conversation").get_by_role("article")


def reply(page: Page) -> str:
    return turns(page).last.locator(".reply").text_content() or ""


def foot(page: Page) -> Locator:
    return turns(page).last.locator(".foot")


def set_slider(page: Page, name: str, value: float) -> None:
    page.get_by_role("slider", name=name, exact=True).fill(str(value))


def send(page: Page, prompt: str) -> None:
    page.get_by_role("textbox", name="Prompt").fill(prompt)
    page.keyboard.press("Enter")


def written(page: Page, **seed: int) -> str:
    """The last reply, once it is over."""
    expect(foot(page)).to_have_text(re.compile(rf"^seed {seed.get('seed', '')}"))
    return reply(page)


# the arithmetic


@pytest.mark.parametrize("simd", [True, False])
def test_the_arithmetic_is_that_of_the_vectors(browser: Browser, url: str, simd: bool) -> None:
    page = browser.new_page()
    page.goto(url)
    found = page.evaluate(
        """async ({ vectors, simd }) => {
          const { SIGMOID, TANH, POWERS, Network, choose, randomNumber } = await import("./arithmetic.js");
          const hash = async (array) => Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", array)),
            (byte) => byte.toString(16).padStart(2, "0")).join("");
          const bits = (floats) => Array.from(new Uint32Array(Float32Array.from(floats).buffer),
            (each) => each.toString(16).padStart(8, "0"));
          const { vocab, embedding_size, hidden_size: hidden, num_layers: layers } = vectors.network;
          let x = 1;
          const tensor = (size) => Float32Array.from({ length: size }, () => {
            x = Number((1103515245n * BigInt(x) + 12345n) % 2147483648n);
            return (((x >> 16) % 129) - 64) / 64;
          });
          const tensors = { "embedding.weight": tensor(vocab.length * embedding_size) };
          for (let layer = 0; layer < layers; layer++) {
            tensors[`lstm.weight_ih_l${layer}`] = tensor(4 * hidden * (layer ? hidden : embedding_size));
            tensors[`lstm.weight_hh_l${layer}`] = tensor(4 * hidden * hidden);
            tensors[`lstm.bias_ih_l${layer}`] = tensor(4 * hidden);
            tensors[`lstm.bias_hh_l${layer}`] = tensor(4 * hidden);
          }
          tensors["output.weight"] = tensor(vocab.length * hidden);
          tensors["output.bias"] = tensor(vocab.length);
          const code = simd && await WebAssembly.compile(await (await fetch("product.wasm")).arrayBuffer());
          const sizes = { vocab: vocab.length, embedding: embedding_size, hidden, layers };
          const network = new Network(sizes, tensors, code || null);
          const ids = Array.from(vectors.text, (character) => vocab.indexOf(character));
          const steps = (hold) => {
            const state = network.nothing();
            return ids.map((id) => {
              network.read(id, state, hold);
              return { id, h: Array.from(state.h), c: bits(state.c), logits: bits(network.logits) };
            });
          };
          const given = new Float32Array(Uint32Array.from(vectors.logits, (each) => parseInt(each, 16)).buffer);
          const defaults = { top_k: 0, top_p: 1, min_p: 0 };
          const philox = Object.keys(vectors.philox).map((seed) =>
            [seed, Array.from({ length: 6 }, (_, i) => String(randomNumber(Number(seed), i)))]);
          return {
            tables: { sigmoid: await hash(SIGMOID), tanh: await hash(TANH),
              powers: await hash(BigInt64Array.from(POWERS, BigInt)) },
            philox: Object.fromEntries(philox),
            steps: steps([]),
            held: vectors.held.map(({ hold }) => steps(hold)),
            choices: vectors.choices.map((each) => Array.from({ length: 40 }, (_, i) =>
              choose(given, { ...defaults, ...each }, randomNumber(each.seed, i)))),
          };
        }""",
        {"vectors": VECTORS, "simd": simd},
    )
    assert found["tables"] == VECTORS["tables"]
    assert found["philox"] == VECTORS["philox"]
    assert found["choices"] == [each["ids"] for each in VECTORS["choices"]]
    assert found["steps"] == VECTORS["steps"]
    assert found["held"] == [each["steps"] for each in VECTORS["held"]]
    page.close()


def test_the_replies_of_the_vectors_are_what_the_worker_writes(browser: Browser, tmp_path: Path) -> None:
    write_static(tmp_path, network_of_the_vectors())
    asked = [*VECTORS["replies"], *({**each["reply"], "clamps": each["hold"]} for each in VECTORS["held"])]
    jobs = [{name: value for name, value in each.items() if name != "text"} for each in asked]
    with serve_folder(tmp_path) as url:
        page = browser.new_page()
        page.goto(url)
        assert write_all(page, 120, jobs)[1] == [each["text"] for each in asked]
        page.close()


@pytest.mark.parametrize("which", ["browser", "old_browser"])
def test_the_text_is_the_one_that_python_writes(
    request: pytest.FixtureRequest, which: str, url: str, lm: CharLSTM
) -> None:
    page = request.getfixturevalue(which).new_page()
    page.goto(url)
    asked = [(prompt, each) for prompt in PROMPTS for each in SETTINGS]
    way, texts = write_all(page, 150, [{"prompt": prompt, **each} for prompt, each in asked])
    assert way == {"browser": "WebAssembly", "old_browser": "JavaScript"}[which]
    assert texts == [generate(lm, prompt, 150, unknown="skip", **each) for prompt, each in asked]
    page.close()


def test_the_bundled_model_writes_the_same_in_a_browser(browser: Browser, tmp_path: Path) -> None:
    """A hundred seeds of a thousand characters are in tests/soak."""
    lm = CharLSTM.from_pretrained(PRETRAINED)
    write_static(tmp_path / "site", lm)
    for name in ("config.json", "model.safetensors", "manifest.json"):
        assert (tmp_path / "site" / name).read_bytes() == (PRETRAINED / name).read_bytes(), "not in its own dtype"
    with serve_folder(tmp_path / "site") as url:
        page = browser.new_page()
        page.goto(url)
        jobs = [{"prompt": "ROMEO:", "seed": seed} for seed in range(3)]
        assert write_all(page, 300, jobs)[1] == [generate(lm, "ROMEO:", 300, seed=seed) for seed in range(3)]
        page.close()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_each_dtype_is_read_exactly(browser: Browser, tmp_path: Path, dtype: str) -> None:
    lm = tiny_model()
    with torch.no_grad():
        lm.network.output.weight[0, :4] = torch.tensor([0.0, -0.0, 6e-8, 6.1e-5])  # zeros and a subnormal
    write_static(tmp_path, lm)
    lm.save_pretrained(tmp_path, dtype=dtype)
    stored = CharLSTM.from_pretrained(tmp_path)
    with serve_folder(tmp_path) as url:
        page = browser.new_page()
        page.goto(url)
        _, texts = write_all(page, 100, [{"prompt": "A", "seed": 1}])
        tensors = page.evaluate(f"async () => {{ {LOAD} return Array.from(model.tensors['output.weight']) }}")
        page.close()
    assert texts == [generate(stored, "A", 100, seed=1)]
    assert torch.equal(torch.tensor(tensors), stored.network.output.weight.flatten())


# the page


def test_somebody_arrives_and_it_writes(visit: Any, lm: CharLSTM) -> None:
    page = visit()
    assert written(page, seed=7) == generate(lm, "", 240, seed=7)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("textbox", name="Prompt")).to_be_focused()
    expect(page.locator("#about")).to_contain_text("in this browser (WebAssembly)")
    for name in ("Send", "Continue", "Retry", "Copy", "Clear"):
        expect(button(page, name)).to_be_enabled()
    page.get_by_text("Settings").click()
    for name in ("Temperature", "Length", "Speed", "Top-k", "Top-p", "Min-p"):
        expect(page.get_by_role("slider", name=name, exact=True)).to_be_visible()
    set_slider(page, "Temperature", 1.5)
    assert page.get_by_role("slider", name="Temperature").get_attribute("aria-valuetext") == "1.5"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_anyone_out(browser: Browser, url: str, scheme: Any) -> None:
    """As axe-core sees it: names, roles, contrast."""
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{url}?length=50&speed=200&seed=1")
    written(page, seed=1)
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
    context.close()


def test_send_stop_continue_retry_clear(visit: Any, lm: CharLSTM) -> None:
    page = visit("?length=120&speed=200")
    send(page, "ROMEO:")  # while the sample is being written, which gives way
    expect(turns(page)).to_have_count(1)
    seed = int(re.findall(r"\d+", (written(page), foot(page).text_content() or "")[1])[0])
    assert reply(page) == generate(lm, "ROMEO:", 120, seed=seed)
    button(page, "Continue").click()
    expect(foot(page)).to_contain_text("240 characters")
    assert reply(page) == generate(lm, "ROMEO:", 240, seed=seed)
    page.get_by_text("Settings").click()
    page.get_by_role("textbox", name="Seed").fill("11")
    send(page, "And then ")
    expect(turns(page)).to_have_count(2)
    so_far = "ROMEO:" + generate(lm, "ROMEO:", 240, seed=seed) + "And then "
    assert written(page, seed=11) == generate(lm, so_far, 120, seed=11)
    page.get_by_role("textbox", name="Seed").fill("12")
    button(page, "Retry").click()
    assert written(page, seed=12) == generate(lm, so_far, 120, seed=12)
    set_slider(page, "Speed", 5)
    send(page, "")
    expect(button(page, "Stop")).to_be_enabled()
    expect(turns(page).last.locator(".reply")).not_to_have_text("")
    page.keyboard.press("Escape")
    expect(foot(page)).to_contain_text("stopped")
    assert 1 <= len(reply(page)) < 120
    button(page, "Clear").click()
    expect(turns(page)).to_have_count(0)
    expect(button(page, "Continue")).to_be_disabled()


def test_enter_sends_shift_enter_breaks_and_composing_does_neither(visit: Any) -> None:
    page = visit("?length=1&speed=200")
    box = page.get_by_role("textbox", name="Prompt")
    box.fill("a")
    page.keyboard.press("Shift+Enter")
    assert box.input_value() == "a\n"
    box.evaluate("box => box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', isComposing: true }))")
    assert box.input_value() == "a\n"
    page.keyboard.press("Enter")
    expect(turns(page).last.locator(".prompt")).to_have_text("a\n", use_inner_text=False)
    assert box.input_value() == ""


def test_whatever_is_given_or_written_stays_text(visit: Any, lm: CharLSTM) -> None:
    page = visit("?length=2000&speed=200&temperature=2&seed=5")
    assert written(page, seed=5) == generate(lm, "", 2000, temperature=2.0, seed=5)
    send(page, HOSTILE)
    assert turns(page).last.locator(".prompt").text_content() == HOSTILE
    written(page)
    assert page.evaluate("window.hit") is None
    assert page.locator("#talk").evaluate("talk => talk.querySelectorAll('img, script, b').length") == 0


def test_what_it_does_not_know_is_skipped_and_said(visit: Any, lm: CharLSTM) -> None:
    page = visit("?length=30&speed=200&seed=1")
    written(page)
    button(page, "Clear").click()
    send(page, "漢a字漢")
    expect(foot(page)).to_contain_text("it does not know 漢 字: skipped")
    assert reply(page) == generate(lm, "a", 30, seed=1)


def test_a_link_holds_cells_in_its_reply_and_in_no_other(visit: Any, lm: CharLSTM) -> None:
    page = visit("?prompt=ROMEO:&seed=4&length=60&speed=200&hold=1.5~4_0.20~-0.25")
    hold = [(1, 5, 4.0), (0, 20, -0.25)]
    expected = generate(lm, "ROMEO:", 120, seed=4, clamps=hold)
    assert written(page, seed=4) == expected[:60]
    expect(foot(page)).to_contain_text("cell 5 (layer 1) held up · cell 20 (layer 0) held at -0.25")
    button(page, "Continue").click()
    expect(foot(page)).to_contain_text("120 characters")
    assert reply(page) == expected
    button(page, "Clear").click()
    send(page, "ROMEO:")
    assert written(page, seed=4) == generate(lm, "ROMEO:", 60, seed=4)


def test_a_link_sets_everything(visit: Any, lm: CharLSTM) -> None:
    page = visit("?prompt=O%0A%22b%22&temperature=1.234&length=77&top_k=150&top_p=0.123&min_p=0.02&seed=99&speed=200")
    expected = generate(lm, 'O\n"b"', 77, temperature=1.234, top_k=150, top_p=0.123, min_p=0.02, seed=99)
    assert written(page, seed=99) == expected


WRONG = [
    ("?temperature=NaN", "temperature is NaN in this link: it must be a number from 0 to 5"),
    ("?temperature=6", "temperature is 6 in this link"),
    ("?length=0", "length is 0 in this link: it must be a whole number from 1 to 10,000"),
    ("?length=12.7", "length is 12.7 in this link"),
    ("?top_p=0", "top_p is 0 in this link"),
    ("?top_k=-1", "top_k is -1 in this link"),
    ("?min_p=1.1", "min_p is 1.1 in this link: it must be a number from 0 to 1"),
    ("?speed=4", "speed is 4 in this link"),
    ("?seed=4294967296", "seed is 4294967296 in this link: it must be a whole number from 0 to 4,294,967,295"),
    ("?seed=1.5", "seed is 1.5"),
    ("?prompt=a&seed=x", "seed is x"),
    ("?seed=1&hold=0.21~4", "hold is 0.21~4 in this link: it must be up to 4 cells of this model"),
    ("?seed=1&hold=2.0~4", "hold is 2.0~4 in this link"),
    ("?seed=1&hold=0.0~9", "hold is 0.0~9 in this link"),
    ("?seed=1&hold=0.1~1_0.1~2", "hold is 0.1~1_0.1~2 in this link"),
    ("?seed=1&hold=x", "hold is x in this link"),
    ("?prompt=a&seed=1&then=b", "seed is missing in this link: each turn needs one"),
    ("?prompt=a&seed=1&more=0", "length is 0 in this link"),
    ("?prompt=a&seed=1&pick=ab", "pick is ab in this link: it must be one character"),
    (f"?prompt=a&seed=1&model=a/b@{COMMIT}&blend_with=a/c&share=0.3", "Two models wrote this text together. This page"),
    ("?prompt=a&text=x", "text is x in this link: it must be what Share writes"),
    ("?prompt=a&seed=1" + "&more=1" * 50, "This link has 51 steps: at most 50 are followed."),
    ("?prompt=" + "a" * 8000, "This link has 8,008 characters: at most 8,000 are read."),
]


def read_links(page: Page, queries: list[str]) -> list[Any]:
    """What link.js makes of addresses: what is said, or why it is refused."""
    return list(
        page.evaluate(
            """async (queries) => {
          const { readLink } = await import("./link.js");
          const sizes = { layers: 2, hidden: 21 };
          const read = (query) => {
            try { return readLink(query, sizes); } catch (error) { return render(error.reason); }
          };
          return queries.map(read);
        }""",
            queries,
        )
    )


def test_a_wrong_link_is_refused_in_one_line(visit: Any) -> None:
    page = visit("?prompt=a&temperature=6")
    expect(page.get_by_role("status")).to_have_text("temperature is 6 in this link: it must be a number from 0 to 5")
    expect(turns(page)).to_have_count(0)
    for (_, says), found in zip(WRONG, read_links(page, [query for query, _ in WRONG]), strict=True):
        assert found.startswith(says)


def test_a_link_is_read_as_the_app_reads_it(visit: Any) -> None:
    links = [chance_link(seed) for seed in range(200)]
    for link, found in zip(links, read_links(visit("?length=1"), [link.query for link in links]), strict=True):
        if link.second:
            assert found.startswith("Two models wrote this text together.")
            continue
        assert (found["v"], found["text"]) == (link.arithmetic, link.text)
        assert len(found["steps"]) == len(link.steps)
        for step, read in zip(link.steps, found["steps"], strict=True):
            chosen = {name: getattr(step.params, name) for name in LINK_SETTINGS if name != "share"}
            assert read["settings"] == {**chosen, "hold": [list(each) for each in step.hold]}
            assert (read["prompt"], read["anew"], read["pick"]) == (step.prompt, step.new_seed, step.pick)


def test_a_model_that_has_read_conversations_is_talked_to(browser: Browser, tmp_path: Path) -> None:
    plain = tiny_model()
    chat = ChatFormat("A: ", "\nB: ", "\n")
    write_static(tmp_path, replace(plain, chat=chat))
    with serve_folder(tmp_path) as url:
        page = browser.new_page()
        page.goto(f"{url}?prompt=Hello&seed=3&speed=200")
        expected = generate(plain, chat.wrap("Hello"), 500, seed=3, stop="\n")
        assert written(page, seed=3) == expected
        ending = "finished" if len(expected) < 500 else "length reached"
        expect(foot(page)).to_contain_text(ending)
        page.close()


# the files


def tamper(folder: Path, case: str) -> None:
    weights, config = folder / "model.safetensors", folder / "config.json"
    data = weights.read_bytes()
    if case == "flipped":
        weights.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    elif case == "cut":
        weights.write_bytes(data[:-9])
    elif case == "pointer":
        weights.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    elif case == "html":
        weights.write_text("<!DOCTYPE html><title>Sign in</title>")
    elif case == "nan":
        weights.write_bytes(data[:-4] + b"\xff\xff\xff\xff")
    elif case == "missing":
        weights.unlink()
    elif case == "no manifest":
        (folder / "manifest.json").unlink()
    elif case == "config":
        config.write_text(config.read_text().replace('"hidden_size": 12', '"hidden_size": 13'))
    elif case == "version":
        config.write_text(config.read_text().replace('"format_version": 1', '"format_version": 2'))
    elif case == "field":
        config.write_text(config.read_text().replace('"training"', '"auto_map": {}, "training"'))
    if case in ("nan", "config", "version", "field"):
        write_manifest(folder, ["config.json", "model.safetensors"])


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("flipped", "model.safetensors is not the file that manifest.json describes (SHA-256): damaged or changed"),
        ("cut", "model.safetensors is cut"),
        ("pointer", "model.safetensors is a Git LFS pointer: the file itself is not there"),
        ("html", "model.safetensors is a web page"),
        ("nan", "model.safetensors holds NaN in output.weight"),
        ("missing", "there is no model.safetensors"),
        ("no manifest", "there is no manifest.json"),
        ("config", "config.json says"),
        ("version", "config.json: format_version is 2: it must be 1"),
        ("field", "config.json: there is an unknown field auto_map"),
    ],
)
def test_files_that_are_not_a_model_are_named(browser: Browser, tmp_path: Path, case: str, says: str) -> None:
    write_static(tmp_path, tiny_model())
    tamper(tmp_path, case)
    with serve_folder(tmp_path) as url:
        page = browser.new_page()
        page.goto(url)
        expect(page.get_by_role("status")).to_contain_text(says)
        expect(button(page, "Send")).to_be_disabled()
        page.close()


def test_it_opens_without_a_network_once_it_was_loaded(browser: Browser, tmp_path: Path) -> None:
    lm = tiny_model()
    write_static(tmp_path, lm)
    context = browser.new_context()
    page = context.new_page()
    with serve_folder(tmp_path) as url:
        page.goto(f"{url}?seed=1&speed=200")
        page.evaluate("async () => { await navigator.serviceWorker.ready }")
        written(page, seed=1)
    page.goto(f"{url}?prompt=Once&seed=2&speed=200")  # nobody serves it any more
    assert written(page, seed=2) == generate(lm, "Once", 500, seed=2)
    context.close()


def test_a_new_model_in_the_same_place_is_taken(browser: Browser, tmp_path: Path) -> None:
    first, second = tiny_model(), tiny_model(seed=1)
    write_static(tmp_path, first)
    for path in tmp_path.iterdir():  # a web server that tells files apart by whole seconds sees that they change
        os.utime(path, (0, 0))
    context = browser.new_context()
    page = context.new_page()
    with serve_folder(tmp_path) as url:
        page.goto(f"{url}?seed=1&speed=200")
        assert written(page, seed=1) == generate(first, "", 500, seed=1)
        write_static(tmp_path, second)
        page.reload()
        assert written(page, seed=1) == generate(second, "", 500, seed=1)
    context.close()


def test_a_model_of_the_hub_at_a_pinned_commit(hub: LocalHub, browser: Browser, tmp_path: Path) -> None:
    lm, site = tiny_model(), tmp_path / "site"
    write_static(site, tiny_model(seed=1))
    lm.save_pretrained(tmp_path / "model")
    content = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    repo = hub.add_repo("ada/plays", content)
    commit = repo.commit("main").oid
    hub.context.redirect = "cdn"
    context = browser.new_context()
    complaints: list[str] = []
    with serve_folder(site) as url:
        homes = (url, hub.url, hub.url.replace("127.0.0.1", "localhost"))
        page = open_page(context, f"{url}?model=ada/plays@{commit}&seed=1&speed=200", complaints, *homes)
        assert written(page, seed=1) == generate(lm, "", 500, seed=1)
        expect(page.locator("#about")).to_contain_text(f"commit {commit[:7]}")
        asked = len(hub.requests())
        page.goto(f"{url}?model=ada/plays@{commit}&seed=2&speed=200")
        assert written(page, seed=2) == generate(lm, "", 500, seed=2)
        assert len(hub.requests()) == asked, "what stands at a commit is fetched once"
        page.goto(f"{url}?model=ada/plays&seed=2&speed=200")
        assert written(page, seed=2) == generate(lm, "", 500, seed=2)
        assert not complaints
        page.goto(f"{url}?model=ada/nothing")
        expect(page.get_by_role("status")).to_contain_text("ada/nothing")
        page.goto(f"{url}?model=javascript:alert(1)")
        expect(page.get_by_role("status")).to_contain_text("write user/name, or user/name@ and a commit")
    context.close()


def test_everything_is_in_the_folder(tmp_path: Path) -> None:
    """No address but the Hub's, no build step: what is committed is what is served."""
    web = Path(__file__).parents[2] / "web" / "static"
    write_static(tmp_path, tiny_model())
    for path in web.iterdir():
        sent = hashlib.sha256((tmp_path / path.name).read_bytes()).hexdigest()
        assert path.name == "index.html" or sent == hashlib.sha256(path.read_bytes()).hexdigest()
        if path.suffix != ".wasm":
            addresses = set(re.findall(r"https?://[^\s\"'`;)]+", path.read_text(encoding="utf-8")))
            assert addresses <= ADDRESSES


# links that were shared


@pytest.fixture(scope="module")
def talker() -> LoadedModel:
    return serve()


@pytest.fixture(scope="module")
def talk_url(talker: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("talker")
    write_static(folder, talker.lm.models[0])
    with serve_folder(folder) as url:
        yield url


def marks(page: Page) -> list[str]:
    """What stands under the turns once a link was followed to its end."""
    expect(turns(page).last.locator(".mark").last).to_have_text(re.compile("same|checked"))
    return page.locator(".mark").all_text_contents()


def test_a_text_that_was_shared_in_the_app_comes_again(visit: Any, talker: LoadedModel, talk_url: str) -> None:
    """Turns, stopped and continued, another way from a character on, one that somebody picked, cells that are held."""
    conversation, registry = a_conversation(talker), OneModelRegistry(talker)
    moves.branch(conversation, conversation.cut(conversation.turns[-1].number, 9), settings(3, 30), new_seed=True)
    write(conversation)
    held = replace(settings(4, 30), clamps=ModelClamps(talker.name, (Clamp(1, 5, 4.0), Clamp(0, 2, -0.25))))
    moves.branch(conversation, conversation.cut(conversation.turns[-1].number, 20, "Q"), held, new_seed=False)
    write(conversation)
    moves.send(conversation, talker, settings(8, 700), "and then")
    write(conversation)
    query = sharing.share(conversation, registry).query
    assert len(set(re.findall(r"(?:then|more|text)=|pick=Q|hold=\d|hold=&", query + "&"))) == 6
    page = visit(f"?{query}&speed=200", talk_url)
    assert marks(page) == [STRANGER, STRANGER, STRANGER, SAME]
    shown = turns(page).locator(".prompt, .reply").all_text_contents()
    assert shown == [text for turn in texts(conversation) for text in turn]
    button(page, "Continue").click()
    expect(foot(page)).to_contain_text("740 characters")  # as many more as the link's first reply had
    moves.continue_reply(conversation, talker, settings(8, 40))
    write(conversation)
    assert reply(page) == conversation.turns[-1].reply


def test_a_chat_that_was_shared_goes_through_the_same_turns(visit: Any, tmp_path: Path) -> None:
    talker = serve(chat=ChatFormat("Ann: ", "\nBo: ", "\n"))
    write_static(tmp_path, talker.lm.models[0])
    conversation = Conversation()
    for seed, prompt, length in ((5, "Hi", 2000), (1, "", 3), (7, "And you?", 2000)):
        moves.send(conversation, talker, settings(seed, length), prompt)
        write(conversation)
    query = sharing.share(conversation, OneModelRegistry(talker)).query
    with serve_folder(tmp_path) as url:
        page = visit(f"?{query}&speed=200", url)
        assert marks(page)[-1] == SAME
        assert turns(page).locator(".reply").all_text_contents() == [turn.reply for turn in conversation.turns]


def test_why_a_text_is_not_the_same_is_said(visit: Any, talk_url: str) -> None:
    whys: list[tuple[dict[str, str], str]] = [
        ({"text": "0" * 16}, "Not the same text: the model here comes from a folder and may be another"),
        ({"text": "0" * 16, "v": "float32"}, "Not the same text: it was written in float32, and here it is written in"),
        ({"then": "and", "seed": "2"}, "This link does not say what its text was, so it"),
        ({"text": "0" * 16, "pick": "漢"}, "This model does not know a character of the link"),
    ]
    for changes, says in whys:
        page = visit(f"?prompt=a&seed=1&length=5&speed=200&{urlencode(changes)}", talk_url)
        assert marks(page)[-1].startswith(says)


def test_a_text_that_was_stopped_is_not_compared(browser: Browser, talk_url: str) -> None:
    page = browser.new_page()
    page.goto(f"{talk_url}?prompt=a&seed=1&length=50&speed=5&text={'0' * 16}&then=b&seed=2&more=50")
    expect(turns(page)).to_have_count(2)
    button(page, "Stop").click()
    assert marks(page)[2:] == ["It was not written to its end, so it can't be checked."]
    expect(button(page, "Send")).to_be_enabled()
    page.close()
