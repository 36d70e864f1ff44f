"""Writes the example texts that a visitor can train on in the browser: `python -m tests.support.example_texts`.

The recipes and the chat are put together from the words below. The scenes were written by the bundled model of their
time and are kept when it is replaced; the option `--scenes` lets the present one write them anew.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from model import PRETRAINED, CharLSTM, generate

FOLDER = Path(__file__).parents[2] / "web" / "learn" / "corpus" / "examples"
SCENES = "scenes.txt"
VEGETABLES = ["carrots", "leeks", "potatoes", "mushrooms", "tomatoes", "peas", "onions", "beans"]
STARCHES = ["rice", "noodles", "barley", "lentils", "dumplings"]
SPICES = ["pepper", "paprika", "cumin", "thyme", "mint", "ginger"]
SOUPS = ["soup", "stew", "pie", "salad", "curry"]
CUTS = ["slices", "cubes", "strips"]
FATS = ["butter", "oil"]
TOPPINGS = ["lemon juice", "yoghurt", "roasted nuts", "grated cheese", "fresh bread"]
PLACES = ["the lake", "the market", "the cinema", "the library", "the old bridge", "my place"]
FOODS = ["soup", "cake", "tea", "apples", "pancakes", "bread"]
DAYS = ["today", "tomorrow", "on Friday", "on Saturday", "on Sunday"]
ANSWERS = ["Yes, gladly!", "Good idea.", "I am not sure.", "Maybe later.", "Of course :)", "No, I have to work."]
QUESTIONS = [
    "Shall we go to {place} {day}?",
    "Are you at {place} already?",
    "Do we still have {food}?",
    "Can you bring {food} to {place}?",
    "What are you doing {day}?",
]
STATEMENTS = [
    "I have made {food}.",
    "It is raining here. We could meet at {place} instead.",
    "I am on my way to {place}, see you at {hour}.",
    "We meet at {place} {day}, at {hour}.",
    "The {food} was wonderful, thank you!",
]


def scenes() -> str:
    """Returns what the bundled model writes."""
    text = "".join(generate(CharLSTM.from_pretrained(PRETRAINED), "\n", 6_200, temperature=0.6, seed=1))
    return text[: text.rindex("\n\n")].strip() + "\n"


def recipes() -> str:
    """Returns recipes of a fixed form."""
    rng = random.Random(1)
    written = []
    for _ in range(16):
        first, second = rng.sample(VEGETABLES, 2)
        starch, spice, fat = rng.choice(STARCHES), rng.choice(SPICES), rng.choice(FATS)
        written.append(
            f"{first.upper()} AND {starch.upper()} {rng.choice(SOUPS).upper()}\nfor {rng.randint(2, 6)} people\n\n"
            f"- {rng.randint(2, 9) * 100} g {first}\n- {rng.randint(1, 4) * 100} g {second}\n"
            f"- {rng.randint(2, 4)} cups of {starch}\n- a little {spice}, salt and {fat}\n\n"
            f"Cut the {first} and the {second} into {rng.choice(CUTS)}. "
            f"Fry them in {fat} for {rng.randint(3, 9)} minutes. Add the {starch}, the {spice} and water, "
            f"and cook it slowly for {rng.randint(2, 6) * 5} minutes. Serve with {rng.choice(TOPPINGS)}.\n"
        )
    return "\n\n".join(written)


def chat() -> str:
    """Returns a chat of two people as WhatsApp exports it."""
    rng = random.Random(2)
    lines = ["01/03/2024, 08:00 - Messages and calls are end-to-end encrypted. Tap to learn more."]
    minute = 8 * 60
    for n in range(84):
        minute += rng.randint(1, 40)
        text = rng.choice([rng.choice(QUESTIONS), rng.choice(STATEMENTS), rng.choice(ANSWERS)])
        written = text.format(
            place=rng.choice(PLACES), day=rng.choice(DAYS), food=rng.choice(FOODS), hour=f"{rng.randint(2, 9)} o'clock"
        )
        date = f"{1 + minute // 1440:02}/03/2024, {minute // 60 % 24:02}:{minute % 60:02}"
        lines.append(f"{date} - {'Nora' if (n + rng.randint(0, 1)) % 2 else 'Emil'}: {written}")
    return "\n".join(lines) + "\n"


def texts() -> dict[str, str]:
    """Returns the example texts that do not depend on a model, by their file names."""
    return {"recipes.txt": recipes(), "chat.txt": chat()}


if __name__ == "__main__":
    for name, text in {**texts(), **({SCENES: scenes()} if "--scenes" in sys.argv else {})}.items():
        (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")
