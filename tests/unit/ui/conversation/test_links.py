"""Links: what is said in them comes back, and what strangers say in them is followed or refused in words."""

from __future__ import annotations

import random
from urllib.parse import parse_qs, quote, urlencode

import pytest

from model import SamplingParams
from tests.support.shared_conversations import COMMIT, chance_link
from ui.conversation.links import HERE, MAX_SHARED, Link, Step, fingerprint
from ui.messages import RefusalError
from ui.settings import MAX_LINK, MAX_STEPS


def test_what_a_link_says_comes_back() -> None:
    for seed in range(300):
        link = chance_link(seed)
        assert Link.read(link.query) == link
        assert Link.read("?" + link.query + "&__theme=dark&logs=1") == link
        assert link.query.isascii()


def test_the_parameters_of_one_reply_are_plain() -> None:
    params = SamplingParams(temperature=0.9, length=300, top_k=5, top_p=0.5, min_p=0.1, seed=7)
    link = Link((Step(params, "ROMEO:\nSo"),), "ada/novel", COMMIT, HERE, fingerprint("it"))
    assert parse_qs(link.query) == {
        "prompt": ["ROMEO:\nSo"],
        "seed": ["7"],
        "length": ["300"],
        "temperature": ["0.9"],
        "top_k": ["5"],
        "top_p": ["0.5"],
        "min_p": ["0.1"],
        "model": [f"ada/novel@{COMMIT}"],
        "v": [HERE],
        "text": [fingerprint("it")],
    }


def test_of_two_models_it_names_both_and_how_much_of_a_say_the_second_has() -> None:
    steps = [Step(SamplingParams(length=9, seed=7, share=share), prompt) for share, prompt in ((0.3, "a"), (1.0, "b"))]
    link = Link(tuple(steps), "ada/novel", COMMIT, HERE, fingerprint("it"), ("ada/other", COMMIT))
    said = parse_qs(link.query)
    assert (said["blend_with"], said["share"]) == ([f"ada/other@{COMMIT}"], ["0.3", "1"])
    by_hand = Link.read("prompt=a&seed=7&length=9&blend_with=other")
    assert by_hand == Link((Step(SamplingParams(length=9, seed=7, share=0.5), "a"),), second=("other", ""))
    alone = Link.read("prompt=a&seed=7&length=9&share=2&blend_with=")
    assert alone == Link((Step(SamplingParams(length=9, seed=7), "a"),))


def test_a_link_by_hand_may_leave_things_away_and_have_them_in_any_order() -> None:
    assert Link.read("") is Link.read("?__theme=dark") is Link.read("?temperature=2&seed=") is None
    link = Link.read("?length=30&seed=7&prompt=ROMEO:&seed=8")
    assert link == Link((Step(SamplingParams(length=30, seed=7), "ROMEO:"),))
    drawn = Link.read("prompt=")
    assert drawn
    assert drawn.prompts == [""]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("seed=-1", "seed is -1"),
        ("seed=1.5", "seed is 1.5"),
        ("seed=4294967296", "seed is 4294967296"),
        ("seed=null", "seed is 'null'"),
        ("seed=%EF%BC%91", "seed is"),
        ("seed=1&length=0", "length is 0: it must be a whole number from 1 to 10,000"),
        ("seed=1&length=10001", "length is 10001"),
        ("seed=1&length=1_0", "length is '1_0'"),
        ("seed=1&length=" + "9" * 5000, "length is '999"),
        ("seed=1&temperature=NaN", "temperature is 'NaN'"),
        ("seed=1&temperature=inf", "temperature is 'inf'"),
        ("seed=1&temperature=1e999", "temperature is inf"),
        ("seed=1&temperature=5.01", "temperature is 5.01"),
        ("seed=1&temperature=[1]", "temperature is '[1]'"),
        ("seed=1&top_k=-1", "top_k is -1"),
        ("seed=1&top_p=0", "top_p is 0"),
        ("seed=1&min_p=2", "min_p is 2"),
        ("seed=1&v=<script>", "v is '<script>' in this link"),
        ("seed=1&text=123", "text is '123' in this link"),
        ("seed=1&text=" + "A" * 16, "text is 'AAAA"),
        ("seed=1&then=x", "seed is missing in this link"),
        ("seed=1&more=0", "length is 0"),
        ("seed=1&more=x", "length is 'x'"),
        ("seed=1" + "&more=1" * MAX_STEPS, f"{MAX_STEPS + 1} steps"),
        ("seed=1&pick=xy", "pick is 'xy' in this link"),
        ("seed=1&blend_with=b&share=1.1", "share is 1.1: it must be a number from 0 to 1"),
        ("seed=1&blend_with=b&share=-0.1", "share is -0.1"),
        ("seed=1&blend_with=b&share=NaN", "share is 'NaN'"),
        ("seed=1&blend_with=b&share=1e400", "share is inf"),
        ("seed=1&blend_with=b&share=[1]", "share is '[1]'"),
        ("seed=1&blend_with=b&more=1&share=" + "9" * 5000, "share is '999"),
        ("seed=1&blend_with=b&then=x&seed=2&hold=0.1~4", "hold is given in this link"),
        ("prompt=%ff", "broken"),
        ("prompt=" + "x" * MAX_LINK, "8,007 characters"),
    ],
)
def test_what_cannot_be_followed_is_refused_in_words(query: str, reason: str) -> None:
    with pytest.raises(RefusalError) as refused:
        Link.read(query)
    assert reason in str(refused.value)
    assert len(str(refused.value)) < 300
    assert "\n" not in str(refused.value)


def test_any_query_is_a_link_or_none_or_a_refusal() -> None:
    names = [
        "prompt",
        "seed",
        "length",
        "temperature",
        "top_k",
        "top_p",
        "min_p",
        "model",
        "v",
        "text",
        "then",
        "more",
        "pick",
        "hold",
        "blend_with",
        "share",
        "x",
    ]
    values = ["", "1", "-1", "nan", "1e400", "0.5", "a@" + COMMIT, "@", "%00", "🙂", "a" * 50, "{}", "true", "&&=", "٣"]
    for seed in range(1000):
        chance = random.Random(seed)
        said = [(chance.choice(names), chance.choice(values)) for _ in range(chance.randrange(12))]
        query = urlencode(said) if chance.random() < 0.8 else "&".join(map("=".join, said))
        try:
            link = Link.read(query)
        except RefusalError:
            continue
        assert link is None or Link.read(link.query) == link


def test_what_is_too_long_for_a_message_is_refused_when_it_is_shared() -> None:
    fits = Link((Step(SamplingParams(seed=1), "x" * 1700),), text=fingerprint(""))
    assert len(fits.query) <= MAX_SHARED
    with pytest.raises(RefusalError, match=r"too long for a link of at most 1,900 .* Share a shorter prompt"):
        _ = Link((Step(SamplingParams(seed=1), "x" * 2000),)).query
    with pytest.raises(RefusalError, match="half of a character"):
        _ = Link((Step(SamplingParams(seed=1), "\ud800"),)).query
    assert len(quote("你" * 300)) > MAX_SHARED
