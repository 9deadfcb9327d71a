"""Run jobs in local environments: one an image, filled by uv from the image's own lock.

    .envs/odapi/    Python 3.7, TensorFlow 1.15, Object Detection API
    .envs/toco/     Python 3.7, TensorFlow 1.15
    .envs/tfjs/     Python 3.11, the TensorFlow.js converter, Node.js
    .envs/jupyter/  what odapi has, and a notebook server
    .envs/pipeline/ what odpipe itself runs in

An environment is made once, and again when its lock changes: `.lock-digest`, written last, says from
which locks it was made.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.backends.interpreters import need_interpreter
from pipeline.backends.process import run_process, run_processes
from pipeline.errors import EngineError
from pipeline.report.screen import format_duration, say

PYTHONS = {"odapi": "3.7", "toco": "3.7", "tfjs": "3.11", "jupyter": "3.7"}
DIGEST = ".lock-digest"
RUN_JOB = "container_scripts/run_job.py"
HERE = ("pipeline", "edgetpu")
"""Images whose jobs run in this environment: the Edge TPU's compiler comes from PATH, and needs no package."""
ALIKE = {"browser": "tfjs"}
"""Images for which another one's environment does: the browser itself comes from PATH."""
SERVICES = {
    "tensorboard": ("odapi", ("-m", "tensorboard.main", "--logdir", "output")),
    "web": ("tfjs", ("container_scripts/web.py",)),
    "jupyter": ("jupyter", ("container_scripts/serve_notebook.py",)),
}


class Local:
    """Local environments below .envs/."""

    NAME = "local"

    def __init__(self, root: Path) -> None:
        self.root = root
        # Resolved, because the scripts of an environment hold its path
        self.environments = (root / ".envs").resolve()

    def python(self, image: str) -> Path:
        """Return the interpreter that stands for an image."""
        return Path(sys.executable) if image in HERE else self.environments / ALIKE.get(image, image) / "bin" / "python"

    def prepare(self, image: str) -> None:
        """Make the image's environment if it is missing or older than its lock."""
        image = ALIKE.get(image, image)
        if image in HERE or self.is_current(image):
            return
        self.environments.mkdir(exist_ok=True)
        with open(self.environments / f".{image}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self.is_current(image):
                self._make(image)

    def is_current(self, image: str) -> bool:
        """Whether the image's environment was made from its lock as it is now."""
        digest = self.environments / image / DIGEST
        return digest.is_file() and digest.read_text() == self.lock_digest(image)

    def lock_digest(self, image: str) -> str:
        """Return a digest of the files that the environment is made from."""
        digest = hashlib.sha256()
        for path in self._recipe("--files", image).stdout.split():
            digest.update(Path(path).read_bytes())
        return digest.hexdigest()

    def _recipe(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        script = self.root / "dockerfiles" / "install_environment.sh"
        return subprocess.run(
            ["sh", str(script), *arguments], env=self._environment(), capture_output=True, text=True, check=False
        )

    def _environment(self) -> dict[str, str]:
        """Let the recipe find the uv of our own environment."""
        beside = Path(sys.executable).with_name("uv")
        uv = str(beside) if beside.exists() else shutil.which("uv")
        return {**os.environ, **({"UV": uv} if uv else {})}

    def _make(self, image: str) -> None:
        version = PYTHONS[image]
        interpreter = need_interpreter(version, self.environments)
        folder = self.environments / image
        shutil.rmtree(folder, ignore_errors=True)
        say(f"setup  environment {image} (Python {version}), once; takes a minute or two")
        began = time.monotonic()
        made = subprocess.run(
            [str(interpreter), "-m", "venv", str(folder)], capture_output=True, text=True, check=False
        )
        filled = self._recipe(image, str(folder)) if made.returncode == 0 else made
        log = self.environments / f"{image}.log"
        log.write_text(made.stdout + made.stderr + filled.stdout + filled.stderr, encoding="utf-8")
        if filled.returncode != 0:
            last = (filled.stderr.strip() or filled.stdout.strip()).splitlines()[-1:]
            raise EngineError(
                f"environment {image} could not be made: {' '.join(last)}",
                hint=f"all of it: {os.path.relpath(log, self.root)}",
            )
        (folder / DIGEST).write_text(self.lock_digest(image))
        say(f"setup  environment {image} ready in {format_duration(time.monotonic() - began)}")

    def run_job(
        self, stage: str, *, image: str, run: str, reads: Sequence[Path] = (), writes: Sequence[Path] = ()
    ) -> int:
        """Run the planned job of a stage in the image's environment, which sees all files of this machine."""
        return run_process(self.command(stage, image=image, run=run), cwd=self.root)

    def run_jobs(self, images: Mapping[str, str], *, run: str) -> list[int]:
        """Run the planned jobs of {stage: image} at the same time."""
        commands = [self.command(stage, image=image, run=run) for stage, image in images.items()]
        return run_processes(commands, cwd=self.root)

    def command(self, stage: str, *, image: str, run: str) -> list[str]:
        """Return the command of a stage's planned job."""
        return [str(self.python(image)), RUN_JOB, stage, "--run", run]

    def serve(self, service: str, *, port: int, run: str = "") -> int:
        """Run a service until ^C."""
        image, command = SERVICES[service]
        flags = ["--host", "127.0.0.1", "--port", str(port), *(["--run", run] if run else [])]
        return run_process([str(self.python(image)), *command, *flags], cwd=self.root)
