"""Image headers, and the frame in which an image's boxes are drawn.

Cameras store a photo as the sensor saw it and say in EXIF how to turn it. TensorFlow ignores EXIF, most labelling
tools obey it. Where the annotation declares the turned size, the boxes are in the turned frame and the records
stage turns the pixels; where it declares the stored size they are in the stored frame, and nothing is done.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from pipeline.datasets.content import read_stored
from pipeline.datasets.model import Embedded
from pipeline.datasets.problems import ItemError, Problems

_EXIF_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)
SAME_SHAPE = 0.01
"""Two sizes whose width/height ratios differ by less than this share are one picture at two scales."""


@dataclass(frozen=True, slots=True)
class Header:
    """Width and height in pixels as stored, and the EXIF orientation, 1 to 8."""

    width: int
    height: int
    orientation: int


@dataclass(frozen=True, slots=True)
class Frame:
    """The size of the picture on which boxes were drawn, and what is odd about it."""

    width: int
    height: int
    note: str | None = None


def read_header(path: Path, embedded: Embedded | None = None) -> Header:
    """Read an image's size and orientation without decoding it. Raises ItemError that names the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(path if embedded is None else io.BytesIO(read_stored(path, embedded))) as image:
                header = to_header(image)
    except ItemError:
        raise
    except Pillow.DecompressionBombError as error:
        raise ItemError("image_bomb", f"{path}: not a readable image: {describe(error, path)}") from error
    except Exception as error:  # Pillow lets whatever a broken header causes through: struct.error, KeyError, ...
        kind = "image_unreadable" if path.is_file() else "image_missing"
        raise ItemError(kind, f"{path}: not a readable image: {describe(error, path)}") from error
    if header.width < 1 or header.height < 1:
        size = f"{header.width}x{header.height}"
        raise ItemError("image_unreadable", f"{path}: not a readable image: its size is {size}")
    return header


def to_header(image: Pillow.Image) -> Header:
    """Take size and orientation of an image that Pillow has opened; an orientation that does not exist counts as 1."""
    orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    return Header(*image.size, orientation if orientation in range(1, 9) else 1)


def describe(error: Exception, path: Path) -> str:
    """Turn an error of Pillow into the rest of a sentence that does not name the file again."""
    if path.is_file() and path.stat().st_size == 0:
        return "the file is empty"
    if isinstance(error, UnidentifiedImageError):
        return "its content is of no known image format"
    return str(error).rstrip(".") or type(error).__name__


def is_turned(header: Header, width: int, height: int) -> bool:
    """Say whether boxes drawn on width x height pixels want the photo turned as its EXIF orientation says."""
    return (
        header.orientation in _TURNED
        and header.width != header.height
        and (width, height) == (header.height, header.width)
    )


def choose_frame(header: Header, declared: tuple[int, int] | None) -> Frame | None:
    """Choose the frame of an annotation that declares (width, height), or nothing.

    None means that it cannot be known: the declared size is another scale of the real one, so the boxes may be in
    pixels of either.
    """
    real = (header.width, header.height)
    if declared is not None and is_turned(header, *declared):
        return Frame(*declared, note="exif_turned")
    if declared is None or declared == real:
        note = "exif_ignored" if header.orientation != 1 else None
        return Frame(*real, note=note)
    ratio = declared[0] * header.height / (declared[1] * header.width)
    if abs(ratio - 1) < SAME_SHAPE and max(abs(declared[0] - real[0]), abs(declared[1] - real[1])) > 2:
        return None
    return Frame(*real, note="size_differs")


def read_frame(
    path: Path,
    declared: tuple[int, int] | None,
    problems: Problems,
    *,
    where: str,
    embedded: Embedded | None = None,
) -> Frame:
    """Read an image's header and choose the frame of its boxes. `where` names the annotation; raises ItemError."""
    header = read_header(path, embedded)
    frame = choose_frame(header, declared)
    if frame is None:
        assert declared is not None
        raise ItemError(
            "size_ambiguous",
            f"{where}: declares {declared[0]}x{declared[1]} pixels, but {path} has {header.width}x{header.height}",
            hint="label the image in the size it has, or resize it back",
        )
    if frame.note:
        problems.note(frame.note, where)
    return frame
