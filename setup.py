"""Builds the wheel: the packages of the checkout become parts of one package, `char_lstm`.

In a checkout the packages are at the top, where they run without an installation. Names such as `model` must not be
installed at the top, so the wheel has `char_lstm.model`, and all imports of the packages by each other are rewritten.
The folder of the installed package looks like the checkout: with app.py, web/ and the files of each package, by rule.
pyproject.toml has everything else.
"""

import re
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

NAME = "char_lstm"
FOLDERS = ("deploy", "model", "training", "ui", "web")
FILES = ("app.py", "LICENSE", "requirements.txt")
_IMPORT = re.compile(rb"^([ \t]*(?:from|import) )(?=(?:app|deploy|model|training|ui)\b)", re.MULTILINE)


class BuildPackage(build_py):
    """Copies the files of the project to where they are in the package, and rewrites imports."""

    def run(self) -> None:
        """Builds the package; an editable installation is the checkout itself."""
        if self.editable_mode:
            super().run()
            return
        shutil.rmtree(Path(self.build_lib, NAME), ignore_errors=True)  # it may have files that the checkout has no more
        for source in self.get_source_files():
            target = Path(self.build_lib, _installed(source))
            target.parent.mkdir(parents=True, exist_ok=True)
            content = Path(source).read_bytes()
            target.write_bytes(_IMPORT.sub(rb"\1char_lstm.", content) if source.endswith(".py") else content)

    def get_source_files(self) -> list[str]:
        """Returns the files of the package, which are also those of the source distribution."""
        found = [path for folder in (NAME, *FOLDERS) for path in Path(folder).rglob("*") if path.is_file()]
        is_hidden = {path: any(part == "__pycache__" or part.startswith(".") for part in path.parts) for path in found}
        return sorted([*FILES, *(path.as_posix() for path in found if not is_hidden[path])])

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:  # noqa: ARG002
        """Returns the files that `run` writes."""
        return [str(Path(self.build_lib, _installed(source))) for source in self.get_source_files()]


def _installed(source: str) -> str:
    return source if source.startswith(f"{NAME}/") else f"{NAME}/{source}"


setup(cmdclass={"build_py": BuildPackage})
