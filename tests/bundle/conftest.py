"""A bundle of the tiny run, unpacked as a person would, and a Python that has only the two packages it asks for."""

from __future__ import annotations

import sys
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pipeline.jobs import bundle

NAMES = ("frozen", "tflite", "tensorflow_js", "edgetpu", "frigate")
ASKED_FOR = ("ai-edge-litert", "pillow")


def pack(run: Path, out: Path, **changes: Path) -> None:
    """Pack a run into a folder, as its job does; `changes` are other paths than the run's own."""
    project = run.parent.parent
    paths = {
        "train_dir": run / "train",
        "metrics_file": out / "not-evaluated.json",  # other tests may have evaluated the run
        "check_file": run / "check.json",
        "records_dir": project / "input/tf_records" / run.name,
        "tf_csv_dir": project / "input/tf_csv" / run.name,
        "bundle_dir": out,
    } | changes
    flags = [word for name, path in paths.items() for word in (f"--{name.replace('_', '-')}", str(path))]
    folders = [word for name in NAMES if (run / name).is_dir() for word in ("--folder", str(run / name))]
    bundle.main(["--name", run.name, "--preset", "ssd_mobilenet_v2_quantized_small", *flags, *folders])


@pytest.fixture(scope="session")
def packed(tiny_run_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with tiny.zip and MODEL_CARD.md."""
    out = tmp_path_factory.mktemp("bundle") / "bundle"
    pack(tiny_run_dir, out)
    return out


@pytest.fixture(scope="session")
def unpacked(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip's folder, somewhere else."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with zipfile.ZipFile(packed / "tiny.zip") as archive:
        archive.extractall(folder)
    return folder / "tiny"


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, str]]:
    """The command and the environment of a Python with ai-edge-litert, Pillow and what they need; nothing else."""
    packages = tmp_path_factory.mktemp("bare") / "packages"
    packages.mkdir()
    for name in needed(ASKED_FOR):
        for file in distribution(name).files or ():
            top = file.parts[0]
            source = Path(str(distribution(name).locate_file(top)))
            if top != ".." and source.exists() and not (packages / top).exists():
                (packages / top).symlink_to(source)
    return [sys.executable, "-S"], {"PYTHONPATH": str(packages), "PATH": "/usr/bin:/bin"}


def needed(names: tuple[str, ...]) -> set[str]:
    """Return the packages that `pip install` of these would bring."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            requires = distribution(name).requires or ()
        except PackageNotFoundError:  # asked for by its metadata, and left out of the lock because nothing imports it
            continue
        found.add(name)
        for line in requires:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name.lower())
    return found
