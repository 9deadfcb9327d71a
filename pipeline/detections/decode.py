"""Decode any image that Pillow reads into the RGB pixels a detector wants.

The same choices as for the records (pipeline/records/images.py): transparent pixels are laid over white, of
16 bits a channel the upper 8 are kept, of moving pictures the first is taken. A photo is turned upright as
its EXIF says: that is the picture people look at, and sizes and boxes are given in it.
Python 3.6 syntax, Pillow 8 or newer and NumPy: the frozen graph's script uses it too.
"""

from typing import Any

import numpy as np
from PIL import Image, ImageOps

ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")


def decode_rgb(path: str) -> Any:
    """Decode a file to an array [height, width, 3] of uint8; raises what Pillow raises for a broken one."""
    with Image.open(path) as image:
        return to_rgb(ImageOps.exif_transpose(image) or image)


def to_rgb(image: Image.Image) -> Any:
    """Turn pixels of any kind into an array [height, width, 3] of uint8; raises ValueError for floats."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image)
        if image.mode == "F" or values.min() < 0 or values.max() > 0xFFFF:
            raise ValueError(f"its pixels go from {values.min():g} to {values.max():g}; wanted 8 or 16 bits a channel")
        gray = (values >> 8).astype(np.uint8)
        return np.repeat(gray[:, :, np.newaxis], 3, axis=2)
    if image.mode in ALPHA_MODES or "transparency" in image.info:
        coloured = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", coloured.size, "white"), coloured)
    return np.array(image.convert("RGB"))
