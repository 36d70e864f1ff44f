"""Numbers, chances and marks of the page: modules of web/ that need neither an engine nor a document."""

from __future__ import annotations

import math

import pytest
from playwright.sync_api import Page


def test_only_what_is_certain_is_shown_as_100_percent(web_page: Page) -> None:
    shares = [0, 0.0004, 0.0512, 0.5, 0.9961, 0.9996, 1]
    script = "async (shares) => shares.map((await import('/lenses/chances.js')).chance)"
    texts = ["0.0%", "<\u00a00.1%", "5.1%", "50%", "99.6%", ">\u00a099.9%", "100%"]
    assert web_page.evaluate(script, shares) == texts


def test_a_number_that_is_rounded_to_zero_has_no_minus_sign(web_page: Page) -> None:
    numbers = "[[-0.004, 2], [-0.4, 0], [-0, undefined], [-0.05, 1], [-10, 0]]"
    script = f"import('/document/words.js').then(({{ number }}) => {numbers}.map((each) => number(...each)))"
    assert web_page.evaluate(script) == ["0.00", "0", "0", "−0.1", "−10"]


def test_the_character_that_is_there_is_shown_with_its_chance_however_small_it_was(web_page: Page) -> None:
    found = web_page.evaluate("""async () => {
        const { likely } = await import("/lenses/chances.js");
        const top = [..."abcdef"].map((character, at) => [character, -at]);
        const settings = { temperature: 0.5, top_k: 0, top_p: 1, min_p: 0 };
        const rest = [-6, -7.5, -9];
        const total = [...top.map(([, logit]) => logit), ...rest].reduce((sum, logit) => sum + Math.exp(logit), 0);
        const bitsOf = (logit) => -Math.log2(Math.exp(logit) / total);
        return [likely({ top, rest }, settings, "b", bitsOf(-1)), likely({ top, rest }, settings, "f", bitsOf(-5)),
          likely({ top, rest }, settings, "z", bitsOf(-7.5)), likely({ top, rest }, settings, "z", null)];
    }""")
    weights = [math.exp(2 * logit) for logit in (0, -1, -2, -3, -4, -5, -6, -7.5, -9)]
    five = [[name, pytest.approx(weight / sum(weights))] for name, weight in zip("abcde", weights, strict=False)]
    assert found[0] == five
    assert found[1] == [*five, ["f", pytest.approx(weights[5] / sum(weights))]]
    assert found[2] == [*five, ["z", pytest.approx(weights[7] / sum(weights))]]
    assert found[3] == five


def test_a_very_small_chance_is_never_broken_between_two_lines(web_page: Page) -> None:
    found = web_page.evaluate("""async () => {
        const { chance } = await import("/lenses/chances.js");
        const { loadLanguages } = await import("/document/words.js");
        const texts = [];
        for (const tag of ["de", "zh-CN", "zh-TW", "en"]) {
            await loadLanguages("/", tag);
            texts.push(chance(0.0004));
        }
        return texts;
    }""")
    assert found == ["<\u00a00,1\u00a0%", *["<\u00a00.1%"] * 3]


@pytest.mark.parametrize(
    ("text", "places"), [("It was so good to hear", [7, 10, 15, 18]), ("春夜明月送友人白雲", [4, 5, 6, 7])]
)
def test_a_letter_of_a_greeting_is_marked_in_a_text_without_spaces_too(
    web_page: Page, text: str, places: list[int]
) -> None:
    found = """async (text) => {
        const { placesToMark } = await import("/page/welcome_mark.js");
        return placesToMark([...text], [...text].map(() => 2));
    }"""
    assert web_page.evaluate(found, text) == places
