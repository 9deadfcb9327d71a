"""The choice of odapi's base image from what nvidia-smi says."""

from __future__ import annotations

import pytest

from pipeline.backends.gpu import CPU_BASE, NEW_GPU_BASE, OLD_GPU_BASE, Gpu, choose_base, parse_gpus


def test_the_lines_of_nvidia_smi_are_read() -> None:
    text = "NVIDIA GeForce RTX 3060, 8.6, 535.183.01\nTesla T4, 7.5, 450.80\n[Unknown Error]\n"
    assert parse_gpus(text) == [Gpu("NVIDIA GeForce RTX 3060", 8.6, 535), Gpu("Tesla T4", 7.5, 450)]


@pytest.mark.parametrize(
    ("gpus", "image", "reason"),
    [
        ([], CPU_BASE, "no NVIDIA GPU found (nvidia-smi), so TensorFlow runs on the CPU"),
        (
            [Gpu("RTX 3060", 8.6, 535)],
            NEW_GPU_BASE,
            "RTX 3060 has compute capability 8.6 and driver 535: NVIDIA's own TensorFlow 1.15 fits",
        ),
        (
            [Gpu("RTX 3060", 8.6, 470)],
            CPU_BASE,
            "RTX 3060 has compute capability 8.6 and driver 470: NVIDIA's TensorFlow 1.15 needs driver 525",
        ),
        (
            [Gpu("Tesla T4", 7.5, 450)],
            OLD_GPU_BASE,
            "Tesla T4 has compute capability 7.5 and driver 450: CUDA 10.0 still knows it",
        ),
        (
            [Gpu("GTX 980", 5.2, 535)],
            OLD_GPU_BASE,
            "GTX 980 has compute capability 5.2 and driver 535: CUDA 10.0 still knows it",
        ),
        (
            [Gpu("GTX 980", 5.2, 390)],
            CPU_BASE,
            "GTX 980 has compute capability 5.2 and driver 390: CUDA 10.0 needs driver 410",
        ),
        (
            [Gpu("RTX 3060", 8.6, 535), Gpu("Tesla T4", 7.5, 535)],
            NEW_GPU_BASE,
            "Tesla T4 has compute capability 7.5 and driver 535: NVIDIA's own TensorFlow 1.15 fits",
        ),
    ],
)
def test_the_base_fits_the_weakest_gpu(gpus: list[Gpu], image: str, reason: str) -> None:
    base = choose_base(gpus)
    assert (base.image, base.reason, base.gpu) == (image, reason, image != CPU_BASE)
