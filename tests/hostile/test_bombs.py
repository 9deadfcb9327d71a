"""Archives that unpack to more than there is: stopped in time, in little memory, and nothing stays."""

from __future__ import annotations

import gzip
import struct
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hostile.bounded import read_bounded
from tests.hostile.packing import tar_info


def zeros_deflated() -> bytes:
    """Pack 2 GB of zeros as a raw deflate stream, in no time: a stream of many equal parts."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    part = packer.compress(bytes(2 * 10**7)) + packer.flush(zlib.Z_FULL_FLUSH)
    return part * 100 + packer.flush()


def bomb_of_one_member(path: Path) -> None:
    packed = zeros_deflated()
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, 0, len(packed), 9, 6, 0) + b"a.json" + packed
    numbers = (20, 20, 0, 8, 0, 0, 0, len(packed), 9, 6, 0, 0, 0, 0, 0, 0)
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", *numbers) + b"a.json"
    path.write_bytes(local + entry + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(entry), len(local), 0))


def bomb_of_overlaps(path: Path) -> None:
    """Thousands of names for one member (as https://www.bamsoftware.com/hacks/zipbomb/ does it)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    content = bytes(10**7)
    packed = packer.compress(content) + packer.flush()
    crc = zlib.crc32(content)
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, crc, len(packed), len(content), 1, 0) + b"x" + packed
    entries = b""
    for number in range(10_000):
        name = f"{number:05}".encode()
        numbers = (20, 20, 0, 8, 0, 0, crc, len(packed), len(content), len(name), 0, 0, 0, 0, 0, 0)
        entries += struct.pack("<4s6H3L5H2L", b"PK\1\2", *numbers) + name
    path.write_bytes(
        local + entries + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 10_000, 10_000, len(entries), len(local), 0)
    )


def bomb_of_gzip(path: Path, name: str = "a.json") -> None:
    """2 GB of zeros in a tar.gz; gzip files may be strung together."""
    info = tar_info(name, tarfile.REGTYPE)
    info.size = 2 * 10**9
    path.write_bytes(gzip.compress(info.tobuf()) + gzip.compress(bytes(2 * 10**7)) * 100)


def bomb_of_hidden_files(path: Path) -> None:
    """What is not even written still takes time."""
    bomb_of_gzip(path, ".hidden")


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (bomb_of_one_member, "member 'a.json' unpacks"),
        (bomb_of_overlaps, "unpacks"),
        (bomb_of_gzip, "member 'a.json' unpacks"),
        (bomb_of_hidden_files, "member '.hidden' unpacks"),
    ],
)
def test_a_bomb(make: Callable[[Path], None], what: str, tmp_path: Path) -> None:
    archive, output = tmp_path / "a.archive", tmp_path / "output"
    make(archive)
    found = read_bounded(archive, output)
    assert found["error"] == f"{archive}: {what} to more than 200 times its size and 1.0 GB"
    assert found["hint"] == "if that is right, unpack it yourself, and name the folder with DATASET="
    assert list(output.iterdir()) == []
    assert found["peak_mb"] < 50
