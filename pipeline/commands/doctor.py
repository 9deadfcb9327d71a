"""Check this machine: would a run fail, and what would it lack?"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.backends import compose, gpu
from pipeline.backends.interpreters import CONDAS, find_interpreter
from pipeline.backends.local import PYTHONS, Local
from pipeline.errors import EngineError
from pipeline.report.screen import say

NEEDED_GB = 8  # four environments or images take about 5 GB, a training of the default model 1 GB


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `ok` is None where it is missing but nothing depends on it."""

    what: str
    ok: bool | None
    found: str
    hint: str | None = None


def doctor(root: Path, *, backend: str = "auto") -> tuple[dict[str, Any], bool]:
    """Look at engine, GPU, disk and interpreters; return the findings and whether a run would work."""
    engine = check_engine()
    pythons = [check_python(root, image) for image in PYTHONS]
    docker_fits = engine.ok is True
    uses_docker = backend == "docker" or backend == "auto" and docker_fits
    if uses_docker or backend == "auto":
        pythons = [
            Finding(one.what, one.ok or (None if docker_fits else False), one.found, one.hint) for one in pythons
        ]
    if not uses_docker:
        engine = Finding(engine.what, engine.ok or None, engine.found, engine.hint)
    findings = [
        Finding("python", sys.version_info >= (3, 10), sys.version.split()[0]),
        Finding("cores", True, str(os.cpu_count())),
        check_disk(root),
        engine,
        *pythons,
        check_gpu(docker_fits),
    ]
    works = all(finding.ok is not False for finding in findings)
    for finding in findings:
        mark = {True: "ok  ", False: "FAIL", None: "-   "}[finding.ok]
        say(f"{mark} {finding.what:<12} {finding.found}")
        if finding.hint and not finding.ok:
            say(f"     {'':<12} hint: {finding.hint}")
    using = "docker" if uses_docker else "local environments"
    say(f"a run would use {using}" if works else f"a run with {using} would fail; see the lines marked FAIL")
    return {
        "ok": works,
        "backend": "docker" if uses_docker else "local",
        "checks": [asdict(f) for f in findings],
    }, works


def check_disk(root: Path) -> Finding:
    """Look at the space left where environments and outputs go."""
    free_gb = shutil.disk_usage(root).free / 1e9
    return Finding("disk", free_gb >= NEEDED_GB, f"{free_gb:.0f} GB free", f"wanted {NEEDED_GB} GB; make room")


def check_engine() -> Finding:
    """Look at the Docker engine and at compose."""
    try:
        version = compose.ask_engine().get("ServerVersion", "?")
        return Finding("docker", True, f"engine {version}, compose {compose.check_compose()}")
    except EngineError as error:
        return Finding("docker", False, str(error), error.hint)


def check_python(root: Path, image: str) -> Finding:
    """Look for the interpreter that an image's local environment is made from."""
    version = PYTHONS[image]
    if Local(root).is_current(image):
        return Finding(image, True, f"environment ready (Python {version})")
    python = find_interpreter(version)
    if python:
        return Finding(image, True, f"Python {version} found; the environment is made when first needed")
    maker = next((name for name in CONDAS if shutil.which(name)), None)
    if maker:
        return Finding(image, True, f"no Python {version}; {maker} will be asked for one")
    return Finding(image, False, f"no Python {version}", f"pyenv install {version}, or micromamba, or use Docker")


def check_gpu(docker_fits: bool) -> Finding:
    """Look at the GPU, its driver, and whether containers can have it."""
    gpus = gpu.find_gpus()
    base = gpu.choose_base(gpus)
    if not gpus:
        return Finding("gpu", None, base.reason)
    if not base.gpu:
        return Finding("gpu", None, base.reason, "install a newer NVIDIA driver")
    if not docker_fits:
        return Finding(
            "gpu", None, f"{base.reason}, but only in a container", "start Docker; local environments train on the CPU"
        )
    if "nvidia" not in compose.ask_engine().get("Runtimes", {}):
        return Finding(
            "gpu", None, "the engine has no nvidia runtime", "install the NVIDIA Container Toolkit, restart Docker"
        )
    return Finding("gpu", True, f"{base.reason} ({base.image})")
