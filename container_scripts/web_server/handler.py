"""Answer requests of the browser page: GET and HEAD, files and one list, nothing that writes or starts anything."""

import json
import os
import socketserver
import sys
from http.server import BaseHTTPRequestHandler

from web_server.models_list import list_models
from web_server.site import TYPES

# Scripts come from this server alone, and none stands in the page. TensorFlow.js compiles WebAssembly, and makes the
# threads of its WASM backend from Blobs; only a script that runs already can make one.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval' blob:",
        "worker-src 'self' blob:",
        "connect-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "media-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = [
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    # Together they isolate the page, without which a browser gives WASM no threads
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Embedder-Policy", "require-corp"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(self), microphone=(), geolocation=()"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    # A file is asked for again each time, and sent again only if it has changed
    ("Cache-Control", "no-cache"),
]
NAMES_OF_THIS_MACHINE = ("127.0.0.1", "localhost", "[::1]")
CHUNK_BYTES = 1 << 16


class Handler(BaseHTTPRequestHandler):
    """One request; `server.site` knows the files."""

    protocol_version = "HTTP/1.1"
    server_version = "odpipe"
    sys_version = ""
    timeout = 60  # of a connection that says nothing

    def do_GET(self):
        """Send a file or the list of models."""
        self.answer(with_body=True)

    def do_HEAD(self):
        """Send what do_GET sends, without the body."""
        self.answer(with_body=False)

    def answer(self, with_body):
        """Find what is asked for and send it."""
        # A page of another name that its owner points at 127.0.0.1 (DNS rebinding) is told nothing
        if not is_for_this_machine(self.headers.get_all("Host", [])):
            return self.refuse(403, "This server answers to 127.0.0.1 and localhost only.")
        if self.path.split("?", 1)[0] == "/models.json":
            body = json.dumps(list_models(self.server.site.output_dir)).encode("utf-8")
            self.begin(200, TYPES[".json"], len(body))
            if with_body:
                self.wfile.write(body)
            return None
        path = self.server.site.find(self.path)
        try:
            file = open(path, "rb") if path else None
        except OSError:
            file = None
        if file is None:
            return self.refuse(404, "There is no such file here.")
        with file:
            return self.send_file(file, path, with_body)

    def send_file(self, file, path, with_body):
        """Send an open file, unless the browser has it already."""
        found = os.fstat(file.fileno())
        tag = '"{:x}-{:x}"'.format(found.st_mtime_ns, found.st_size)
        if self.headers.get("If-None-Match") == tag:
            return self.begin(304, TYPES[os.path.splitext(path)[1]], 0, tag)
        self.begin(200, TYPES[os.path.splitext(path)[1]], found.st_size, tag)
        left = found.st_size if with_body else 0
        # Never more than was announced, though the file should grow meanwhile
        while left > 0:
            chunk = file.read(min(CHUNK_BYTES, left))
            if not chunk:
                self.close_connection = True
                break
            self.wfile.write(chunk)
            left -= len(chunk)
        return None

    def begin(self, code, content_type, length, tag=None):
        """Send the head of an answer."""
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(length))
        if tag:
            self.send_header("ETag", tag)
        self.end_headers()

    def refuse(self, code, sentence):
        """Send an error as a sentence."""
        self.send_error(code, None, sentence)

    def end_headers(self):
        """Add what every answer carries, errors too."""
        for name, value in HEADERS:
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format, *arguments):
        """Say nothing of what goes well."""

    def log_error(self, format, *arguments):
        """Show what was refused, with whatever a terminal could take for a command made plain."""
        said = ascii("{} {}".format(getattr(self, "command", None) or "?", getattr(self, "path", "?")))[1:-1]
        sys.stderr.write("web: {}: {}\n".format(said[:300], ascii(format % arguments)[1:-1]))


def is_for_this_machine(hosts):
    """Tell whether a request's Host headers name this machine; with any port, since a container's is another."""
    if len(hosts) != 1:
        return False
    name, colon, port = hosts[0].strip().lower().rpartition(":")
    if not colon or not port.isdigit():
        name = hosts[0].strip().lower()
    return name in NAMES_OF_THIS_MACHINE


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A thread a connection; none keeps the process alive."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address, site):
        self.site = site
        super().__init__(address, Handler)

    def handle_error(self, request, client_address):
        """Pass over connections that break: a browser closes them as it likes."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)
