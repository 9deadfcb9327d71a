"""A real HTTP server on this machine that does to a download what the world does."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import google_crc32c


@dataclass
class Served:
    """What a server has, how it behaves, and what it was asked.

    `cuts`: after how many bytes of the body each answer ends early; `faults`: statuses answered first; `silent_s`: how
    long it says nothing in a body, as often as `silences`. `wrong`: how often zeros are sent in its place.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    header: str | None = "x-goog-hash"
    content_type: str = "application/x-tar"
    cuts: list[int] = field(default_factory=list)
    faults: list[int] = field(default_factory=list)
    redirects: dict[str, str] = field(default_factory=dict)
    silences: int = 0
    silent_s: float = 0
    wrong: int = 0
    encoding: str | None = None
    url: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def checksums(self, body: bytes) -> Iterator[tuple[str, str]]:
        md5 = hashlib.md5(body).digest()
        encoded = base64.b64encode(md5).decode()
        match self.header:
            case "x-goog-hash":
                crc32c = base64.b64encode(google_crc32c.value(body).to_bytes(4, "big")).decode()
                yield "x-goog-hash", f"crc32c={crc32c}"
                yield "x-goog-hash", f"md5={encoded}"
            case "ETag":
                yield "ETag", f'"{md5.hex()}"'
            case "Content-MD5":
                yield "Content-MD5", encoded


def make_handler(served: Served) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            served.asked.append((self.path, self.headers.get("Range")))
            self.close_connection = True
            if served.faults:
                self.send_error(served.faults.pop(0))
                return
            if self.path in served.redirects:
                self.send_response(302)
                self.send_header("Location", served.redirects[self.path])
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = served.files.get(self.path.partition("?")[0])
            if body is None:
                self.send_error(404)
                return
            self.answer(body)

        def answer(self, body: bytes) -> None:
            start = self.begin(body)
            if start is None:
                return
            self.send_header("Content-Type", served.content_type)
            self.send_header("Content-Length", str(len(body) - start))
            if served.encoding:
                self.send_header("Content-Encoding", served.encoding)
            for name, value in served.checksums(body):
                self.send_header(name, value)
            self.end_headers()
            sent = body[start:]
            if served.wrong:
                served.wrong -= 1
                sent = bytes(len(sent))
            if served.silences:
                served.silences -= 1
                self.wfile.write(sent[:1000])
                self.wfile.flush()
                time.sleep(served.silent_s)
                return
            self.wfile.write(sent[: served.cuts.pop(0)] if served.cuts else sent)

        def begin(self, body: bytes) -> int | None:
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            other_version = self.headers.get("If-Range") not in (None, *(value for _, value in served.checksums(body)))
            if not asked or not served.ranges or (other_version and served.header == "ETag"):
                self.send_response(200)
                return 0
            start = int(asked[1])
            if start >= len(body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(body)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return None
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            return start

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


@contextmanager
def serving(served: Served) -> Iterator[Served]:
    """Serve on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), make_handler(served))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
