"""Find a Python of a given version: on PATH, in pyenv, or through conda, mamba or micromamba.

TensorFlow 1.15 has no wheel for anything newer than Python 3.7, and few machines still have one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import EngineError
from pipeline.report.screen import say

CONDAS = ("micromamba", "mamba", "conda")


def find_interpreter(version: str) -> Path | None:
    """Return a working Python of that version ("3.7") that is installed already; None when there is none."""
    for candidate in candidates(version):
        if answers(candidate, version):
            return candidate
    return None


def candidates(version: str) -> Iterator[Path]:
    """Yield the places where a Python of that version may be."""
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"), reverse=True)
    for conda in (Path.home() / name for name in ("micromamba", "mambaforge", "miniforge3", "miniconda3", "anaconda3")):
        yield from sorted(conda.glob(f"envs/*/bin/python{version}"))
        yield conda / "bin" / f"python{version}"


def answers(python: Path, version: str) -> bool:
    """Whether it starts and is of that version (a pyenv shim may exist and refuse)."""
    try:
        found = subprocess.run(
            [str(python), "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
    except OSError:
        return False
    return found.returncode == 0 and found.stdout.strip() == version


def need_interpreter(version: str, environments: Path) -> Path:
    """Return a Python of that version, made by conda, mamba or micromamba if need be; raise EngineError."""
    found = find_interpreter(version)
    if found:
        return found
    for name in CONDAS:
        conda = shutil.which(name)
        if conda and (made := make_with_conda(conda, version, environments / f"python{version}")):
            return made
    raise EngineError(
        f"no Python {version} on PATH, in pyenv, or to be had through {', '.join(CONDAS)}; "
        "TensorFlow needs exactly that version",
        hint=f"install one (pyenv install {version}, or micromamba), or start Docker and use BACKEND=docker",
    )


def make_with_conda(conda: str, version: str, prefix: Path) -> Path | None:
    """Let conda make a Python of that version at `prefix`; return it, or None when it could not."""
    python = prefix / "bin" / f"python{version}"
    if not python.exists():
        say(f"setup  Python {version} through {Path(conda).name}")
        subprocess.run([conda, "create", "--yes", "--quiet", "--prefix", str(prefix), f"python={version}"], check=False)
    return python if python.exists() and answers(python, version) else None
