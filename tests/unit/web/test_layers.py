"""The imports between the folders of web/ go one way; the linter finds circles of modules."""

import re
from pathlib import Path

WEB = Path(__file__).parents[3] / "web"
# A module imports from its own folder and from those before it. web/README.md says what each folder has.
ORDER = [
    *("vendor", "document", "engines", "conversation", "state", "lenses"),
    *("sharing", "demonstrations", "page", "worker", "learn"),
    ".",  # the entries of both pages
]
ROOT_FIRST = {"settings.js"}  # read by every folder
_IMPORT = re.compile(r'(?:\bfrom|\bimport\(|^import)\s*"(\.[^"]+)"', re.MULTILINE)


def folder_of(path: Path) -> str:
    parts = path.relative_to(WEB).parts
    return parts[0] if len(parts) > 1 else "."


def test_no_module_imports_from_a_later_folder() -> None:
    wrong = []
    for path in sorted(WEB.rglob("*.js")):
        if folder_of(path) in ("vendor", "."):
            continue
        code = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for name in _IMPORT.findall(code):
            target = (path.parent / name).resolve()
            if target.name in ROOT_FIRST or folder_of(target) == folder_of(path):
                continue
            if ORDER.index(folder_of(target)) > ORDER.index(folder_of(path)):
                wrong.append(f"{path.relative_to(WEB)} imports {target.relative_to(WEB)}")
    assert not wrong
