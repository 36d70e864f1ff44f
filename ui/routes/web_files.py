"""Routes for the files of ``web/``: the modules, styles and tables that the page imports.

    GET /web/DIGEST/…    a file; DIGEST is of the names and contents of all files

Scripts are sent without their comments. A file at such an address never changes, so a browser asks for it once. The
files are read when the app starts: a folder that changes afterwards, as in an update, cannot mix two versions in one
page.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

from fastapi import Request
from fastapi.responses import PlainTextResponse, Response
from huggingface_hub import constants
from starlette.routing import Route

from model.files import PUBLIC_HUB, web_content

FOLDER = Path(__file__).parents[2] / "web"
PATH = "/web/{digest}/{name:path}"
# Python takes the types of files from the system, and a Windows registry may call JavaScript plain text.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}
_PAGE = "index.html"  # the static page, which the app serves for training
_DIGITS = 16  # hex digits of the digest
_IMMUTABLE = {
    "cache-control": "public, max-age=31536000, immutable",
    "vary": "accept-encoding",
    "x-content-type-options": "nosniff",
}


class WebFiles:
    """The files of a folder.

    Args:
        folder: the folder; files of other types than ``TYPES`` are not served.

    Attributes:
        folder: the folder.
        digest: a hash of the names and contents of all files, in hex digits.
        route: the route that serves the files.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        paths = sorted(path for path in folder.rglob("*") if path.suffix in TYPES and path.is_file())
        self.folder = folder
        self._files: dict[str, tuple[bytes, bytes]] = {}  # the content, and the same compressed
        sha = hashlib.sha256()
        for name, path in sorted((path.relative_to(folder).as_posix(), path) for path in paths):
            content = web_content(path)
            if name == _PAGE:  # it must publish models on the Hub that this app uses
                content = content.replace(PUBLIC_HUB.encode(), constants.ENDPOINT.encode())
            self._files[name] = content, gzip.compress(content, mtime=0)
            sha.update(f"{name} {len(content)}\n".encode())
            sha.update(content)
        listed = json.dumps(sorted(self._files)).encode()  # a page that publishes a copy of itself reads it
        self._files["files.json"] = listed, gzip.compress(listed, mtime=0)
        self.digest = sha.hexdigest()[:_DIGITS]
        self.route = Route(PATH, self.respond, methods=["GET", "HEAD"])

    def text(self, name: str) -> str:
        """Returns the text of a file."""
        return self._files[name][0].decode("utf-8")

    def base(self) -> str:
        """Returns the address of the folder, from the root of the app, with a slash at its end."""
        return f"/web/{self.digest}/"

    async def respond(self, request: Request) -> Response:
        """Sends one file."""
        digest, name = request.path_params["digest"], request.path_params["name"]
        if digest != self.digest or name not in self._files:
            # After an update of the app, a page that is still open requests a module of the version before.
            return PlainTextResponse("there is no such file\n", 404, {"cache-control": "no-store"})
        content, compressed = self._files[name]
        headers = {**_IMMUTABLE, "content-type": TYPES[Path(name).suffix]}
        if "gzip" in request.headers.get("accept-encoding", "") and len(compressed) < len(content):
            return Response(compressed, headers={**headers, "content-encoding": "gzip"})
        return Response(content, headers=headers)
