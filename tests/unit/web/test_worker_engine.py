"""The engine of the static page: the same text and the same lens data as Python."""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model import PRETRAINED, CharLSTM, CharTokenizer, ChatFormat, Sequence as Reply, TextTrace, generate, stream
from model.attribution import occlusion_in_slices
from model.checkpoint.names import WEIGHTS
from model.clamps import Clamp, Clamps
from model.engine.blend import Blend
from model.scoring import result_of
from tests.local_hub import LocalHub
from tests.support.app_server import random_model
from tests.support.cells_files import CELL, PLACES, content
from tests.support.checkpoint_files import DAMAGED_INT8, rewrite
from tests.support.node_engine import NodeEngine, node_engine, request
from tests.support.tiny_models import saved_files, tiny_model
from training.hub.space_files import write_static
from ui.messages import RefusalError
from ui.routes.lenses import answer_at, answer_from, answer_why, describe_step
from ui.settings import Fields, check_clamps

pytestmark = pytest.mark.slow
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
HELD = (Clamp(0, 3, 4.0), Clamp(1, 20, -0.1))
OTHERS = (Clamp(1, 7, 0.0),)


@pytest.fixture(scope="module")
def lm() -> CharLSTM:
    """Odd sizes, so that rows and columns are padded; it writes markup as readily as anything."""
    return random_model(hidden_size=21)


@pytest.fixture(scope="module")
def folder(lm: CharLSTM, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("engine")
    lm.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[NodeEngine]:
    with node_engine(folder) as engine:
        yield engine


def python_reply(lm: CharLSTM | Blend, prompt: str, before: Reply | None = None, **settings: Any) -> Reply:
    """Generate a reply; ``before`` is the reply that it comes after."""
    memory = before.memory if before else None
    written = stream(lm, prompt, memory=memory, precision="int8", unknown="skip", **settings)
    assert "".join(written) == written.sequence.text
    return written.sequence


def test_the_text_equals_that_of_python(engine: NodeEngine, lm: CharLSTM) -> None:
    for at, settings in enumerate(SETTINGS):
        prompt = PROMPTS[at % len(PROMPTS)]
        cells = settings.get("clamps", [])
        plain = {name: value for name, value in settings.items() if name != "clamps"}
        start = not lm.tokenizer.in_vocab(prompt).any()
        asked = request(prompt, start=start, cells=cells, length=150, **plain)
        text = generate(lm, prompt, 150, unknown="skip", **settings)
        assert engine.write(asked) == {"text": text, "end": "length"}
    trace = trace_of(lm, prompt + text, [(len(prompt) - 1, cells)], start=start)
    bits = of_python(trace, cell=[0, 0], layer=0)["bits"]
    assert engine.call("bits", {"request": asked}) == pytest.approx(bits[len(prompt) :], abs=1e-3)


def test_each_dtype_is_read_exactly(tmp_path: Path) -> None:
    lm = tiny_model(hidden=100)
    with torch.no_grad():
        lm.network.output.weight[0, :4] = torch.tensor([0.0, -0.0, 6e-8, 6.1e-5])  # zeros and a subnormal
    for dtype in ("float32", "bfloat16", "float16", "int8"):
        lm.save_pretrained(tmp_path / dtype, dtype=dtype)
        saved = CharLSTM.from_pretrained(tmp_path / dtype)
        with node_engine(tmp_path / dtype) as engine:
            for seed in range(20):
                settings: dict[str, Any] = {"seed": seed, "temperature": seed / 10, "length": 40}
                assert engine.write(request("A", **settings))["text"] == generate(saved, "A", **settings)


def test_a_damaged_int8_file_is_refused(tmp_path: Path, engine: NodeEngine) -> None:
    tiny_model().save_pretrained(tmp_path, dtype="int8")
    whole = (tmp_path / WEIGHTS).read_bytes()
    for case, (damage, _, words) in DAMAGED_INT8.items():
        rewrite(tmp_path, WEIGHTS, damage(whole))
        files = {path.name: base64.b64encode(path.read_bytes()).decode() for path in tmp_path.iterdir()}
        engine.call("give", {"name": "local/mine", "files": files})
        reason = engine.call("add", "local/mine")["failure"]["values"]["reason"]
        assert reason.startswith(WEIGHTS), case
        assert words in reason, case


@pytest.mark.parametrize("clamp", [[2, 0, 1.0], [0, 21, 1.0]])
def test_a_clamp_of_a_cell_that_the_model_lacks_is_refused_as_by_the_app(
    engine: NodeEngine, lm: CharLSTM, clamp: list[float]
) -> None:
    with pytest.raises(RefusalError) as refused:
        check_clamps([clamp], lm.config)
    values = {"field": "hold", "reason": refused.value.values["reason"]}
    for where in ("cells", "clamps"):
        held: dict[str, Any] = {where: [clamp] if where == "cells" else [(-1, [clamp])]}
        assert engine.write(request("A", seed=1, **held)) == {"refusal": {"id": "refusal.other", "values": values}}


def test_the_site_describes_the_model(folder: Path, tmp_path: Path, lm: CharLSTM) -> None:
    write_static(tmp_path, lm)
    with node_engine(tmp_path) as engine:
        [model] = engine.models()
    assert model["name"] == "char-lstm"
    assert model["vocab"] == list(lm.tokenizer.vocab)
    assert (model["layers"], model["hidden"], model["chat"], model["cells"]) == (2, 21, None, [])
    assert model["examples"] == ["ROMEO:", "First\n"]
    facts = ["model.parameters", "model.layers", "model.characters", "static.browser"]
    assert [each["id"] for each in model["about"]] == facts
    with node_engine(folder) as engine:
        written = engine.call("add", "")  # with its weights, by which the worker writes the text that the files lack
    for each in (model, written):
        assert generate(lm, "", 240, seed=each["welcome_seed"]).startswith(each["welcome"])
        assert len(each["welcome"]) >= 100
    chat = ChatFormat("A: ", "\nB: ", "e")
    replace(lm, chat=chat).save_pretrained(tmp_path / "chat")
    with node_engine(tmp_path / "chat") as engine:
        assert engine.models()[0]["chat"] == asdict(chat)


def test_the_bundled_model_and_its_named_cells() -> None:
    lm = CharLSTM.from_pretrained(PRETRAINED)
    with node_engine(Path(PRETRAINED)) as engine:
        [model] = engine.models()
        assert model["name"] == "Shakespeare"
        assert model["cells"] == [{**cell.facts(), "remembers": cell.remembers, "passages": True} for cell in lm.cells]
        for cell in lm.cells[::7]:
            query = {"model": {"name": "", "commit": ""}, "cell": [cell.layer, cell.index]}
            high, low = (list(map(list, cell.passages(ends))) for ends in (cell.high, cell.low))
            assert cell.sample
            assert len(high) == len(low) == 10
            assert engine.call("passages", query) == {"seed": cell.sample.seed, "high": high, "low": low}
        text = generate(lm, "ROMEO:", 300, seed=1)
        assert engine.write(request("ROMEO:", seed=1, length=300))["text"] == text


@pytest.mark.parametrize("wrong", [{"index": 100}, {"layer": -1}, {"name": ""}, {"score": "x"}, {"high": [6]}], ids=str)
def test_cells_that_the_page_could_not_show_are_refused(engine: NodeEngine, wrong: dict[str, Any]) -> None:
    asked = {"content": content({**CELL, **PLACES, **wrong}), "sizes": {"layers": 2, "hidden": 100}, "cell": [1, 3]}
    assert "not valid" in engine.call("passagesIn", asked)["refusal"]


def conversation(lm: CharLSTM) -> tuple[str, list[tuple[int, Clamps]], Reply]:
    """Return a text of two prompts with unknown characters and replies with clamps, its clamps, and the last reply."""
    first = python_reply(lm, "ROMEO:漢", clamps=HELD, seed=3, length=60)
    more = python_reply(lm, "", first, clamps=OTHERS, draw_offset=60, seed=3, length=40)
    second = python_reply(lm, "\n漢JULIET:漢", more, seed=4, length=50)
    text = f"ROMEO:漢{first.text}{more.text}\n漢JULIET:漢"
    return text, [(5, HELD), (7 + 59, OTHERS), (7 + 60 + 40 - 1, ())], second


@pytest.mark.parametrize("is_warm", [True, False])
def test_a_text_is_continued_from_a_state_or_from_the_text_alone(
    engine: NodeEngine, lm: CharLSTM, is_warm: bool
) -> None:
    text, clamps, reply = conversation(lm)
    if is_warm:
        more = request(text[:67], clamps=clamps[:1], cells=OTHERS, draw_offset=60, seed=3, length=40)
        for asked in (request("ROMEO:漢", cells=HELD, seed=3, length=60), more):
            written = asked["text"] + engine.write(asked)["text"]
            assert written == text[: len(written)]
    asked = request(text, clamps=clamps, seed=4, length=50)
    for received in (0, 20, 50):  # again from the log, after a part of it was received
        assert engine.write({**asked, "received": reply.text[:received]})["text"] == reply.text[received:]
    cut = request(text + reply.text[:30], clamps=clamps, seed=4, length=20, draw_offset=30)
    assert engine.write(cut)["text"] == reply.text[30:]


def test_the_stop_text_is_held_back(engine: NodeEngine, lm: CharLSTM) -> None:
    whole = generate(lm, "A", 200, seed=5)
    stop = whole[90:93]
    near = stop[:2] + ("x" if stop[2] != "x" else "y")  # of which only the beginning comes
    stopped = engine.write(request("A", seed=5, length=200, stop=stop))
    assert stopped == {"text": whole[: whole.index(stop)], "end": "stop"}
    assert engine.write(request("A", seed=5, length=92, stop=near)) == {"text": whole[:92], "end": "length"}


def test_the_character_of_rare_ones_is_never_written(lm: CharLSTM, tmp_path: Path) -> None:
    whole = python_reply(lm, "A", seed=3, length=300).text
    rare = replace(lm, tokenizer=CharTokenizer(lm.tokenizer.vocab, rare=max(whole, key=whole.count)))
    rare.save_pretrained(tmp_path)
    with node_engine(tmp_path) as engine:
        text = engine.write(request("A", seed=3, length=300))["text"]
    assert text == python_reply(rare, "A", seed=3, length=300).text
    assert rare.tokenizer.rare not in text


@pytest.fixture
def two_models(hub: LocalHub, tmp_path: Path) -> tuple[list[CharLSTM], list[dict[str, str]]]:
    """Two models of the Hub of other sizes and characters, and how requests name them."""
    lms = [random_model(hidden_size=21), tiny_model("xyzabcdefgh ,.:EMOR\n", hidden=13, layers=1)]
    names = ["ada/one", "ada/two"]
    files = [saved_files(lm, tmp_path / name) for name, lm in zip(names, lms, strict=True)]
    commits = [hub.add_repo(name, each).commit("main").oid for name, each in zip(names, files, strict=True)]
    return lms, [{"name": name, "commit": commit} for name, commit in zip(names, commits, strict=True)]


def test_two_models_of_the_hub_write_at_once_and_together(
    hub: LocalHub, folder: Path, two_models: tuple[list[CharLSTM], list[dict[str, str]]]
) -> None:
    lms, refs = two_models
    with node_engine(folder, hub=hub.url, models=["ada/one"]) as engine:
        [one] = engine.models()
        assert {name: one[name] for name in refs[0]} == refs[0]
        assert one["about"][0] == {"id": "model.commit", "values": {"commit": refs[0]["commit"][:7]}}
        asked = [request("ROME", model=ref, seed=2, length=2000) for ref in refs]
        both = engine.call("writeTogether", asked)
        assert [each["text"] for each in both] == [generate(lm, "ROME", 2000, seed=2) for lm in lms]
        for share in (0.0, 0.3, 1.0):
            for first, second in ((0, 1), (1, 0)):
                asked_of: dict[str, Any] = {"model": refs[first], "second": refs[second]}
                blended = request("RO漢M", **asked_of, seed=4, length=150, share=share)
                expected = python_reply(Blend(lms[first], lms[second], share), "RO漢M", seed=4, length=150)
                assert engine.write(blended)["text"] == expected.text
        refused = engine.write({**blended, "cells": [[0, 1, 1.0]]})
        assert refused == {"refusal": {"id": "refusal.clamps_blended"}}
        assert engine.call("add", "ada/two")["vocab"] == list(lms[1].tokenizer.vocab)
        assert [each["name"] for each in engine.models()] == ["ada/one", "ada/two"]
        assert engine.call("samples", refs[1]) == {"samples": []}
        assert engine.call("add", "ada/three")["failure"]["id"] == "static.not_loaded"
        nowhere = {"name": "ada/three", "commit": "0" * 40}
        assert engine.write(request("A", model=nowhere, seed=1))["refusal"]["id"] == "static.not_loaded"


def test_a_model_of_this_browser_replaces_one_of_the_same_name(engine: NodeEngine, tmp_path: Path) -> None:
    commits = []
    for seed in (1, 2):
        files = saved_files(random_model(seed), tmp_path / str(seed))
        encoded = {name: base64.b64encode(data).decode() for name, data in files.items()}
        engine.call("give", {"name": "local/mine", "files": encoded})
        commits.append(engine.call("add", "local/mine")["commit"])
    assert commits[0] != commits[1]
    assert [each["commit"] for each in engine.models()] == ["", commits[1]]


def test_stop_ends_a_reply_while_it_writes_reads_or_waits(engine: NodeEngine, lm: CharLSTM) -> None:
    whole = generate(lm, "A", 10_000, seed=1)
    answer = engine.write(request("A", seed=1, length=10_000), stop_at=500)
    assert answer["end"] == "abort"
    assert answer["text"] == whole[: len(answer["text"])]
    assert 500 <= len(answer["text"]) < 10_000
    slow = engine.write(request("A", seed=1, length=10_000, speed=5), stop_at=2)
    assert slow == {"text": whole[:2], "end": "abort"}
    reading = engine.write(request("To be, or not to be. " * 4_700, seed=1), stop_at=0)
    assert reading == {"text": "", "end": "abort"}
    assert engine.write(request("A", seed=1, length=20))["text"] == whole[:20]


def query_of(text: str, clamps: Sequence[tuple[int, Clamps]] = (), **query: Any) -> dict[str, Any]:
    """Return a query about a text that is sent whole."""
    asked = request(text, clamps=clamps, seed=0)
    about = {name: asked[name] for name in ("model", "second", "start", "clamps")}
    whole = {"trace": "a", "server": "", "share": None, "length": len(text), "tail": {"at": 0, "text": text}}
    return {**about, **whole, **query}


def ask(engine: NodeEngine, *text: Any, **query: Any) -> dict[str, Any]:
    """Return the complete answer to a query; the worker answers after some milliseconds that it has more to do.

    Lists of values of the characters are joined.
    """
    joined: dict[str, Any] = {}
    while True:
        first = {"from": query["from"] + len(joined.get("bits", []))} if "from" in query else {}
        answer: dict[str, Any] = engine.call("trace", query_of(*text, **{**query, **first}))
        joined.update({**answer, **{name: joined.get(name, []) + answer[name] for name in LISTS & answer.keys()}})
        if not answer.get("more"):
            return joined


LISTS = {"bits", "values", "columns"}


def bytes_in(text: str) -> list[int]:
    numbers: list[int] = np.frombuffer(base64.b64decode(text), np.int8).tolist()
    return numbers


def of_python(reading: TextTrace, **query: Any) -> dict[str, Any]:
    """Return the app's answer about all characters of a text."""
    joined: dict[str, Any] = {"bits": []}
    while len(joined["bits"]) < len(reading):
        answer: dict[str, Any] = answer_from(reading, Fields({"from": len(joined["bits"]), **query}), 1.0)
        if "columns" in answer:
            answer["columns"] = bytes_in(answer["columns"])
        joined.update({name: joined.get(name, []) + answer[name] for name in LISTS & answer.keys()})
    return joined


def trace_of(
    lm: CharLSTM | Blend, text: str, clamps: Sequence[tuple[int, Clamps]] = (), *, start: bool = False
) -> TextTrace:
    reading = TextTrace(lm, skip_start=not start, precision="int8")
    reading.set_text(text, clamps)
    return reading


def check_why(engine: NodeEngine, reading: TextTrace, why: int, *text: Any, **query: Any) -> None:
    found = result_of(occlusion_in_slices(reading, why))
    assert ask(engine, *text, why=why, **query) == answer_why(found)


@pytest.mark.parametrize("start", [True, False])
def test_the_lenses_show_the_numbers_that_python_computes(engine: NodeEngine, lm: CharLSTM, start: bool) -> None:
    text, clamps, reply = conversation(lm)
    text += reply.text
    reading = trace_of(lm, text, clamps, start=start)
    shown = ask(engine, text, clamps, start=start, cell=[1, 20], layer=1, **{"from": 0})
    expected = of_python(reading, cell=[1, 20], layer=1)
    assert (shown["bits"], shown["values"]) == (expected["bits"], expected["values"])
    # The last bit of tanh in float32 is not the same everywhere.
    differences = np.abs(np.array(shown["columns"]) - np.array(expected["columns"]))
    assert differences.max() <= 1
    assert differences.mean() < 0.001
    assert ask(engine, text, clamps, start=start, cell=[2, 0], **{"from": 0})["values"] == [None] * len(text)
    for at in (0, 1, 5, 6, 7, 30, 66, 67, 106, 107, 108, 115, len(text) - 1):
        for cell in ([0, 3], [1, 20]):
            query: dict[str, Any] = {"at": at, "cell": cell}
            assert ask(engine, text, clamps, start=start, **query) == answer_at(reading, Fields(query))
    for why in (len(text) - 1, 110, 60, 8, 7, 6, 1, 0):
        check_why(engine, reading, why, text, clamps, start=start)
    for name in ("at", "why"):
        assert ask(engine, text, clamps, **{name: len(text)})["refusal"]["id"] == "refusal.no_character"


@pytest.mark.parametrize("settings", [{"seed": 1}, {"seed": 7, "temperature": 5, "top_k": 30, "top_p": 0.9}])
def test_the_step_lens_shows_how_python_computes_a_character(
    engine: NodeEngine, lm: CharLSTM, settings: dict[str, Any]
) -> None:
    reply = python_reply(lm, "ROMEO:", clamps=HELD, length=40, **settings)
    text, clamps = "ROMEO:" + reply.text, [(5, HELD)]
    reading = trace_of(lm, text, clamps)
    params = asdict(reply.params)
    for at in (0, 1, 5, 6, 7, 25, 45):
        draw = at - 6 if at > 5 else None
        used = None if draw is None else reply.params
        drawn = {"settings": used and params, "draw": draw, "picked": False}
        expected = json.loads(json.dumps(describe_step(reading, at, 3, params=used, draw=draw)))
        if expected:
            expected["row"] = bytes_in(expected["row"])
            expected["layers"] = [{**layer, "bytes": bytes_in(layer["bytes"])} for layer in expected["layers"]]
        assert ask(engine, text, clamps, at=at, cell=[0, 3], step=drawn)["step"] == expected
    picked = {"settings": params, "draw": None, "picked": True}
    answer = ask(engine, text, clamps, at=20, step=picked)["step"]
    assert (answer["draw"], answer["picked"]) == (None, True)


def test_the_lenses_over_two_models_that_write_together(
    hub: LocalHub, folder: Path, two_models: tuple[list[CharLSTM], list[dict[str, str]]]
) -> None:
    lms, refs = two_models
    text = "ROME, abcdefgh: 漢EMOR"
    with node_engine(folder, hub=hub.url, models=["ada/one"]) as engine:
        for first, second in ((0, 1), (1, 0)):
            reading = trace_of(Blend(lms[first], lms[second], 0.3), text)
            both: dict[str, Any] = {"model": refs[first], "second": refs[second], "share": 0.3, "trace": f"{first}"}
            for cell in ([0, 12], [1, 20], [2, 3]):
                expected = of_python(reading, cell=cell, layer=2)
                shown = ask(engine, text, cell=cell, layer=2, **both, **{"from": 0})
                assert {name: shown[name] for name in LISTS} == expected
                query: dict[str, Any] = {"at": 9, "cell": cell}
                assert ask(engine, text, **both, **query) == answer_at(reading, Fields(query))
            step = {"settings": None, "draw": None, "picked": False}
            assert ask(engine, text, at=3, step=step, **both)["step"] == {"mixed": True}
            check_why(engine, reading, 18, text, **both)


def test_a_text_that_changes_is_sent_in_parts(engine: NodeEngine, lm: CharLSTM) -> None:
    def shown(text: str, at: int, clamps: Sequence[tuple[int, Clamps]] = (), first: int = 0) -> object:
        """The values of a text of which only the end is sent."""
        tail = {"at": at, "text": text[at:]}
        return ask(engine, "", clamps, length=len(text), tail=tail, **{"from": first})["bits"]

    text = "To be, or not to be" * 20
    assert shown(text, 0) == of_python(trace_of(lm, text))["bits"]
    end, text = len(text), text + "🙂 that is"
    assert shown(text, end, first=100) == of_python(trace_of(lm, text))["bits"][100:]
    text = text[:200] + "the question"
    assert shown(text, 200) == of_python(trace_of(lm, text))["bits"]
    clamps = [(150, HELD)]
    assert shown(text, len(text), clamps) == of_python(trace_of(lm, text, clamps))["bits"]
    same: dict[str, Any] = {"length": len(text), "tail": {"at": len(text), "text": ""}, "from": 0}
    assert ask(engine, "", trace="b", **same)["unknown"] is True
    assert ask(engine, "", length=5, tail={"at": 2, "text": "x"}, **{"from": 0})["unknown"] is True


def test_a_reply_continues_while_a_lens_reads_a_long_text(engine: NodeEngine) -> None:
    text = "To be, or not to be. " * 3_000
    query = {**query_of(text), "from": len(text) - 3}
    asked = {"request": request("A", seed=1, length=10_000), "query": query}
    found = engine.call("traceWhileWriting", asked)
    # A worker that reads the whole text at once sends at most the first character before it answers.
    assert found["before"] > 3
    assert len(found["answer"]["bits"]) == 3
