"""Resize images to a detector's input exactly as TensorFlow 1's `tf.image.resize_images` does.

The Object Detection API resizes with bilinear interpolation, `align_corners=False` and no half-pixel
centres: output pixel x reads input position x * in / out, not the middle of the pixel, and nothing is
averaged when an image shrinks. Pillow, OpenCV and TensorFlow 2 all resize differently, and a detector
that was trained on one and run on another loses accuracy.
Source: tensorflow/core/kernels/resize_bilinear_op.cc of 1.15 (LegacyScaler, compute_lerp).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Positions = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float32]]


@lru_cache(maxsize=256)
def _positions(in_size: int, out_size: int) -> Positions:
    """Find the lower neighbour, the upper neighbour and the upper one's share of each output pixel."""
    scale = np.float32(in_size) / np.float32(out_size)
    position = np.arange(out_size, dtype=np.float32) * scale
    floor = np.floor(position)
    lower = floor.astype(np.intp)
    upper = np.minimum(np.ceil(position).astype(np.intp), in_size - 1)
    return lower, upper, position - floor


def resize_legacy_bilinear(image: npt.NDArray[np.uint8], *, height: int, width: int) -> npt.NDArray[np.float32]:
    """Resize an RGB image [in_height, in_width, 3] to float32 [height, width, 3], values 0 to 255.

    The operations and their order are TensorFlow's, so the result is the same to the last bit
    wherever the compiler kept multiplication and addition apart.
    """
    y_lower, y_upper, y_share = _positions(image.shape[0], height)
    x_lower, x_upper, x_share = _positions(image.shape[1], width)
    rows, row_of = np.unique(np.concatenate([y_lower, y_upper]), return_inverse=True)
    used = image if len(rows) == image.shape[0] else image[rows]
    left: npt.NDArray[np.float32] = used.take(x_lower, axis=1).astype(np.float32)
    lerped: npt.NDArray[np.float32] = used.take(x_upper, axis=1).astype(np.float32)
    lerped -= left
    lerped *= x_share[:, np.newaxis]
    lerped += left
    top = lerped.take(row_of[:height], axis=0)
    bottom: npt.NDArray[np.float32] = lerped.take(row_of[height:], axis=0)
    bottom -= top
    bottom *= y_share[:, np.newaxis, np.newaxis]
    bottom += top
    return bottom


def fit_sides(sides: tuple[int, int], *, height: int, width: int, resize: str) -> tuple[int, int]:
    """Return the (height, width) that an image of these sides (height, width) takes in an input.

    All of it, or in a "letterbox" as much as keeps the ratio of its sides.
    """
    if resize != "letterbox":
        return height, width
    # tf.image.resize_images with preserve_aspect_ratio counts in float32, and rounds a half to the even number
    factor = min(np.float32(height) / np.float32(sides[0]), np.float32(width) / np.float32(sides[1]))
    used = [int(np.rint(np.float32(side) * factor)) for side in sides]
    return used[0], used[1]
