"""The moves of a conversation with clamped cells, in steps and in links: the page's modules against the real app."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from model import BlockedWords, ChatFormat, Clamp, SamplingParams, TextTrace, generate
from model.int8.sampling import Randomness, choose
from tests.support.app_server import App, random_model, serving
from tests.support.served_models import strong_model

PROMPT = "ROMEO:"
UP: Any = [[0, 3, 4]]
OFF: Any = [[0, 3, -4], [1, 7, 0]]
SETTINGS = {"temperature": 0.8, "top_k": 0, "top_p": 1, "min_p": 0}
# The page is mounted in a document without Gradio, so that a test holds the objects of its modules.
MOUNT = """async ([web, root]) => {
  const load = (name) => import(`${web}${name}.js`);
  const names = ["log", "models", "links"].map((name) => `conversation/${name}`);
  const [log, models, links, main, share, server] =
    await Promise.all([...names, "page/main", "page/share", "engines/server"].map(load));
  await (await load("document/words")).loadLanguages(new URL(web, location.href).href, "en");
  document.body.replaceChildren(document.createElement("div"));
  const page = await main.mount(document.body.firstChild, new server.ServerEngine(root), { greeting: "site.greeting" });
  page.speed = () => null;
  Object.assign(window, { page, log, models, share, links });
  window.options = (settings, name = "random", speed = null) =>
    ({ settings, seed_given: true, speed, beside: null, author: models.authorOf(models.findModel(page.site(), name)) });
  window.hold = (cells, model = "random") => (page.log().held = { model, cells });
}"""


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    chat = replace(random_model(), chat=ChatFormat("Ann: ", "\nBo: ", "\n"))
    with serving({"random": strong_model(), "other": random_model(1), "chat": chat}) as app:
        yield app


class Conversation:
    """A conversation of a page."""

    def __init__(self, page: Page, app: App) -> None:
        self.page = page
        page.set_default_timeout(60_000)
        page.goto(f"{app.url}site")
        page.evaluate("localStorage.clear(), sessionStorage.clear()")
        assert app.page
        page.evaluate(MOUNT, [app.page.web.base(), app.url.rstrip("/")])

    def run(self, body: str, **x: Any) -> Any:
        """Runs the body of a function in the page; a refusal is returned as its reason."""
        refused = "if (error.reason) return { refused: error.reason }; throw error;"
        script = f"async (x) => {{ try {{ const {{ writer }} = page; {body} }} catch (error) {{ {refused} }} }}"
        return self.page.evaluate(script, x)

    def hold(self, cells: Any, model: str = "random") -> None:
        self.run("hold(x.cells, x.model)", cells=cells, model=model)

    def move(self, call: str, *, seed: int = 5, length: int = 60, name: str = "random", **x: Any) -> Any:
        settings = {**SETTINGS, "seed": seed, "length": length}
        return self.run(f"const o = options(x.settings, x.name); await {call};", settings=settings, name=name, **x)

    def send(self, prompt: str, **given: Any) -> Any:
        return self.move("writer.send(x.prompt, o)", prompt=prompt, **given)

    @property
    def texts(self) -> list[list[str]]:
        """The prompt and the reply of each turn that is shown."""
        found: list[list[str]] = self.run(
            "return log.pathTo(page.log()).map((turn) => [turn.prompt, log.replyText(turn.replies[0])])"
        )
        return found

    @property
    def reply(self) -> str:
        return self.texts[-1][1]

    @property
    def parts(self) -> list[Any]:
        parts: list[Any] = self.run("return log.lastTurn(page.log()).replies[0].parts")
        return parts

    @property
    def path(self) -> Any:
        """The text that the model has read, as the lenses see it."""
        return self.run("return page.source.path(0)")

    def change_at(self, length: int, cells: Any) -> None:
        """Clamps other cells while a reply is being written, once it has some length."""
        self.run(
            """
            while (log.count(log.replyText(log.lastTurn(page.log()).replies[0])) < x.length) {
              await new Promise((resolve) => setTimeout(resolve, 5));
            }
            hold(x.cells);
            writer.change({ cells: x.cells });""",
            length=length,
            cells=cells,
        )

    def share(self) -> str:
        return str(self.run("return share.linkTo(page.log(), page.site())"))

    def follow(self, query: str) -> list[str]:
        """Watches the text of a link being written; returns what is said of it at the end."""
        found: list[str] = self.run(
            "await page.sharing.follow(links.readLink(x.query));"
            "return log.lastTurn(page.log()).check.map((message) => message.id)",
            query=query,
        )
        return found


@pytest.fixture
def talk(browser: Browser, app: App) -> Iterator[Conversation]:
    context = browser.new_context()
    yield Conversation(context.new_page(), app)
    context.close()


def clamps_of(cells: Any) -> list[Clamp]:
    return [Clamp(layer, cell, float(value)) for layer, cell, value in cells]


def expected(app: App, prompt: str, length: int, seed: int = 5, cells: Any = ()) -> str:
    lm = app.served("random").lm
    return generate(lm, prompt, length, seed=seed, temperature=0.8, clamps=clamps_of(cells), unknown="skip")


def check_draws(app: App, talk: Conversation) -> None:
    """Each character of the last reply is the one that the seed draws after the text as the lenses read it."""
    path, parts = talk.path, talk.parts
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


def test_a_clamped_reply_is_written_so_and_another_model_writes_freely(app: App, talk: Conversation) -> None:
    talk.hold(UP)
    talk.send(PROMPT)
    assert talk.reply == expected(app, PROMPT, 60, cells=UP) != expected(app, PROMPT, 60)
    assert "cell 3 (layer 0) held up" in (talk.page.locator(".footer").last.text_content() or "")
    talk.send(PROMPT, name="other")
    assert talk.reply == generate(app.served("other").lm, PROMPT, 60, seed=5, temperature=0.8)
    assert " held " not in (talk.page.locator(".footer").last.text_content() or "")


def test_cells_clamped_while_it_writes_act_from_the_next_character_on(app: App, talk: Conversation) -> None:
    settings = {**SETTINGS, "seed": 5, "length": 120}
    writing = "window.writing = writer.send(x.prompt, options(x.settings, 'random', 60))"
    talk.run(writing, prompt=PROMPT, settings=settings)
    for length, cells in ((17, UP), (35, OFF), (60, [])):
        talk.change_at(length, cells)
    talk.run("await window.writing")
    parts = talk.parts
    assert [part["cells"] for part in parts] == [[], UP, OFF, []]
    assert len(talk.reply) == 120
    free, first = expected(app, PROMPT, 120), len(parts[0]["text"])
    assert first >= 17
    assert talk.reply[:first] == free[:first]
    assert talk.reply != free
    check_draws(app, talk)
    talk.run("writer.change({ cells: x.cells })", cells=UP)  # it has ended: nothing is left to write
    assert len(talk.parts) == 4


@pytest.mark.parametrize("prompt", ["", PROMPT, "漢", "ROMEO:漢"])
def test_a_clamped_turn_is_read_again_as_it_was_written(app: App, talk: Conversation, prompt: str) -> None:
    talk.hold(UP)
    talk.send(prompt)
    check_draws(app, talk)
    talk.hold(OFF)
    talk.send("", seed=8)
    assert len(talk.reply) == 60
    check_draws(app, talk)


def test_a_reply_that_is_cut_is_written_on_with_the_cells_that_are_clamped_now(app: App, talk: Conversation) -> None:
    talk.hold(UP)
    talk.send(PROMPT)
    text = talk.reply
    cut = "writer.continueFrom(log.lastTurn(page.log()).id, x.keep, o)"
    for keep in (1, 30, 59):
        talk.move(cut, keep=keep, seed=9)
        assert talk.reply == text
    talk.hold([])
    talk.move(cut, keep=30, seed=9)
    assert talk.reply[:30] == text[:30]
    assert talk.reply != text


def test_a_reply_written_again_keeps_its_seed_and_undo_shows_the_other(app: App, talk: Conversation) -> None:
    assert "refused" in talk.move("writer.rewrite(o)")
    talk.send(PROMPT)
    free = talk.reply
    talk.hold(UP)
    talk.move("writer.rewrite(o)", seed=77, length=5)
    assert talk.reply == expected(app, PROMPT, 60, cells=UP)
    talk.hold([])
    talk.move("writer.rewrite(o)", seed=77, length=5)
    assert talk.reply == free
    talk.run("log.undo(page.log()), log.undo(page.log())")
    assert talk.texts == [[PROMPT, free]]


def test_a_reply_written_again_begins_where_its_seed_began_to_count(talk: Conversation) -> None:
    talk.send(PROMPT)
    talk.move("writer.continueReply(o, { newSeed: true })", seed=6, length=20)
    talk.move("writer.continueReply(o)", seed=9, length=10)
    before = talk.reply
    talk.hold(UP)
    talk.move("writer.rewrite(o)")
    assert talk.reply[:60] == before[:60]
    assert talk.reply != before
    assert [(part["draw_offset"], len(part["text"])) for part in talk.parts] == [(0, 60), (0, 30)]


def free_text(talk: Conversation) -> Any:
    return talk.run("return page.source.free(log.lastTurn(page.log()).id)")


def test_a_clamped_reply_is_compared_with_what_it_would_be_without_clamps(talk: Conversation) -> None:
    talk.send(PROMPT)
    free = talk.reply
    assert free_text(talk) is None
    talk.hold(UP)
    talk.move("writer.rewrite(o)")
    assert free_text(talk) == {"from": 0, "text": free}


def test_only_what_comes_after_the_clamp_is_compared_whatever_was_done(app: App, talk: Conversation) -> None:
    talk.send(PROMPT, length=17)
    talk.hold(UP)
    talk.move("writer.continueReply(o)", length=43)
    talk.hold(OFF)
    talk.move("writer.continueReply(o, { newSeed: true })", seed=6, length=10)
    talk.hold([])
    pick = "writer.continueFrom(log.lastTurn(page.log()).id, 66, o, { pick: 'x' })"
    talk.move(pick, seed=1, length=72)
    one = expected(app, PROMPT, 60)
    two = expected(app, PROMPT + one, 5, seed=6) + "x"
    found = free_text(talk)
    assert found["from"] == 17
    assert (one[:17] + found["text"])[:66] == one + two
    assert len(found["text"]) == len(talk.reply) - 17


def test_only_the_beginning_of_a_long_reply_is_compared(talk: Conversation) -> None:
    talk.hold(UP)
    talk.send(PROMPT, length=2100)
    assert len(free_text(talk)["text"]) == 2000


def test_a_clamped_conversation_is_shared_and_followed(talk: Conversation) -> None:
    talk.send(PROMPT, length=17)
    talk.hold(UP)
    talk.move("writer.continueReply(o)", length=43)
    talk.hold(OFF)
    talk.send("and?", seed=3, length=20)
    talk.move("writer.continueFrom(log.lastTurn(page.log()).id, 8, o, { pick: 'x' })", seed=3, length=20)
    talk.hold([])
    talk.send("", seed=4, length=20)
    texts, query = talk.texts, talk.share()
    steps = talk.run("return links.readLink(x.query).steps", query=query)
    assert [step["cells"] for step in steps] == [[], UP, OFF, OFF, []]
    assert talk.follow(query) == ["check.same"]
    assert talk.texts == texts
    talk.run("page.clear(); await page.sharing.offer(links.readLink(x.query))", query=query)
    assert "cell 3 (layer 0) held up" in (talk.page.locator(".offer .facts").text_content() or "")
    for cell in ("9.0~1", "0.24~1"):
        wrong = query.replace("hold=0.3~4", f"hold={cell}")
        assert wrong != query
        assert talk.run("await page.sharing.offer(links.readLink(x.query))", query=wrong)["refused"]


def step(talk: Conversation, prompt: str = "", **given: Any) -> None:
    talk.move("writer.step(x.prompt, o)", prompt=prompt, **given)


def test_steps_write_the_text_that_a_reply_would_be_and_are_one_part_of_it(app: App, talk: Conversation) -> None:
    talk.hold(UP)
    step(talk, PROMPT, length=99)
    for _ in range(29):
        step(talk, seed=77, length=99)
    assert talk.reply == expected(app, PROMPT, 30, cells=UP)
    parts = [(part["draw_offset"], len(part["text"]), part["settings"]["length"]) for part in talk.parts]
    assert parts == [(0, 30, 30)]
    talk.move("writer.continueReply(o)", seed=1, length=20)
    assert talk.reply == expected(app, PROMPT, 50, cells=UP)
    texts = talk.texts
    assert talk.follow(talk.share()) == ["check.same"]
    assert talk.texts == texts


def test_steps_with_other_settings_are_another_part(talk: Conversation) -> None:
    settings: dict[str, Any] = {}
    for temperature in (0.8, 0.8, 2.0, 2.0, 2.0):
        settings = {**SETTINGS, "seed": 5, "length": 9, "temperature": temperature}
        prompt = "" if talk.texts else PROMPT
        talk.run("await writer.step(x.prompt, options(x.settings))", prompt=prompt, settings=settings)
    talk.hold(UP)
    talk.run("await writer.step('', options(x.settings))", settings=settings)
    assert [len(part["text"]) for part in talk.parts] == [2, 3, 1]
    assert free_text(talk)["from"] == 5
    texts = talk.texts
    assert talk.follow(talk.share()) == ["check.same"]
    assert talk.texts == texts


def test_in_a_chat_a_step_after_the_end_is_another_turn(talk: Conversation) -> None:
    talk.send("Hi", length=5000, name="chat")
    assert talk.parts[-1]["end"] == "stop"
    step(talk, name="chat")
    assert len(talk.texts) == 2
    assert [len(part["text"]) for part in talk.parts] == [1]


def test_a_reply_that_is_cut_at_a_blocked_word_is_refused_and_stays(
    app: App, talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.send(PROMPT, length=20)
    text = talk.reply
    monkeypatch.setattr(app.served("random").engine, "blocked", BlockedWords([text[:3] + "f"]))
    pick = "writer.continueFrom(log.lastTurn(page.log()).id, 4, o, { pick: 'f' })"
    assert "refused" in talk.move(pick, length=20)
    assert talk.reply == text


def test_a_link_that_comes_to_a_blocked_word_says_so_and_one_with_it_is_refused(
    app: App, talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.send("a", length=200)
    text, query = talk.reply, talk.share()
    word = re.findall(r"(?<=[^\w])[A-Za-z]+(?=[^\w])", text)[-1]
    monkeypatch.setattr(app.served("random").engine, "blocked", BlockedWords([word]))
    assert talk.follow(query) == ["check.blocked"]
    assert text.startswith(talk.reply)
    assert 0 < len(talk.reply) < 200
    before = talk.texts
    # What is shared of it is the text as it was shown, which is written again to its end.
    assert talk.follow(talk.share()) == ["check.same"]
    assert talk.texts == before
    monkeypatch.setattr(app.served("random").engine, "blocked", BlockedWords(["wolf"]))
    wrong = talk.run("return await page.sharing.follow(links.readLink('prompt=a+wolf&seed=1&length=20'))")
    assert "refused" in wrong
