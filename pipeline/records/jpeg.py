"""What the segments of a JPEG say of it, without a decoder: how it is coded, and its size.

    FF D8, then segments: FF, a marker, a length of two bytes that counts itself, content; at FF DA the scan begins

Source: ITU-T T.81, annex B. TensorFlow 1.15 decodes frames of the markers 0xC0 to 0xC2.
"""

from __future__ import annotations

from collections.abc import Iterator

PLAIN = (0xC0, 0xC1, 0xC2)
"""Baseline, extended and progressive, with Huffman codes: what TensorFlow decodes."""
_NO_FRAMES = (0xC4, 0xC8, 0xCC)
_SCAN = 0xDA


def find_process(data: bytes) -> int:
    """Find the marker of a JPEG's frame: 0xC0 baseline, 0xC1 extended, 0xC2 progressive; 0 where there is none."""
    return next((marker for marker, _ in _segments(data) if _is_frame(marker)), 0)


def find_plain_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a JPEG that TensorFlow decodes to RGB or gray; None where a decoder must be asked.

    Of the file nothing behind the start of the first scan is looked at.
    """
    if not data.startswith(b"\xff\xd8\xff"):
        return None
    size = None
    for marker, position in _segments(data):
        if marker == _SCAN:
            return size
        if not _is_frame(marker):
            continue
        depth, components = data[position + 4 : position + 5], data[position + 9 : position + 10]
        if size or marker not in PLAIN or depth != b"\x08" or components not in (b"\x01", b"\x03"):
            return None
        height = int.from_bytes(data[position + 5 : position + 7], "big")
        width = int.from_bytes(data[position + 7 : position + 9], "big")
        size = (width, height) if width and height else None
    return None


def _is_frame(marker: int) -> bool:
    return 0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield marker and position of each segment, as far as their lengths lead."""
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            position += 1
            continue
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
        elif marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8:
            position += 2
        else:
            yield marker, position
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
