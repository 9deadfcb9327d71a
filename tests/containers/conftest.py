"""An engine, base images, the four images and a copy of the project for the container tests.

The images are built under names of their own (odpipe-test-odapi, ...), so that a GPU image of this
machine is not replaced. Where the machine has certificates of its own, the builds get them as a secret.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.project import ROOT, copy_project, missing

HERE = Path(__file__).parent
PREFIX = "odpipe-test-"
TERMINAL_CODE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # compose writes them into pipes, too
OWNER = 1234  # of the project's copy; nobody on most machines
RUN = {"NAME": "cats", "MODEL": "ssd_mobilenet_v2_quantized_small", "STEPS": "2", "BATCH": "2"}


def run(*command: str, timeout_s: float = 1800, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command and return its exit code and all that it printed, as text without terminal codes."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout_s, check=False, **options
    )
    done.stdout = TERMINAL_CODE.sub("", done.stdout)
    return done


@pytest.fixture(scope="session")
def engine() -> dict[str, str]:
    """Return the environment in which `docker` reaches an engine; in CI one is started where none answers."""
    environment = dict(os.environ)
    answers = run("docker", "version", env=environment).returncode == 0 if _has_docker() else False
    if not answers and os.environ.get("CI") != "true":
        missing('no Docker engine answers: eval "$(tests/containers/start_engine.sh)" starts one')
    started = subprocess.run([str(HERE / "start_engine.sh")], stdout=subprocess.PIPE, text=True, check=False)
    assert started.returncode == 0, "tests/containers/start_engine.sh failed"
    for line in started.stdout.splitlines():
        name, _, value = shlex.split(line)[1].partition("=")
        environment[name] = value
    certificates = environment.get("ODPIPE_CA_CERTIFICATES") or environment.get("PIP_CERT")
    if certificates:
        environment["ODPIPE_CA_CERTIFICATES"] = certificates
    environment["ODPIPE_IMAGE_PREFIX"] = PREFIX
    return environment


def _has_docker() -> bool:
    return any(os.access(Path(folder) / "docker", os.X_OK) for folder in os.get_exec_path())


@pytest.fixture(scope="session")
def images(engine: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Build the four images with the published commands; return {image: {"name", "size_bytes", "build_s"}}."""
    bases = run(str(HERE / "make_base_images.sh"), env=engine)
    assert bases.returncode == 0, bases.stdout
    built: dict[str, dict[str, Any]] = {}
    for image in ("pipeline", "toco", "tfjs", "odapi"):
        command = ["docker", "build", "-t", PREFIX + image, "-f", f"./dockerfiles/{image}.dockerfile"]
        if "ODPIPE_CA_CERTIFICATES" in engine:
            command += ["--secret", f"id=ca_certificates,src={engine['ODPIPE_CA_CERTIFICATES']}"]
        began = time.monotonic()
        done = run(*command, "./dockerfiles", cwd=ROOT, env=engine)
        assert done.returncode == 0, done.stdout
        size = run("docker", "image", "inspect", PREFIX + image, "--format", "{{.Size}}", env=engine)
        built[image] = {"name": PREFIX + image, "size_bytes": int(size.stdout), "build_s": time.monotonic() - began}
    print(json.dumps(built, indent=1))
    return built


class Clone:
    """A copy of the project, owned by a user of its own, whose services are run with `docker compose`."""

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self.root = root
        self.environment = environment

    def compose(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run `docker compose` in the copy, with settings as in .env."""
        return run("docker", "compose", *arguments, cwd=self.root, env={**self.environment, **settings})

    def owners(self) -> set[tuple[int, int]]:
        """Return the (uid, gid) of everything below input/ and output/."""
        statuses = [path.lstat() for part in ("input", "output") for path in (self.root / part).rglob("*")]
        return {(status.st_uid, status.st_gid) for status in statuses}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, engine: dict[str, str], images: dict[str, Any]) -> Iterator[Clone]:
    """Yield a copy of the project; its containers are removed afterwards."""
    root = copy_project(tmp_path_factory.mktemp("containers") / "project")
    # A model of two steps finds its boxes by luck, in every form other ones
    (root / "odpipe.yaml").write_text("tolerance: 100\n")
    if os.geteuid() == 0:
        for path in [root, *root.rglob("*")]:
            os.chown(path, OWNER, OWNER)
    project = f"odpipe-test-{os.getpid()}"
    one = Clone(root, {**engine, "COMPOSE_PROJECT_NAME": project, "COMPOSE_ANSI": "never"})
    yield one
    one.compose("--profile", "*", "down", "--timeout", "2")


def draw_supervisely(folder: Path) -> Path:
    """Draw a Supervisely project of eight images, each with a red and a blue box, and return its folder."""
    (folder / "ds" / "img").mkdir(parents=True)
    (folder / "ds" / "ann").mkdir()
    classes = [{"title": title, "shape": "rectangle", "color": "#FF0000"} for title in ("red", "blue")]
    (folder / "meta.json").write_text(json.dumps({"classes": classes, "tags": []}))
    for number in range(8):
        picture = Image.new("RGB", (160, 120), (90, 90 + number * 5, 90))
        boxes = {"red": (10 + number, 20, 59 + number, 79), "blue": (90, 30 + number, 149, 89 + number)}
        for title, box in boxes.items():
            picture.paste(Image.new("RGB", (box[2] - box[0] + 1, box[3] - box[1] + 1), title), box[:2])
        picture.save(folder / "ds" / "img" / f"{number}.jpg")
        objects = [
            {
                "classTitle": title,
                "geometryType": "rectangle",
                "points": {"exterior": [[xmin, ymin], [xmax, ymax]], "interior": []},
                "tags": [],
            }
            for title, (xmin, ymin, xmax, ymax) in boxes.items()
        ]
        annotation = {"size": {"width": 160, "height": 120}, "tags": [], "objects": objects}
        (folder / "ds" / "ann" / f"{number}.jpg.json").write_text(json.dumps(annotation))
    return folder
