"""A copy of this project in a temporary folder, so that tests leave the real input/ and output/ alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("pipeline", "container_scripts", "web", "dockerfiles", "docker-compose.yml", "Makefile", "pyproject.toml")


def copy_project(target: Path, *, environments: bool = False) -> Path:
    """Copy what a run needs; with `environments`, the copy uses the real project's environments."""
    target.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy2(source, target / name)
    (target / "input").mkdir()
    for script in (ROOT / "input").glob("*.py"):
        shutil.copy2(script, target / "input")
    (target / "output").mkdir()
    if environments:
        (target / ".envs").symlink_to(ROOT / ".envs")
    return target


def need_environment(image: str) -> Path:
    """Return the interpreter of an image's environment; without it a test fails in CI and is skipped elsewhere."""
    python = Path(os.environ.get(f"ODPIPE_{image.upper()}_PYTHON") or ROOT / ".envs" / image / "bin" / "python")
    if not python.exists():
        missing(f"the {image} environment is missing: make test makes it ({os.path.relpath(python, ROOT)})")
    return python


def shared_data() -> Path:
    """Return the folder of real datasets that the development machines have beside the project."""
    folder = Path(os.environ.get("ODPIPE_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        missing("the folder of real datasets is missing: set ODPIPE_SHARED_DATA")
    return folder


def missing(what: str) -> None:
    """Fail in CI, skip elsewhere."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)
