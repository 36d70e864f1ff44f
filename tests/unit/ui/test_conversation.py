"""The cache of states: the longest known prefix of a text."""

from dataclasses import replace

import pytest

from model import ChatFormat, LSTMState, Memory, TextTrace
from model.clamps import Clamp, Clamps, Stretches
from tests.support.app_server import serve
from ui.conversation import ReadText, States
from ui.registry.loaded_model import LoadedModel

UP = (Clamp(1, 5, 4.0),)
DOWN = (Clamp(0, 3, -4.0),)


@pytest.fixture
def served() -> LoadedModel:
    return serve()


def key_of(read: ReadText) -> str:
    return read.key_with(())("")


def memory_of(read: ReadText) -> Memory:
    """Return the memory at the end of a text, computed by a trace."""
    lm = read.served.lm
    trace = TextTrace(lm, skip_start=not read.start)
    trace.set_text(read.text, read.clamps)
    ids = lm.tokenizer.lookup(read.text)
    if read.last < 0:
        return Memory(LSTMState.zeros(lm.config), lm.tokenizer.start_id)
    return Memory(trace.state_after(read.last - 1), int(ids[read.last]))


def test_the_longest_known_prefix_is_found(served: LoadedModel) -> None:
    states, read = States(), ReadText(served, "To be, or not to be")
    assert states.find(read, [6, 3]) == (None, 0)
    short, long = (memory_of(ReadText(served, read.text[:length])) for length in (3, 6))
    states.save(key_of(ReadText(served, read.text[:3])), short)
    assert states.find(read, [6, 3]) == (short, 3)
    states.save(key_of(ReadText(served, read.text[:6])), long)
    assert states.find(read, [3, 6]) == (long, 6)
    assert states.find(read, [3]) == (short, 3)
    assert states.find(read, [0, 7, 500, -6]) == (None, 0)
    assert states.find(ReadText(served, read.text[:6])) == (long, 6)


def test_another_model_precision_start_or_text_has_another_state(served: LoadedModel) -> None:
    states, read = States(), ReadText(served, "To be")
    states.save(key_of(read), memory_of(read))
    assert states.find(read)[1] == 5
    others = [
        replace(read, text="To bE"),
        replace(read, start=True),
        replace(read, served=serve(name="other")),
        replace(read, served=serve(commit="0" * 40)),
        replace(read, served=serve(precision="float32")),
    ]
    assert [states.find(other)[1] for other in others] == [0] * 5


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ([], [(4, UP)], True),  # the last character is read with the clamps of the reply that follows
        ([], [(-1, ()), (2, ())], True),
        ([(1, UP)], [(1, UP), (2, UP)], True),
        ([(1, UP)], [(0, UP)], False),
        ([(1, UP)], [(1, DOWN)], False),
        ([(1, UP), (3, ())], [(1, UP)], False),
        ([(3, UP)], [], False),
        ([(-1, UP), (0, ())], [], False),
    ],
)
def test_clamps_count_if_they_act_before_the_last_character(
    served: LoadedModel, one: Stretches, two: Stretches, same: bool
) -> None:
    states = States()
    first, second = ReadText(served, "To be", True, one), ReadText(served, "To be", True, two)
    states.save(key_of(first), memory_of(first))
    assert (states.find(second)[1] == 5) == same
    alike = memory_of(first).state, memory_of(second).state
    assert (alike[0].c.equal(alike[1].c) and alike[0].h.equal(alike[1].h)) == same


@pytest.mark.parametrize("text", ["To be", "漢", "To 漢", ""])
@pytest.mark.parametrize("clamps", [(), ((-1, UP),), ((0, UP), (1, DOWN))])
@pytest.mark.parametrize("cells", [(), UP, DOWN])
def test_the_key_of_a_text_and_a_reply_needs_no_text(
    served: LoadedModel, text: str, clamps: Stretches, cells: Clamps
) -> None:
    read = ReadText(served, text, clamps=clamps)
    for reply in ("", " or not"):
        assert read.key_with(cells)(reply) == key_of(read.followed_by(reply, cells))


def test_a_boundary_without_the_stop_text_finds_the_memory_with_it() -> None:
    served = serve(chat=ChatFormat("Ann: ", "\nBo: ", "\n"))
    states, ended = States(), ReadText(served, "Ann: Hi\nBo: Hey\n")
    states.save(key_of(ended), memory_of(ended))
    read = ReadText(served, ended.text + "Ann: And?\nBo: ")
    assert states.find(read, [len(ended.text) - 1])[1] == len(ended.text)
    assert states.find(ReadText(served, ended.text[:-1] + "!"), [len(ended.text) - 1])[1] == 0
