"""Is an archive what it should be? By what the server says of it, and by what it was when it was first used.

    input/pretrained/checksums.sha256     a line an archive, in the form of sha256sum; `sha256sum -c` reads it
    3b1f...  ssd_mobilenet_v2_coco_2018_03_29.tar.gz

A server's checksums come in headers: Google's x-goog-hash has MD5 and CRC32C of the whole object, Content-MD5 that of
the answer, and an ETag of 32 hexadecimal digits is its MD5 on Google Cloud Storage, S3 and their like.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import google_crc32c

from pipeline.errors import DataError

LOCK = "checksums.sha256"
_MD5_ETAG = re.compile(r'"?([0-9a-f]{32})"?')
_LINE = re.compile(r"(?P<sha256>[0-9a-fA-F]{64}) [ *](?P<name>.+)")
_BLOCK_BYTES = 2**20


def hash_file(path: Path, algorithm: str = "sha256") -> str:
    """Return a file's digest in hexadecimal: sha256, md5 or crc32c."""
    hashed: Any = google_crc32c.Checksum if algorithm == "crc32c" else partial(hashlib.new, algorithm)
    digest = hashed()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return str(digest.digest().hex())


def server_checksums(headers: Mapping[str, str], *, is_whole: bool) -> dict[str, str]:
    """Return {"md5": hexadecimal, "crc32c": ...} of the whole file, as far as an answer's headers tell.

    `is_whole` is false for the answer to a range request, whose Content-MD5 is that of the part.
    """
    found = {}
    for entry in headers.get("x-goog-hash", "").split(","):
        algorithm, _, value = entry.strip().partition("=")
        if algorithm in ("md5", "crc32c"):
            found[algorithm] = _from_base64(value)
    if is_whole and not found.get("md5"):
        found["md5"] = _from_base64(headers.get("Content-MD5", ""))
    # Under keys of its owner, S3 makes an ETag that looks like an MD5 and is none
    encrypted = any(name.lower().startswith("x-amz-server-side-encryption") for name in headers)
    etag = _MD5_ETAG.fullmatch(headers.get("ETag", "").strip())
    if etag and not encrypted and not found.get("md5"):
        found["md5"] = etag[1]
    return {algorithm: value for algorithm, value in found.items() if value}


def _from_base64(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).hex()
    except (binascii.Error, ValueError):
        return ""


def find_difference(path: Path, checksums: Mapping[str, str]) -> str | None:
    """Say which of a server's checksums a file does not have; None when it has them all."""
    for algorithm, wanted in checksums.items():
        found = hash_file(path, algorithm)
        if found != wanted:
            return f"its {algorithm.upper()} is {found}; the server says {wanted}"
    return None


def read_lock(cache: Path) -> dict[str, str]:
    """Return {archive: SHA-256} of a cache's checksum lock; raise DataError for a line that is none."""
    path = cache / LOCK
    if not path.exists():
        return {}
    locked = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.rstrip())
        if match is None:
            raise DataError(
                f"{path}:{number}: found {line[:100]!r}, wanted '<SHA-256>  <archive>'",
                hint="correct the line or remove it; it is written again at the next use",
            )
        locked[match["name"]] = match["sha256"].lower()
    return locked


def check_lock(cache: Path, name: str, sha256: str, *, file: Path) -> None:
    """Raise DataError where the archive in `file` is not the one that the cache's lock has under that name."""
    wanted = read_lock(cache).get(name)
    if wanted not in (None, sha256):
        raise DataError(
            f"{file}: its SHA-256 is {sha256}, but {cache / LOCK} has {wanted}: "
            "it is not the archive that was used at first",
            hint=f"if it is broken, delete it, and it is fetched anew; if it is the right one, remove the line "
            f"of {name} from {cache / LOCK}",
        )


def write_lock(cache: Path, name: str, sha256: str, *, tell: Callable[[str], None]) -> None:
    """Write an archive's checksum into the cache's lock at its first use, and `tell` so."""
    locked = read_lock(cache)
    if name in locked:
        return
    path = cache / LOCK
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    lines = [f"{digest}  {of}\n" for of, digest in sorted({**locked, name: sha256}.items())]
    aside.write_text("".join(lines), encoding="utf-8")
    aside.replace(path)
    tell(f"checksum of {name} written into {path}: from now on it has to be this file")
