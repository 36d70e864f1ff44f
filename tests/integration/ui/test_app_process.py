"""``python app.py`` in a separate process: start, options, variables, signals."""

import asyncio
import json
import logging
import signal
from contextlib import aclosing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

import app as entry
from model import CharLSTM, generate
from tests.local_hub import LocalHub
from tests.support.app_process import begin, started
from tests.support.app_server import add_model, eventually, random_model
from tests.support.page_client import PageClient
from tests.support.platforms import posix_only
from tests.support.tiny_models import saved_files
from ui.registry.registry import ModelRegistry

TYPED = "a visitor's own words"


@posix_only
def test_on_zero_gpu_the_models_of_the_environment_are_served_and_updated_until_sigterm(
    hub: LocalHub, tmp_path: Path
) -> None:
    """One function is registered for the GPU, and the CPU writes. The last clients are a program, and a page.

    What they sent is in no file and not in the log. test_wheel.py runs a Space without ZeroGPU, and stops it by Ctrl-C.
    """
    function = "def GPU(function):\n    print('registered', function.__name__)\n    return function\n"
    (tmp_path / "spaces.py").write_text(function)
    folder = tmp_path / "novel"
    repo = hub.add_repo("ada/novel", saved_files(random_model(), folder))
    hub.add_repo("ada/other", {"README.md": b"not a model"})
    with started(
        MODELS="ada/novel@main, ada/other",
        RENEW_EVERY="0.2",
        SPACES_ZERO_GPU="true",
        PYTHONPATH=str(tmp_path),
        TMPDIR=str(tmp_path),
        PYTHONUNBUFFERED="1",
    ) as (process, url):
        answer = httpx.get(begin(url, 40), timeout=60).text
        text, about = json.loads(answer.strip().split("\n")[-1].removeprefix("data: "))
        commit = repo.commit("main").oid
        assert about == {"seed": 1, "model": "ada/novel@main", "commit": commit, "finish_reason": "length"}
        assert text == generate(CharLSTM.from_pretrained(folder), "ROMEO:", 40, seed=1)
        newer = hub.commit(repo, saved_files(random_model(3, hidden_size=256), folder))
        eventually(lambda: newer in httpx.get(begin(url, 5), timeout=60).text)

        async def last_lines() -> tuple[Any, dict[str, Any]]:
            async with httpx.AsyncClient(timeout=60) as http:
                page = PageClient(http, url)
                request = page.request("ada/novel@main", TYPED, newer, length=10_000, speed=60)
                async with aclosing(page.events(request)) as events:
                    await anext(events)
                    address = await asyncio.to_thread(begin, url, 10_000)
                    async with http.stream("GET", address) as answer:
                        lines = answer.aiter_lines()
                        await anext(lines)
                        process.send_signal(signal.SIGTERM)
                        data_lines = [line.removeprefix("data: ") async for line in lines if line.startswith("data: [")]
                    return json.loads(data_lines[-1]), [event async for event in events][-1]

        of_program, of_page = asyncio.run(last_lines())
        assert of_program[1]["finish_reason"] == "abort"
        assert (of_page["end"], of_page["error"]) == ("abort", None)
        output, _ = process.communicate(timeout=60)
        assert process.returncode in (0, 143), output
        for part in ("registered unused", "on CPU", "ada/other is not a char-lstm model", f" at {url}"):
            assert part in output
        assert not [part for part in ("Traceback", str(tmp_path), TYPED, "ROMEO:") if part in output]
        assert not [path for path in tmp_path.rglob("*") if path.is_file() and TYPED.encode() in path.read_bytes()]


@pytest.mark.usefixtures("same_handlers")
@posix_only
@pytest.mark.parametrize(
    ("arguments", "environment", "line"),
    [
        (["--renew-every", "soon"], {}, "argument --renew-every: 'soon' is not a number of seconds"),
        ([], {"GRADIO_SERVER_PORT": "web"}, "'web' is not a port from 1 to 65535 (--port, or GRADIO_SERVER_PORT)"),
        ([], {"ROWS_EACH": "0"}, "ROWS_EACH is '0': it must be a whole number from 1 to 256"),
        ([], {"FORWARDED_ALLOW_IPS": "*"}, "FORWARDED_ALLOW_IPS has '*': it must be an address or a network"),
        ([], {"ALLOWED_ORIGINS": "example.org"}, "ALLOWED_ORIGINS has 'example.org': it must be origins such as"),
        ([], {"PAGE_TITLE": "x" * 61}, "PAGE_TITLE has 61 characters: at most 60 are allowed"),
        ([], {"PAGE_TITLE": "a\udcff"}, "PAGE_TITLE is not text in UTF-8"),
        ([], {"BLOCKED_WORDS": "x" * 101}, "BLOCKED_WORDS: the blocked word"),
        (["--modle", "runs/mine"], {}, "did you mean --model?"),
        (["--model", "bundled", "--model", "nope"], {}, "--model is 'nope': it must be a folder here, or USER/NAME"),
        (["--model", "ada/novel@"], {}, "names no revision"),
    ],
)
def test_an_invalid_option_ends_the_start_with_one_line(
    arguments: list[str],
    environment: dict[str, str],
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A folder that did not exist once started the bundled model instead."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert entry.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert line in error
    assert error.count("\n") == 1


def test_the_command_line_overrides_the_environment() -> None:
    environment = {"MODELS": "a/b, c/d", "RENEW_EVERY": "5", "GRADIO_SERVER_PORT": "8000"}
    options = entry.parse_options([], environment)
    assert (options.models, options.models_typed) == (["a/b", "c/d"], False)
    assert (options.renew_every, options.port) == (5.0, 8000)
    options = entry.parse_options(["--model", "e/f", "--renew-every=0", "--port=9000"], environment)
    assert (options.models, options.models_typed) == (["e/f"], True)
    assert (options.renew_every, options.port) == (0.0, 9000)


def test_the_app_ends_when_an_engine_has_ended(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    registry = ModelRegistry()
    add_model(registry, "random", random_model()).engine.stop()
    eventually(lambda: registry.failed_engines)
    monkeypatch.setattr(entry, "start_models", lambda *_, **__: registry)
    monkeypatch.setattr("gc.freeze", lambda: None)
    monkeypatch.setattr("ui.page.launch.launch", lambda *_, **__: (SimpleNamespace(close=lambda: None), ""))
    with caplog.at_level(logging.ERROR, "char-lstm"):
        entry.serve(entry.parse_options([], {}), registry.site)
    assert "the engine of random has ended: start the app again" in caplog.messages
