"""What all tests share: one tiny detector, trained and exported once a session by the real command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from pipeline.sample import draw_sample
from tests.project import copy_project, need_environment

# Folders whose tests run in one process, one after the other: they share what is dear to make. Other tests stay with
# those of their file.
SHARING = {
    "containers": ("containers",),
    "explain": ("explain",),
    "exports": (
        "browser", "bundle", "detect", "evaluate", "notebook", "preflight", "tfjs", "toco", "web", "whole_line",
    ),
}  # fmt: skip

TINY = "tiny"
IMAGES = 30
STEPS = 30


class FolderScheduling(LoadScopeScheduling):
    """Deal tests out to the processes of `pytest -n 2` without parting those that share something."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::")[0]
        folder = Path(path).parent.name
        return next((group for group, folders in SHARING.items() if folder in folders), path)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FolderScheduling:
    """Tell xdist how to deal tests out."""
    return FolderScheduling(config, log)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Any]:
    """Playwright, once a process: it refuses to be started beside itself."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        yield started


def odpipe(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line of a copy of the project."""
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments], cwd=root, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that holds the run `tiny`: the small preset after a few steps on drawn images, exported.

    ODPIPE_TINY_RUN names one that is there already, for those who run the same tests again and again.
    """
    made = os.environ.get("ODPIPE_TINY_RUN")
    if made:
        return Path(made)
    for image in ("odapi", "toco", "tfjs"):
        need_environment(image)
    root = copy_project(tmp_path_factory.mktemp("tiny") / "project", environments=True)
    draw_sample(root / "input/drawn", images=IMAGES)
    # A few boxes of six test images, found by a model that has hardly begun to learn: its mAP is luck in every form
    (root / "odpipe.yaml").write_text("tolerance: 100\n")
    training = ("--model", "ssd_mobilenet_v2_quantized_small", "--dataset", "input/drawn", "--steps", str(STEPS))
    for command in (("train", *training, "--batch", "8"), ("export",)):
        done = odpipe(root, *command, "--name", TINY, "--backend", "local")
        assert done.returncode == 0, done.stderr
    return root


@pytest.fixture(scope="session")
def tiny_run_dir(tiny_root: Path) -> Path:
    """The tiny run's output: train/, frozen/, tflite/, tensorflow_js/."""
    return tiny_root / "output" / TINY


@pytest.fixture(scope="session")
def tiny_frozen_dir(tiny_run_dir: Path) -> Path:
    """The tiny run's frozen graph, SavedModel and TFLite graph."""
    return tiny_run_dir / "frozen"


@pytest.fixture(scope="session")
def tiny_records_dir(tiny_root: Path) -> Path:
    """The records that the tiny run was trained and is evaluated on."""
    return tiny_root / "input/tf_records" / TINY
