"""GET /samples: what a model wrote during its training, for the demonstration "Watch it learn"."""

from __future__ import annotations

from dataclasses import replace

import httpx

from model import BlockedWords
from model.checkpoint.samples import Sample
from tests.support.app_server import random_model, serving
from tests.support.english import english


def sample(step: int, text: str) -> Sample:
    return {"step": step, "prompt": "To ", "temperature": 0.7, "seed": 1, "text": text}


def test_the_samples_of_a_model_are_listed_without_those_that_have_a_blocked_word() -> None:
    learned = replace(random_model(), samples=(sample(0, "Vq&x"), sample(9, "be")))
    with serving({"learned": learned, "plain": random_model()}) as app:

        def answer(model: str) -> httpx.Response:
            return httpx.get(f"{app.url}samples", params={"model": model})

        assert answer("learned").json() == {"samples": [[0, "To Vq&x"], [9, "To be"]]}
        assert answer("plain").json() == {"samples": []}
        app.served("learned").engine.blocked = BlockedWords(["to be"])
        assert answer("learned").json() == {"samples": [[0, "To Vq&x"]]}
        refused = answer("none")
        assert refused.status_code == 404
        assert "it must be one of the models served here" in english(refused.json()["refusal"])
