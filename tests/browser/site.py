"""A web server on this machine for the tests in a browser: pages, TensorFlow.js, models, files that a test makes."""

from __future__ import annotations

import functools
import http.server
import mimetypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BACKENDS = {
    "wasm": "tfjs-backend-wasm/dist/tf-backend-wasm.min.js",
    "webgl": "tfjs-backend-webgl/dist/tf-backend-webgl.min.js",
    "webgpu": "tfjs-backend-webgpu/dist/tf-backend-webgpu.min.js",
    "cpu": "tfjs-backend-cpu/dist/tf-backend-cpu.min.js",
}
CORE = ("tfjs-core/dist/tf-core.min.js", "tfjs-converter/dist/tf-converter.min.js")


class Site:
    """`address` is where it is, `files` what tests put up, by path; `folders` are served under their names."""

    def __init__(self, folders: dict[str, Path]) -> None:
        self.folders = folders
        self.files: dict[str, bytes] = {}
        self.address = ""

    def page(self, *backends: str, body: str = "", name: str = "page.html", isolated: bool = True) -> str:
        """Put up a page that loads TensorFlow.js with some backends; return its address."""
        scripts = "".join(
            f'<script src="/tf/{path}"></script>\n' for path in (*CORE, *(BACKENDS[one] for one in backends))
        )
        wasm = '<script>tf.wasm.setWasmPaths("/tf/tfjs-backend-wasm/wasm-out/")</script>' if "wasm" in backends else ""
        kind = "isolated" if isolated else "plain"
        self.files[f"/{kind}/{name}"] = f"<!doctype html><meta charset=utf-8>\n{scripts}{wasm}{body}".encode()
        return f"{self.address}/{kind}/{name}"

    def find(self, path: str) -> bytes | None:
        """Return the content of a path such as /model/fast/model.json."""
        path = path.split("?")[0]
        if path in self.files:
            return self.files[path]
        _, folder, *rest = path.split("/")
        file = self.folders.get(folder, Path("/nonexistent")).joinpath(*(part for part in rest if part != ".."))
        return file.read_bytes() if file.is_file() else None


@contextmanager
def serve(folders: dict[str, Path]) -> Iterator[Site]:
    """Serve on a free port of 127.0.0.1."""
    site = Site(folders)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, site=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, *args: Any, site: Site) -> None:
        self.site = site
        super().__init__(*args)

    def do_GET(self) -> None:
        content = self.site.find(self.path)
        self.send_response(200 if content is not None else 404)
        kind = mimetypes.guess_type(self.path.split("?")[0])[0] or "application/octet-stream"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content or b"")))
        if not self.path.startswith("/plain/"):
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""
