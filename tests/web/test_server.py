"""The server of the browser page: what it shows, and everything that it does not."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.project import ROOT, copy_project
from tests.web.conftest import packages_of, serving

SECRET = "nobody may read this"


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with one model, and with everything that could lead out of it."""
    folder = tmp_path_factory.mktemp("served")
    output, outside = folder / "output", folder / "outside"
    tfjs = output / "cats/tensorflow_js"
    (tfjs / "fast").mkdir(parents=True)
    (tfjs / "labels.json").write_text('["cat", "dög"]', encoding="utf-8")
    (tfjs / "detector.js").write_text("export class Detector {}")
    for name in ("model.json", "fast/model.json", "fast/detector.json"):
        (tfjs / name).write_text("{}")
    (tfjs / "group1-shard1of1.bin").write_bytes(bytes(100))
    (tfjs / "fast/group1-shard1of1.bin").write_bytes(bytes(50))
    for place in (output / "cats/train", output / "cats/.jobs", outside / "tensorflow_js", folder):
        place.mkdir(parents=True, exist_ok=True)
        (place / "secret.json").write_text(json.dumps(SECRET))
    (tfjs / ".hidden.json").write_text(json.dumps(SECRET))
    (tfjs / "notes.txt").write_text(SECRET)
    (tfjs / "link.json").symlink_to(outside / "tensorflow_js/secret.json")
    (tfjs / "folder").symlink_to(outside / "tensorflow_js")
    (tfjs / "sideways.json").symlink_to("../train/secret.json")
    (output / "away").symlink_to(outside)
    os.mkfifo(tfjs / "fifo.json")
    (tfjs / "directory.json").mkdir()
    (output / "dogs/train").mkdir(parents=True)
    (output / "dogs/train/checkpoint").touch()
    (output / "birds/tensorflow_js").mkdir(parents=True)
    return output


@pytest.fixture(scope="module")
def server(tfjs_python: Path, output: Path) -> Iterator[str]:
    with serving(tfjs_python, output) as where:
        yield where


def ask(server: str, target: str, *, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Send a request as it is written, and return the answer's code, headers and body."""
    connection = http.client.HTTPConnection(urlsplit(server).netloc, timeout=20)
    # The standard library refuses to send what an attacker would
    connection._validate_path = lambda path: None  # type: ignore[attr-defined]
    connection.request(method, target, headers=headers)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found


def send(server: str, text: bytes) -> bytes:
    """Send bytes and return all that comes back."""
    with socket.create_connection((urlsplit(server).hostname, urlsplit(server).port), timeout=20) as wire:
        wire.sendall(text)
        wire.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: wire.recv(65536), b""))


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html", "text/html; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/js/app.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml; charset=utf-8"),
        ("/models.json", "application/json; charset=utf-8"),
        ("/models/cats/detector.js?x=1", "text/javascript; charset=utf-8"),
        ("/models/cats/fast/detector.json", "application/json; charset=utf-8"),
        ("/models/cats/group1-shard1of1.bin", "application/octet-stream"),
        ("/models/%63ats/model.json", "application/json; charset=utf-8"),
        ("/tfjs/tf-core.js", "text/javascript; charset=utf-8"),
        ("/tfjs/tf-converter.js", "text/javascript; charset=utf-8"),
        ("/tfjs/tf-backend-cpu.js", "text/javascript; charset=utf-8"),
        ("/tfjs/tf-backend-wasm.js", "text/javascript; charset=utf-8"),
        ("/tfjs/tf-backend-webgl.js", "text/javascript; charset=utf-8"),
        ("/tfjs/tf-backend-webgpu.js", "text/javascript; charset=utf-8"),
        ("/tfjs/tfjs-backend-wasm.wasm", "application/wasm"),
        ("/tfjs/tfjs-backend-wasm-simd.wasm", "application/wasm"),
        ("/tfjs/tfjs-backend-wasm-threaded-simd.wasm", "application/wasm"),
    ],
)
def test_what_the_page_needs_is_there_with_its_type(server: str, target: str, kind: str) -> None:
    code, headers, body = ask(server, target)
    assert (code, headers["Content-Type"], int(headers["Content-Length"])) == (200, kind, len(body))
    code, head, nothing = ask(server, target, method="HEAD")
    assert (code, nothing) == (200, b"")
    assert {name: value for name, value in head.items() if name != "Date"} == {
        name: value for name, value in headers.items() if name != "Date"
    }


@pytest.mark.parametrize(
    "target",
    [
        "/../secret.json", "/%2e%2e/secret.json", "/models/../secret.json",
        "/models/cats/../train/secret.json", "/models/cats/%2e%2e/train/secret.json",
        "/models/cats/..%2ftrain%2fsecret.json", "/models/%2e%2e/secret.json",
        "/models/cats/%252e%252e/train/secret.json", "/models/cats/..\\train\\secret.json",
        "/models/cats/..%5csecret.json", "/models/cats/train/secret.json", "/models/.jobs/secret.json",
        "/models/cats/.hidden.json", "/models/cats/%2ehidden.json", "/models/cats/link.json",
        "/models/cats/folder/secret.json", "/models/cats/sideways.json", "/models/away/secret.json",
        "/models/cats/fifo.json", "/models/cats/directory.json", "/models/cats/fast", "/models/cats/fast/",
        "/models/cats/", "/models/cats/notes.txt", "/models/cats/model.json%00",
        "/models/cats/model.json%00.json", "/models/cats/%ff.json", "/models/cats//model.json",
        "//etc/passwd", "/etc/passwd", "/%2fetc%2fpasswd", "/models/cats/%2fetc%2fhosts.json", "/models",
        "/models/", "/js", "/js/", "/js/../../container_scripts/web.py", "/container_scripts/web.py",
        "/js/app.js/", "/tfjs/", "/tfjs/package.json", "/tfjs/../package.json",
        "/tfjs/@tensorflow/tfjs-core/package.json", "/favicon.ico", "/models.json/",
        "/models/cats/" + "a" * 5000 + ".json", "/models/cats/" + "a/" * 3000 + "b.json",
        "http://127.0.0.1/models.json", "*", "models.json",
    ],
)  # fmt: skip
def test_nothing_else_is_there(server: str, target: str) -> None:
    code, headers, body = ask(server, target)
    assert (code, SECRET.encode() in body) == (404, False)
    assert "Content-Security-Policy" in headers


def test_a_nul_in_a_request_names_no_file(server: str) -> None:
    answer = send(
        server, b"GET /models/cats/model.json\0.json HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    )
    assert answer.split(b"\r\n")[0] == b"HTTP/1.1 404 Not Found"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"])
def test_only_reading_is_possible(server: str, method: str) -> None:
    code, _, body = ask(server, "/models.json", method=method)
    assert (code, b"cats" in body) == (501, False)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", 200), ("localhost:8080", 200), ("LOCALHOST", 200), ("[::1]:8080", 200), ("[::1]", 200),
        ("evil.example", 403), ("evil.example:8080", 403), ("127.0.0.1.evil.example", 403),
        ("127.0.0.1@evil.example", 403), ("localhost.", 403), ("127.0.0.1:8080:1", 403), ("0.0.0.0", 403), ("", 403),
    ],
)  # fmt: skip
def test_a_name_that_is_not_this_machine_is_told_nothing(server: str, host: str, expected: int) -> None:
    code, _, body = ask(server, "/models.json", Host=host)
    assert (code, b"cats" in body) == (expected, expected == 200)


@pytest.mark.parametrize("hosts", [b"", b"Host: 127.0.0.1\r\nHost: evil.example\r\n"])
def test_no_host_or_two_hosts_are_refused(server: str, hosts: bytes) -> None:
    answer = send(server, b"GET /models.json HTTP/1.1\r\n" + hosts + b"Connection: close\r\n\r\n")
    assert answer.split(b"\r\n")[0] == b"HTTP/1.1 403 Forbidden"


def test_every_answer_is_strict(server: str) -> None:
    for target in ("/", "/models.json", "/models/cats/model.json", "/nothing"):
        _, headers, _ = ask(server, target)
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'" and policy["connect-src"] == "'self'"
        assert policy["script-src"] == "'self' 'wasm-unsafe-eval' blob:"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in headers


def test_the_list_names_models_with_their_scores_and_says_of_others_why_not(server: str, output: Path) -> None:
    evaluation = output / "cats/evaluation/metrics.json"
    evaluation.parent.mkdir()
    evaluation.write_text('[{"artefact": "tfjs_fast", "map": 0.5, "map50": 0.75}, {"artefact": "tflite"}]')
    expected: dict[str, Any] = {
        "models": [
            {
                "name": "cats",
                "detector": "models/cats/detector.js",
                "labels": ["cat", "dög"],
                "builds": [
                    {"kind": "fast", "url": "models/cats/fast/", "bytes": 54, "map": 0.5, "map50": 0.75},
                    {"kind": "whole", "url": "models/cats/model.json", "bytes": None, "map": None, "map50": None},
                ],
            }
        ],
        "others": [
            {
                "name": "birds",
                "why": "its tensorflow_js/labels.json cannot be read as a list of names: make export NAME=birds",
            },
            {"name": "dogs", "why": "it is trained, but not exported: make export NAME=dogs"},
        ],
    }
    listed = json.loads(ask(server, "/models.json")[2])
    listed["models"][0]["builds"][1]["bytes"] = None
    assert listed == expected
    shapeless = ("{", "[1, 2]", '{"artefacts": 3}', '[{"artefact": []}]', "[" * 100_000)
    for broken in (*shapeless, '[{"artefact": "tfjs", "map": NaN}]', '[{"artefact": "tfjs", "map": "1"}]'):
        evaluation.write_text(broken)
        listed = json.loads(ask(server, "/models.json")[2])
        assert [build["map"] for build in listed["models"][0]["builds"]] == [None, None]


def test_a_file_is_sent_again_only_when_it_has_changed(server: str, output: Path) -> None:
    tag = ask(server, "/models/cats/model.json")[1]["ETag"]
    assert ask(server, "/models/cats/model.json", **{"If-None-Match": tag})[::2] == (304, b"")
    (output / "cats/tensorflow_js/model.json").write_text('{"new": 1}')
    assert ask(server, "/models/cats/model.json", **{"If-None-Match": tag})[::2] == (200, b'{"new": 1}')


def test_an_empty_output_is_no_error(tfjs_python: Path, tmp_path: Path) -> None:
    for output in (tmp_path, tmp_path / "nowhere"):
        with serving(tfjs_python, output) as where:
            assert json.loads(ask(where, "/models.json")[2]) == {"models": [], "others": []}


def run_server(python: Path, *flags: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, ROOT / "container_scripts/web.py", *flags], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_port_that_is_taken_is_said_with_another(tfjs_python: Path, server: str) -> None:
    port = urlsplit(server).port
    assert port
    done = run_server(tfjs_python, "--port", str(port))
    said = f"error: 127.0.0.1:{port} is in use by another program\nhint: make web PORT={port + 1}\n"
    assert (done.returncode, done.stderr) == (2, said)
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "web", "--backend", "local", "--port", str(port)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    said = f"error: 127.0.0.1:{port} cannot be had: address already in use\nhint: make web PORT={port + 1}\n"
    assert (done.returncode, done.stderr) == (2, said)


def test_a_port_that_is_none_is_said(tfjs_python: Path) -> None:
    done = run_server(tfjs_python, "--port", "70000")
    assert (done.returncode, done.stderr) == (2, "error: PORT is 70000; wanted 1 to 65535\nhint: make web PORT=8080\n")


def test_without_tensorflow_js_the_server_says_where_it_looked(tfjs_python: Path, tmp_path: Path) -> None:
    done = run_server(tfjs_python, "--packages-dir", tmp_path)
    missing_file = tmp_path / "@tensorflow/tfjs-core/dist/tf-core.es2017.min.js"
    assert done.returncode == 5
    assert done.stderr.splitlines()[0] == f"error: TensorFlow.js is not there: {missing_file} does not exist"


def test_the_verb_serves_until_it_is_interrupted(tfjs_python: Path, tmp_path: Path) -> None:
    root = copy_project(tmp_path / "project", environments=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "pipeline", "web", "--backend", "local", "--port", str(port)]
    # A group of its own, as a terminal has it: ^C reaches the verb and its server
    started = subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, text=True, start_new_session=True)
    with started:
        assert started.stderr is not None
        try:
            assert started.stderr.readline() == f"web: http://127.0.0.1:{port}/ (^C ends it)\n"
            assert ask(f"http://127.0.0.1:{port}/", "/")[0] == 200
            os.killpg(started.pid, signal.SIGINT)
            assert started.stderr.read() == "web: ended\n"
            assert started.wait(timeout=20) == 130
        finally:
            if started.poll() is None:
                os.killpg(started.pid, signal.SIGKILL)


def test_the_packages_of_the_environment_are_the_ones_that_are_served(tfjs_python: Path, server: str) -> None:
    served = ask(server, "/tfjs/tfjs-backend-wasm-simd.wasm")[2]
    file = packages_of(tfjs_python) / "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm"
    assert served == file.read_bytes()
