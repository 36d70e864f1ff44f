"""Each reply equals the text generated alone, whatever other replies run and wherever it is cut."""

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
import torch

from model import (
    BlockedWords,
    CharLSTM,
    Engine,
    EngineBusyError,
    LSTMState,
    Memory,
    SamplingParams,
    Sequence,
    generate,
    stream,
)
from model.engine.engine import MAX_BURST, MAX_PREFILL
from model.engine.sequence import MAX_UNKNOWN
from model.int8.sampling import Randomness, choose
from tests.support.tiny_models import finish, tiny_model

PROMPT = "ROMEO:\nBut soft"


@pytest.fixture(scope="module")
def ab() -> CharLSTM:
    """A model of two letters: every short text occurs soon, and overlaps itself."""
    return tiny_model("ab", hidden=4, layers=1, seed=3)


@pytest.fixture
def clock(monkeypatch) -> SimpleNamespace:
    """Replaces the time module: time passes when a test changes `now`."""
    clock = SimpleNamespace(now=1000.0, perf_counter=time.perf_counter)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr("model.engine.engine.time", clock)
    monkeypatch.setattr("model.engine.sequence.time", clock)
    return clock


def params(seed: int = 1, length: int = 60, **settings: Any) -> SamplingParams:
    return SamplingParams(seed=seed, length=length, **settings)


def alone(lm: CharLSTM, seed: int, length: int = 60, prompt: str = PROMPT, **settings: Any) -> str:
    return generate(lm, prompt, length, seed=seed, **settings)


@pytest.mark.parametrize("settings", [{}, {"temperature": 0}, {"top_k": 3, "top_p": 0.9, "temperature": 2.0}])
def test_a_reply_in_float32_equals_that_of_a_plain_loop(lm, settings):
    """The stored vectors have replies in int8."""
    state, expected, chosen = None, "", params(5, 100, **settings)
    for i in range(len(PROMPT) + 99):
        logits, state = lm.network.step(torch.from_numpy(lm.tokenizer.encode((PROMPT + expected)[i])), state)
        if (drawn := i - len(PROMPT) + 1) >= 0:
            expected += lm.tokenizer.vocab[choose(logits[0].numpy(), chosen, Randomness(5).number(drawn))]
    streamed = stream(lm, PROMPT, 100, seed=5, precision="float32", **settings)
    pieces = list(itertools.islice(streamed, 10))
    assert not streamed.sequence.finished, "pieces come before the reply is complete"
    assert "".join([*pieces, *streamed]) == streamed.sequence.text == expected
    assert (streamed.sequence.finish_reason, list(streamed)) == ("length", [])


def test_a_model_that_loses_too_much_in_int8_runs_in_float32():
    lm = tiny_model()
    assert Engine(lm).precision == "int8"
    lm.training = {"int8_cost": 0.02}
    assert (Engine(lm).precision, Engine(lm, precision="int8").precision) == ("float32", "int8")


@pytest.mark.parametrize("prompt", ["", "éüß😀", "\ud800", "\x00\x07"])
def test_a_prompt_without_known_characters_starts_as_after_a_line_end(lm, prompt):
    assert alone(lm, 3, prompt=prompt, unknown="skip") == alone(lm, 3, prompt="\n") != alone(lm, 3, prompt=" ")


def test_unknown_characters_are_listed_up_to_a_number(lm):
    text = "".join(map(chr, range(0x4E00, 0x4E00 + MAX_UNKNOWN + 500)))
    sequence = Engine(lm).add_request(text, params(0))
    assert [each.character for each in sequence.unknown] == list(text[:MAX_UNKNOWN])


def test_a_prompt_of_any_length_is_read_completely(lm):
    for length in (1, MAX_PREFILL - 1, MAX_PREFILL, MAX_PREFILL + 1, 3 * MAX_PREFILL + 1):
        prompt = "".join("abcdefgh\n"[i % 9] for i in range(length))
        logits, _ = lm.network(torch.from_numpy(lm.tokenizer.encode(prompt))[None])
        assert generate(lm, prompt, 1, temperature=0) == lm.tokenizer.vocab[int(logits[0, -1].argmax())]


@pytest.mark.parametrize("settings", [{}, {"temperature": 0}, {"top_k": 4}])
@pytest.mark.parametrize("lengths", [*((cut, 40 - cut) for cut in range(1, 40, 3)), (1, 1, 5, 2, 11, 1, 19)])
def test_a_reply_in_parts_equals_the_whole_wherever_it_is_cut(lm, settings, lengths):
    text, memory, first = "", None, 0
    for length in lengths:
        part = stream(lm, "" if memory else PROMPT, length, seed=8, memory=memory, draw_offset=first, **settings)
        text += "".join(part)
        memory, first = part.sequence.memory, part.sequence.next_draw_offset
    assert text == alone(lm, 8, 40, **settings)


def test_the_memory_after_a_stop_text_includes_it(ab):
    whole = generate(ab, "a", 60, seed=1)
    stop = whole[7:11]
    cut = stream(ab, "a", 60, seed=1, stop=stop)
    written = "".join(cut)
    assert (cut.sequence.finish_reason, cut.sequence.next_draw_offset) == ("stop", len(written + stop))
    rest = stream(ab, length=20, seed=1, memory=cut.sequence.memory, draw_offset=cut.sequence.next_draw_offset)
    assert (written + stop + "".join(rest)) == whole[: len(written + stop) + 20]


@pytest.mark.parametrize(
    ("memory", "reason"),
    [
        (Memory(LSTMState(torch.zeros(2, 1, 13), torch.zeros(2, 1, 13)), 0), r"of shape \[2, 1, 13\]: it must be \[2"),
        *((Memory(LSTMState(torch.zeros(2, 1, 12), torch.zeros(2, 1, 12)), id_), "ends with .* this model has 58")
          for id_ in (58, 10**6, -1)),
    ],
)  # fmt: skip
def test_a_memory_that_does_not_fit_the_network_is_refused(lm, memory, reason):
    with pytest.raises(ValueError, match=rf"^memory (is )?{reason}"):
        stream(lm, "b", memory=memory)


@pytest.mark.parametrize("step", [0, 1, 10, 59])
def test_replies_that_join_or_leave_change_no_other(lm, step):
    engine = Engine(lm)
    before, victim, after = (engine.add_request(PROMPT, params(seed)) for seed in (1, 2, 3))
    for _ in range(step):
        engine.step()
    joining = engine.add_request("x" * 50, params(4))
    engine.abort(victim)
    assert finish(engine, before, after, joining) == [alone(lm, 1), alone(lm, 3), alone(lm, 4, prompt="x" * 50)]
    assert (victim.finish_reason, len(victim.text), victim.error) == ("abort", step, "")
    if victim.memory:
        rest = generate(lm, "", 60 - step, seed=2, memory=victim.memory, draw_offset=victim.next_draw_offset)
        assert victim.text + rest == alone(lm, 2)


def test_a_long_prompt_does_not_delay_other_replies(lm):
    engine = Engine(lm)
    writers = [engine.add_request("", params(seed, 100)) for seed in range(8)]
    engine.step()
    reader = engine.add_request("To be, " * 6, params(9, 20))
    for written in range(2, 42):
        engine.step()
        assert (reader.prompt_memory, {each.length for each in writers}) == (None, {written})
    assert finish(engine, reader) == [alone(lm, 9, 20, "To be, " * 6)]


def test_a_client_with_many_requests_leaves_slots_and_queue_places_to_others(lm):
    engine = Engine(lm, max_slots=8, max_waiting=6, max_slots_per_client=4, max_waiting_per_client=3)
    flood = [engine.add_request("", params(seed), client_id="flood") for seed in range(7)]
    with pytest.raises(EngineBusyError, match="7 requests of the client are unfinished: try again"):
        engine.add_request("", params(7), client_id="flood")
    assert [engine.queue_position(each) for each in flood] == [0, 1, 2, 3, 4, 5, 6]
    other = [engine.add_request("", params(seed), client_id="other") for seed in range(7)]
    engine.step()
    assert (engine.running, engine.waiting) == (8, 6)
    with pytest.raises(EngineBusyError, match="14 requests are unfinished: try again"):
        engine.add_request("", params(1), client_id="third")
    assert finish(engine, *other) == [alone(lm, seed, prompt="") for seed in range(7)]


CLAMPED = {"clamps": [(0, 3, 4.0), (1, 7, -2.0)]}


@pytest.mark.parametrize(
    ("settings", "precision", "length"),
    [*((each, "int8", 60) for each in ({}, {"temperature": 0}, {"stop": "J"}, CLAMPED)), (CLAMPED, "float32", 20)],
)
def test_replies_that_give_their_slots_up_equal_those_generated_alone(lm, clock, precision, settings, length):
    engine = Engine(lm, max_slots=3, precision=precision)
    clamps, chosen = settings.get("clamps", ()), {key: settings[key] for key in settings if key != "clamps"}
    asked: list[tuple[str, Sequence]] = []
    gave_up: set[Sequence] = set()
    for seed in range(24):  # A has six requests before the others have any
        prompt, group = PROMPT * (seed % 3 * 4), "A" if seed < 6 else "BCD"[seed % 3]
        speed = [None, 50.0][seed % 2]
        sequence = engine.add_request(
            prompt, params(seed, length, **chosen), group_id=group, clamps=clamps, chars_per_second=speed
        )
        asked.append((prompt, sequence))
        for _ in range(1 if seed < 12 else 7):
            clock.now += 0.01
            running = list(engine._running)
            engine.step()
            gave_up |= {request.sequence for request in running if request.slot < 0}
    while not engine.idle:
        clock.now += 0.01
        engine.step(burst=True)
    for seed, (prompt, sequence) in enumerate(asked):
        assert sequence.text == alone(lm, seed, length, prompt, precision=precision, **settings)
    assert gave_up


@pytest.mark.parametrize(("groups", "each", "speed"), [(4, 64, 5.0), (8, 64, None), (200, 4, 5.0)])
def test_a_group_without_a_reply_never_waits_for_the_second_replies_of_others(lm, clock, groups, each, speed):
    engine = Engine(lm)
    replies: dict[int, list[Sequence]] = {group: [] for group in range(groups)}

    def add(group: str, client: str) -> Sequence:
        chosen = params(1, 1500)
        return engine.add_request("", chosen, chars_per_second=speed, client_id=client, group_id=group)

    for group in replies:
        for at in range(each):
            with contextlib.suppress(EngineBusyError):
                replies[group].append(add(str(group), f"{group} {at}"))
        if group % 2:
            engine.step()
    for _ in range(3):
        clock.now += 0.01
        engine.step()
    assert all(any(reply.length for reply in of_group) for of_group in replies.values())
    newcomers = [add(f"new {at}", "") for at in range(8)]
    for _ in range(2):
        engine.step()
    assert all(each.length for each in newcomers)
    unfinished = [sum(not reply.finished for reply in of_group) for of_group in replies.values()]
    assert max(unfinished) - min(unfinished) <= 2
    assert engine.running + engine.waiting == sum(unfinished) + len(newcomers) <= 512


def test_replies_that_share_slots_keep_their_speed(lm, clock):
    engine = Engine(lm, max_slots=2)
    paced = [engine.add_request("", params(1, 1000), chars_per_second=10.0, group_id=str(at % 3)) for at in range(8)]
    fast = engine.add_request("", params(2, 10_000), group_id="fast")
    for _ in range(100):
        for _ in range(8):
            engine.step()
        clock.now += 0.04
    assert {reply.length for reply in paced} <= {39, 40, 41}
    assert fast.length > 400


# bursts: several characters of each reply in one call of the backend


SETTINGS: list[dict[str, Any]] = [
    {},
    {"temperature": 0.0},
    {"top_k": 3},
    {"top_p": 0.8, "temperature": 2.0},
    {"min_p": 0.1, "top_k": 9},
    {"stop": "J"},  # this, and the next one, occur in each of these replies
    {"stop": "RU"},
    CLAMPED,
]


@pytest.mark.parametrize("settings", [*([each] for each in SETTINGS), SETTINGS], ids=str)
@pytest.mark.parametrize(("replies", "words"), [(1, []), (20, []), (20, ["ab", "a b"])])
def test_bursts_change_nothing(lm, monkeypatch, settings, replies, words):
    found, model = [], tiny_model("ab \n", seed=3) if words else lm
    for burst in (False, True):
        engine, sequences = Engine(model, blocked=BlockedWords(words)), []
        write = Mock(wraps=engine._backend.write)
        monkeypatch.setattr(engine._backend, "write", write)
        for n, each in enumerate(itertools.islice(itertools.cycle(settings), replies)):
            clamps, chosen = each.get("clamps", ()), {key: each[key] for key in each if key != "clamps"}
            sequences.append(engine.add_request(PROMPT, params(n, 150 + 7 * n, **chosen), clamps=clamps))
        while burst and not engine.idle:
            engine._character_s = 1e-5  # independent of the load of the machine
            engine.step(burst=True)
        finish(engine, *sequences)
        assert any(len(numbers[0]) > 1 for (_, _, _, numbers, _), _ in write.call_args_list) == burst
        states = [(each.last_id, each.state.h.tolist(), each.state.c.tolist()) for s in sequences if (each := s.memory)]
        found.append([*((each.text, each.finish_reason, each.next_draw_offset) for each in sequences), *states])
    assert found[0] == found[1]
    assert any(each[1] == "blocked" for each in found[0]) or not words or settings[0]


def test_a_slow_program_gets_its_characters_one_by_one_and_the_same_text_as_a_fast_one(lm):
    """Otherwise a reply would continue for a while after it was aborted."""
    slow, fast = (stream(lm, PROMPT, 1000, seed=1) for _ in range(2))
    written = ""
    for character in itertools.islice(slow, 30):
        written += character
        time.sleep(0.002)
        assert slow.sequence.length == len(written)
    slow.abort()
    assert written + "".join(slow) == slow.sequence.text == generate(lm, PROMPT, 30, seed=1)
    assert "".join(itertools.islice(fast, 500)) == generate(lm, PROMPT, 500, seed=1)
    fast.abort()
    assert len("".join(fast)) < MAX_BURST


def held_back(text: str, stop: str) -> int:
    return max(n for n in range(min(len(stop), len(text)) + 1) if text.endswith(stop[:n]))


@pytest.mark.parametrize("stop", ["".join(s) for n in (1, 2, 3) for s in itertools.product("ab", repeat=n)])
def test_a_reply_ends_before_its_stop_text_and_no_piece_contains_a_part_of_it(ab, stop):
    """With every stop text of up to three of the two letters, and so every overlap, such as aab in aaab."""
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


def test_the_beginning_of_a_stop_text_is_released_if_the_reply_is_aborted(lm):
    whole, engine = alone(lm, 1, 30), Engine(lm)
    sequence = engine.add_request(PROMPT, params(stop=whole[:5] + "Z"))
    while sequence.remaining > 55:
        engine.step()
    engine.abort(sequence)
    assert finish(engine, sequence) == [whole[:5]]


def test_a_reply_ends_at_its_deadline_also_while_it_waits(lm, clock):
    engine = Engine(lm, max_slots=1)
    sequence = engine.add_request(PROMPT, params(1, 1000), deadline_s=5.0)
    waiting = engine.add_request("", params(3), deadline_s=4.9)
    for _ in range(12):
        engine.step()
    clock.now += 4.9
    engine.step()
    assert (waiting.finish_reason, waiting.text, sequence.finished) == ("time", "", False)
    clock.now += 0.1
    engine.step()
    assert (sequence.finish_reason, isinstance(sequence.memory, Memory)) == ("time", True)
    assert alone(lm, 1, 1000).startswith(sequence.text)
    assert sequence.length > 0


def test_a_speed_limit_holds_from_the_first_character_on_and_is_not_caught_up(lm, clock):
    engine = Engine(lm)
    paced = engine.add_request("", params(1, 1000), chars_per_second=10.0)
    fast = engine.add_request("", params(2, 1000))
    lengths = []
    for _ in range(400):
        engine.step()
        lengths.append(paced.length)
        clock.now += 0.01
    assert lengths[0] == 1  # at once
    assert lengths[-1] == pytest.approx(40, abs=1)
    assert (fast.length, paced.text) == (400, alone(lm, 1, 1000, prompt="")[: paced.length])
    clock.now += 60.0  # a stall
    for _ in range(50):
        engine.step()
    assert 1 <= paced.length - lengths[-1] <= 4


@pytest.fixture
def running_engine(lm) -> Iterator[Engine]:
    engine = Engine(lm, max_slots=4)
    thread = threading.Thread(target=engine.run)
    thread.start()
    yield engine
    engine.stop()
    thread.join(timeout=30)
    assert not thread.is_alive()


@pytest.mark.parametrize("name", ["write", "load", "prefill", "state"])
def test_a_backend_that_fails_ends_its_replies_with_a_log_but_not_the_thread(
    lm, running_engine, monkeypatch, caplog, name
):
    with monkeypatch.context() as patch:
        patch.setattr(running_engine._backend, name, Mock(side_effect=MemoryError("a message with /secret/path")))
        failed = [running_engine.add_request("ab", params(seed)) for seed in range(3)]
        assert all(each.wait(30) for each in failed)
    assert {(each.finish_reason, each.error) for each in failed} == {("error", "MemoryError while writing")}
    assert all(part in caplog.text for part in ("/secret/path", "Traceback"))
    later = [running_engine.add_request(PROMPT, params(seed, 20)) for seed in range(6)]
    assert all(each.wait(30) for each in later)
    assert [each.text for each in later] == [alone(lm, seed, 20) for seed in range(6)]


def test_an_engine_sleeps_until_a_character_is_due_and_an_abort_or_a_deadline_wakes_it(running_engine, monkeypatch):
    steps = itertools.count()
    step = running_engine.step
    monkeypatch.setattr(running_engine, "step", lambda **options: (next(steps), step(**options)))
    limited = [running_engine.add_request("", params(1, 6), chars_per_second=20.0) for _ in range(6)]  # in four slots
    assert all(each.wait(30) for each in limited)
    slow = {"chars_per_second": 0.01, "params": params(1, 1000)}
    of_one_client = [running_engine.add_request("", client_id="c", **slow) for _ in range(5)]  # it may have four slots
    assert not of_one_client[-1].wait(0.2)
    for each in of_one_client:
        running_engine.abort(each)
    assert all(each.wait(30) for each in of_one_client)
    late = running_engine.add_request("", deadline_s=0.1, **slow)
    assert late.wait(30)
    assert (late.finish_reason, next(steps) < 150) == ("time", True)


def test_stop_aborts_every_reply_and_refuses_requests_and_drain_waits_for_them(lm):
    for end in ("stop", "drain"):
        engine = Engine(lm, max_slots=1)
        thread = threading.Thread(target=engine.run)
        thread.start()
        running, waiting = (engine.add_request("", params(seed, 10**7 if end == "stop" else 50)) for seed in (1, 2))
        while running.length < 5:
            running.wait(0.001)
        getattr(engine, end)()
        thread.join(timeout=30)
        assert not thread.is_alive()
        assert {running.finish_reason, waiting.finish_reason} == {"abort" if end == "stop" else "length"}
        assert (engine.running, engine.waiting) == (0, 0)
        assert running.text == alone(lm, 1, running.length, prompt="")
        with pytest.raises(EngineBusyError, match="stopped"):
            engine.add_request("", params(3))
        engine.release()
