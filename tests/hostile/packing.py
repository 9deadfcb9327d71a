"""Archives as tools and as enemies make them."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

Members = Iterable[tuple[str | tarfile.TarInfo | zipfile.ZipInfo, bytes]]


def files_of(folder: Path) -> list[tuple[str, bytes]]:
    """List the files of a folder as (relative name, content)."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(path.relative_to(folder).as_posix(), path.read_bytes()) for path in paths]


def write_tar(path: Path, members: Members, *, mode: str = "w", form: int = tarfile.PAX_FORMAT) -> Path:
    """Write a tar; a member may be a TarInfo, which is stored as it is. `mode` may name a compression: w:gz."""
    with tarfile.open(path, mode, format=form) as tar:  # type: ignore[call-overload]
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(str(name))
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def write_zip(path: Path, members: Members, *, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write a zip; a member may be a ZipInfo, which is stored as it is."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            assert not isinstance(name, tarfile.TarInfo)
            archive.writestr(name, content)
    return path


def tar_info(name: str, kind: bytes, *, link: str = "") -> tarfile.TarInfo:
    """Make a tar member of a given type."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = link
    return info


def zip_info(name: str, mode: int) -> zipfile.ZipInfo:
    """Make a zip member with a Unix mode."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info
