"""Weights of a TensorFlow.js graph model in fewer bytes, and without loss where that is possible.

    write_model(folder, model_json, weights, functools.partial(shrink, dtype="uint8"))    # or float16, float32

TensorFlow.js restores a stored weight q as q * scale + min. The kernels of a model that was trained with simulated
quantization lie on such a grid already, of at most 256 steps: found again, it stores them in a byte each and gives the
same numbers back. Biases, however long, and other small arrays stay as they are: they weigh nothing, and a rounded bias
moves every pixel of its channel.
"""

import numpy as np

DTYPES = ("uint8", "float16", "float32")
SMALLEST = 1024
"""Elements below which an array is stored as it is."""
GRID_TOLERANCE = 1e-3
"""How far from a step, in steps, a value may lie: float32 noise of a multiplication."""


def shrink(array, dtype):
    """Give an array as it is stored, and how TensorFlow.js restores it; None when it is stored as it is."""
    if array.dtype != np.float32 or array.ndim < 2 or array.size < SMALLEST or dtype == "float32":
        return array, None
    if dtype == "float16":
        return array.astype(np.float16), {"dtype": "float16", "original_dtype": "float32"}
    low, scale = find_grid(array) or _spread(array)
    steps = np.clip(np.rint((array.astype(np.float64) - low) / scale), 0, 255).astype(np.uint8)
    return steps, {"dtype": "uint8", "min": low, "scale": scale, "original_dtype": "float32"}


def find_grid(array):
    """Find (lowest value, step) of the 8-bit grid that all values lie on; None when they lie on none.

    >>> find_grid(np.float32([-0.5, 0.0, 0.25, 1.0]))
    (-0.5, 0.25)
    """
    values = np.unique(array.astype(np.float64))
    if not 2 <= len(values) <= 256:
        return None
    low, span = values[0], values[-1] - values[0]
    step = np.diff(values).min()
    # The smallest distance holds the most of the noise; the whole span, divided by whole steps, holds the least.
    steps = np.rint(span / step)
    if steps > 255:
        return None
    step = span / steps
    places = (values - low) / step
    if np.abs(places - np.rint(places)).max() > GRID_TOLERANCE * steps:
        return None
    return float(low), float(step)


def _spread(array):
    """Spread 256 steps from the lowest to the highest value, one of them on zero where zero is between."""
    low, high = min(float(array.min()), 0.0), max(float(array.max()), 0.0)
    scale = (high - low) / 255 or 1.0
    return -round(-low / scale) * scale, scale
