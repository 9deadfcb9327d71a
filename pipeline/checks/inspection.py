"""What an image's content says of it: whether it decodes, its hash, and how it looks.

A header tells nothing of what follows it, so every image is decoded: JPEG as gray at an eighth of its size or so,
which still reads the whole stream, all else in full; of moving pictures the first, as in training. What is to be
decoded is bounded by its header first, and each process by a limit of its memory.
"""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image as Pillow

from pipeline.checks.inspected_images import Inspected
from pipeline.datasets.files.disk import format_bytes
from pipeline.datasets.images.content import read_stored
from pipeline.datasets.images.frame import READ_FORMATS, Header, describe, to_header
from pipeline.datasets.model import Embedded
from pipeline.datasets.problems import ItemError

MAX_PIXELS = 178_956_970
"""As Pillow: twice what fits into a quarter of a gigabyte at three bytes a pixel."""
MAX_FILE_BYTES = 2**30
MAX_JPEG_SCANS = 100
"""A progressive photo has about ten; each is a pass over all pixels, and a few bytes make one."""
READ_AT_ONCE_BYTES = 2**25
HEAVY_BYTES = 2**26
"""Images that need more memory than this are decoded by one process at a time."""
DRAFT_SIDE = 48
"""The least that a JPEG is shrunk to while it is decoded: enough for the look, and hardly slower than less."""
LOOK_SIDE = 8
SMALLEST_STEP = 2
LEAST_DETAIL = 56
"""Of the 128 steps from one place to the next, so many must be real ones: pictures of little look alike."""
_SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "MPO": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png", ".apng"),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "JPEG2000": (".jp2", ".j2k", ".jpx", ".jpf", ".j2c", ".jpc"),
    "AVIF": (".avif", ".avifs"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "TGA": (".tga",),
}
"""The formats that are decoded; the rest, such as EPS, are programs or need others to be read."""
_KNOWN_SUFFIXES = frozenset(suffix for suffixes in _SUFFIXES.values() for suffix in suffixes)


def inspect_image(
    path: Path, embedded: Embedded | None = None, *, heavy: AbstractContextManager[object] | None = None
) -> Inspected:
    """Decode one image. Never raises for what is in a file; `heavy` is held while a large one is decoded."""
    try:
        stream, digest = _open(path, embedded)
    except ItemError as error:
        return Inspected(kind=error.kind, reason=str(error).removeprefix(f"{path}: "))
    except FileNotFoundError:
        return Inspected(kind="image_missing", reason="no such image")
    except OSError as error:
        return Inspected(kind="image_unreadable", reason=f"cannot be read: {error.strerror}")
    with stream:
        return _inspect(stream, digest, path, heavy)


def lying_suffix(path: str, image_format: str) -> str | None:
    """Return the suffix of a file name if it is that of another format than the content's."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in _KNOWN_SUFFIXES or suffix in _SUFFIXES.get(image_format, (suffix,)):
        return None
    return suffix


def _open(path: Path, embedded: Embedded | None) -> tuple[BinaryIO, str]:
    """Open an image's bytes and hash them; what is large is not held in memory."""
    if embedded is not None:
        data = read_stored(path, embedded)
        return io.BytesIO(data), hashlib.sha256(data).hexdigest()
    file = path.open("rb")
    size = os.fstat(file.fileno()).st_size
    if size <= READ_AT_ONCE_BYTES:
        with file:
            data = file.read()
        return io.BytesIO(data), hashlib.sha256(data).hexdigest()
    if size > MAX_FILE_BYTES:
        file.close()
        limit = format_bytes(MAX_FILE_BYTES)
        raise ItemError("image_bomb", f"{path}: its file has {format_bytes(size)}; wanted {limit} at most")
    digest = hashlib.sha256()
    while block := file.read(2**20):
        digest.update(block)
    file.seek(0)
    return file, digest.hexdigest()


def _inspect(stream: BinaryIO, digest: str, path: Path, heavy: AbstractContextManager[object] | None) -> Inspected:
    found = ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(stream) as image:
                found = image.format or ""
                _check_header(image, stream)
                header = _read_header(image)
                with heavy if heavy is not None and _needed_bytes(image) > HEAVY_BYTES else nullcontext():
                    look = _decode(image)
    except _Refused as refused:
        return Inspected(digest, None, found, refused.kind, str(refused))
    except (Pillow.DecompressionBombError, MemoryError) as error:
        why = describe(error, path) if str(error) else "it needs more memory than an image may"
        return Inspected(digest, None, found, "image_bomb", f"not decoded: {why}")
    except Exception as error:  # a broken image makes Pillow raise almost anything
        if "too large" in str(error):
            return Inspected(digest, None, found, "image_bomb", f"not decoded: {describe(error, path)}")
        kind = "image_truncated" if found or "truncated" in str(error) else "image_unreadable"
        return Inspected(digest, None, found, kind, f"cannot be decoded: {describe(error, path)}")
    return Inspected(digest, look, found, header=header)


def _read_header(image: Pillow.Image) -> Header | None:
    if image.format not in (*READ_FORMATS, "MPO"):
        return None
    try:
        return to_header(image)
    except Exception:  # of EXIF that is broken; whoever needs the header says so
        return None


class _Refused(Exception):
    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def _check_header(image: Pillow.Image, stream: BinaryIO) -> None:
    width, height = image.size
    if image.format not in _SUFFIXES:
        raise _Refused("image_unreadable", f"a {image.format} file; wanted JPEG, PNG or another image of pixels")
    if width * height > MAX_PIXELS:
        raise _Refused("image_bomb", f"not decoded: {width}x{height} pixels; wanted {MAX_PIXELS} at most")
    if image.info.get("progressive"):
        scans = _count_scans(stream)
        if scans > MAX_JPEG_SCANS:
            raise _Refused("image_bomb", f"not decoded: a JPEG of {scans} scans; wanted {MAX_JPEG_SCANS} at most")


def _count_scans(stream: BinaryIO) -> int:
    """Count the scans of a JPEG from above: within a scan 0xFF is never followed by that marker."""
    position = stream.tell()
    stream.seek(0)
    count = stream.read(MAX_FILE_BYTES).count(b"\xff\xda")
    stream.seek(position)
    return count


def _needed_bytes(image: Pillow.Image) -> int:
    """Estimate the memory that decoding takes, from above."""
    pixels = image.width * image.height
    if image.format in ("JPEG", "MPO"):
        return pixels * 6 if image.info.get("progressive") else pixels // 16
    return pixels * (12 if image.format in ("WEBP", "AVIF", "JPEG2000") else 5)


def _decode(image: Pillow.Image) -> int | None:
    """Decode an opened image and return how it looks. Raises whatever Pillow raises, and _Refused for odd pixels."""
    drafted = image.draft("L", (DRAFT_SIDE, DRAFT_SIDE))
    image.load()
    if image.mode == "F" or image.mode.startswith("I"):
        _check_depth(image)
        return None
    # The last column and row of a draft may stand for less than a pixel
    return _to_look(image, box=drafted[1] if drafted else (0, 0, *image.size))


def _check_depth(image: Pillow.Image) -> None:
    low, high = image.getextrema()
    assert not isinstance(low, tuple) and not isinstance(high, tuple)
    if image.mode == "F" or low < 0 or high > 0xFFFF:
        reason = f"its pixels go from {low:g} to {high:g}; wanted 8 or 16 bits a channel"
        raise _Refused("image_unreadable", reason)


def _to_look(image: Pillow.Image, *, box: tuple[float, float, float, float]) -> int | None:
    """Hash how a picture looks: whether it gets brighter from each of 8x8 places to the right, and downwards.

    It hardly changes when a picture is resized, brightened or encoded anew (the "difference hash" of N. Krawetz,
    in both directions).
    """
    if image.mode not in ("L", "RGB", "CMYK"):
        image = image.convert("L")
    side = LOOK_SIDE + 1
    small = image.resize((side, side), Pillow.Resampling.BILINEAR, box)
    plain = small if small.mode == "L" else small.convert("L")
    gray = np.frombuffer(plain.tobytes(), np.uint8).astype(np.int16).reshape(side, side)
    steps = np.stack((gray[:-1, 1:] - gray[:-1, :-1], gray[1:, :-1] - gray[:-1, :-1]))
    if np.count_nonzero(np.abs(steps) >= SMALLEST_STEP) < LEAST_DETAIL:
        return None
    return int.from_bytes(np.packbits(steps > 0).tobytes(), "big")
