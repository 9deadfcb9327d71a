"""The bytes of an image, whether it is a file of its own or lies inside another."""

from __future__ import annotations

import base64
import binascii
import shutil
from pathlib import Path

from pipeline.datasets.model import Embedded, Image
from pipeline.datasets.problems import ItemError


def read_content(image: Image) -> bytes:
    """Read an image's bytes as they are stored. Raises ItemError that names the file."""
    return read_stored(image.path, image.embedded)


def read_stored(path: Path, embedded: Embedded | None) -> bytes:
    """Read a file, or the image that is embedded in it. Raises ItemError that names the file."""
    try:
        if embedded is None:
            return path.read_bytes()
        with path.open("rb") as file:
            file.seek(embedded.offset)
            data = file.read(embedded.length)
    except OSError as error:
        raise ItemError("image_missing", f"no image at {path}: {error.strerror}") from error
    if not embedded.base64:
        return data
    try:
        # JSON may escape the slashes of base64, and wrap its lines
        return base64.b64decode(data.replace(b"\\n", b"").replace(b"\\r", b"").replace(b"\\", b""), validate=True)
    except binascii.Error as error:
        raise ItemError("image_unreadable", f"{path}: its embedded image is not base64: {error}") from error


def count_bytes(image: Image) -> int:
    """Return the size of an image in bytes; 0 where there is none."""
    if image.embedded is not None:
        return image.embedded.length * 3 // 4 if image.embedded.base64 else image.embedded.length
    return image.path.stat().st_size if image.path.is_file() else 0


def copy_content(image: Image, target: Path) -> None:
    """Write an image's bytes to a file of its own."""
    if image.embedded is None:
        shutil.copyfile(image.path, target)
    else:
        target.write_bytes(read_content(image))
