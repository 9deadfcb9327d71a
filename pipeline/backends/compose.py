"""Run jobs in containers: the `docker` SDK asks the engine, `docker compose` runs the jobs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.backends import gpu
from pipeline.backends.process import run_process, run_processes
from pipeline.errors import EngineError
from pipeline.report.screen import say

COMPOSE_FILE = "docker-compose.yml"
RUN_JOB = "container_scripts/run_job.py"
GPU_COMPOSE_FILE = "dockerfiles/gpu.compose.yml"
IMAGES = ("odapi", "toco", "tfjs", "pipeline")


def ask_engine() -> dict[str, Any]:
    """Return what the Docker engine says of itself; raise EngineError when none answers."""
    import docker  # slow to import, and only needed where an engine is asked

    try:
        client = docker.from_env(timeout=10)
        try:
            info: dict[str, Any] = client.info()
            return info
        finally:
            client.close()
    except docker.errors.DockerException as error:
        address = os.environ.get("DOCKER_HOST", "its socket")
        raise EngineError(
            f"no Docker engine answers at {address}", hint="start Docker, or use BACKEND=local"
        ) from error


def find_mismatch() -> str | None:
    """Return why Docker cannot be used here; None when it can."""
    try:
        ask_engine()
        check_compose()
    except EngineError as error:
        return str(error)
    return None


def check_compose() -> str:
    """Return the version of `docker compose`; raise EngineError when it is missing."""
    hint = "install the docker-compose-plugin package (or docker-compose-v2)"
    if shutil.which("docker") is None:
        raise EngineError("the command 'docker' is not on PATH", hint="install Docker's command line")
    answer = subprocess.run(["docker", "compose", "version", "--short"], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise EngineError("'docker compose' does not answer", hint=hint)
    return answer.stdout.strip()


def has_image(name: str) -> bool:
    """Whether the engine has an image of that name (as docker-compose.yml makes the name)."""
    import docker

    prefix, tag = os.environ.get("ODPIPE_IMAGE_PREFIX", ""), os.environ.get("ODPIPE_IMAGE_TAG", "latest")
    client = docker.from_env(timeout=10)
    try:
        client.images.get(f"{prefix}{name}:{tag}")
    except docker.errors.ImageNotFound:
        return False
    finally:
        client.close()
    return True


def give_to_owner(output: Path, run: Path) -> None:
    """When root plans a run (sudo make), give the plan to the owner of output/, who the containers become."""
    if os.geteuid() != 0:
        return
    owner = output.stat()
    jobs = run / ".jobs"
    for path in (run, jobs, *jobs.iterdir()):
        os.chown(path, owner.st_uid, owner.st_gid)


class Compose:
    """The services of docker-compose.yml."""

    NAME = "docker"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.info = ask_engine()
        check_compose()
        self.base = gpu.choose_base(gpu.find_gpus())

    @property
    def uses_gpu(self) -> bool:
        """Whether containers can have the GPU: it fits, and the engine knows the NVIDIA runtime."""
        return self.base.gpu and "nvidia" in self.info.get("Runtimes", {})

    def compose(self, *arguments: str) -> list[str]:
        """Return a `docker compose` command over this project's files."""
        files = [COMPOSE_FILE, *([GPU_COMPOSE_FILE] if self.uses_gpu else [])]
        return ["docker", "compose", *(word for file in files for word in ("-f", file)), *arguments]

    def environment(self) -> dict[str, str]:
        """Return what the compose file reads: the base image, the user who shall own the files, the dataset."""
        dataset = os.environ.get("ODPIPE_DATASET_DIR")
        return {
            "ODAPI_BASE": self.base.image if self.uses_gpu or not self.base.gpu else gpu.CPU_BASE,
            "ODPIPE_USER": f"{os.getuid()}:{os.getgid()}",
            **({"DATASET": dataset} if dataset else {}),
        }

    def build(self, *images: str) -> None:
        """Build images; raise EngineError when one cannot be built."""
        if "odapi" in images:
            say(f"build  odapi from {self.environment()['ODAPI_BASE']}: {self.base.reason}")
        code = run_process(self.compose("build", *images), cwd=self.root, environment=self.environment())
        if code != 0:
            raise EngineError(
                f"docker compose build {' '.join(images)} failed (exit {code})", hint="see the lines above"
            )

    def prepare(self, image: str) -> None:
        """Build the image if the engine has none of that name."""
        if not has_image(image):
            self.build(image)

    def run_job(
        self, stage: str, *, image: str, run: str, reads: Sequence[Path] = (), writes: Sequence[Path] = ()
    ) -> int:
        """Run a stage's service; the host has planned it already, so without the services before it.

        Paths outside the project are mounted under the same names.
        """
        give_to_owner(self.root / "output", self.root / "output" / run)
        mounts = [word for path in reads for word in ("-v", f"{path}:{path}:ro")]
        mounts += [word for path in writes for word in ("-v", f"{path}:{path}")]
        environment = {**self.environment(), "NAME": run}
        return run_process(self.command(stage, *mounts), cwd=self.root, environment=environment)

    def run_jobs(self, images: Mapping[str, str], *, run: str) -> list[int]:
        """Run the services of stages at the same time, without a terminal of their own: there is one only."""
        give_to_owner(self.root / "output", self.root / "output" / run)
        commands = [self.command(stage, "--no-TTY") for stage in images]
        return run_processes(commands, cwd=self.root, environment={**self.environment(), "NAME": run})

    def command(self, stage: str, *options: str) -> list[str]:
        """Return the command of a stage's planned job: said anew, since a service may run other stages as well."""
        return self.compose("run", "--rm", "--no-deps", *options, stage, "python", RUN_JOB, stage)

    def serve(self, service: str, *, port: int, run: str = "") -> int:
        """Bring a service up until ^C."""
        environment = {**self.environment(), "PORT": str(port), "NAME": run}
        return run_process(self.compose("up", service), cwd=self.root, environment=environment)
