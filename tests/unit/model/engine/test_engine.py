"""Each reply equals the text generated alone, whatever other replies run and wherever it is cut."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from model import CharLSTM, Engine, EngineBusyError, LSTMState, Memory, SamplingParams, Sequence, generate, stream
from model.engine.engine import MAX_PREFILL
from model.engine.request import admissible
from model.engine.sequence import MAX_UNKNOWN
from model.int8.sampling import Randomness, choose
from model.int8.weights import step
from tests.support.engines import finish
from tests.support.tiny_models import tiny_model

PROMPT = "ROMEO:\nBut soft"


@pytest.fixture(scope="module")
def lm() -> CharLSTM:
    return tiny_model()


@pytest.fixture(scope="module")
def ab() -> CharLSTM:
    """A model of two letters: every short text occurs soon, and overlaps itself."""
    return tiny_model("ab", hidden=4, layers=1, seed=3)


class Clock:
    """Replaces the time module: time passes when a test changes `now`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("model.engine.engine.time", clock)
    monkeypatch.setattr("model.engine.sequence.time", clock)
    return clock


def params(seed: int = 1, length: int = 60, **settings: Any) -> SamplingParams:
    return SamplingParams(seed=seed, length=length, **settings)


def alone(lm: CharLSTM, seed: int, length: int = 60, prompt: str = PROMPT, **settings: Any) -> str:
    return generate(lm, prompt, length, seed=seed, **settings)


# one reply


class PlainLoop:
    """The network in int8 or float32, one character at a time, without an engine."""

    def __init__(self, lm: CharLSTM, precision: str) -> None:
        zeros = LSTMState.zeros(lm.config)
        self.network, self.integer = lm.network, precision == "int8"
        self.weights, self.state = lm.int8_weights(), zeros
        self.h, self.c = zeros.h.to(torch.int8), zeros.c

    def read(self, id_: int) -> Any:
        if self.integer:
            logits, self.h, self.c = step(self.weights, torch.tensor([id_]), self.h, self.c)
        else:
            logits, self.state = self.network.step(torch.tensor([id_]), self.state)
        return logits[0].numpy()


@pytest.mark.parametrize("precision", ["int8", "float32"])
@pytest.mark.parametrize("settings", [{}, {"temperature": 0}, {"top_k": 3, "top_p": 0.9, "temperature": 2.0}])
def test_a_reply_equals_that_of_a_plain_loop(lm, settings, precision):
    loop, expected = PlainLoop(lm, precision), []
    for id_ in lm.tokenizer.encode(PROMPT).tolist():
        logits = loop.read(id_)
    chosen, randomness = params(5, 100, **settings), Randomness(5)
    for i in range(100):
        id_ = choose(logits, chosen, randomness.number(i))
        expected.append(lm.tokenizer.vocab[id_])
        logits = loop.read(id_)
    assert generate(lm, PROMPT, 100, seed=5, precision=precision, **settings) == "".join(expected)


def test_a_model_that_loses_too_much_in_int8_runs_in_float32():
    lm = tiny_model()
    assert Engine(lm).precision == "int8"
    lm.training = {"int8_cost": 0.02}
    assert Engine(lm).precision == "float32"
    assert Engine(lm, precision="int8").precision == "int8"


def test_changed_weights_are_quantized_again():
    lm = tiny_model()
    before = generate(lm, PROMPT, 60, seed=1)
    with torch.no_grad():
        lm.network.output.weight.mul_(-1)
    assert generate(lm, PROMPT, 60, seed=1) != before


def test_the_pieces_of_a_stream_are_the_text(lm):
    streamed = stream(lm, PROMPT, 80, seed=2)
    pieces = list(streamed)
    assert all(pieces)
    assert "".join(pieces) == streamed.sequence.text == generate(lm, PROMPT, 80, seed=2)
    assert streamed.sequence.finish_reason == "length"
    assert streamed.sequence.length == 80
    assert list(streamed) == []


def test_pieces_come_before_the_reply_is_complete(lm):
    streamed = stream(lm, PROMPT, 10**7, seed=2)
    assert len("".join(itertools.islice(streamed, 10))) == 10


def test_the_text_depends_on_the_seed(lm):
    assert alone(lm, 1) == alone(lm, 1)
    assert alone(lm, 1) != alone(lm, 2)


def test_without_a_seed_one_is_drawn_and_returned(lm):
    streamed = stream(lm, PROMPT, 60)
    assert "".join(streamed) == alone(lm, streamed.sequence.params.seed)


@pytest.mark.parametrize("length", [1, 2, 50])
def test_a_reply_has_the_requested_length(lm, length):
    assert len(generate(lm, PROMPT, length, seed=1)) == length


def test_the_text_depends_on_the_prompt(lm):
    assert alone(lm, 1, prompt="a") != alone(lm, 1, prompt="b")


@pytest.mark.parametrize("prompt", ["", "éüß😀", "\ud800", "\x00\x07"])
def test_a_prompt_without_known_characters_starts_as_after_a_line_end(lm, prompt):
    assert generate(lm, prompt, 60, seed=3, unknown="skip") == alone(lm, 3, prompt="\n")


@pytest.mark.parametrize("prompt", [" ", "   \n\n", "\n"])
def test_white_space_is_a_prompt(lm, prompt):
    loop = PlainLoop(lm, "int8")
    for id_ in lm.tokenizer.encode(prompt).tolist():
        logits = loop.read(id_)
    assert generate(lm, prompt, 1, temperature=0) == lm.tokenizer.vocab[int(logits.argmax())]


def test_unknown_characters_are_skipped_and_listed(lm):
    streamed = stream(lm, "Ré😀oé", 60, seed=4, unknown="skip")
    assert "".join(streamed) == alone(lm, 4, prompt="Ro")
    assert streamed.sequence.unknown == [("é", 1, 2), ("😀", 2, 1)]


@pytest.mark.parametrize(
    "settings", [{"temperature": 6}, {"length": 0}, {"seed": -1}, {"stop": None}, {"draw_offset": -1}]
)
def test_a_wrong_setting_is_refused_at_once(lm, settings):
    ((name, _),) = settings.items()
    with pytest.raises(ValueError, match=rf"^{name} is "):
        stream(lm, PROMPT, **settings)


# continuing


@pytest.mark.parametrize("settings", [{}, {"temperature": 0}, {"top_k": 4}])
def test_a_reply_in_two_parts_equals_the_whole_wherever_it_is_cut(lm, settings):
    whole = alone(lm, 6, 40, **settings)
    for cut in range(1, 40):
        start = stream(lm, PROMPT, cut, seed=6, **settings)
        written = "".join(start)
        sequence = start.sequence
        rest = stream(
            lm, length=40 - cut, seed=6, memory=sequence.memory, draw_offset=sequence.next_draw_offset, **settings
        )
        assert written + "".join(rest) == whole


def test_a_reply_in_many_parts_equals_the_whole(lm):
    text, memory, first = "", None, 0
    for length in (1, 1, 5, 2, 11, 1, 19):
        part = stream(lm, PROMPT if memory is None else "", length, seed=8, memory=memory, draw_offset=first)
        text += "".join(part)
        memory, first = part.sequence.memory, part.sequence.next_draw_offset
    assert text == alone(lm, 8, 40)


def test_a_conversation_continues_from_its_memory(lm):
    one = stream(lm, "To be", 30, seed=1)
    reply = "".join(one)
    two = stream(lm, "\nNot to be", 30, seed=2, memory=one.sequence.memory)
    assert "".join(two) == alone(lm, 2, 30, prompt="To be" + reply + "\nNot to be")


def test_a_memory_can_be_used_twice(lm):
    one = stream(lm, PROMPT, 10, seed=1)
    "".join(one)
    again = [generate(lm, "", 30, seed=9, memory=one.sequence.memory) for _ in range(2)]
    assert again[0] == again[1]


def test_an_aborted_reply_can_be_continued(lm):
    engine = Engine(lm)
    sequence = engine.add_request(PROMPT, params(6, 40))
    while sequence.length < 13:
        engine.step()
    engine.abort(sequence)
    engine.step()
    rest = generate(lm, "", 27, seed=6, memory=sequence.memory, draw_offset=sequence.next_draw_offset)
    assert sequence.text + rest == alone(lm, 6, 40)


def test_the_memory_after_a_stop_text_includes_it(ab):
    whole = generate(ab, "a", 60, seed=1)
    stop = whole[7:11]
    cut = stream(ab, "a", 60, seed=1, stop=stop)
    written = "".join(cut)
    assert cut.sequence.finish_reason == "stop"
    assert cut.sequence.next_draw_offset == len(written + stop)
    rest = stream(ab, length=20, seed=1, memory=cut.sequence.memory, draw_offset=cut.sequence.next_draw_offset)
    assert (written + stop + "".join(rest)) == whole[: len(written + stop) + 20]


def test_the_memory_of_another_network_is_refused(lm):
    one = stream(tiny_model(hidden=13), "a", 3, seed=1)
    "".join(one)
    with pytest.raises(ValueError, match=r"^memory is of shape \[2, 1, 13\]: it must be \[2, 1, 12\]"):
        stream(lm, "b", memory=one.sequence.memory)


@pytest.mark.parametrize("last_id", [58, 10**6, -1])
def test_a_memory_with_an_id_outside_the_vocabulary_is_refused(lm, last_id):
    """It once crashed the process: the compiled loops do not check their indices."""
    one = stream(lm, "a", 3, seed=1)
    "".join(one)
    assert one.sequence.memory is not None
    with pytest.raises(ValueError, match=r"^memory ends with character .*: this model has 58"):
        stream(lm, "b", memory=Memory(one.sequence.memory.state, last_id))


# other requests in the batch


def test_many_replies_at_once_equal_those_generated_alone(lm):
    engine = Engine(lm, max_slots=8)
    asked: dict[int, tuple[str, dict[str, Any], Sequence]] = {}
    for seed in range(20):
        settings: dict[str, Any] = {"temperature": 0.2 + seed / 10, "top_k": seed % 4, "length": 20 + seed}
        prompt = "A" * (seed * 5)
        asked[seed] = (prompt, settings, engine.add_request(prompt, SamplingParams(seed=seed, **settings)))
    finish(engine, *(sequence for _, _, sequence in asked.values()))
    for seed, (prompt, settings, sequence) in asked.items():
        assert sequence.text == generate(lm, prompt, seed=seed, **settings)
    assert len({sequence.text for _, _, sequence in asked.values()}) == 20


@pytest.mark.parametrize("step", [0, 1, 10, 59])
def test_a_request_that_joins_the_batch_changes_no_other_reply(lm, step):
    engine = Engine(lm)
    sequence = engine.add_request(PROMPT, params())
    for _ in range(step):
        engine.step()
    other = engine.add_request("x" * 50, params(2))
    finish(engine, sequence, other)
    assert sequence.text == alone(lm, 1)
    assert other.text == alone(lm, 2, prompt="x" * 50)


@pytest.mark.parametrize("step", [0, 1, 10, 59])
def test_an_abort_changes_no_other_reply(lm, step):
    engine = Engine(lm)
    before, leaving, after = (engine.add_request(PROMPT, params(seed)) for seed in (1, 2, 3))
    for _ in range(step):
        engine.step()
    engine.abort(leaving)
    finish(engine, before, after)
    assert (before.text, after.text) == (alone(lm, 1), alone(lm, 3))
    assert leaving.finish_reason == "abort"
    assert alone(lm, 2).startswith(leaving.text)


class Faulty:
    """A backend that fails at a character of the reply with seed 2, or while it reads a prompt."""

    def __init__(self, engine: Engine, *, at: int = 10**9, reads: bool = True, error: type[Exception] = MemoryError):
        self._inner, self._at, self._reads, self._error = engine._backend, at, reads, error
        self._written = 0
        engine._backend = self  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def most_characters(self, slots: int) -> int:
        return 1  # test_bursts.py has the faults of bursts

    def prefill(self, *arrays: Any) -> None:
        if not self._reads:
            raise self._error("a message with /secret/path")
        self._inner.prefill(*arrays)

    def write(self, slots: Any, ids: Any, settings: Any, numbers: Any, clamps: Any = ()) -> list[list[int]]:
        victim = any(each.seed == 2 for each in settings)
        if victim and self._written == self._at:
            raise self._error("a message with /secret/path")
        chosen = self._inner.write(slots, ids, settings, numbers, clamps)
        self._written += victim
        return chosen


@pytest.mark.parametrize("at", [0, 1, 10, 59])
def test_a_fault_changes_no_other_reply(lm, at):
    engine = Engine(lm)
    Faulty(engine, at=at)
    before, victim, after = (engine.add_request(PROMPT, params(seed)) for seed in (1, 2, 3))
    finish(engine, before, victim, after)
    assert (before.text, after.text) == (alone(lm, 1), alone(lm, 3))
    assert (victim.finish_reason, victim.error) == ("error", "MemoryError while writing")
    assert victim.text == alone(lm, 2)[:at]
    rest = generate(lm, "", 60 - at, seed=2, memory=victim.memory, draw_offset=victim.next_draw_offset)
    assert victim.text + rest == alone(lm, 2)
    assert engine.running == 0


def test_a_fault_is_logged_with_its_text_and_traceback_and_is_the_cause_of_the_error(lm, caplog):
    """The text of an exception was lost: "IndexError while writing" was all that anyone could find."""
    streamed = stream(lm, PROMPT, 60, seed=2)
    Faulty(streamed._engine, at=5, error=IndexError)
    with pytest.raises(RuntimeError, match=r"^IndexError while writing$") as caught:
        "".join(streamed)
    assert isinstance(caught.value.__cause__, IndexError)
    assert "/secret/path" in caplog.text
    assert "Traceback" in caplog.text
    assert {record.name for record in caplog.records} == {"model"}


@pytest.mark.parametrize("names", [["write", "state"], ["load", "state"], ["prefill", "written_state", "state"]])
def test_a_backend_that_fails_again_and_again_ends_its_replies_but_not_the_thread(lm, monkeypatch, names):
    """`state` raised in the handler of the first fault, and all replies waited forever."""

    def broken(*_arguments: Any) -> Any:
        raise OSError("gone")

    engine = Engine(lm)
    thread = threading.Thread(target=engine.run)
    thread.start()
    try:
        with monkeypatch.context() as patch:
            for name in names:
                patch.setattr(engine._backend, name, broken)
            failed = [engine.add_request("ab", params(seed)) for seed in range(3)]
            assert all(each.wait(30) for each in failed)
        assert {(each.finish_reason, each.error) for each in failed} == {("error", "OSError while writing")}
        later = [engine.add_request(PROMPT, params(seed, 20)) for seed in range(3)]
        assert all(each.wait(30) for each in later)
        assert [each.text for each in later] == [alone(lm, seed, 20) for seed in range(3)]
    finally:
        engine.stop()
        thread.join()
    assert (engine.running, sorted(engine._free_slots)) == (0, list(range(256)))


def test_a_fault_while_reading_a_prompt_leaves_no_memory(lm):
    """A character that was removed from the prompt but never read must not be missing from the memory."""
    engine = Engine(lm)
    backend = Faulty(engine, reads=False)
    sequence = engine.add_request("ab", params())
    finish(engine, sequence)
    assert (sequence.finish_reason, sequence.memory) == ("error", None)
    backend._reads = True
    later = engine.add_request("ab", params())
    finish(engine, later)
    assert later.text == alone(lm, 1, prompt="ab")


def test_a_stream_yields_what_is_complete_and_then_raises(lm):
    streamed = stream(lm, PROMPT, 60, seed=2)
    Faulty(streamed._engine, at=5, error=FloatingPointError)
    written = "".join(itertools.islice(streamed, 5))
    with pytest.raises(RuntimeError, match="FloatingPointError while writing"):
        next(streamed)
    assert written == alone(lm, 2)[:5]


def test_a_slot_is_free_again_however_a_reply_ends(lm):
    engine = Engine(lm, max_slots=3)
    for turn in range(20):
        sequences = [engine.add_request(PROMPT, params(seed, 5)) for seed in range(5)]
        engine.step()
        engine.abort(sequences[turn % 3])
        finish(engine, *sequences)
        assert sequences[4].text == alone(lm, 4, 5)
    assert (engine.running, engine.waiting) == (0, 0)


def test_a_long_prompt_does_not_delay_other_replies(lm):
    engine = Engine(lm)
    reader = engine.add_request("To be, " * 3000, params(2, 5))
    writer = engine.add_request("", params(1, 60))
    for written in range(1, 61):
        engine.step()
        assert writer.length == written
    assert not reader.finished
    assert reader.length == 0
    assert writer.text == alone(lm, 1, prompt="")


def test_a_prompt_is_read_in_the_backend_steps_of_the_other_replies(lm, monkeypatch):
    """A step of its own for the prompt would take a quarter of the time of eight replies."""
    engine = Engine(lm)
    writers = [engine.add_request("", params(seed, 100)) for seed in range(8)]
    engine.step()
    reader = engine.add_request("To be, " * 6, params(9, 20))
    monkeypatch.setattr(engine._backend, "prefill", lambda *_: pytest.fail("a step of its own"))
    for _ in range(40):
        engine.step()
        assert reader.prompt_memory is None
    engine.step()
    assert reader.prompt_memory is not None
    assert finish(engine, reader) == [alone(lm, 9, 20, "To be, " * 6)]
    assert finish(engine, *writers) == [alone(lm, seed, 100, "") for seed in range(8)]
    assert engine.written == 820


def test_a_fault_in_a_prompt_that_is_read_with_other_replies_ends_it_alone(lm, monkeypatch):
    engine = Engine(lm)
    writer, reader = engine.add_request("", params(1, 30)), engine.add_request("Abcdef", params(2, 30))
    write = engine._backend.write

    def faulty(slots, ids, *rest):
        if lm.tokenizer.encode("c")[0] in ids[1:] or (len(ids) == 1 and slots[0] == reader_slot):
            raise RuntimeError
        return write(slots, ids, *rest)

    engine.step()
    reader_slot = engine._running[1].slot
    monkeypatch.setattr(engine._backend, "write", faulty)
    assert finish(engine, writer, reader) == [alone(lm, 1, 30, ""), ""]
    assert (reader.finish_reason, reader.memory) == ("error", None)


@pytest.mark.parametrize("length", [1, MAX_PREFILL - 1, MAX_PREFILL, MAX_PREFILL + 1, 3 * MAX_PREFILL + 1])
def test_a_prompt_of_any_length_is_read_completely(lm, length):
    prompt = "".join("abcdefgh\n"[i % 9] for i in range(length))
    logits, _ = lm.network(torch.from_numpy(lm.tokenizer.encode(prompt))[None])
    assert generate(lm, prompt, 1, temperature=0) == lm.tokenizer.vocab[int(logits[0, -1].argmax())]


def test_waiting_requests_get_slots_in_their_order(lm):
    engine = Engine(lm, max_slots=2)
    sequences = [engine.add_request("", params(seed, 10)) for seed in range(5)]
    ended: list[int] = []
    for _ in range(200):
        assert engine.running <= 2
        engine.step()
        ended += [i for i, sequence in enumerate(sequences) if sequence.finished and i not in ended]
    assert ended == [0, 1, 2, 3, 4]
    assert (engine.running, engine.waiting) == (0, 0)


def test_a_sequence_lists_a_limited_number_of_unknown_characters(lm):
    engine = Engine(lm)
    text = "".join(map(chr, range(0x4E00, 0x4E00 + MAX_UNKNOWN + 500)))
    sequence = engine.add_request(text, params(0))
    assert [each.character for each in sequence.unknown] == list(text[:MAX_UNKNOWN])
    finish(engine, sequence)


def test_a_client_with_many_waiting_requests_leaves_queue_places_to_others(lm):
    engine = Engine(lm, max_slots=8, max_waiting=6, max_slots_per_client=4, max_waiting_per_client=3)
    flood = [engine.add_request("", params(seed), client_id="flood") for seed in range(7)]
    with pytest.raises(EngineBusyError, match="3 requests of the client wait already"):
        engine.add_request("", params(7), client_id="flood")
    other = [engine.add_request("", params(seed), client_id="other") for seed in range(7)]
    engine.step()
    assert (engine.running, engine.waiting) == (8, 6)
    # The queue is full, and all slots are taken.
    with pytest.raises(EngineBusyError, match="6 requests wait already"):
        engine.add_request("", params(1), client_id="third")
    engine.abort(flood[0])
    engine.abort(other[0])
    for each in flood[4:]:
        engine.abort(each)
    engine.step()
    third = engine.add_request("", params(1), client_id="third")
    finish(engine, *flood, *other, third)


def test_a_client_with_a_free_slot_is_never_refused(lm):
    engine = Engine(lm, max_slots=8, max_waiting=2, max_slots_per_client=1)
    flood = [engine.add_request("", params(seed), client_id="flood") for seed in range(3)]
    engine.step()
    assert (engine.running, engine.waiting) == (1, 2)
    others = [engine.add_request("", params(seed), client_id=str(seed)) for seed in range(7)]
    engine.step()
    assert (engine.running, engine.waiting) == (8, 2)
    finish(engine, *flood, *others)


def test_a_free_slot_goes_to_the_client_and_the_group_with_the_fewest_replies(lm):
    engine = Engine(lm, max_slots=1, max_slots_per_client=4)
    first = engine.add_request("", params(0), client_id="a", group_id="A")
    engine.step()
    again = [engine.add_request("", params(seed), client_id="a", group_id="A") for seed in range(2)]
    beside = engine.add_request("", params(0), client_id="b", group_id="A")
    other = [engine.add_request("", params(seed), client_id="c", group_id="C") for seed in range(2)]
    waiting = list(engine._waiting)
    admitted = [request.sequence for request in admissible(engine._running, waiting, 4, 4)]
    assert admitted == [other[0], beside, other[1]]
    finish(engine, first, *again, beside, *other)


def test_a_full_queue_refuses_further_requests(lm):
    engine = Engine(lm, max_slots=1, max_waiting=2)
    engine.add_request("", params(0))
    engine.step()
    sequences = [engine.add_request("", params(seed)) for seed in (1, 2)]
    with pytest.raises(EngineBusyError, match="try again"):
        engine.add_request("", params(3))
    finish(engine, *sequences)
    assert engine.add_request("", params(3)).finish_reason is None


# stop texts


def held_back(text: str, stop: str) -> int:
    return max(n for n in range(min(len(stop), len(text)) + 1) if text.endswith(stop[:n]))


@pytest.mark.parametrize("stop", ["".join(s) for n in (1, 2, 3, 4) for s in itertools.product("ab", repeat=n)])
def test_a_reply_ends_before_its_stop_text_and_no_piece_contains_a_part_of_it(ab, stop):
    """With every stop text of up to four of the two letters, and so every overlap, such as aab in aaab."""
    for seed in (1, 2):
        whole = generate(ab, "a", 80, seed=seed)
        at = whole.find(stop)
        streamed = stream(ab, "a", 80, seed=seed, stop=stop)
        sequence, engine, so_far = streamed.sequence, streamed._engine, 0
        while not sequence.finished:
            engine.step()
            so_far += 1
            if not sequence.finished:
                assert sequence.text == whole[: so_far - held_back(whole[:so_far], stop)]
        assert sequence.text == (whole if at < 0 else whole[:at])
        assert sequence.finish_reason == ("length" if at < 0 else "stop")
        assert "".join(streamed) == sequence.text


def test_overlapping_prefixes_do_not_hide_a_stop_text(ab):
    whole = generate(ab, "a", 300, seed=1)
    at = whole.find("aaab")
    assert at >= 0
    text = generate(ab, "a", 300, seed=1, stop="aab")
    assert text == whole[: whole.find("aab")]


def test_a_stop_text_at_the_very_end_stops(lm):
    whole = alone(lm, 1, 30)
    stop = whole[25:]
    assert whole.find(stop) == 25
    streamed = stream(lm, PROMPT, 30, seed=1, stop=stop)
    assert "".join(streamed) == whole[:25]
    assert streamed.sequence.finish_reason == "stop"


def test_characters_held_back_for_a_stop_text_are_released_if_it_does_not_come(lm):
    whole = alone(lm, 1, 30)
    streamed = stream(lm, PROMPT, 30, seed=1, stop=whole[25:] + "Z")
    assert "".join(streamed) == whole
    assert streamed.sequence.finish_reason == "length"


def test_a_stop_text_in_the_prompt_does_not_count(ab):
    assert generate(ab, "ababab", 1, seed=1, stop="ba") != ""


def test_a_reply_that_begins_with_its_stop_text_is_empty(lm):
    first = alone(lm, 1, 1)
    streamed = stream(lm, PROMPT, 30, seed=1, stop=first)
    assert list(streamed) == []
    assert (streamed.sequence.text, streamed.sequence.finish_reason) == ("", "stop")


def test_a_stop_text_with_unknown_characters_has_no_effect(lm):
    assert alone(lm, 1, stop="é") == alone(lm, 1)


# ending


def test_a_second_abort_has_no_effect(lm):
    engine = Engine(lm)
    sequence = engine.add_request(PROMPT, params())
    for _ in range(10):
        engine.step()
    engine.abort(sequence)
    engine.abort(sequence)
    engine.step()
    text, memory = sequence.text, sequence.memory
    engine.abort(sequence)
    engine.step()
    assert (sequence.finish_reason, sequence.text, sequence.memory) == ("abort", text, memory)
    assert engine.running == 0


def test_abort_of_a_finished_reply_changes_nothing(lm):
    engine = Engine(lm)
    sequence = engine.add_request(PROMPT, params())
    finish(engine, sequence)
    engine.abort(sequence)
    engine.step()
    assert (sequence.finish_reason, sequence.text) == ("length", alone(lm, 1))


def test_a_waiting_request_can_be_aborted(lm):
    engine = Engine(lm, max_slots=1)
    first = engine.add_request(PROMPT, params(1))
    waiting = engine.add_request(PROMPT, params(2))
    engine.step()
    engine.abort(waiting)
    engine.step()
    assert (waiting.finish_reason, waiting.text, waiting.memory, engine.waiting) == ("abort", "", None, 0)
    finish(engine, first)
    assert first.text == alone(lm, 1)


def test_abort_releases_characters_held_back_for_a_stop_text(ab):
    whole = generate(ab, "a", 5, seed=1)
    engine = Engine(ab)
    sequence = engine.add_request("a", params(1, 80, stop=whole + "a" if whole[-1] == "b" else whole + "b"))
    for _ in range(5):
        engine.step()
    engine.abort(sequence)
    engine.step()
    assert sequence.text == generate(ab, "a", sequence.length, seed=1)
    assert sequence.next_draw_offset == sequence.length


def test_a_reply_ends_at_its_deadline(lm, clock):
    engine = Engine(lm)
    sequence = engine.add_request(PROMPT, params(1, 1000), deadline_s=5.0)
    endless = engine.add_request(PROMPT, params(2, 50))
    for _ in range(12):
        engine.step()
    clock.now += 4.9
    engine.step()
    assert not sequence.finished
    clock.now += 0.1
    engine.step()
    assert sequence.finish_reason == "time"
    assert sequence.length > 0
    assert alone(lm, 1, 1000).startswith(sequence.text)
    assert isinstance(sequence.memory, Memory)
    finish(engine, endless)
    assert endless.text == alone(lm, 2, 50)


def test_a_waiting_request_ends_at_its_deadline(lm, clock):
    engine = Engine(lm, max_slots=1)
    engine.add_request("", params(1, 1000))
    engine.step()
    waiting = engine.add_request("", params(2), deadline_s=5.0)
    clock.now += 5.0
    engine.step()
    assert (waiting.finish_reason, waiting.text, engine.waiting) == ("time", "", 0)


def test_a_speed_limit_holds_from_the_first_character_on(lm, clock):
    engine = Engine(lm)
    paced = engine.add_request("", params(1, 1000), chars_per_second=10.0)
    fast = engine.add_request("", params(2, 1000))
    lengths = []
    for _ in range(400):
        engine.step()
        lengths.append(paced.length)
        clock.now += 0.01
    assert lengths[0] == 1  # at once
    assert max(lengths[i + 10] - lengths[i] for i in range(len(lengths) - 10)) <= 2
    assert lengths[-1] == pytest.approx(40, abs=1)
    assert fast.length == 400
    assert paced.text == alone(lm, 1, 1000, prompt="")[: paced.length]
    assert paced.measured_chars_per_second == pytest.approx(10, abs=0.5)


def test_a_limited_reply_does_not_catch_up_after_a_stall(lm, clock):
    engine = Engine(lm)
    paced = engine.add_request("", params(1, 1000), chars_per_second=10.0)
    engine.step()
    clock.now += 60.0
    before = paced.length
    for _ in range(50):
        engine.step()
    assert 1 <= paced.length - before <= 4


def test_speed_is_measured_from_the_first_character_to_the_last(lm, clock):
    engine = Engine(lm)
    sequence = engine.add_request("", params(1, 11))
    assert sequence.measured_chars_per_second == 0.0
    while not sequence.finished:
        engine.step()
        clock.now += 0.1
    clock.now += 100.0
    assert sequence.measured_chars_per_second == pytest.approx(11.0)


# in a thread


@pytest.fixture
def running_engine(lm):
    engine = Engine(lm, max_slots=4)
    thread = threading.Thread(target=engine.run)
    thread.start()
    yield engine
    engine.stop()
    thread.join(timeout=30)
    assert not thread.is_alive()


def test_run_generates_all_requests_in_a_thread(lm, running_engine):
    sequences = [running_engine.add_request(PROMPT, params(seed, 30)) for seed in range(10)]
    for seed, sequence in enumerate(sequences):
        assert sequence.wait(30)
        assert sequence.text == alone(lm, seed, 30)


@pytest.fixture
def frequent_switches() -> Iterator[None]:
    """Threads take turns every 10 µs, not every 5 ms: more interleavings in less time."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("frequent_switches")
def test_a_finished_sequence_is_complete_for_every_thread(running_engine):
    """The reason was once set before the memory, so another thread could find no memory."""
    for seed in range(100):
        sequence = running_engine.add_request("", params(seed, 1))
        while not sequence.finished:
            pass
        assert sequence.memory is not None
        assert sequence.ended_at > 0
        assert sequence.length == 1


def test_many_threads_can_add_requests(lm, running_engine):
    texts: dict[int, str] = {}

    def ask(seed: int) -> None:
        sequence = running_engine.add_request(PROMPT, params(seed, 20))
        assert sequence.wait(30)
        texts[seed] = sequence.text

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == {seed: alone(lm, seed, 20) for seed in range(12)}


def test_an_engine_without_due_requests_sleeps(lm):
    engine = Engine(lm)
    steps = 0
    step = engine.step

    def count(*, burst: bool = False) -> None:
        nonlocal steps
        steps += 1
        step(burst=burst)

    engine.step = count  # type: ignore[method-assign]
    thread = threading.Thread(target=engine.run)
    thread.start()
    sequence = engine.add_request("", params(1, 6), chars_per_second=20.0)
    assert sequence.wait(30)
    time.sleep(0.05)
    engine.stop()
    thread.join()
    assert sequence.length == 6
    assert steps < 60


def test_abort_wakes_a_sleeping_engine(running_engine):
    sequence = running_engine.add_request("", params(1, 1000), chars_per_second=0.01)
    while sequence.length < 1:
        time.sleep(0.001)
    running_engine.abort(sequence)
    assert sequence.wait(30)
    assert sequence.finish_reason == "abort"


def test_a_deadline_wakes_a_sleeping_engine(running_engine):
    sequence = running_engine.add_request("", params(1, 1000), chars_per_second=0.01, deadline_s=0.1)
    assert sequence.wait(30)
    assert (sequence.finish_reason, sequence.length) == ("time", 1)


def test_stop_aborts_every_reply_and_refuses_requests(lm):
    engine = Engine(lm, max_slots=1)
    thread = threading.Thread(target=engine.run)
    thread.start()
    running = engine.add_request("", params(1, 10**7))
    waiting = engine.add_request("", params(2, 10**7))
    while running.length < 5:
        time.sleep(0.001)
    engine.stop()
    engine.stop()
    thread.join(timeout=30)
    assert not thread.is_alive()
    assert (running.finish_reason, waiting.finish_reason) == ("abort", "abort")
    assert (engine.running, engine.waiting) == (0, 0)
    assert running.text == alone(lm, 1, running.length, prompt="")
    with pytest.raises(EngineBusyError, match="stopped"):
        engine.add_request("", params(3))


def test_an_engine_is_not_idle_while_it_admits_a_request(lm, monkeypatch):
    engine = Engine(lm, max_slots=1)
    assert engine.idle
    seen: list[bool] = []
    another = threading.Thread(target=lambda: seen.append(engine.idle))
    load = engine._backend.load

    def load_during_another_request(*args: Any) -> None:
        another.start()
        another.join(timeout=0.2)  # it waits for the end of this
        load(*args)

    monkeypatch.setattr(engine._backend, "load", load_during_another_request)
    request = engine.add_request(PROMPT, params(1, 5))
    assert not engine.idle
    engine.step()
    another.join()
    assert seen == [False]
    monkeypatch.undo()
    finish(engine, request)
    assert engine.idle


# many clients


def test_a_client_with_many_requests_does_not_delay_other_clients(lm):
    engine = Engine(lm, max_slots=8, max_slots_per_client=2)
    greedy = [engine.add_request(PROMPT, params(seed, 30), client_id="greedy") for seed in range(6)]
    modest = engine.add_request(PROMPT, params(9, 30), client_id="modest")
    engine.step()
    assert (engine.running, engine.waiting) == (3, 4)
    assert [engine.queue_position(each) for each in greedy] == [0, 0, 0, 1, 2, 3]
    finish(engine, modest, *greedy)
    assert modest.text == alone(lm, 9, 30)
    assert [each.text for each in greedy] == [alone(lm, seed, 30) for seed in range(6)]
    assert greedy[0].ended_at <= modest.ended_at <= greedy[2].ended_at


def test_requests_without_a_client_id_count_as_different_clients(lm):
    engine = Engine(lm, max_slots=8, max_slots_per_client=1)
    for seed in range(6):
        engine.add_request(PROMPT, params(seed))
    engine.step()
    assert engine.running == 6


def test_an_engine_counts_its_characters(lm):
    engine = Engine(lm)
    finish(engine, *(engine.add_request(PROMPT, params(seed, 25)) for seed in range(3)))
    assert engine.written == 75


def test_replies_in_a_batch_progress_at_the_same_speed(lm):
    engine = Engine(lm)
    sequences = [engine.add_request(PROMPT, params(seed, 1000)) for seed in range(32)]
    for _ in range(200):
        engine.step()
    assert len({sequence.length for sequence in sequences}) == 1
