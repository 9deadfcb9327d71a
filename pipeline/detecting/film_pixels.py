"""Turn a picture as FFmpeg decodes it into upright RGB pixels.

    converter = PictureConverter()
    for picture in pictures:
        pixels = converter.convert(picture)

Phones store what their sensor sees, and beside it a matrix that says how to turn it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.detections.decode import to_rgb

if TYPE_CHECKING:
    from av import VideoFrame


class Turn(NamedTuple):
    """How stored pixels become upright: rows and columns are swapped, then the picture is flipped."""

    swap: bool
    flip_x: bool
    flip_y: bool


TURNS = {
    0: Turn(False, False, False),
    90: Turn(True, False, True),
    180: Turn(False, True, True),
    270: Turn(True, True, False),
}


class PictureConverter:
    """Converts the pictures of one film; what FFmpeg prepares for that is kept between them."""

    def __init__(self) -> None:
        from av.video.reformatter import VideoReformatter

        self._scaler = VideoReformatter()
        self._turns: dict[int, Turn] = {}

    def convert(self, picture: VideoFrame) -> NDArray[np.uint8]:
        """Convert to upright RGB [height, width, 3]; transparent pixels are laid over white, as those of images are."""
        if any(component.is_alpha for component in picture.format.components):
            pixels = to_rgb(Image.fromarray(self._scaler.reformat(picture, format="rgba").to_ndarray()))
        else:
            pixels = self._scaler.reformat(picture, format="rgb24").to_ndarray()
        swap, flip_x, flip_y = self.turn(picture)
        if swap:
            pixels = pixels.swapaxes(0, 1)
        return np.ascontiguousarray(pixels[:: -1 if flip_y else 1, :: -1 if flip_x else 1])

    def turn(self, picture: VideoFrame) -> Turn:
        """Find how a picture must be turned.

        Side data is read once for each rotation: PyAV ties it to its picture in a circle of references, and each
        picture that was asked would stay in memory until Python's collector comes by.
        """
        if picture.rotation not in self._turns:
            self._turns[picture.rotation] = _read_turn(picture)
        return self._turns[picture.rotation]


def _read_turn(picture: VideoFrame) -> Turn:
    """Read a picture's display matrix (ISO 14496-12, 8.3.2), which can also mirror."""
    try:
        matrix = cast(Any, picture.side_data).get("DISPLAYMATRIX")
    except ValueError:  # PyAV 17 gives no side data at all where one kind is newer than it, as with Exif in MJPEG
        return TURNS[round(picture.rotation / 90) % 4 * 90]
    if matrix is None:
        return TURNS[0]
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()
    return Turn(True, c < 0, b < 0) if abs(b) > abs(a) else Turn(False, a < 0, d < 0)
