"""The wheel: built, installed, and used in an empty folder by processes that do not see the checkout."""

import ast
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import zipfile
from datetime import datetime, timezone
from email.parser import HeaderParser
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download
from huggingface_hub.cli.extensions import ExtensionManifest

from model import CharLSTM, generate
from tests.local_hub import LocalHub
from tests.support.app_process import begin, reply, started
from tests.support.tiny_runs import ROOT, SIZES, write_text
from training.hub.space_files import write_static

PACKAGES = {"app", "deploy", "model", "training", "ui"}  # in a checkout; nothing is installed under these names
# Programs do not see the checkout, and torch computes what numba would have to compile first, for ten seconds.
ALONE = {"PYTHONPATH": "", "CHAR_LSTM_COMPILE": "0"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the source distribution of a copy, because a build leaves files behind."""
    folder = tmp_path_factory.mktemp("wheel")
    unused = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "docs", "runs", "tests", "*.egg-info")
    shutil.copytree(ROOT, folder / "copy", ignore=unused)
    build = "from setuptools.build_meta import build_sdist; build_sdist('..')"
    subprocess.run([sys.executable, "-c", build], cwd=folder / "copy", check=True, stdout=subprocess.DEVNULL)
    (source,) = folder.glob("*.tar.gz")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "-q"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, source, "-w", folder], cwd=folder, check=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def scripts(wheel: Path) -> Path:
    """The folder of the programs of an environment with the wheel; its libraries are those of this environment."""
    environment = wheel.parent / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    folder = environment / ("Scripts" if os.name == "nt" else "bin")
    (site_packages(folder) / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    options = ["--no-deps", "--no-index", "--disable-pip-version-check", "-q"]
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "python"), "install", *options]
    subprocess.run([*pip, str(wheel)], cwd=wheel.parent, check=True)
    return folder


def site_packages(scripts: Path) -> Path:
    shown = [str(scripts / "python"), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    return Path(subprocess.run(shown, check=True, capture_output=True, text=True).stdout.strip())


def run(*words: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **ALONE, **variables}
    return subprocess.run(words, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", timeout=240)


def test_the_wheel_has_every_file_of_the_project_inside_one_package(wheel: Path) -> None:
    listed = ["git", "ls-files", "-co", "--exclude-standard", *PACKAGES - {"app"}, "web", "char_lstm"]
    tracked = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    files = {f"char_lstm/{name.removeprefix('char_lstm/')}" for name in tracked if (ROOT / name).exists()}
    with zipfile.ZipFile(wheel) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    (about,) = (name for name in contents if name.endswith(".dist-info/METADATA"))
    assert {name for name in contents if ".dist-info/" not in name} == files | {
        f"char_lstm/{name}" for name in ("app.py", "LICENSE", "requirements.txt")
    }
    for name in files:
        if name.endswith(".py"):
            for node in ast.walk(ast.parse(contents[name])):
                modules = [each.name for each in node.names] if isinstance(node, ast.Import) else []
                modules += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
                assert not {module.partition(".")[0] for module in modules} & PACKAGES, name
    assert wheel.stat().st_size < 40_000_000
    needs = HeaderParser().parsestr(contents[about].decode()).get_all("Requires-Dist", [])
    of_app = {need.partition(";")[0].strip() for need in needs if "app" in need.partition(";")[2]}
    always = {need for need in needs if ";" not in need}
    assert len(always) == 5
    assert always < of_app, "the version ranges of pyproject.toml and requirements.txt are equal"


def test_a_user_trains_generates_and_makes_both_pages(
    scripts: Path, hub: LocalHub, token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = scripts / "char-lstm"
    named = "from char_lstm import *; CharLSTM.from_pretrained(PRETRAINED)"
    assert run(scripts / "python", "-c", named, cwd=tmp_path).returncode == 0
    write_text(tmp_path)
    options = (*SIZES, "--steps=20", "--set=evaluations=1", "--teachers=1")
    trained = run(program, "train", "text.txt", *options, "--push-to=plays", "--space=page", "--out=run", cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert "  char-lstm generate --model run the\n" in trained.stderr
    lm = CharLSTM.from_pretrained(tmp_path / "run")
    assert lm.training["command"].startswith("char-lstm train text.txt --steps 20 ")
    write_static(tmp_path / "expected", lm, "ada/page")
    for path in (tmp_path / "expected").rglob("*.*"):
        assert hub.read("spaces/ada/page", path.relative_to(tmp_path / "expected").as_posix()) == path.read_bytes()
    assert "complete" in run(program, "resume", "run", "--device=cpu", cwd=tmp_path).stderr

    written = run(program, "generate", "the", "--model=run", "--length=40", "--seed=1", cwd=tmp_path)
    assert written.stdout == generate(lm, "the", 40, seed=1), written.stderr

    made = run(program, "space", "ada/plays", "--space=app", "--hardware=cpu-basic", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    files = Path(snapshot_download("ada/app", repo_type="space", local_dir=tmp_path / "space"))
    settings = hub.repos["spaces/ada/app"].space
    assert settings
    variables = {name: each["value"] for name, each in settings.variables.items()}
    monkeypatch.delenv("HF_TOKEN")  # anyone can read the model
    apps = {tmp_path: (program, "app", "--model=run"), files: (sys.executable, "app.py")}
    for folder, app in apps.items():
        with started(program=app, cwd=folder, **ALONE, **(variables if folder == files else {})) as (process, url):
            begin(url, 1)
            answer, about = reply(url, 40)
            assert answer == generate(lm, "ROMEO:", 40, seed=1, unknown="skip")
            process.send_signal(signal.SIGINT)  # Ctrl-C
            assert (process.wait(60), "Traceback" in process.stdout.read()) == (130, False)  # type: ignore[union-attr]
    assert (about["model"], about["commit"]) == ("ada/plays", hub.repos["ada/plays"].branches["main"])


def test_the_command_hf_runs_it_as_an_extension(scripts: Path, tmp_path: Path) -> None:
    manifest = ExtensionManifest(
        owner="ada",
        repo="hf-char-lstm",
        repo_id="ada/hf-char-lstm",
        short_name="char-lstm",
        executable_path=str(scripts / "hf-char-lstm"),
        type="python",
        installed_at=datetime.now(timezone.utc),
    )
    manifest.save(tmp_path / ".local" / "share" / "hf" / "extensions" / "hf-char-lstm")
    hf = Path(sys.executable).with_name("hf")
    done = run(hf, "char-lstm", "--help", cwd=tmp_path, HOME=str(tmp_path), HF_HUB_DISABLE_UPDATE_CHECK="1")
    assert done.stdout.startswith("usage: hf char-lstm COMMAND"), done.stderr


@pytest.mark.parametrize(("command", "extra"), [("resume", "train"), ("app", "app")])
def test_a_missing_extra_is_one_line(scripts: Path, tmp_path: Path, command: str, extra: str) -> None:
    """In an environment that has the wheel and no library."""
    words = ("-S", "-m", "char_lstm", command)
    done = run(scripts / "python", *words, cwd=tmp_path, PYTHONPATH=str(site_packages(scripts)))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {command} needs more libraries: pip install 'char-lstm[{extra}]'\n"
