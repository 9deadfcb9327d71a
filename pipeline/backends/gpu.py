"""Which odapi base image fits this machine's GPU, and why.

TensorFlow 1.15 was built for CUDA 10.0, which knows GPUs up to Turing (compute capability 7.5). On
newer ones it hangs or returns garbage; NVIDIA's own TensorFlow 1.15 of March 2023 is for those, and
asks for driver 525 or later.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

CPU_BASE = "python:3.7-slim-bookworm"
OLD_GPU_BASE = "tensorflow/tensorflow:1.15.5-gpu-py3"
NEW_GPU_BASE = "nvcr.io/nvidia/tensorflow:23.03-tf1-py3"
FIRST_AMPERE = 8.0
DRIVER_FOR_NEW_BASE = 525
DRIVER_FOR_OLD_BASE = 410


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU as nvidia-smi describes it; `driver` is the major version."""

    name: str
    compute_capability: float
    driver: int


@dataclass(frozen=True, slots=True)
class Base:
    """The chosen base image of odapi, and the reason in words."""

    image: str
    reason: str
    gpu: bool


def find_gpus() -> list[Gpu]:
    """Return the NVIDIA GPUs of this machine; empty when there is none or nvidia-smi is missing."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    query = [command, "--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, timeout=60, check=False)
    return parse_gpus(answer.stdout) if answer.returncode == 0 else []


def parse_gpus(text: str) -> list[Gpu]:
    """Parse `name, compute_cap, driver_version` lines; lines of another form are left out."""
    gpus = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.rsplit(",", 2)]
        try:
            gpus.append(Gpu(fields[0], float(fields[1]), int(fields[2].split(".")[0])))
        except (IndexError, ValueError):
            continue
    return gpus


def choose_base(gpus: list[Gpu]) -> Base:
    """Choose the base image for the weakest of the GPUs; CPU when there is none or its driver is too old."""
    if not gpus:
        return Base(CPU_BASE, "no NVIDIA GPU found (nvidia-smi), so TensorFlow runs on the CPU", gpu=False)
    gpu = min(gpus, key=lambda one: one.compute_capability)
    shown = f"{gpu.name} has compute capability {gpu.compute_capability} and driver {gpu.driver}"
    if gpu.compute_capability >= FIRST_AMPERE or gpu.driver >= DRIVER_FOR_NEW_BASE and gpu.compute_capability >= 6.0:
        if gpu.driver < DRIVER_FOR_NEW_BASE:
            return Base(CPU_BASE, f"{shown}: NVIDIA's TensorFlow 1.15 needs driver {DRIVER_FOR_NEW_BASE}", gpu=False)
        return Base(NEW_GPU_BASE, f"{shown}: NVIDIA's own TensorFlow 1.15 fits", gpu=True)
    if gpu.driver < DRIVER_FOR_OLD_BASE:
        return Base(CPU_BASE, f"{shown}: CUDA 10.0 needs driver {DRIVER_FOR_OLD_BASE}", gpu=False)
    return Base(OLD_GPU_BASE, f"{shown}: CUDA 10.0 still knows it", gpu=True)
