"""Images of an enemy: a few bytes that claim to be gigabytes, and what no photo is."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image as Pillow

HUGE = 10**9


def chunk(kind: bytes, data: bytes) -> bytes:
    """Make a chunk of a PNG."""
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, colour: int = 2) -> bytes:
    """Make a PNG whose header says any size; it has the given chunks and nothing but an end."""
    header = chunk(b"IHDR", struct.pack(">2L5B", width, height, 8, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def jpeg(width: int, height: int) -> bytes:
    """Make a JPEG header."""
    frame = struct.pack(">BHHB", 8, height, width, 3) + b"\1\x22\0\2\x11\1\3\x11\1"
    scan = b"\3\1\0\2\x11\3\x11\0\x3f\0"
    return b"\xff\xd8\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame + b"\xff\xda\0\x0c" + scan + b"\xff\xd9"


def gif(width: int, height: int) -> bytes:
    """Make a GIF header with a frame of that size, and no pixels."""
    frame = b"," + struct.pack("<4HB", 0, 0, width, height, 0) + b"\x08\0"
    return b"GIF89a" + struct.pack("<2HBBB", width, height, 0, 0, 0) + frame + b";"


def bmp(width: int, height: int) -> bytes:
    """Make a BMP header."""
    return b"BM" + struct.pack("<LHHL", 54, 0, 0, 54) + struct.pack("<LllHHLLllLL", 40, width, height, 1, 24, *[0] * 6)


def tiff(width: int, height: int, *, strips: int = 1) -> bytes:
    """Make a TIFF of one directory; `strips` is how many offsets it claims to have."""
    tags = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 4, strips, 8), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, strips, 8),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<2H2L", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<LH", 8, len(tags)) + entries + bytes(4)


def webp(width: int, height: int) -> bytes:
    """Make a WebP of an animation, whose canvas may have any size."""
    canvas = bytes([2, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<L", 10) + canvas + b"ANIM" + struct.pack("<LLH", 6, 0, 0)
    buffer = io.BytesIO()
    Pillow.new("RGB", (1, 1)).save(buffer, "WEBP", lossless=True)
    frame = bytes(6) + bytes(6) + bytes([100, 0, 0, 0]) + buffer.getvalue()[12:]
    body += b"ANMF" + struct.pack("<L", len(frame)) + frame
    return b"RIFF" + struct.pack("<L", len(body)) + body


def jpeg2000(width: int, height: int) -> bytes:
    """Make a JPEG 2000 header."""
    header = struct.pack(">LLHBBBB", height, width, 3, 7, 7, 0, 0)
    boxes = struct.pack(">L4s", len(header) + 8, b"ihdr") + header
    return (
        b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 \0\0\0\0jp2 "
        + struct.pack(">L4s", len(boxes) + 8, b"jp2h") + boxes + bytes(16)
    )  # fmt: skip


def zeros(count: int) -> bytes:
    """Deflate that many zeros."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(10**7)) for _ in range(count // 10**7))
    return packed + packer.flush()


def eps() -> bytes:
    """Make an EPS, which Pillow would hand to Ghostscript, and that would run it."""
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\n(/tmp/x) (w) file\nshowpage\n"
