"""The backends, the only code that starts a process: containers, or local environments.

A backend knows no stage: it prepares an image, runs a job by its name, or runs a command in an image.
`auto` takes Docker when its engine answers, else local environments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from pipeline.backends import compose, local
from pipeline.errors import ConfigError
from pipeline.report.screen import say
from pipeline.suggest import did_you_mean


class Backend(Protocol):
    """Somewhere that jobs can run."""

    NAME: str

    def prepare(self, image: str) -> None:
        """Make sure that the image or its environment is there; raise EngineError when it cannot be."""

    def run_job(
        self, stage: str, *, image: str, run: str, reads: Sequence[Path] = (), writes: Sequence[Path] = ()
    ) -> int:
        """Run the planned job of a stage; return its exit code.

        `reads` and `writes` are absolute paths outside the project that the job needs to see.
        """

    def run_jobs(self, images: Mapping[str, str], *, run: str) -> list[int]:
        """Run the planned jobs of {stage: image} at the same time; return their exit codes, in order."""

    def serve(self, service: str, *, port: int, run: str = "") -> int:
        """Run a service that stays, on 127.0.0.1, until ^C; return its exit code. `run` is for the one about a run."""


BACKENDS: dict[str, Callable[[Path], Backend]] = {"docker": compose.Compose, "local": local.Local}


def choose_backend(name: str, root: Path) -> Backend:
    """Return the backend of that name, or the one that `auto` finds; say which and why.

    Raises EngineError when Docker is asked for and its engine does not answer.
    """
    if name == "auto":
        silent = compose.find_mismatch()
        if silent is None:
            say("backend  docker: its engine answers")
            return compose.Compose(root)
        say(f"backend  local environments ({silent})")
        return local.Local(root)
    if name not in BACKENDS:
        raise ConfigError(
            f"unknown backend {name!r}; known: auto, {', '.join(sorted(BACKENDS))}", hint=did_you_mean(name, BACKENDS)
        )
    return BACKENDS[name](root)
