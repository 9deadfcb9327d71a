"""Images as TensorFlow 1.15 decodes them: JPEG, or PNG with 8 bits a channel, in RGB or gray.

A JPEG of that kind keeps its bytes, so does a PNG of that kind. Everything else is decoded and encoded
anew: as JPEG of quality 95 where the source was lossy, else as PNG. Transparent pixels are laid over white,
as labelling tools show them; 16 bits a channel become the upper 8, as in TensorFlow; of moving pictures the
first is taken. An image with a side longer than `max_side` is shrunk to it, once, so that training does not decode
twelve megapixels at every step.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as Pillow

from pipeline.datasets.images.frame import READ_FORMATS, describe, is_turned, to_header
from pipeline.errors import DataError
from pipeline.records.jpeg import PLAIN, find_plain_size, find_process

_LOSSY = frozenset(("JPEG", "MPO", "WEBP", "JPEG2000", "AVIF"))
_PNG_SUFFIXES = (".png", ".apng")
_TURNS = {
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
_QUALITY = 95
_SAFE_PIXELS = 89_478_485
"""Up to so many Pillow sees no reason to warn of a bomb."""
_REDUCING_GAP = 2.0
"""Shrunk roughly (by libjpeg, by whole factors) to this multiple of the size, then by Lanczos: Pillow's own default."""


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An image's bytes as they go into a record.

    `reason` says why TensorFlow could not have decoded the file's own bytes, None where it could. `labelled_width`
    and `labelled_height` are those of the frame in which boxes were drawn: the size before it was `shrunk`.
    """

    data: bytes
    format: str
    width: int
    height: int
    reason: str | None
    shrunk: bool
    labelled_width: int
    labelled_height: int


def read_image(
    path: Path, *, labelled_size: tuple[int, int] | None = None, max_side: int = 0, is_checked: bool = False
) -> EncodedImage:
    """Read an image file, check it by decoding it, and encode it anew where TensorFlow could not decode it.

    The pixels are turned as EXIF says where `labelled_size`, the width and height on which boxes were drawn, is the
    turned size. Sides longer than `max_side` pixels are shrunk; 0 keeps them. An image of which it `is_checked` that
    it decodes is not decoded once more if it keeps its bytes. Raises DataError that names a file that is unreadable,
    cut short or broken; what a decoder only warns of is let through.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"no image at {path}") from error
    if is_checked and (size := _find_known_size(data, labelled_size, max_side)):
        return EncodedImage(data, "jpeg", *size, None, False, *size)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(io.BytesIO(data), formats=READ_FORMATS) as image:
                turn = _wants_turning(image, labelled_size)
                reason = "EXIF rotation" if turn else _find_reason(image, data, path)
                if reason is None and not 0 < max_side < max(image.size):
                    width, height = image.size
                    if not is_checked:
                        check_decodes(image)
                    word = "png" if image.format == "PNG" else "jpeg"
                    return EncodedImage(data, word, width, height, None, False, width, height)
                return _encode_anew(image, path, reason, turn=turn, max_side=max_side)
    except DataError:
        raise
    except Exception as error:  # as for headers: a broken image makes Pillow raise almost anything
        raise DataError(f"{path}: cannot be decoded: {describe(error, path)}", hint="repair or remove it") from error


def _find_known_size(data: bytes, labelled_size: tuple[int, int] | None, max_side: int) -> tuple[int, int] | None:
    """Return the size of a JPEG that goes into a record as it is, as nearly all do; None where Pillow decides."""
    size = find_plain_size(data)
    if size is None or size != (labelled_size or size) or size[0] * size[1] > _SAFE_PIXELS:
        return None
    return None if 0 < max_side < max(size) else size


def _wants_turning(image: Pillow.Image, labelled_size: tuple[int, int] | None) -> bool:
    if labelled_size is None or labelled_size == image.size:
        return False
    return is_turned(to_header(image), *labelled_size)


def check_decodes(image: Pillow.Image) -> None:
    """Decode an image that keeps its bytes. Raises whatever Pillow raises where the stream is broken or cut short."""
    if image.format != "PNG":
        # Gray at an eighth of the size still reads the whole stream, which is what finds a broken one.
        image.draft("L", (1, 1))
    image.load()


def _encode_anew(image: Pillow.Image, path: Path, reason: str | None, *, turn: bool, max_side: int) -> EncodedImage:
    is_lossy = image.format in _LOSSY
    width, height = image.size
    orientation = to_header(image).orientation if turn else 1
    is_shrunk = 0 < max_side < max(width, height)
    plain = shrink(image, max_side, where=str(path)) if is_shrunk else to_rgb_or_gray(image, where=str(path))
    if turn:
        plain = plain.transpose(_TURNS[orientation])
        width, height = height, width
    buffer = io.BytesIO()
    if is_lossy:
        plain.save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    else:
        plain.save(buffer, "PNG")
    return EncodedImage(buffer.getvalue(), "jpeg" if is_lossy else "png", *plain.size, reason, is_shrunk, width, height)


def shrink(image: Pillow.Image, max_side: int, *, where: str) -> Pillow.Image:
    """Shrink an opened image to a longest side of `max_side`; the shorter one is rounded, and at least a pixel."""
    scale = max_side / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    box = (0.0, 0.0, float(image.width), float(image.height))
    if image.format in ("JPEG", "MPO"):
        # libjpeg shrinks by 2, 4 or 8 while it decodes; the last column may then stand for less than a pixel.
        drafted = image.draft(None, (int(width * _REDUCING_GAP), int(height * _REDUCING_GAP)))
        box = drafted[1] if drafted else box
    plain = to_rgb_or_gray(image, where=where)
    return plain.resize((width, height), Pillow.Resampling.LANCZOS, box=box, reducing_gap=_REDUCING_GAP)


def _find_reason(image: Pillow.Image, data: bytes, path: Path) -> str | None:
    """Say why an image cannot go into a record as it is; None if it can."""
    kind = image.format or "unknown format"
    if kind in ("JPEG", "MPO"):
        # An MPO is a JPEG with more pictures behind it, of which every decoder sees the first.
        if image.mode not in ("L", "RGB"):
            return f"{image.mode} JPEG"
        return "arithmetic or lossless JPEG" if find_process(data) not in PLAIN else None
    if kind != "PNG":
        return kind
    depth, colour_type = data[24], data[25]
    if "transparency" in image.info or colour_type in (4, 6):
        return "PNG with transparency"
    if colour_type == 3:
        return "PNG with palette"
    if depth != 8:
        return f"PNG of {depth} bits"
    if path.suffix.lower() not in _PNG_SUFFIXES:
        return f"PNG named {path.suffix.lower() or 'without suffix'}"
    return None


def to_rgb_or_gray(image: Pillow.Image, *, where: str) -> Pillow.Image:
    """Convert pixels of any kind to 8-bit RGB or gray. Raises DataError for floating-point pixels."""
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep(image, where)
    if image.has_transparency_data:
        coloured = image.convert("RGBA")
        return Pillow.alpha_composite(Pillow.new("RGBA", coloured.size, "white"), coloured).convert("RGB")
    if image.mode in ("1", "L"):
        return image.convert("L")
    return image.convert("RGB")


def _from_deep(image: Pillow.Image, where: str) -> Pillow.Image:
    import numpy as np  # takes longer to import than a thousand records to pack, and few need it

    pixels = np.asarray(image)
    if image.mode == "F" or pixels.min() < 0 or pixels.max() > 0xFFFF:
        raise DataError(
            f"{where}: its pixels go from {pixels.min():g} to {pixels.max():g}; wanted 8 or 16 bits a channel",
            hint="convert it to 8 bits",
        )
    return Pillow.fromarray((pixels >> 8).astype(np.uint8))
