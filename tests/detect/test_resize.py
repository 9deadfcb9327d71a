from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from pipeline.detections.resize import resize_legacy_bilinear
from tests.project import need_environment

TENSORFLOW = """
import sys
import numpy as np, tensorflow as tf
images = np.load(sys.argv[1])
image, size = tf.compat.v1.placeholder(tf.uint8, [None, None, 3]), tf.compat.v1.placeholder(tf.int32, [2])
resized = tf.compat.v1.image.resize_images(tf.cast(image, tf.float32), size, align_corners=False)
with tf.compat.v1.Session() as session:
    answers = {
        name: session.run(resized, {image: images[name], size: [int(n) for n in name.split("to")[1].split("x")]})
        for name in images.files
    }
np.savez(sys.argv[2], **answers)
"""


def test_a_picture_of_the_wanted_size_stays_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert np.array_equal(resize_legacy_bilinear(image, height=5, width=7), image.astype(np.float32))


def test_pixels_are_read_at_x_times_scale_without_half_pixel_centres() -> None:
    image = np.array([[[0] * 3, [90] * 3]], dtype=np.uint8)
    assert resize_legacy_bilinear(image, height=1, width=4)[0, :, 0].tolist() == [0, 45, 90, 90]


def test_shrinking_skips_pixels_and_averages_nothing() -> None:
    image = np.arange(8, dtype=np.uint8).reshape(1, 8, 1).repeat(3, axis=2)
    assert resize_legacy_bilinear(image, height=1, width=2)[0, :, 0].tolist() == [0, 4]


@pytest.mark.odapi
def test_resizing_equals_tensorflow_s(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    sizes = [((417, 650), (300, 300)), ((194, 259), (320, 640)), ((1, 1), (3, 5)), ((333, 77), (160, 160))]
    images = {
        f"{h}x{w}to{out[0]}x{out[1]}": random.integers(0, 256, (h, w, 3), dtype=np.uint8) for (h, w), out in sizes
    }
    np.savez(tmp_path / "images.npz", **images)  # type: ignore[arg-type]
    subprocess.run(
        [need_environment("odapi"), "-c", TENSORFLOW, tmp_path / "images.npz", tmp_path / "answers.npz"],
        check=True,
        capture_output=True,
    )
    answers = np.load(tmp_path / "answers.npz")
    for name, image in images.items():
        height, width = answers[name].shape[:2]
        assert np.abs(resize_legacy_bilinear(image, height=height, width=width) - answers[name]).max() < 1e-3
