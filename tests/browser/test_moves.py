"""Moves of a conversation with clamps, single steps and links: the modules of web/ with the real app."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from model import BlockedWords, Clamp, SamplingParams, TextTrace
from model.int8.sampling import Randomness, choose
from tests.browser.driving import forget
from tests.support.app_server import App, serving, strong_model

PROMPT = "ROMEO:"
UP: Any = [[0, 3, 4]]
OFF: Any = [[0, 3, -4], [1, 7, 0]]
SETTINGS = {"temperature": 0.8, "top_k": 0, "top_p": 1, "min_p": 0}
# The page is mounted in a document without Gradio, so that a test holds the objects of its modules.
MOUNT = """async ([web, root]) => {
  const load = (name) => import(`${web}${name}.js`);
  const names = ["log", "replies", "links"].map((name) => `conversation/${name}`);
  const others = ["engines/engine", "engines/server", "state/state", "state/actions", "lenses/state"];
  const [log, models, links, main, share, engines, server, state, actions, lenses] = await Promise.all(
    [...names, "page/main", "sharing/share", ...others].map(load)
  );
  await (await load("document/words")).loadLanguages(new URL(web, location.href).href, "en");
  const html = await (await fetch(`${web}index.html`)).text();
  document.body.replaceChildren(new DOMParser().parseFromString(html, "text/html").querySelector("#page"));
  await main.start(document.body.firstChild, new server.ServerEngine(root), "site.greeting");
  state.type("speed", 200);
  Object.assign(window, { log, models, share, links, state, actions, lenses });
  const author = models.authorOf(models.findModel(state.site.value, "random"));
  window.options = (settings) => ({ settings, seed_given: true, speed: null, author });
  window.hold = (cells) => (state.log.value.held = { model: "random", cells });
}"""


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with serving({"random": strong_model()}) as app:
        yield app


class Conversation:
    """A conversation in a page's modules; methods are moves."""

    def __init__(self, page: Page, app: App) -> None:
        self.page = page
        page.goto(f"{app.url}site")
        forget(page)
        assert app.page
        page.evaluate(MOUNT, [app.page.web.base(), app.url.rstrip("/")])

    def run(self, body: str, **x: Any) -> Any:
        """Run a function body in the page; returns its value, or the text of a refusal."""
        refused = "if (error.reason) return { refused: error.reason }; throw error;"
        script = f"async (x) => {{ try {{ const {{ writer }} = actions; {body} }} catch (error) {{ {refused} }} }}"
        return self.page.evaluate(script, x)

    def clamp(self, cells: Any) -> None:
        self.run("hold(x.cells)", cells=cells)

    def move(self, call: str, *, seed: int = 5, length: int = 60, **x: Any) -> Any:
        settings = {**SETTINGS, "seed": seed, "length": length}
        return self.run(f"const o = options(x.settings); await {call};", settings=settings, **x)

    def send(self, prompt: str, **given: Any) -> Any:
        return self.move("writer.send(x.prompt, o)", prompt=prompt, **given)

    @property
    def texts(self) -> list[list[str]]:
        """Return the prompt and the reply of each turn that is shown."""
        found: list[list[str]] = self.run(
            "return log.pathTo(state.log.value).map((turn) => [turn.prompt, log.replyText(turn.reply)])"
        )
        return found

    @property
    def reply(self) -> str:
        return self.texts[-1][1]

    @property
    def parts(self) -> list[Any]:
        parts: list[Any] = self.run("return log.lastTurn(state.log.value).reply.parts")
        return parts

    @property
    def path(self) -> Any:
        """Return the text that the model has read, as the lenses request it."""
        return self.run("return lenses.textOf(state.log.value)")

    def share(self) -> str:
        return str(self.run("return share.linkTo(state.log.value, state.site.value)"))

    def follow(self, query: str) -> list[str]:
        """Generate the text of a link; returns the final notice."""
        found: list[str] = self.run(
            "await share.follow(links.readLink(x.query));"
            "return log.lastTurn(state.log.value).check.map((message) => message.id)",
            query=query,
        )
        return found


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.context.close()


@pytest.fixture
def conversation(page: Page, app: App) -> Conversation:
    """An empty conversation in a document that is loaded again for each test."""
    return Conversation(page, app)


def clamps_of(cells: Any) -> list[Clamp]:
    return [Clamp(layer, cell, float(value)) for layer, cell, value in cells]


def check_draws(app: App, conversation: Conversation) -> None:
    """Check that the seed draws each character of the last reply, from the logits that the lenses show."""
    path, parts = conversation.path, conversation.parts
    trace = TextTrace(app.served("random").lm, skip_start=not path["start"])
    trace.set_text(path["text"], [(at, tuple(clamps_of(cells))) for at, cells in path["clamps"]])
    turn = path["turns"][-1]
    at = turn["at"] + turn["given"]
    tokens = {token.position: token for token in trace.tokens(at)}
    for part in parts:
        settings = SamplingParams(temperature=0.8, seed=part["settings"]["seed"])
        numbers = Randomness(settings.seed)
        for offset in range(len(part["text"])):
            token = tokens[at + offset]
            if token.logits is not None:
                assert choose(token.logits, settings, numbers.number(part["draw_offset"] + offset)) == token.id
        at += len(part["text"])


@pytest.mark.parametrize("prompt", ["", "ROMEO:漢"])
def test_a_clamped_turn_is_read_with_its_clamps(app: App, conversation: Conversation, prompt: str) -> None:
    conversation.clamp(UP)
    conversation.send(prompt)
    check_draws(app, conversation)
    conversation.clamp(OFF)
    conversation.send("", seed=8)
    assert len(conversation.reply) == 60
    check_draws(app, conversation)


def test_a_link_reproduces_a_clamped_conversation(conversation: Conversation) -> None:
    conversation.send(PROMPT, length=17)
    conversation.clamp(UP)
    conversation.move("writer.continueReply(o)", length=43)
    conversation.clamp(OFF)
    conversation.send("and?", seed=3, length=20)
    conversation.move("writer.continueFrom(log.lastTurn(state.log.value).id, 8, o, { pick: 'x' })", seed=3, length=20)
    conversation.clamp([])
    conversation.send("", seed=4, length=20)
    texts, query = conversation.texts, conversation.share()
    steps = conversation.run("return links.readLink(x.query).steps", query=query)
    assert [step["cells"] for step in steps] == [[], UP, OFF, OFF, []]
    assert conversation.follow(query) == ["check.same"]
    assert conversation.texts == texts
    wrong = query.replace("hold=0.3~4", "hold=0.24~1")
    assert wrong != query
    assert conversation.run("await share.follow(links.readLink(x.query))", query=wrong)["refused"]


def test_a_link_stops_at_a_blocked_word_and_is_refused_if_it_contains_one(
    app: App, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation.send("a", length=200)
    text, query = conversation.reply, conversation.share()
    word = re.findall(r"(?<=[^\w])[A-Za-z]+(?=[^\w])", text)[-1]
    monkeypatch.setattr(app.served("random").engine, "blocked", BlockedWords([word]))
    assert conversation.follow(query) == ["check.blocked"]
    assert text.startswith(conversation.reply)
    assert 0 < len(conversation.reply) < 200
    before = conversation.texts
    # The link reproduces the text up to the blocked word.
    assert conversation.follow(conversation.share()) == ["check.same"]
    assert conversation.texts == before
    monkeypatch.setattr(app.served("random").engine, "blocked", BlockedWords(["wolf"]))
    wrong = conversation.run("return await share.follow(links.readLink('prompt=a+wolf&seed=1&length=20'))")
    assert "refused" in wrong
