"""Identifiers use the field's words: words that do not say what a thing is, and the files that still have some."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

from tests.unit.project.sources import ROOT, modules, shown

INSTEAD = {
    "anew": "again, or a word for what is made new",
    "asleep": "idle",
    "awake": "running",
    "begun": "started",
    "beside": "side_by_side, neighbours",
    "comes": "arrives, or a noun",
    "crowd": "clients, batch",
    "film": "timeline",
    "foot": "footer",
    "glance": "sample, evaluation",
    "goes": "a noun",
    "gone": "deleted, disconnected, missing",
    "greeting": "welcome_text",
    "hand": "clamp",
    "heap": "allocator",
    "heard": "received",
    "keeper": "checkpoint_manager",
    "lives": "runs, processes",
    "look": "trace, evaluation",
    "looks": "traces, evaluations, viewports",
    "moment": "checkpoint, time",
    "news": "update_notice",
    "nobody": "none",
    "pace": "chars_per_second",
    "said": "message, output, label",
    "says": "a noun",
    "shelf": "registry",
    "somebody": "a client, a visitor",
    "stands": "is",
    "stepper": "backend, runner",
    "takeover": "handover",
    "talk": "conversation, chat",
    "talks": "chats",
    "tells": "a noun",
    "told": "result, payload, message",
    "trouble": "fault",
    "verbatim": "overlap",
    "who": "client, visitor",
    "whoever": "client, visitor",
}
# The files that still have some of these words; words may leave the list, and none may be added.
STILL = {
    "web/conversation/welcome.js": "greeting",  # a field of stored conversations
    "web/engines/refusal.js": "gone",  # a field of refusals
    "web/learn/hub/publish.js": "who",  # the name in @huggingface/hub
    "web/page/main.js": "gone",
    "tests/benchmarks/bench_crowd.py": "crowd told",
    "tests/benchmarks/bench_engine.py": "begun beside",
    "tests/benchmarks/bench_page.py": "crowd",
}
FILES = [
    ROOT / "app.py",
    *modules("model", "training", "ui", "deploy", "tests/support", "tests/local_hub", "tests/benchmarks"),
    *(path for path in sorted((ROOT / "web").rglob("*.js")) if "vendor" not in path.parts),
]
NO_NAMES = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|`[^`]*`', re.DOTALL)  # comments and strings


def words(path: Path) -> set[str]:
    """Return the words of all identifiers of a file, in lower case."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".js":
        names = set(re.findall(r"[A-Za-z_$][\w$]*", NO_NAMES.sub("", text)))
    else:
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        names = {token.string for token in tokens if token.type == tokenize.NAME}
    return {word.lower() for name in names for word in re.findall(r"[A-Z]?[a-z0-9]+", name)}


def test_identifiers_use_the_words_of_the_field() -> None:
    found = {shown(path): words(path) & set(INSTEAD) - set(STILL.get(shown(path), "").split()) for path in FILES}
    assert {path: {word: INSTEAD[word] for word in several} for path, several in found.items() if several} == {}
