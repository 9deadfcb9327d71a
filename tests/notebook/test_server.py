"""The notebook's server in its local environment: who gets in, what it opens, and what it leaves."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.stages.evaluate_chromium import find_chromium
from tests.containers.test_containers import free_port
from tests.project import ROOT, copy_project, missing, need_environment

pytestmark = pytest.mark.odapi

TOKEN = "a-token-of-mine"
ADDRESS = re.compile(
    r"jupyter: http://127\.0\.0\.1:(\d+)/(notebooks/output/notebooks/[\w.-]+)\?token=(\S+) \(\^C ends it\)"
)


def make_project(folder: Path, *runs: str) -> Path:
    """Copy the project, with runs of which nothing but a frozen graph is there, the last one the newest."""
    root = copy_project(folder / "project", environments=True)
    (root / "docs").mkdir()
    shutil.copyfile(ROOT / "docs/detect.ipynb", root / "docs/detect.ipynb")
    for number, run in enumerate(runs):
        graph = root / "output" / run / "frozen/frozen_inference_graph.pb"
        graph.parent.mkdir(parents=True)
        graph.touch()
        os.utime(graph, (number, number))
    return root


class Serving:
    """A server that runs, and what it has said."""

    def __init__(self, process: subprocess.Popen[str], lines: list[str]) -> None:
        found = ADDRESS.fullmatch(lines[-1])
        assert found, lines
        self.process, self.lines = process, lines
        self.port, self.path, self.token = int(found[1]), "/" + found[2], found[3]

    def ask(self, path: str, *, method: str = "GET", body: str = "", **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        is_json = (answer.getheader("Content-Type") or "").startswith("application/json")
        return answer.status, json.loads(text) if is_json and text else text

    def wait(self) -> None:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise AssertionError("nobody listens")


@contextmanager
def serving(root: Path, *flags: str, **environment: str) -> Iterator[Serving]:
    """Run `odpipe notebook` in a session of its own, as a terminal would."""
    need_environment("jupyter")
    command = [sys.executable, "-m", "pipeline", "notebook", "--backend", "local", "--port", str(free_port()), *flags]
    environment = {**os.environ, **environment}
    options: dict[str, Any] = {"stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    with subprocess.Popen(command, cwd=root, env=environment, **options) as process:
        assert process.stderr is not None
        try:
            lines: list[str] = []
            for line in process.stderr:
                lines.append(line.rstrip("\n"))
                if "?token=" in line:
                    break
            server = Serving(process, lines)
            server.wait()
            yield server
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=60)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("served"), "dogs", "cats")


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[Serving]:
    # A configuration of the user that asks for no token
    config = root / "jupyter/jupyter_notebook_config.py"
    config.parent.mkdir()
    config.write_text("c.NotebookApp.token = ''\nc.NotebookApp.ip = '0.0.0.0'\n")
    with serving(root, ODPIPE_TOKEN=TOKEN, JUPYTER_CONFIG_DIR=str(config.parent)) as one:
        yield one


def test_nothing_is_answered_without_the_token(server: Serving) -> None:
    assert server.token == TOKEN
    for path in ("/api/contents", "/api/contents?token=wrong", "/api/kernels", "/api/terminals", "/files/README.md"):
        assert server.ask(path)[0] in (302, 403), path
    assert server.ask(server.path)[0] == 302
    assert server.ask(f"{server.path}?token={TOKEN}")[0] == 200
    assert server.ask("/api/contents", Authorization=f"token {TOKEN}")[0] == 200


def test_it_listens_on_this_machine_only_and_to_no_foreign_name(server: Serving) -> None:
    found = Path("/proc/net/tcp").read_text().splitlines()[1:]
    listening = [line.split()[1] for line in found if line.split()[3] == "0A"]
    assert [one for one in listening if one.endswith(f":{server.port:04X}")] == [f"0100007F:{server.port:04X}"]
    status, _ = server.ask(f"/api/contents?token={TOKEN}", Host=f"elsewhere.example:{server.port}")
    assert status == 403


def test_the_token_is_not_in_a_command_that_others_see(server: Serving) -> None:
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert any(b"serve_notebook.py" in command for command in commands)
    assert not any(TOKEN.encode() in command for command in commands)


def test_the_notebook_of_the_newest_run_is_a_copy_that_can_be_saved(server: Serving, root: Path) -> None:
    assert server.path == "/notebooks/output/notebooks/cats.ipynb"
    status, found = server.ask(f"/api/contents/output/notebooks/cats.ipynb?token={TOKEN}")
    assert (status, found["writable"]) == (200, True)
    sources = ["".join(cell["source"]) for cell in found["content"]["cells"]]
    assert any(source.startswith('RUN = "cats"') for source in sources)
    assert "](../../docs/datasets.md)" in "".join(sources)
    written = json.loads((root / "output/notebooks/cats.ipynb").read_text(encoding="utf-8"))
    assert len(written["cells"]) == len(sources)
    assert (root / "docs/detect.ipynb").read_bytes() == (ROOT / "docs/detect.ipynb").read_bytes()


def test_a_cell_runs_in_a_browser_that_asks_only_the_server(server: Serving, playwright: Any) -> None:
    executable = find_chromium()
    if executable is None:
        missing("no Chromium on PATH: tests/browser/install_chromium.sh installs it")
    browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"], timeout=60_000)
    try:
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"http://127.0.0.1:{server.port}{server.path}?token={TOKEN}", timeout=120_000)
        first = page.locator(".code_cell").first
        page.wait_for_selector("#kernel_indicator_icon.kernel_idle_icon", timeout=60_000)
        first.locator(".CodeMirror").click()
        page.keyboard.press("Shift+Enter")
        first.locator(".input_prompt", has_text="[1]:").wait_for(timeout=60_000)
        assert first.locator(".output_error").count() == 0
    finally:
        browser.close()
    elsewhere = [url for url in asked if not url.startswith((f"http://127.0.0.1:{server.port}/", "data:", "blob:"))]
    assert elsewhere == []


def test_each_start_draws_another_token_and_keeps_what_was_edited(tmp_path: Path) -> None:
    root = make_project(tmp_path, "dogs", "cats")
    with serving(root, "--name", "dogs", ODPIPE_TOKEN="", JUPYTER_TOKEN="") as first:
        assert first.path == "/notebooks/output/notebooks/dogs.ipynb"
        assert re.fullmatch("[0-9a-f]{48}", first.token)
    assert first.process.returncode == 130
    copy = root / "output/notebooks/dogs.ipynb"
    copy.write_text(copy.read_text(encoding="utf-8").replace("Look at what you trained", "Mine"), encoding="utf-8")
    with serving(root, "--name", "dogs", ODPIPE_TOKEN="", JUPYTER_TOKEN="") as second:
        assert second.token != first.token
        assert "jupyter: output/notebooks/dogs.ipynb is as you left it; delete it for a fresh one" in second.lines
    assert "Mine" in copy.read_text(encoding="utf-8")


def notebook(root: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline", "notebook", "--backend", "local", *flags]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)


def test_what_cannot_be_is_said_before_anything_starts(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    done = notebook(root, "--name", "cats")
    assert (done.returncode, done.stderr) == (
        4,
        "error: output/cats has no frozen graph\nhint: make export NAME=cats\n",
    )
    done = notebook(root, "--port", "70000")
    said = "error: PORT is 70000; wanted 1 to 65535\nhint: make notebook PORT=9000\n"
    assert (done.returncode, done.stderr) == (2, said)
    need_environment("jupyter")
    done = notebook(root, "--port", str(free_port()))
    said = "error: no run of output/ is exported yet\nhint: make demo, or make export NAME=...\n"
    assert (done.returncode, done.stderr) == (4, said)


def test_its_lock_has_every_package_of_odapi_as_it_is_there() -> None:
    odapi, jupyter = (read_lock(ROOT / f"dockerfiles/requirements/{name}.txt") for name in ("odapi", "jupyter"))
    assert {name: jupyter.get(name) for name in odapi} == odapi
    assert "notebook" in jupyter


def read_lock(path: Path) -> dict[str, str]:
    """Return {package: its version and hashes}."""
    entries = re.split(r"^(?=[a-z])", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    pins = [re.sub(r"\s*#.*", "", entry).split("==", 1) for entry in entries if "==" in entry]
    return {name: " ".join(rest.split()) for name, rest in pins}
