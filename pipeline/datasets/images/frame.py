"""Image headers, and the frame in which an image's boxes are drawn.

Cameras store a photo as the sensor saw it and say in EXIF how to turn it. TensorFlow ignores EXIF, most labelling
tools obey it. Where the annotation declares the turned size, the boxes are in the turned frame and the records
stage turns the pixels; where it declares the stored size they are in the stored frame, and nothing is done.

A declared size may be wrong, and then the boxes decide. With S the size declared and R the real one:

    same shape, another scale    boxes fit S, but not R    drawn on S: scaled to R       size_rescaled
                                 boxes fit R, but not S    drawn on R                    size_differs
                                 boxes fit both            cannot be known               size_ambiguous
                                 boxes fit neither         cannot be used                size_contradicts
    another shape                boxes fit R               drawn on R                    size_differs
                                 they do not               cannot be used                size_contradicts
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from pipeline.datasets.images.content import read_stored
from pipeline.datasets.images.known import find_header
from pipeline.datasets.model import Box, Embedded
from pipeline.datasets.problems import ItemError, Problems

_EXIF_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)
READ_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "JPEG2000", "AVIF")
"""What Pillow may open: not EPS, for one, which it hands to Ghostscript to run. An MPO opens as the JPEG that it is."""
SAME_SHAPE = 0.01
"""Two sizes whose width/height ratios differ by less than this share are one picture at two scales."""
ROUNDING_PX = 1.0
"""How far a box may stick out before it is an error and not rounding: tools that count from 0 and tools that
count from 1 differ by one pixel, normalised coordinates with six digits by a fraction of one."""
_TRIFLE_PX = 2
"""Sizes that differ by no more come from rounding when a picture was made smaller: no box is drawn otherwise."""


@dataclass(frozen=True, slots=True)
class Header:
    """Width and height in pixels as stored, and the EXIF orientation, 1 to 8."""

    width: int
    height: int
    orientation: int


@dataclass(frozen=True, slots=True)
class Frame:
    """The size of the picture on which boxes are, what is odd about it, and the size on which they were drawn.

    `drawn` is set where that is another scale of the same picture: `boxes.to_checked_box` scales from it.
    """

    width: int
    height: int
    note: str | None = None
    drawn: tuple[int, int] | None = None


def read_header(path: Path, embedded: Embedded | None = None) -> Header:
    """Read an image's size and orientation without decoding it. Raises ItemError that names the file."""
    if embedded is None and (known := find_header(path)):
        return known
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            source = path if embedded is None else io.BytesIO(read_stored(path, embedded))
            with Pillow.open(source, formats=READ_FORMATS) as image:
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
    # Not PngImageFile's own, which decodes the whole image to look for EXIF behind it
    orientation = Pillow.Image.getexif(image).get(_EXIF_ORIENTATION, 1)
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


def choose_frame(header: Header, declared: tuple[int, int] | None, boxes: Sequence[Box] | None = None) -> Frame | None:
    """Choose the frame of an annotation that declares (width, height), or nothing, and of its boxes as they stand.

    None means that it cannot be known, or that no frame fits; without `boxes` (None) nothing is known of them.
    """
    real = (header.width, header.height)
    turned = (header.height, header.width)
    can_turn = is_turned(header, *turned)
    if declared is None or min(declared) < 1:
        if can_turn and boxes and not _fit(boxes, real) and _fit(boxes, turned):
            return Frame(*turned, note="exif_turned")
        return Frame(*real, note="exif_ignored" if header.orientation != 1 else None)
    if can_turn and declared == turned:
        return Frame(*turned, note="exif_turned")
    if declared == real:
        return Frame(*real, note="exif_ignored" if header.orientation != 1 else None)
    if max(abs(declared[0] - real[0]), abs(declared[1] - real[1])) <= _TRIFLE_PX:
        return Frame(*real, note="size_differs")
    if can_turn and _same_shape(declared, turned) and not _same_shape(declared, real):
        return _choose_scale(declared, turned, boxes)
    if _same_shape(declared, real):
        return _choose_scale(declared, real, boxes)
    return Frame(*real, note="size_differs") if boxes is None or _fit(boxes, real) else None


def _choose_scale(declared: tuple[int, int], real: tuple[int, int], boxes: Sequence[Box] | None) -> Frame | None:
    if boxes is None:
        return None
    fits_real = _fit(boxes, real)
    if _fit(boxes, declared) == fits_real and boxes:
        return None
    return Frame(*real, note="size_differs") if fits_real else Frame(*real, note="size_rescaled", drawn=declared)


def _same_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    return abs(size[0] * other[1] / (size[1] * other[0]) - 1) < SAME_SHAPE


def _fit(boxes: Sequence[Box], size: tuple[int, int]) -> bool:
    width, height = size[0] + ROUNDING_PX, size[1] + ROUNDING_PX
    return all(max(box.xmin, box.xmax) <= width and max(box.ymin, box.ymax) <= height for box in boxes)


def read_frame(
    path: Path,
    declared: tuple[int, int] | None,
    problems: Problems,
    *,
    where: str,
    embedded: Embedded | None = None,
    boxes: Sequence[Box] | None = None,
) -> Frame:
    """Read an image's header and choose the frame of its boxes. `where` names the annotation; raises ItemError.

    `boxes` are all boxes of the image in the numbers of the file, half-open; they decide where the declared size
    is not the real one. Formats whose boxes are shares of the image leave them out, and declare nothing.
    """
    header = read_header(path, embedded)
    frame = choose_frame(header, declared, boxes)
    if frame is None:
        assert declared is not None
        raise _to_error(path, header, declared, boxes, where)
    if frame.note:
        problems.note(frame.note, where)
    return frame


def _to_error(
    path: Path, header: Header, declared: tuple[int, int], boxes: Sequence[Box] | None, where: str
) -> ItemError:
    real = (header.width, header.height)
    sizes = f"{where}: declares {declared[0]}x{declared[1]} pixels, but {path} has {real[0]}x{real[1]}"
    if boxes is None or (_fit(boxes, real) and _fit(boxes, declared)):
        fitting = "" if boxes is None else "; its boxes fit both, so they may be in pixels of either"
        return ItemError(
            "size_ambiguous", sizes + fitting, hint="label the image in the size it has, or resize it back"
        )
    drawn = (
        "and its boxes fit neither" if not _fit(boxes, declared) else "another shape, into which its boxes do not fit"
    )
    return ItemError(
        "size_contradicts", f"{sizes}, {drawn}", hint="put back the image that was labelled, or label this one again"
    )
