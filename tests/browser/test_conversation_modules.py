"""The modules of web/conversation that need no engine: the log, share links, and storage, in a real browser."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Page

from model.chat import ChatFormat
from tests.support.chromium import serve
from training.hub.space_files import ROOT

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CHARACTERS = "aZ &=?#+%;/\\\"'<>\n\t\x00\x7fé你🙂\u0301\u202e\u2028{}$`"
VECTORS = Path(__file__).parents[1] / "vectors"
DAMAGED = json.loads((VECTORS / "damaged_links.json").read_text(encoding="utf-8"))
MAX_LINK = 8_000
MAX_STEPS = 50
MAX_SHARED = 1_900

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(ROOT / "web") as url:
        yield url


@pytest.fixture(scope="module")
def page(browser: Browser, url: str) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    page.goto(url + "settings.json")  # a document of the site without scripts
    yield page
    context.close()


@pytest.fixture
def run(page: Page) -> Run:
    """Runs a function body in the browser with all exports of a module, and one argument ``x``."""

    page.evaluate("localStorage.clear(), sessionStorage.clear()")

    def run(module: str, body: str, x: object = None) -> Any:
        script = f"""async ([path, x]) => {{
          const m = await import(path);
          const refused = (work) => {{
            try {{ return {{ result: work() }}; }} catch (error) {{ return {{ reason: error.reason }}; }}
          }};
          {body}
        }}"""
        return page.evaluate(script, [f"/conversation/{module}.js", x])

    return run


def part(text: str, **more: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "draw_offset": 0,
        "cells": [],
        "end": "length",
        "picked": False,
        "rate": None,
        "error": None,
    }
    return {"settings": {"seed": 1, "length": len(text)}, "text": text, **plain, **more}


def reply(*parts: dict[str, Any], given: str = "", **more: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {"second": None, "fresh": False, "start": False, "chat": False, "before": "", "notices": []}
    return {"model": {"name": "m", "commit": ""}, "given": given, "parts": list(parts), **plain, **more}


# share links


def chance_link(seed: int) -> dict[str, Any]:
    """Returns a random link of those that a page could make."""
    chance = random.Random(seed)
    steps: list[dict[str, Any]] = []
    second = chance.choice([None, None, {"name": "ada/other", "commit": COMMIT}, {"name": "bundled", "commit": ""}])
    cells: list[list[float]] = []
    for at in range(chance.randrange(1, 6)):
        new = not at or chance.random() < 0.5
        new_seed = new or chance.random() < 0.3
        settings = {
            "temperature": chance.choice([0, 0.8, 1, 1.05, chance.uniform(0, 5)]),
            "length": chance.randrange(1, 10_001),
            "top_k": chance.choice([0, 1, 40, 10**6]),
            "top_p": chance.choice([1, 0.01, chance.uniform(0.001, 1)]),
            "min_p": chance.choice([0, 0, 0.05, chance.random()]),
            "seed": chance.randrange(2**32) if new_seed else steps[-1]["settings"]["seed"],
            **({"share": chance.choice([0, 0.5, 1, chance.random()])} if second else {}),
        }
        if not second and chance.random() < 0.4:
            numbers = sorted(chance.sample(range(21), k=chance.randrange(4)))
            values = [-4, 0, 1e-9, chance.uniform(-8, 8)]
            cells = [[chance.randrange(2), number, chance.choice(values)] for number in numbers]
        prompt = "".join(chance.choices(CHARACTERS, k=chance.randrange(20))) if new else None
        pick = chance.choice(["", chance.choice(CHARACTERS)])
        steps.append({"prompt": prompt, "settings": settings, "new_seed": new_seed, "pick": pick, "cells": cells})
    models = [("ada/novel", COMMIT), ("ada/novel@v2", ""), ("", ""), ("bundled (2)", "")]
    name, commit = chance.choice(models)
    version = chance.choice(["1", "float32", "7"])
    model = {"name": name, "commit": commit}
    return {"steps": steps, "model": model, "second": second, "version": version, "text": f"{seed:016x}"}


def test_what_is_written_into_a_link_is_read_from_it(run: Run) -> None:
    links = [chance_link(seed) for seed in range(300)]
    found = run(
        "links",
        """
        const queries = x.map((link) => m.writeLink(link));
        return queries.map((query) => [query, m.readLink(`?${query}&__theme=dark&logs=1`)]);
        """,
        links,
    )
    for link, (query, read) in zip(links, found, strict=True):
        assert query.isascii()
        assert {name: read[name] for name in link} == link
        assert read["writes"]


def test_the_parameters_of_one_reply_are_plain(run: Run) -> None:
    settings = {"temperature": 0.9, "length": 300, "top_k": 5, "top_p": 0.5, "min_p": 0.1, "seed": 7}
    step = {"prompt": "ROMEO:\nSo", "settings": settings, "new_seed": True, "pick": "", "cells": []}
    model = {"name": "ada/novel", "commit": COMMIT}
    link = {"steps": [step], "model": model, "second": None, "version": "1", "text": "0" * 16}
    assert parse_qs(run("links", "return m.writeLink(x)", link)) == {
        "prompt": ["ROMEO:\nSo"],
        **{name: [f"{value}"] for name, value in settings.items()},
        "model": [f"ada/novel@{COMMIT}"],
        "v": ["1"],
        "text": ["0" * 16],
    }


def test_a_link_written_by_hand_may_omit_settings_and_have_them_in_any_order(run: Run) -> None:
    read = "return x.map((query) => m.readLink(query))"
    empty, theme, seedless = run("links", read, ["", "?__theme=dark", "?temperature=2&seed="])
    assert not any(link["writes"] for link in (empty, theme, seedless))
    assert seedless["controls"] == {"temperature": 2}
    (link,) = run("links", read, ["?length=30&seed=7&prompt=ROMEO:&seed=8&speed=100"])
    (step,) = link["steps"]
    assert (step["prompt"], step["settings"]["length"], step["settings"]["seed"]) == ("ROMEO:", 30, 7)
    assert link["controls"] == {"length": 30, "seed": 7, "speed": 100}


# Queries by the field that is refused in them.
REFUSED = {
    "seed": ["seed=-1", "seed=1.5", "seed=4294967296", "seed=null", "seed=%EF%BC%91"],
    "length": [
        "seed=1&length=0",
        "length=10001",
        "length=1_0",
        "length=" + "9" * 5000,
        "seed=1&more=0",
        "seed=1&more=x",
    ],
    "temperature": [f"temperature={value}" for value in ("NaN", "inf", "1e999", "5.01", "[1]")],
    "top_k": ["top_k=-1"],
    "top_p": ["top_p=0&min_p=0"],
    "min_p": ["min_p=2"],
    "v": ["seed=1&v=<script>"],
    "pick": ["seed=1&pick=xy"],
    "share": [f"seed=1&blend_with=b&share={value}" for value in ("1.1", "-0.1", "NaN", "9" * 5000)],
    "hold": [
        *("seed=1&hold=0.1~99", "seed=1&hold=0.1~4_0.1~4", "seed=1&hold=" + "_".join(f"0.{n}~4" for n in range(5))),
    ],
}


@pytest.mark.parametrize("field", REFUSED)
def test_a_value_that_is_not_allowed_is_named(run: Run, field: str) -> None:
    for query in REFUSED[field]:
        reason = run("links", "return refused(() => m.readLink(x)).reason", query)
        assert (reason["id"], reason["values"].get("field")) == ("refusal.in_link", field), query
        assert len(str(reason["values"].get("value", ""))) <= 44


@pytest.mark.parametrize(
    ("query", "id"),
    [
        ("seed=1&then=x&then=y&seed=1", "link.no_seed"),
        ("seed=1" + "&more=1" * MAX_STEPS, "link.steps"),
        ("seed=1&blend_with=b&then=x&seed=2&hold=0.1~4", "link.clamps_with_blend"),
        ("prompt=%ff", "link.unreadable"),
        ("prompt=" + "x" * MAX_LINK, "link.characters"),
    ],
)
def test_a_link_that_cannot_be_followed_is_refused(run: Run, query: str, id: str) -> None:
    assert run("links", "return refused(() => m.readLink(x)).reason.id", query) == id


def test_all_faults_of_a_link_are_named_once(run: Run) -> None:
    query = "temperature=hot&prompt=x&v=x&length=-5&then=y&seed=1&temperature=hot&pick=xy&top_k=3"
    reason = run("links", "return refused(() => m.readLink(x)).reason", query)
    assert reason["id"] == "link.faults"
    fields = [fault["values"]["field"] for fault in reason["values"]["faults"]]
    assert fields == ["temperature", "length", "pick", "v"]


def test_what_a_message_adds_to_the_end_of_a_link_is_ignored_and_a_cut_link_is_refused(run: Run) -> None:
    read = "return x.map((query) => refused(() => m.readLink(query)))"
    found = run("links", read, [f"?{each['query']}" for each in DAMAGED])
    wanted = run("links", read, [f"?{each.get('whole', '')}" for each in DAMAGED])
    for each, damaged, whole in zip(DAMAGED, found, wanted, strict=True):
        if "refusal" in each:
            assert damaged == {"reason": {"id": each["refusal"], "values": {}}}, each["query"]
        else:
            unlike = {"last": damaged["result"]["last"], "damaged": each["damaged"]}
            assert damaged == {"result": {**whole["result"], **unlike}}, each["query"]


def test_a_link_that_is_cut_anywhere_is_read_or_called_incomplete(run: Run) -> None:
    """No message names a value that is only the beginning of the one that was in the link."""
    queries = [each["query"] for each in json.loads((VECTORS / "links.json").read_text(encoding="utf-8"))]
    cuts = [query[:length] for query in queries for length in range(len(query))]
    for query, outcome in zip(
        cuts, run("links", "return x.map((each) => refused(() => m.readLink(each)))", cuts), strict=True
    ):
        assert "result" in outcome or outcome["reason"]["id"] == "link.cut", query


def test_what_is_too_long_for_a_message_is_refused_when_it_is_shared(run: Run) -> None:
    def link(prompt: str) -> dict[str, Any]:
        step = {"prompt": prompt, "settings": {"seed": 1}, "new_seed": True, "pick": "", "cells": []}
        return {"steps": [step], "model": {"name": "", "commit": ""}, "second": None, "version": "", "text": ""}

    short, long = run(
        "links", "return x.map((link) => refused(() => m.writeLink(link)))", [link("x" * 1700), link("x" * 2000)]
    )
    assert len(short["result"]) <= MAX_SHARED
    assert (long["reason"]["id"], long["reason"]["values"]["most"]) == ("link.too_long", MAX_SHARED)
    half = run(
        "links",
        r"""x.steps[0].prompt = "\ud800"; return refused(() => m.writeLink(x)).reason""",
        link(""),
    )
    assert half["id"] == "link.half_character"


def test_a_link_finds_a_model_that_a_page_serves_from_another_branch(run: Run) -> None:
    """Such a model is named with its branch, and a link names USER/NAME@COMMIT."""
    served = [
        {"name": name, "commit": commit, "failure": None, "loading": False}
        for name, commit in (("ada/one@old", "a" * 40), ("ada/one@new", COMMIT), ("bundled", ""))
    ]
    find = "const link = { model: x.model, second: null }; return m.modelsOfLink(link, { models: x.models })[0].name"
    for name in ("ada/one", "ada/one@new", "ada/one@gone"):
        assert run("models", find, {"model": {"name": name, "commit": COMMIT}, "models": served}) == "ada/one@new"
    assert run("models", find, {"model": {"name": "ada/one", "commit": ""}, "models": served}) == "ada/one@old"
    assert run("models", find, {"model": {"name": "ada/one", "commit": COMMIT}, "models": served[:1]}) == "ada/one@old"

    for name in ("ada/o", "ada/two@0123"):
        links = [{"model": {"name": name, "commit": ""}, "second": None, "last": last} for last in ("model", "seed")]
        refusals = "return x.links.map((link) => refused(() => m.modelsOfLink(link, x)).reason.id)"
        assert run("models", refusals, {"links": links, "models": served}) == ["link.cut", "link.no_model"]
    assert run("models", "return x.map(m.repoOf)", served) == ["ada/one", "ada/one", "bundled"]


def test_the_default_of_the_bundled_models_is_found_by_its_old_name(run: Run) -> None:
    served = [
        {"name": name, "commit": "", "failure": None, "loading": False} for name in ("bible", "shakespeare", "tang")
    ]
    asked = {"model": {"name": "bundled", "commit": ""}, "models": served}
    find = "const link = { model: x.model, second: null }; return m.modelsOfLink(link, { models: x.models })[0].name"
    assert run("models", find, asked) == "shakespeare"
    assert run("models", "return m.findModel(x, 'bundled').name", {"models": served}) == "shakespeare"
    assert run("models", "return m.findModel(x, 'bundled')", {"models": served[:1]}) is None
    beside = {"models": [{**served[0], "name": "Shakespeare", "commit": ""}]}
    assert run("models", "return m.findModel(x, 'tinyshakespeare').name", beside) == "Shakespeare"


def test_a_message_is_wrapped_as_in_python(run: Run) -> None:
    """A stop text of one character may have two UTF-16 units."""
    for stop in ("\n", "🙂", "ab", "🙂x"):
        chat = ChatFormat(prefix="<", suffix=stop + ">", stop=stop)
        for message in ("", "a", f"a{stop}b", f" {stop} {stop}c"):
            asked = {"chat": asdict(chat), "message": message}
            assert run("chat", "return m.wrap(x.chat, x.message)", asked) == chat.wrap(message)


# the log


def test_characters_are_counted_as_code_points(run: Run) -> None:
    texts = ["", "a", "🙂", "a🙂b", "é你🙂🙂", "x" * 1000 + "🙂"]
    assert run("log", "return x.map((text) => m.count(text))", texts) == [len(text) for text in texts]
    lone = run(
        "log", r"""return ["\ud83d", "\ude42", "\ude42\ud83d", "\ud83d\ud83d\ude42"].map((text) => m.count(text))"""
    )
    assert lone == [1, 1, 2, 2]


def test_the_text_that_a_model_has_read_and_the_cells_that_were_clamped(run: Run) -> None:
    """The step that draws a character reads the one before it, of those that the model knows."""
    held = [[0, 3, 4.0]]
    first = reply(part("cd", cells=held), part("ef"), given="ab🙂", fresh=True)
    second = reply(part("hi", cells=held), given="g")
    turns = [{"turn": {"id": n}, "reply": each} for n, each in ((1, first), (2, second))]
    read = run("log", "return m.readText(x, (character) => character !== '🙂')", turns)
    assert read["text"] == "ab🙂cdefghi"
    assert read["clamps"] == [[1, held], [4, []], [7, held], [9, []]]
    assert read["boundaries"] == [10, 7, 5]
    assert [(each["at"], each["given"], each["length"]) for each in read["turns"]] == [(0, 3, 7), (7, 1, 3)]


def test_the_clamps_of_a_text_stay_the_same_while_it_is_written(run: Run) -> None:
    """A change of the clamps would discard the values that the lenses have requested of the text."""
    held = [[0, 3, 4.0]]
    found = []
    for text, end in (("", None), ("c", None), ("cd", None), ("cd", "length")):
        turn = {"turn": {"id": 1}, "reply": reply(part(text, cells=held, end=end), given="ab", fresh=True)}
        found.append(run("log", "return m.readText(x, () => true).clamps", [turn]))
    assert found == [[[1, held]], [[1, held]], [[1, held]], [[1, held], [3, []]]]


def test_turns_form_a_tree_in_which_undo_redo_and_versions_move(run: Run) -> None:
    log = run(
        "log",
        """
        const log = m.emptyLog();
        const reply = (text) => ({ ...x, parts: [{ ...x.parts[0], text }] });
        const add = (text) => m.addTurn(log, { parent: log.here, prompt: text, reply: reply(text + "!") });
        const seen = [];
        const note = () => seen.push(m.pathTo(log).map((turn) => turn.prompt).join(""));
        add("a"); add("b"); note();
        const b = m.lastTurn(log);
        m.addTurn(log, { parent: b.parent, replaced: b.id, prompt: "B", reply: reply("B!") }); note();
        m.undo(log); note();
        m.undo(log); note();
        m.redo(log); note(); m.redo(log); note(); seen.push(m.redo(log));
        m.showVersion(log, b.id); note(); add("c"); note();
        const { turn, turns, at, ids } = m.versionsShown(log); seen.push([turn, turns, at, ids.length]);
        m.showVersion(log, ids[1]); note(); m.showVersion(log, ids[0]); note(); m.showVersion(log, 99); note();
        while (m.undo(log)); note(); seen.push(m.versionsShown(log));
        return seen;
        """,
        reply(part("x")),
    )
    undone = ["ab", "aB", "ab", "a", "ab", "aB", False]
    assert log == [*undone, "ab", "abc", [2, 3, 0, 2], "aB", "abc", "abc", "", None]


def test_the_oldest_turns_that_are_not_shown_are_forgotten(run: Run) -> None:
    lengths = run(
        "log",
        """
        const log = m.emptyLog();
        for (let n = 0; n < 200; n++) {
          const last = m.lastTurn(log);
          m.addTurn(log, { parent: 0, replaced: last?.id || 0, prompt: `${n}`, reply: x });
        }
        return [log.turns.length, m.MAX_TURNS, m.lastTurn(log).prompt, m.turnOf(log, 1)];
        """,
        reply(part("x")),
    )
    assert lengths == [60, 60, "199", None]


def test_a_reply_is_cut_after_any_character_and_one_may_be_picked(run: Run) -> None:
    whole = reply(part("ab🙂"), part("cd", draw_offset=3))
    cuts = run(
        "log",
        "return x.cuts.map(([keep, pick]) => m.partsUpTo(x.reply, keep, pick))",
        {"reply": whole, "cuts": [[2, ""], [3, ""], [3, "z"], [4, "y"], [5, "w"]]},
    )
    texts = [[each["text"] for each in parts] for parts in cuts]
    assert texts == [["ab"], ["ab🙂"], ["abz"], ["ab🙂", "y"], ["ab🙂", "cw"]]
    assert [parts[-1]["picked"] for parts in cuts] == [False, False, True, True, True]


def test_parts_of_one_seed_and_the_same_settings_are_joined(run: Run) -> None:
    joined = reply(part("ab"), part("cd", draw_offset=2))
    other_seed = reply(part("ab"), part("cd", settings={"seed": 2, "length": 2}, draw_offset=2))
    other_draw = reply(part("ab"), part("cd"))
    picked = reply(part("ab", picked=True), part("cd", draw_offset=2))
    found = run(
        "log",
        "return x.map((reply) => { m.joinParts(reply); return reply.parts; })",
        [joined, other_seed, other_draw, picked],
    )
    assert [len(parts) for parts in found] == [1, 2, 2, 2]
    assert (found[0][0]["text"], found[0][0]["settings"]) == ("abcd", {"seed": 1, "length": 4})


def test_a_stored_value_that_is_no_log_is_ignored(run: Run) -> None:
    one = {"version": 1, "id": "a"}
    values: list[Any] = [None, 1, "x", [], {}, {**one, "version": 2, "turns": []}, {**one, "turns": [{}]}]
    values.append({"version": 1, "turns": []})
    assert run("stored_log", "return x.map(m.parseLog)", values) == [None] * len(values)


def test_a_stored_turn_without_a_reply_is_no_turn(run: Run) -> None:
    """The length of all replies limits the tree, and a reply that is null has no length."""
    turn = {"id": 1, "parent": 0, "replaced": 0, "prompt": "a", "shared": False, "check": []}
    read = "const log = m.parseLog({ version: 1, id: 'a', turns: [x] }); return log && log.turns.length"
    assert run("stored_log", read, {**turn, "reply": reply(part("b"), fresh=True)}) == 1
    broken: dict[str, Any]
    for broken in ({}, {"reply": None}, {"reply": []}, {"replies": []}, {"replies": [None]}, {"replies": None}):
        assert run("stored_log", read, {**turn, **broken}) is None


def test_a_log_with_two_models_side_by_side_is_read_with_the_first_one(run: Run) -> None:
    """Older pages stored a list of replies, with the lengths of all of them where they were continued."""
    old = stored_log()
    for turn in old["turns"]:
        turn["replies"] = [turn.pop("reply"), reply(part("of the other"), fresh=True)]
        if "continued" in turn:
            turn["continued"] = [{"lengths": [place["length"], 7], "letters": False} for place in turn["continued"]]
    assert run("stored_log", "return m.parseLog(x)", old) == stored_log()


def test_a_reply_that_was_stopped_before_it_began_is_not_asked_for(page: Page, run: Run) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    body = """
        const { ServerEngine } = await import("/engines/server.js");
        return new ServerEngine(location.origin).write({ id: "a", received: "" }, { onText() {} }, AbortSignal.abort());
    """
    assert run("log", body)["end"] == "abort"
    assert [url for url in asked if "/write" in url] == []


def stored_log(**more: Any) -> dict[str, Any]:
    """Returns a log of two turns and a branch, with a clamped cell, as the page stores it."""
    clamped = part("cd", cells=[[0, 1, 4]], draw_offset=2, error={"id": "fault.model", "values": {"error": "x"}})
    plain = {"parent": 1, "replaced": 0, "prompt": "b", "shared": False, "check": []}
    first = {**plain, "id": 1, "parent": 0, "reply": reply(part("ab"), clamped, fresh=True)}
    second = {**plain, "id": 2, "reply": reply(part("ef"), notices=[{"id": "notice.newer_commit"}])}
    continued = [{"length": 1, "letters": False}]
    third = {**plain, "id": 3, "replaced": 2, "reply": reply(part("gh", end=None)), "continued": continued}
    controls = {"temperature": "0.8", "seed": "", "draft": "typed", "model": "m"}
    held = {"model": "m", "cells": [[0, 1, 4]]}
    whole = {"version": 1, "id": "a", "changed": 5, "here": 3, "undone": [2], "address": "", "held": held}
    return {**whole, "turns": [first, second, third], "controls": controls, **more}


def test_a_stored_log_is_read_as_it_was_written(run: Run) -> None:
    assert run("stored_log", "return m.parseLog(x)", stored_log()) == stored_log()


def test_a_log_with_anything_anywhere_in_it_is_refused_or_can_be_used(run: Run) -> None:
    """Also turns that follow each other in a circle, or have no beginning."""
    circles = [stored_log(), stored_log(), stored_log()]
    circles[0]["turns"][0]["parent"] = 3
    circles[1]["turns"][1]["id"] = 3
    circles[2]["turns"][0]["reply"]["fresh"] = False
    assert run("stored_log", "return x.map(m.parseLog)", circles) == [None, None, None]
    used, refused = run(
        "stored_log",
        """
        const log = await import("/conversation/log.js");
        const junk = [null, -1, 1e300, 1e15, 0.5, "<img>", [], {}, [[]], [null], { id: "fact.characters" }, true];
        const counts = [0, 0];
        function use(found) {
          log.readText(log.remembered(found), () => true);
          log.versionsShown(found), log.pathTo(found), new Date(found.changed).toISOString();
          for (const { reply } of found.turns) log.partsUpTo(reply, 1), log.joinParts(reply);
          while (log.undo(found)) if (found.undone.length > 9) break;
          log.redo(found);
        }
        function change(inside) {
          for (const name of Object.keys(inside)) {
            const right = inside[name];
            for (const wrong of junk) {
              inside[name] = wrong;
              const found = m.parseLog(JSON.parse(JSON.stringify(x)));
              counts[found ? 0 : 1]++;
              if (found) use(found);
            }
            inside[name] = right;
            if (right && typeof right === "object") change(right);
          }
        }
        change(x);
        return counts;
        """,
        stored_log(),
    )
    assert used > 100
    assert refused > 500


# storage


def test_conversations_are_kept_listed_found_again_and_removed(run: Run) -> None:
    seen = run(
        "stored_conversations",
        """
        const log = await import("/conversation/log.js");
        const storage = new m.Storage();
        const one = log.emptyLog();
        storage.save(one);
        const empty = storage.list().length;
        log.addTurn(one, { parent: 0, prompt: "first", reply: x });
        storage.save(one);
        const again = new m.Storage().current();
        storage.leave();
        const two = log.emptyLog();
        log.addTurn(two, { parent: 0, prompt: "second", reply: x });
        await new Promise((resolve) => setTimeout(resolve, 5));
        storage.save(two);
        const listed = storage.list().map((each) => each.text);
        storage.remove(two.id);
        const three = log.emptyLog();
        three.controls.draft = "not sent";
        storage.save(three);
        listed.push(...storage.list().map((each) => each.text));
        three.controls.draft = "";
        storage.save(three);
        return [empty, again.id === one.id, again.turns[0].prompt, listed, storage.hasOthers(one.id)];
        """,
        reply(part("!"), fresh=True),
    )
    assert seen == [0, True, "first", ["second!", "first!", "not sent", "first!"], False]


def test_two_tabs_with_one_conversation_lose_nothing(run: Run) -> None:
    texts = run(
        "stored_conversations",
        """
        const log = await import("/conversation/log.js");
        const [one, other] = [new m.Storage(), new m.Storage()];
        const mine = log.emptyLog();
        log.addTurn(mine, { parent: 0, prompt: "a", reply: x });
        one.save(mine);
        const theirs = other.load(mine.id);
        log.addTurn(mine, { parent: mine.here, prompt: "mine", reply: x });
        log.addTurn(theirs, { parent: theirs.here, prompt: "theirs", reply: x });
        one.save(mine); other.save(theirs); one.save(mine); other.save(theirs);
        return one.list().map((each) => each.text).sort();
        """,
        reply(part("!"), fresh=True),
    )
    assert texts == ["a!\nmine!", "a!\ntheirs!"]


def test_the_first_answer_about_the_site_ends_the_wait_whatever_its_interval(run: Run) -> None:
    asked = run(
        "../page/site_watch",
        """
        let asked = 0;
        const engine = { site: async () => (asked++, { models: [], again_s: 3600 }) };
        await m.watchSite(engine, document.createElement("p"), () => {});
        return asked;
        """,
    )
    assert asked == 1


# A `storage` over a Map `values`; `check(values, key, value)` throws where nothing can be stored.
STORAGE = """
        const values = new Map();
        const store = {
          get length() { return values.size; },
          key: (n) => [...values.keys()][n],
          getItem: (key) => values.get(key) ?? null,
          removeItem: (key) => values.delete(key),
          setItem(key, value) {
            check(values, key, value);
            values.set(key, value);
          },
        };
        const storage = new m.Storage(() => store, () => store);
"""


def test_a_conversation_that_could_not_be_saved_once_is_not_stored_twice(run: Run) -> None:
    saved = run(
        "stored_conversations",
        """
        const log = await import("/conversation/log.js");
        let isFull = false;
        const check = () => {
          if (isFull) throw new Error("SecurityError");
        };
        """
        + STORAGE
        + """
        const each = log.emptyLog();
        log.addTurn(each, { parent: 0, prompt: "one", reply: x });
        const saved = [];
        for (isFull of [false, true, false]) saved.push(storage.save(each));
        return { saved, texts: storage.list().map(({ text }) => text) };
        """,
        reply(part("!"), fresh=True),
    )
    assert saved == {"saved": [True, False, True], "texts": ["one!"]}


def test_a_full_store_drops_the_oldest_and_a_refused_one_is_reported(run: Run) -> None:
    seen = run(
        "stored_conversations",
        """
        const log = await import("/conversation/log.js");
        const check = (values, key, value) => {
          const rest = [...values].filter(([each]) => each !== key).reduce((sum, [, each]) => sum + each.length, 0);
          if (rest + value.length > 3000) throw new DOMException("full", "QuotaExceededError");
        };
        """
        + STORAGE
        + """
        const saved = [];
        for (const prompt of ["one", "two", "three", "four", "five", "six", "seven", "eight"]) {
          storage.leave();
          const each = log.emptyLog();
          log.addTurn(each, { parent: 0, prompt, reply: x });
          saved.push(storage.save(each));
          await new Promise((resolve) => setTimeout(resolve, 3));
        }
        const kept = storage.list().map((each) => each.text);
        const large = log.emptyLog();
        log.addTurn(large, { parent: 0, prompt: "x".repeat(5000), reply: x });
        const refuse = () => { throw new Error("SecurityError"); };
        const forbidden = new m.Storage(refuse, refuse);
        const stored = [storage.save(large), forbidden.save(large)];
        const left = storage.list().map((each) => each.text);
        const found = [forbidden.current().turns.length, forbidden.list()];
        return [saved.every(Boolean), kept[0], kept.length < 8, ...stored, left.join() === kept.join(), ...found];
        """,
        reply(part("!"), fresh=True),
    )
    assert seen == [True, "eight!", True, False, False, True, 0, []]
