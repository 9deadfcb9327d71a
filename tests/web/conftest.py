"""What the tests of the browser page share: the real server in a process of its own, and a real Chromium."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.stages.evaluate_chromium import find_chromium
from pipeline.tfrecord.example import decode_example
from pipeline.tfrecord.framing import read_frames
from tests.project import ROOT, missing, need_environment
from tests.web.visit import Visit

Open = Callable[..., Visit]
LOW = 0.1
"""A score for the tiny model, which is unsure of everything."""

ARTEFACTS = ROOT / "tests/web/artefacts"
"""Where screenshots are kept, for people to look at; git ignores it."""
CAMERA = ("--use-fake-device-for-media-stream",)
"""Whether a page may use it is for each visit to say."""
GPU_OF_SOFTWARE = (
    "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
)  # fmt: skip
SWITCHES = ("--no-sandbox", "--disable-background-networking", "--disable-component-update")


@pytest.fixture(scope="session")
def tfjs_python() -> Path:
    """The interpreter of the environment that has TensorFlow.js, with all that its lock names."""
    python = need_environment("tfjs")
    if not (packages_of(python) / "@tensorflow/tfjs-backend-webgpu").is_dir():
        missing("the tfjs environment is older than its lock: make test makes it anew")
    return python


def packages_of(python: Path) -> Path:
    return python.parent.parent / "node_modules"


@contextmanager
def serving(python: Path, output: Path, *flags: str | Path) -> Iterator[str]:
    """Start the real server on a free port; yield its address."""
    command = [python, ROOT / "container_scripts/web.py", "--port", "0", "--output-dir", output, *flags]
    with subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            line = server.stderr.readline()
            address = re.fullmatch(r"web: (http://127\.0\.0\.1:\d+/) \(\^C ends it\)\n", line)
            assert address, line + server.stderr.read()
            yield address.group(1)
        finally:
            server.terminate()


@pytest.fixture(scope="session")
def chromium(playwright: Any) -> Iterator[Any]:
    """A headless Chromium with a camera that shows a moving disc, and with a graphics card made of software."""
    executable = find_chromium()
    if executable is None:
        missing("no Chromium on PATH: tests/browser/install_chromium.sh installs it")
    browser = playwright.chromium.launch(
        executable_path=executable, args=[*SWITCHES, *CAMERA, *GPU_OF_SOFTWARE], timeout=60_000
    )
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def models(tiny_run_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with two models, one of them evaluated, and a run that is only trained."""
    output = tmp_path_factory.mktemp("web") / "output"
    for name in ("tiny", "second"):
        shutil.copytree(tiny_run_dir / "tensorflow_js", output / name / "tensorflow_js")
    (output / "tiny/evaluation").mkdir()
    rows = [{"artefact": "tfjs", "map": 0.5, "map50": 0.75}, {"artefact": "tfjs_fast", "map": 0.25, "map50": 0.5}]
    (output / "tiny/evaluation/metrics.json").write_text(json.dumps(rows))
    (output / "unfinished/train").mkdir(parents=True)
    (output / "unfinished/train/checkpoint").touch()
    return output


@pytest.fixture(scope="session")
def address(tfjs_python: Path, models: Path) -> Iterator[str]:
    """The address of the page with those models."""
    with serving(tfjs_python, models) as where:
        yield where


@pytest.fixture(scope="session")
def photos(tiny_records_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The tiny run's test images, as files."""
    return write_photos(tiny_records_dir, tmp_path_factory.mktemp("photos"))


def write_photos(records_dir: Path, folder: Path) -> list[Path]:
    """Write the test images of a run's records into a folder; return them in the order of their names."""
    for shard in sorted(records_dir.glob("test.record-*")):
        for frame in read_frames(shard):
            example = decode_example(frame)
            name, encoded = example["image/filename"][0], example["image/encoded"][0]
            assert isinstance(name, bytes) and isinstance(encoded, bytes)
            (folder / name.decode()).write_bytes(encoded)
    return sorted(folder.iterdir())


@pytest.fixture
def visit(chromium: Any, address: str) -> Iterator[Open]:
    """Open the page; at the end, it must have been silent and have asked for nothing elsewhere."""
    opened: list[Visit] = []

    def open_page(**options: Any) -> Visit:
        opened.append(Visit(chromium, address, **options))
        return opened[-1]

    yield open_page
    for one in opened:
        one.end()
