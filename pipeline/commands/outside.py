"""Paths that a job reads or writes wherever they lie: a container sees only input/ and output/ by itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.plan import Place


def existing(root: Path, path: str, *, what: str, variable: str) -> Path:
    """Return the absolute path; raise ConfigError when nothing is there."""
    absolute = Path(os.path.abspath(root / path))
    if not absolute.exists():
        raise ConfigError(f"no {what} at {path}", hint=f"{variable}=path")
    return absolute


def is_volume(root: Path, path: Path) -> bool:
    """Whether a path lies in input/ or output/, which every backend sees under the same relative name."""
    return any(path.is_relative_to(root / volume) for volume in ("input", "output"))


def outside(root: Path, paths: Sequence[Path]) -> list[Path]:
    """Return the paths that a container does not see by itself."""
    return [path for path in paths if not is_volume(root, path)]


def place(root: Path, path: Path, *, merge: bool = False, shared: bool = False) -> Place:
    """Return a path as a job names it: relative to the root where every backend sees it."""
    return Place(str(path.relative_to(root) if is_volume(root, path) else path), merge=merge, shared=shared)


def shown(root: Path, path: Path) -> str:
    """Return a path as the user would write it."""
    return os.path.relpath(path, root) if path.is_relative_to(root) else str(path)
